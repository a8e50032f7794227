# SPDX-License-Identifier: MIT
"""The openai SDK's raw response: python openai_raw.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import sys

import openai
from asking import Question, show

import sseparse


def main() -> None:
    question = Question()
    client = openai.OpenAI(base_url=question.base_url, api_key=question.key, max_retries=0, timeout=60)
    with client, client.chat.completions.with_streaming_response.create(**question.json) as response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response.iter_bytes(), stream):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # a broken connection is an exception of the HTTP library that the SDK uses
        sys.exit(f"\nThe answer is not whole: {error}")
