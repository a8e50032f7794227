# SPDX-License-Identifier: MIT
"""The chart of the README, a small SVG: dots on a logarithmic scale. Left of 1 is faster than json.loads.

It has dots because a logarithmic scale has no zero where bars could begin. The image is shown on light and on
dark pages, and a viewer may not tell the image which. So the background is transparent, and every colour has
a contrast of at least 4 to 1 with white and with near-black (a test computes it).
"""

from __future__ import annotations

from math import floor, log10
from typing import Any
from xml.sax.saxutils import escape

TEXT = "#767b82"
OURS = "#2f7fb8"
OTHERS = "#b8642a"

WIDTH, LEFT, RIGHT, ROW = 720, 286, 56, 22

# (stream, feed, reader, label). A reader that was not measured, or that gave another text, is left out.
HEADLINE = (
    ("plain content", "64k", "ours", "sseparse, replay in 64 KiB"),
    ("plain content", "frame", "ours", "sseparse, frame by frame"),
    ("with obfuscation", "frame", "ours", "sseparse, with obfuscation"),
    ("tool arguments", "frame", "ours", "sseparse, tool arguments"),
    ("usage in every frame", "frame", "ours", "sseparse, usage in every frame"),
    ("Azure filters", "frame", "ours", "sseparse, Azure's verdicts"),
    ("OpenRouter reasoning", "frame", "ours", "sseparse, OpenRouter reasoning"),
    ("logprobs", "frame", "ours", "sseparse, logprobs"),
    ("plain content", "frame", "orjson", "orjson.loads alone"),
    ("plain content", "frame", "floor", "json.loads alone"),
    ("plain content", "frame", "msgspec loop", "a complete loop, msgspec typed"),
    ("plain content", "frame", "orjson loop", "a complete loop, orjson"),
    ("plain content", "frame", "json loop", "a complete loop, json"),
    ("plain content", "frame", "openai sse", "openai's decoder + json"),
    ("plain content", "frame", "sseclient", "sseclient-py + json"),
    ("plain content", "frame", "httpx-sse", "httpx-sse + json"),
    ("plain content", "frame", "litellm", "litellm.stream_chunk_builder"),
    ("plain content", "frame", "langchain", "langchain-openai"),
    ("plain content", "frame", "openai", "openai's stream helper"),
)


def draw(report: dict[str, Any]) -> str:
    """Return the SVG of a report as ``--json`` prints it."""
    rows = {(row["stream"], row["feed"]): row["by"] for row in report.get("streams", ())}
    dots: list[tuple[str, float, str]] = []
    for stream, feed, name, label in HEADLINE:
        result = rows.get((stream, feed), {}).get(name)
        if result and not result["failed"] and result["text"] != "other" and result["ratio"]:
            dots.append((label, result["ratio"], OURS if name == "ours" else OTHERS))
    # First ours, in the order above, then the others, the fastest first.
    dots.sort(key=lambda dot: dot[1] if dot[2] == OTHERS else 0)
    ratios = [ratio for _, ratio, _ in dots] + [0.5, 2.0]
    low, high = floor(log10(min(ratios))), floor(log10(max(ratios))) + 1

    def x(ratio: float) -> float:
        return LEFT + (log10(ratio) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    height = 56 + ROW * len(dots) + 26
    middle, bottom = x(1), height - 30
    title = f"CPU time from bytes to final object, Python {report['versions']['python']}, median"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}">',
        f"<title>{escape(title)}</title>",
        f'<text x="8" y="18" font-weight="600">{escape(title)}</text>',
        '<text x="8" y="36">1 = decoding the JSON of every frame; logarithmic</text>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        lines.append(_line(at, 46, at, bottom, "0.5"))
        lines.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{10.0**power:g}×</text>')
    lines.append(_line(middle, 46, middle, bottom, "1.5"))
    for number, (label, ratio, colour) in enumerate(dots):
        y = 60 + ROW * number
        at = x(ratio)
        lines.append(f'<text x="{LEFT - 14}" y="{y + 4}" text-anchor="end">{escape(label)}</text>')
        lines.append(_line(middle, y, at, y, "3", colour))
        lines.append(f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{colour}"/>')
        place = f'x="{at - 10:.1f}" text-anchor="end"' if ratio < 1 else f'x="{at + 10:.1f}"'
        shown = f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.0f}"
        lines.append(f'<text {place} y="{y + 4}" fill="{colour}">{shown}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _line(x1: float, y1: float, x2: float, y2: float, width: str, colour: str = TEXT) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width}"/>'
