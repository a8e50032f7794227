# SPDX-License-Identifier: MIT
"""The openai SDK's raw response: python openai_raw.py http://127.0.0.1:8000/v1"""

import sys

import openai

import sseparse


def main(base_url: str) -> None:
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=60)
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    with client, client.chat.completions.with_streaming_response.create(**question) as response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.iter_bytes(), stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:  # a broken connection is an exception of the HTTP library that the SDK uses
        sys.exit(f"\nThe answer is not whole: {error}")
