# SPDX-License-Identifier: MIT
"""asyncio's streams: python asyncio_streams.py https://127.0.0.1:8000/v1 MODEL PROMPT [CERTIFICATES]"""

import asyncio
import sys
from contextlib import suppress

from asking import Question, show

import sseparse


async def main() -> None:
    question = Question()
    stream, body = sseparse.ChatStream(), sseparse.HTTPBody()
    host, port = question.address.hostname, question.port
    reader, writer = await asyncio.open_connection(host, port, ssl=question.tls)
    try:
        writer.write(question.request)
        async for event in sseparse.aiter_events(reader, stream, body=body, broken=OSError):
            if event.type == "content.delta":
                show(event.text)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (sseparse.StreamError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
