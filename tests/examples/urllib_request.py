# SPDX-License-Identifier: MIT
"""urllib.request: python urllib_request.py http://127.0.0.1:8000/v1"""

import http.client
import json
import sys
import urllib.error
import urllib.request

import sseparse


def main(base_url: str) -> None:
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    request = urllib.request.Request(
        f"{base_url}/chat/completions", json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        response = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refusal:
        response = refusal  # can be read as well: the server's reason is in it
    with response:
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(response, stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (sseparse.StreamError, http.client.HTTPException, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
