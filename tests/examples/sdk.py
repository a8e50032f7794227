# SPDX-License-Identifier: MIT
"""A whole client for OpenAI-compatible servers. It lets the model call tools.

    python sdk.py http://127.0.0.1:8000/v1 MODEL "What time is it?"

Or from Python::

    client = Client("http://127.0.0.1:8000/v1", api_key="...")
    messages = client.run([{"role": "user", "content": "Weather?"}], {"get_weather": get_weather}, model="m")
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from contextlib import closing
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

from asking import Question, show

import sseparse

Functions = dict[str, Callable[..., Any]]


class Client:
    """Asks one server. ``show`` gets the text of the answers as it arrives."""

    def __init__(self, base_url: str, api_key: str = "", show: Callable[[str], None] = show) -> None:
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

    def run(self, messages: list[Any], functions: Functions, **question: Any) -> list[Any]:
        """Let the model call functions until it answers; return the whole conversation."""
        messages = list(messages)
        while True:
            stream = sseparse.ChatStream()
            calls = []
            for event in self.events(stream, messages=messages, **question):
                if event.type == "content.delta":
                    self.show(event.text)
                elif event.type == "tool_call.done":
                    calls.append(event)
            completion = stream.completion()  # raises if the answer is not whole: then no function is run
            if not completion["choices"]:
                raise ValueError("the server sent no answer")
            messages.append(completion["choices"][0]["message"])
            if not calls:
                return messages
            for call in calls:
                result = self.call(call, functions)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def call(self, call: sseparse.ToolCallDone, functions: Functions) -> str:
        """Run one function and return its result. If the call is wrong, the result says so to the model."""
        if call.name not in functions:
            return f"Error: there is no tool {call.name!r}."
        if call.value is None:
            return f"Error: the arguments are {call.status}, they must be one JSON object."
        try:
            return json.dumps(functions[call.name](**call.value), ensure_ascii=False)
        except Exception as error:
            return f"Error: {error}"


if __name__ == "__main__":
    question = Question()
    tool = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
    client = Client(question.base_url, question.key)
    try:
        client.run(
            question.json["messages"],
            {"get_time": lambda: time.strftime("%H:%M")},
            model=question.json["model"],
            tools=[tool],
        )
    except (sseparse.StreamError, OSError) as error:
        sys.exit(f"\nThe answer is not whole: {error}")
    print()
