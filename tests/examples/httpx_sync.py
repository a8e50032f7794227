# SPDX-License-Identifier: MIT
"""httpx: python httpx_sync.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import sys

import httpx
from asking import Question, show

import sseparse


def main() -> None:
    question = Question()
    options = {"json": question.json, "headers": question.headers, "timeout": 60}
    with httpx.stream("POST", question.url, **options) as response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.iter_bytes(), stream, broken=httpx.TransportError):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, httpx.HTTPError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
