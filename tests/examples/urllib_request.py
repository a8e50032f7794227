# SPDX-License-Identifier: MIT
"""urllib.request: python urllib_request.py http://127.0.0.1:8000/v1 MODEL PROMPT"""

import http.client
import sys
import urllib.error
import urllib.request

from asking import Question, show

import sseparse

BROKEN = (http.client.HTTPException, OSError)


def main() -> None:
    question = Question()
    request = urllib.request.Request(question.url, question.content, question.headers)
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refusal:
        response = refusal  # can be read as well: the server's reason is in it
    with response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response, stream, broken=BROKEN):
            if event.type == "content.delta":
                show(event.text)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main()
    except (sseparse.StreamError, *BROKEN) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
