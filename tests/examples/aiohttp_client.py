# SPDX-License-Identifier: MIT
"""aiohttp: python aiohttp_client.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import asyncio
import sys

import aiohttp
from asking import Question, show

import sseparse


async def main() -> None:
    question = Question()
    options = {"json": question.json, "headers": question.headers}
    async with aiohttp.ClientSession() as session, session.post(question.url, **options) as response:
        stream = sseparse.ChatStream()
        async for event in sseparse.aiter_events(response.content, stream, broken=aiohttp.ClientError):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (sseparse.StreamError, aiohttp.ClientError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
