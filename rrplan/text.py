"""Words that many messages share: the first few of many names, how many more there are, paragraphs, odd characters."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from typing import TypeAlias

Paint: TypeAlias = Callable[[str, str], str]
"""Gives a text a colour by its name, where there are colours."""
SHOWN = 5
"""Names that a message shows, where nothing else is said."""


def listed(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first names and how many more there are: `a, b and 3 more`."""
    return ", ".join(names[:shown]) + and_more(len(names), shown)


def and_more(total: int, shown: int = 1, what: str = "more") -> str:
    """What follows the names that are shown, ` and 3 more`; "" where all of them are."""
    return f" and {total - shown} {what}" if total > shown else ""


def and_alike(total: int) -> str:
    """What follows the first of several that differ in their name alone: `, and 3 more like it`; "" for only one."""
    return f", and {total - 1} more like it" if total > 1 else ""


def duration_text(seconds: int) -> str:
    """A time that is left, in the unit that a person would use: `40 s`, `12 min`, `3 h`."""
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min" if seconds < 90 * 60 else f"{round(seconds / 3600)} h"


def wrapped(text: str, width: int, lead: str = "", hanging: int = 0) -> list[str]:
    """The lines of a paragraph: `lead` before the first, as many spaces and `hanging` more before the others.

    No word is broken, so a line may be longer than `width`. Characters that act on a terminal are shown escaped.
    """
    return textwrap.wrap(
        one_line(text),
        width,
        initial_indent=lead,
        subsequent_indent=" " * (len(lead) + hanging),
        break_on_hyphens=False,
        break_long_words=False,
    )


_ACTING = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff"
    r"\ud800-\udfff"
)
"""Control characters; what is invisible or changes the direction of text; invisible tags; halves of characters."""
_MARKS = re.compile(rf"[{_ACTING}]")
_MARKS_AND_LINES = re.compile(rf"[{_ACTING}\t\n]")
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: str) -> str:
    """Text whose lines stay lines, with every character shown escaped that acts on a terminal or is not seen.

    JSON stays the JSON that it was.
    """
    return _MARKS.sub(_escaped, text)


def one_line(text: str) -> str:
    """`printable` for a sentence or a value: a line break in it is shown as `\\n`."""
    return _MARKS_AND_LINES.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    """`\\x1b` for control characters of ASCII, for all others as JSON writes them."""
    character = match.group()
    if character in _SHORT:
        return _SHORT[character]
    number = ord(character)
    if number < 0x20:
        return f"\\x{number:02x}"
    if number > 0xFFFF:
        high, low = divmod(number - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{number:04x}"
