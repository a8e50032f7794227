# SPDX-License-Identifier: MIT
"""http.client: python http_client.py http://127.0.0.1:8000/v1"""

import http.client
import json
import sys
from contextlib import closing
from urllib.parse import urlsplit

import sseparse


def main(base_url: str) -> None:
    address = urlsplit(base_url)
    question = {"model": "m", "messages": [{"role": "user", "content": "Weather?"}], "stream": True}
    with closing(http.client.HTTPConnection(address.netloc, timeout=60)) as connection:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{address.path}/chat/completions", json.dumps(question), headers)
        stream = sseparse.ChatStream()
        for event in sseparse.iter_events(connection.getresponse(), stream):
            if event.type == "content.delta":
                print(event.text, end="", flush=True)
    print(f"\n{stream.model}: {stream.finish_reason()}, {stream.usage}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (sseparse.StreamError, http.client.HTTPException, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
