# SPDX-License-Identifier: MIT
"""The part that the client examples share: a question from the command line, and the answer on the terminal.

    python EXAMPLE.py [URL [MODEL [PROMPT [CERTIFICATES]]]]

After this module is imported, ``import sseparse`` finds the package of this checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import ssl
import sys
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


class Question:
    """One question, in the forms that HTTP libraries want it in."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser(description="Ask a server, and show the answer as it arrives.")
        parser.epilog = "The API key comes from the environment variable OPENAI_API_KEY."
        for name, default, text in (
            ("URL", "http://127.0.0.1:8000/v1", "base URL of an OpenAI-compatible API (%(default)s)"),
            ("MODEL", "m", "name of the model (%(default)s)"),
            ("PROMPT", "What is the weather?", "the question (%(default)s)"),
            ("CERTIFICATES", None, "file of the certificates to trust, instead of the system's"),
        ):
            parser.add_argument(name, nargs="?", default=default, help=text)
        self.base_url, model, prompt, self.certificates = vars(parser.parse_args()).values()
        self.url = f"{self.base_url}/chat/completions"
        self.address = urlsplit(self.url)
        self.key = os.environ.get("OPENAI_API_KEY", "none")
        messages = [{"role": "user", "content": prompt}]
        options = {"include_usage": True}
        self.json = {"model": model, "messages": messages, "stream": True, "stream_options": options}
        self.headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}

    @property
    def content(self) -> bytes:
        """The body of the request."""
        return json.dumps(self.json).encode()

    @property
    def request(self) -> bytes:
        """The whole request, for a connection of one's own."""
        head = {"Host": self.address.netloc, **self.headers, "Content-Length": str(len(self.content))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        return f"POST {self.address.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.content

    @property
    def port(self) -> int:
        return self.address.port or (443 if self.address.scheme == "https" else 80)

    @property
    def tls(self) -> ssl.SSLContext | None:
        """None for http."""
        if self.address.scheme != "https":
            return None
        return ssl.create_default_context(cafile=self.certificates)


def show(text: str) -> None:
    """Print text of the model at once. A control character, which could command the terminal, is escaped."""
    for character in text:
        is_safe = character.isprintable() or character in "\n\t"
        print(character if is_safe else ascii(character)[1:-1], end="")
    sys.stdout.flush()
