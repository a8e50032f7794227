# SPDX-License-Identifier: MIT
"""http.client: python http_client.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import http.client
import sys
from contextlib import closing

from asking import Question, show

import sseparse

BROKEN = (http.client.HTTPException, OSError)


def main() -> None:
    question = Question()
    secure = question.address.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    with closing(connect(question.address.netloc, timeout=60)) as connection:
        connection.request("POST", question.address.path, question.content, question.headers)
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(connection.getresponse(), stream, broken=BROKEN):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, *BROKEN) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
