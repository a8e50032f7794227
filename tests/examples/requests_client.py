# SPDX-License-Identifier: MIT
"""requests: python requests_client.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import sys

import requests
from asking import Question, show

import sseparse


def main() -> None:
    question = Question()
    options = {"json": question.json, "headers": question.headers, "stream": True, "timeout": 60}
    with requests.post(question.url, **options) as response:
        stream = sseparse.ChatStream()
        chunks = response.iter_content(None)  # not iter_lines(), which drops the ends of lines
        for event in sseparse.iter_events(chunks, stream, broken=requests.RequestException):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, requests.RequestException) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
