# SPDX-License-Identifier: MIT
"""httpx, asynchronously: python httpx_async.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import asyncio
import sys

import httpx
from asking import Question, show

import sseparse


async def main() -> None:
    question = Question()
    options = {"json": question.json, "headers": question.headers, "timeout": 60}
    async with httpx.AsyncClient() as client, client.stream("POST", question.url, **options) as response:
        stream = sseparse.ChatStream()
        chunks = response.aiter_bytes()
        async for event in sseparse.aiter_events(chunks, stream, broken=httpx.TransportError):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (sseparse.StreamError, httpx.HTTPError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
