# SPDX-License-Identifier: MIT
"""Writing: ServerSentEvent.encode, ChatEncoder, encode."""

from __future__ import annotations

import unittest
from pathlib import Path

from tests import sseparse
from tests.wire import deliver

OWN = Path(__file__).resolve().parent.parent / "benchmarks" / "recordings"


class RoundTrips(unittest.TestCase):
    def test_recordings(self) -> None:
        for path in sorted(OWN.glob("*.sse")):
            with self.subTest(path.name):
                stream, events = deliver([path.read_bytes()])
                encoder = sseparse.ChatEncoder()
                written = encoder.feed(events) + encoder.close()
                again, _ = deliver([written])
                self.assertEqual((again.done, again.finished), (stream.done, stream.finished))
                self.assertEqual((again.text(), again.usage), (stream.text(), stream.usage))
                completion = stream.snapshot()
                for size in (None, 1):
                    again, _ = deliver(list(sseparse.encode(completion, size=size)))
                    made_up = {name: completion[name] for name in ("id", "created") if not completion[name]}
                    self.assertEqual({**again.snapshot(), **made_up}, completion)


if __name__ == "__main__":
    unittest.main()
