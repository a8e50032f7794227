# SPDX-License-Identifier: MIT
"""urllib3: python urllib3_client.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import sys

import urllib3
from asking import Question, show

import sseparse


def main() -> None:
    question = Question()
    with urllib3.PoolManager(timeout=60, headers=question.headers) as pool:
        response = pool.request("POST", question.url, json=question.json, preload_content=False)
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.stream(), stream, broken=urllib3.exceptions.HTTPError):
            if event.type == "content.delta":
                show(event.text)
        response.release_conn()
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, urllib3.exceptions.HTTPError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
