# SPDX-License-Identifier: MIT
"""A socket and nothing else: python plain_socket.py http://127.0.0.1:8000/v1"""

import json
import socket
import sys
from urllib.parse import urlsplit

import sseparse


def main(base_url: str) -> None:
    address = urlsplit(base_url)
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    content = json.dumps(question).encode()
    head = (
        f"POST {address.path}/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    body = sseparse.HTTPBody()
    stream = sseparse.ChatStream()
    with socket.create_connection((address.hostname, address.port or 80), timeout=60) as connection:
        connection.sendall(head.encode() + content)
        while not body.complete:
            data = connection.recv(65536)
            for event in stream.feed(body.feed(data)):
                if event.type == "content.delta":
                    print(event.text, end="", flush=True)
            if not data:
                body.close()  # raises if this is not where the response ends
    stream.close()
    stream.completion()  # raises if the answer is not whole
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (sseparse.StreamError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
