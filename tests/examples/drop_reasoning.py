# SPDX-License-Identifier: MIT
"""A gateway that leaves out the frames of reasoning, and passes all others byte for byte.

    python drop_reasoning.py 8001 127.0.0.1 8000

listens on port 8001. ``frames()`` returns the bytes of each frame beside its events, so nothing is written
again. A frame with reasoning and something else is passed on whole. To take it apart, use ``normalise.py``.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from normalise import Rewriter, is_reasoning, serve


class Dropper(Rewriter):
    """Passes the bytes of frames on, except those of reasoning."""

    def __init__(self) -> None:
        super().__init__()
        self.tail = bytearray()  # the bytes of the unfinished frame

    def rewrite(self, content: bytes) -> bytes:
        kept = []
        self.tail += content
        for data, events in self.stream.frames(content):
            others = [event for event in events if not (is_reasoning(event) or event.type == "start")]
            if others or not any(map(is_reasoning, events)):
                kept.append(data)
        del self.tail[: len(self.tail) - self.stream.pending]
        return b"".join(kept)

    def finish(self) -> bytes:
        return bytes(self.tail)

    def silence(self) -> bytes:
        return b""  # the server's own heartbeats pass


async def main(port: str, host: str, host_port: str) -> None:
    server = await serve(int(port), host, int(host_port), Dropper)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for argument in ("port", "host", "host_port"):
        parser.add_argument(argument)
    with suppress(KeyboardInterrupt):
        asyncio.run(main(**vars(parser.parse_args())))
