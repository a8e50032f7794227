# SPDX-License-Identifier: MIT
"""httpx, asynchronously: python httpx_async.py http://127.0.0.1:8000/v1"""

import asyncio
import sys

import httpx

import sseparse


async def main(base_url: str) -> None:
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    url = f"{base_url}/chat/completions"
    async with httpx.AsyncClient(timeout=60) as client, client.stream("POST", url, json=question) as response:
        stream = sseparse.ChatStream()
        async for event in sseparse.aiter_events(response.aiter_bytes(), stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except (sseparse.StreamError, httpx.HTTPError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
