# SPDX-License-Identifier: MIT
"""requests: python requests_client.py http://127.0.0.1:8000/v1"""

import sys

import requests

import sseparse


def main(base_url: str) -> None:
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    with requests.post(f"{base_url}/chat/completions", json=question, stream=True, timeout=60) as response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.iter_content(None), stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (sseparse.StreamError, requests.RequestException) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
