# SPDX-License-Identifier: MIT
"""asyncio's streams, with TLS: python asyncio_streams.py https://127.0.0.1:8000/v1 [CERTIFICATES]"""

import asyncio
import json
import ssl
import sys
from contextlib import suppress
from typing import Optional
from urllib.parse import urlsplit

import sseparse


async def main(base_url: str, certificates: Optional[str] = None) -> None:
    address = urlsplit(base_url)
    tls = ssl.create_default_context(cafile=certificates) if address.scheme == "https" else None
    reader, writer = await asyncio.open_connection(address.hostname, address.port, ssl=tls)
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    content = json.dumps(question).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content)
    body = sseparse.HTTPBody()
    stream = sseparse.ChatStream()
    try:
        while not body.complete:
            data = await reader.read(65536)
            for event in stream.feed(body.feed(data)):
                if event.type == "content.delta":
                    print(event.text, end="", flush=True)
            if not data:
                body.close()  # raises if this is not where the response ends
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    stream.close()
    stream.completion()  # raises if the answer is not whole
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (sseparse.StreamError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
