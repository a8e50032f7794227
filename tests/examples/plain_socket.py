# SPDX-License-Identifier: MIT
"""A socket and nothing else: python plain_socket.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import socket
import sys

from asking import Question, show

import sseparse


def main() -> None:
    question = Question()
    stream, body = sseparse.ChatStream(), sseparse.HTTPBody()
    with socket.create_connection((question.address.hostname, question.port), timeout=60) as connection:
        connection.sendall(question.request)
        for event in sseparse.iter_events(connection, stream, body=body, broken=OSError):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
