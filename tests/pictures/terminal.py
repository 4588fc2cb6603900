"""A screen of a terminal as a picture; its text is one of tests/golden/screens."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from tests.pictures.style import MONO, colours, head

SCREENS = Path(__file__).resolve().parents[1] / "golden" / "screens"
COLUMNS = 80
LETTER, LINE = 8.45, 19
LEFT, TOP = 20, 66
STYLE = (
    ".window{fill:var(--paper);stroke:var(--edge)}.bar{fill:var(--ground);stroke:var(--edge)}.dot{fill:var(--edge)}"
    "text{fill:var(--ink);font-size:14px;white-space:pre}.typed{font-weight:650}.good{fill:var(--good)}"
    ".bad{fill:var(--bad);font-weight:650}.hint{fill:var(--accent);font-weight:650}.soft{fill:var(--soft)}"
)
TINTS = (
    (re.compile(r"\berror:"), "bad"),
    (re.compile(r"^hint:"), "hint"),
    (re.compile(r"^(?:run |\[\d+/\d+\]).*?(\bdone\b)"), "good"),
    (re.compile(r"^\[\d+/\d+\]"), "soft"),
)


def terminal_svg(screen: str, typed: str, about: str) -> str:
    """What a screen of tests/golden/screens shows, below the words that were typed; `about` is its title."""
    text = (SCREENS / f"{screen}.txt").read_text(encoding="utf-8")
    lines = [f"$ {typed}", *text.splitlines()]
    width, height = round(LEFT * 2 + COLUMNS * LETTER), TOP + LINE * len(lines) + 4
    parts = [
        head(width, height, MONO),
        f'<title id="title">{escape(about)}</title>',
        f'<desc id="desc">{escape(" ".join(" ".join(lines).split()))}</desc>',
        f"<style>{colours()}{STYLE}</style>",
        f'<rect class="window" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>',
        f'<path class="bar" d="M0.5 34.5V10.5a10 10 0 0 1 10 -10H{width - 10.5}a10 10 0 0 1 10 10V34.5Z"/>',
        *(f'<circle class="dot" cx="{20 + 18 * place}" cy="17.5" r="6"/>' for place in range(3)),
    ]
    for place, line in enumerate(lines):
        words = f'<tspan class="typed">{escape(line)}</tspan>' if place == 0 else _tinted(line)
        parts.append(f'<text x="{LEFT}" y="{TOP + LINE * place}" xml:space="preserve">{words}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tinted(line: str) -> str:
    """The line, with the words that a terminal with colours sets off."""
    spans = sorted(
        (match.span(1) if match.re.groups else match.span(), tint)
        for pattern, tint in TINTS
        if (match := pattern.search(line))
    )
    text, place = "", 0
    for (first, last), tint in spans:
        if first >= place:
            text += f'{escape(line[place:first])}<tspan class="{tint}">{escape(line[first:last])}</tspan>'
            place = last
    return text + escape(line[place:])
