# SPDX-License-Identifier: MIT
"""The readers that are compared. All get the same bytes. Readers that build an answer return the text of
choice 0, so that a fast but wrong reader is found. The others return None.

*Floors* only decode the JSON of payloads that were cut out before, so no reader that parses every frame can
be faster. *Ours* is sseparse. It and the *loops* go from bytes to the final result. *Peers* are other
packages. Each takes the shortest way through its own code, to the same result if it has one: a package that
only decodes events builds no answer. If a package reads only decoded chunks, a loop cuts the lines for it.
"""

from __future__ import annotations

import json
import os
import sys
from functools import lru_cache
from importlib import import_module, metadata

import sseparse
from sseparse._errors import KINDS

from . import loops
from .workloads import Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Run = Callable[[Workload, list[bytes]], "str | None"]

ANY_ERROR = KINDS  # completion() ignores all errors, because some recordings have errors and cuts


# ---- floors ----------------------------------------------------------------------------------------


def floor(workload: Workload, pieces: list[bytes]) -> None:
    """The floor: decode the bytes of each payload, parse them, keep nothing."""
    for payload in workload.payloads:
        json.loads(payload.decode())


def _floor_of(loads: Callable[[bytes], Any]) -> Run:
    def run(workload: Workload, pieces: list[bytes]) -> None:
        for payload in workload.payloads:
            loads(payload)

    return run


# ---- ours ------------------------------------------------------------------------------------------


def _text(stream: Any) -> str:
    """Make the final object and return its text."""
    stream.completion(ignore=ANY_ERROR)
    return stream.text()


def ours(workload: Workload, pieces: list[bytes], fast_path: bool = True, library: Any = sseparse) -> str:
    """Read bytes, drop the events, and make the final object. Return its text."""
    stream = library.ChatStream(fast_path=fast_path)
    for piece in pieces:
        for _event in stream.feed(piece):
            pass
    for _event in stream.close():
        pass
    return _text(stream)


def ours_full(workload: Workload, pieces: list[bytes]) -> str:
    return ours(workload, pieces, fast_path=False)


def ours_kept(workload: Workload, pieces: list[bytes]) -> str:
    """Do the same and keep all events. A long list costs time in memory and in the garbage collector."""
    stream = sseparse.ChatStream()
    events: list[Any] = []
    for piece in pieces:
        events += stream.feed(piece)
    events += stream.close()
    return _text(stream)


def hits(pieces: list[bytes]) -> int | None:
    """Return the number of frames on the fast path, None if the package does not count them."""
    stream = sseparse.ChatStream()
    for piece in pieces:
        stream.feed(piece)
    stream.close()
    try:
        return stream._fast.hits
    except AttributeError:
        return None


# ---- loops -------------------------------------------------------------------------------------------


def _loop(loop: Callable[[list[bytes]], dict[str, Any]]) -> Run:
    def run(workload: Workload, pieces: list[bytes]) -> str:
        choices = loop(pieces)["choices"]
        return choices[0]["content"] if choices else ""

    return run


_limit_of = lru_cache(maxsize=1)(loops.Limit)


def limit(workload: Workload, pieces: list[bytes]) -> str:
    """The limit in ``loops.py``: it does only what the results need, and knows the frames beforehand."""
    by_hand = _limit_of(workload)
    text = by_hand.in_bulk(pieces) if len(pieces[0]) > len(workload.frames[0]) else by_hand.by_frame(pieces)
    return text if workload.content else ""


# The streams and the feeds for which there is such a loop.
LIMITS = {
    "plain content": ("frame", "64k"),
    "with obfuscation": ("frame", "64k"),
    "tool arguments": ("frame", "64k"),
    "n=4 interleaved": ("frame",),
    "two calls interleaved": ("frame",),
}


# ---- peers -----------------------------------------------------------------------------------------


def _chunks(pieces: list[bytes]) -> Iterator[Any]:
    return map(json.loads, loops.payloads(pieces))


def _openai_decoder() -> Run:
    decoder = import_module("openai._streaming").SSEDecoder

    def run(workload: Workload, pieces: list[bytes]) -> None:
        for event in decoder().iter_bytes(iter(pieces)):
            if event.data.startswith("[DONE]"):
                break
            event.json()

    return run


def _openai_state() -> Run:
    """The work of ``client.chat.completions.stream()`` from the socket to ``get_final_completion()``."""
    decoder = import_module("openai._streaming").SSEDecoder
    construct = import_module("openai._models").construct_type
    state_type = import_module("openai.lib.streaming.chat").ChatCompletionStreamState
    chunk_type = import_module("openai.types.chat").ChatCompletionChunk

    def run(workload: Workload, pieces: list[bytes]) -> str:
        state = state_type()
        for event in decoder().iter_bytes(iter(pieces)):
            if event.data.startswith("[DONE]"):
                break
            for _event in state.handle_chunk(construct(type_=chunk_type, value=event.json())):
                pass
        return state.get_final_completion().choices[0].message.content or ""

    return run


def _litellm() -> Run:
    """The work of litellm from decoded chunks to the whole answer for its logs."""
    # Otherwise the import loads prices from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    litellm = import_module("litellm")
    litellm.suppress_debug_info = True  # otherwise it prints that it does not know the model
    chunk_type = import_module("litellm.types.utils").ModelResponseStream

    def run(workload: Workload, pieces: list[bytes]) -> str:
        chunks = [chunk_type(**chunk) for chunk in _chunks(pieces)]
        return litellm.stream_chunk_builder(chunks).choices[0].message.content or ""

    return run


def _httpx_sse() -> Run:
    httpx, httpx_sse = import_module("httpx"), import_module("httpx_sse")
    headers = {"content-type": "text/event-stream"}

    def run(workload: Workload, pieces: list[bytes]) -> None:
        source = httpx_sse.EventSource(httpx.Response(200, headers=headers, content=iter(pieces)))
        for event in source.iter_sse():
            if event.data == "[DONE]":
                break
            event.json()

    return run


def _sseclient() -> Run:
    client = import_module("sseclient").SSEClient

    def run(workload: Workload, pieces: list[bytes]) -> None:
        for event in client(iter(pieces)).events():
            if event.data == "[DONE]":
                break
            json.loads(event.data)

    return run


def _langchain() -> Run:
    """``ChatOpenAI``'s own conversion of each chunk, merged at the end as its ``invoke()`` merges them."""
    model = import_module("langchain_openai").ChatOpenAI(api_key="none", model="none")
    message_type = import_module("langchain_core.messages").AIMessageChunk
    convert = model._convert_chunk_to_generation_chunk

    def run(workload: Workload, pieces: list[bytes]) -> str:
        first, *rest = (convert(chunk, message_type, {}) for chunk in _chunks(pieces))
        return (first + rest).message.content

    return run


# name: (distribution on PyPI, what makes the contestant)
_FLOORS: dict[str, tuple[str, Callable[[], Run]]] = {
    "orjson": ("orjson", lambda: _floor_of(import_module("orjson").loads)),
    "msgspec": ("msgspec", lambda: _floor_of(import_module("msgspec").json.decode)),
}
_PEERS: dict[str, tuple[str, Callable[[], Run]]] = {
    "httpx-sse": ("httpx-sse", _httpx_sse),
    "sseclient": ("sseclient-py", _sseclient),
    "openai sse": ("openai", _openai_decoder),
    "openai": ("openai", _openai_state),
    "langchain": ("langchain-openai", _langchain),
    "litellm": ("litellm", _litellm),
}


class Field:
    """The readers. ``runs`` has them by name, the floor first. ``own``, ``peers``, ``absent``: names."""

    def __init__(self, peers: bool = True) -> None:
        self.runs: dict[str, Run] = {"floor": floor, "ours": ours, "full": ours_full, "kept": ours_kept}
        self.versions: dict[str, str] = {"python": sys.version.split()[0], "sseparse": sseparse.__version__}
        self.absent: list[str] = []
        self.runs["limit"] = limit
        self.runs.update((name, _loop(loop)) for name, loop in loops.complete().items())
        self._invite(_FLOORS)
        self.own = [*self.runs]
        if peers:
            self._invite(_PEERS)
        self.peers = [name for name in self.runs if name not in self.own]

    def _invite(self, candidates: dict[str, tuple[str, Callable[[], Run]]]) -> None:
        for name, (distribution, make) in candidates.items():
            try:
                self.runs[name] = make()
            except ImportError:
                self.absent.append(name)
            else:
                self.versions[distribution] = metadata.version(distribution)
