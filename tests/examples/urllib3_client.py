# SPDX-License-Identifier: MIT
"""urllib3: python urllib3_client.py http://127.0.0.1:8000/v1"""

import sys

import urllib3

import sseparse


def main(base_url: str) -> None:
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    with urllib3.PoolManager(timeout=60) as pool:
        response = pool.request("POST", f"{base_url}/chat/completions", json=question, preload_content=False)
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.stream(), stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
        response.release_conn()
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (sseparse.StreamError, urllib3.exceptions.HTTPError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
