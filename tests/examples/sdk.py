# SPDX-License-Identifier: MIT
"""A whole client for OpenAI-compatible servers. It lets the model call tools.

    client = Client("http://127.0.0.1:8000/v1", api_key="...")
    messages = client.run([{"role": "user", "content": "Weather?"}], {"get_weather": get_weather}, model="m")
"""

from __future__ import annotations

import http.client
import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the package of this checkout

import sseparse


class Client:
    """Asks one server. ``show`` gets the text of the answers as it arrives."""

    def __init__(self, base_url: str, api_key: str = "", show: Callable[[str], None] = print) -> None:
        self.address = urlsplit(base_url)
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
        self.show = show

    def events(self, stream: sseparse.ChatStream, **question: Any) -> Iterator[sseparse.Event]:
        """Ask, and yield the events. Raises StreamError after the last one if the answer is not whole."""
        secure = self.address.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        with closing(connect(self.address.netloc, timeout=60)) as connection:
            path, body = f"{self.address.path}/chat/completions", json.dumps({**question, "stream": True})
            connection.request("POST", path, body, self.headers)
            broken = (http.client.HTTPException, OSError)
            yield from sseparse.iter_events(connection.getresponse(), stream, broken=broken)

    def run(self, messages: list[Any], tools: dict[str, Callable[..., Any]], **question: Any) -> list[Any]:
        """Let the model call tools until it answers; return the whole conversation.

        A tool is run only when the answer that calls it has arrived whole: events say what the model wants,
        ``completion()`` says whether it said all of it.
        """
        messages = list(messages)
        while True:
            stream = sseparse.ChatStream()
            calls = []
            for event in self.events(stream, messages=messages, **question):
                if event.type == "content.delta":
                    self.show(event.text)
                elif event.type == "tool_call.done":
                    calls.append(event)
            messages.append(stream.completion()["choices"][0]["message"])
            if not calls:
                return messages
            for call in calls:
                result = self.call(call, tools)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def call(self, call: sseparse.ToolCallDone, tools: dict[str, Callable[..., Any]]) -> str:
        """Run one tool and return its result. If the call is wrong, the result says so to the model."""
        if call.name not in tools:
            return f"Error: there is no tool {call.name!r}."
        if call.value is None:
            return f"Error: the arguments are {call.status}, they must be one JSON object."
        try:
            return json.dumps(tools[call.name](**call.value), ensure_ascii=False)
        except Exception as error:
            return f"Error: {error}"
