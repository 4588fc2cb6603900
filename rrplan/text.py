"""Words that many messages share: the first few of many names, how many more there are, and paragraphs."""

from __future__ import annotations

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

    No word is broken, so a line may be longer than `width`.
    """
    return textwrap.wrap(
        text,
        width,
        initial_indent=lead,
        subsequent_indent=" " * (len(lead) + hanging),
        break_on_hyphens=False,
        break_long_words=False,
    )
