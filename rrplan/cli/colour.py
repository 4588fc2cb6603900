"""Colour on a terminal: off where NO_COLOR is set (no-color.org), on anyway where FORCE_COLOR is."""

from __future__ import annotations

import os
from typing import TextIO

import click

from rrplan.text import Paint


def coloured(stream: TextIO) -> bool:
    """Whether what goes there gets colours."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and not os.environ.get("NO_COLOR")


def painter(stream: TextIO) -> Paint:
    """What paints a text for a stream; the text as it is where that gets no colours."""
    return (lambda text, colour: click.style(text, fg=colour)) if coloured(stream) else (lambda text, _colour: text)
