"""Where verbs print: whatever comes from a cluster, a file or a hook is shown, and does nothing to the terminal."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from io import TextIOWrapper

import click

from rrplan.errors import InputError, RRPlanError
from rrplan.text import one_line, printable

_COLOR = re.compile(r"(\x1b\[(?:0|1|2|3[0-7])m)")
"""What renderers paint with; they escape the text themselves before they paint it."""


def say(text: str = "", *, err: bool = False, nl: bool = True, painted: bool = False) -> None:
    """Print text of several lines; `painted` text may have colors of ours."""
    parts = _COLOR.split(text) if painted else [text]
    shown = "".join(part if index % 2 else printable(part) for index, part in enumerate(parts))
    click.echo(shown, err=err, nl=nl, color=True if painted else None)


def say_fitted(text: str, *, nl: bool = True) -> None:
    """Print painted text on stderr; on a terminal, no line is longer than that is wide."""
    if sys.stderr.isatty():
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        text = "\n".join(part for line in text.split("\n") for part in _fitted(line, width))
    say(text, err=True, nl=nl, painted=True)


def _fitted(line: str, width: int) -> list[str]:
    """A line, broken between words; what follows is indented a little more. A command is never broken."""
    if len(_COLOR.sub("", line)) <= width or line.startswith("    "):
        return [line]
    lead = len(line) - len(line.lstrip(" -"))
    return textwrap.wrap(
        line, width, subsequent_indent=" " * (lead + 2), break_on_hyphens=False, break_long_words=False
    )


def redraw(text: str) -> None:
    """Show text in place of what the terminal shows; what does not fit is counted in the last line."""
    lines, height = printable(text).split("\n"), os.get_terminal_size(sys.stdout.fileno()).lines - 1
    if len(lines) > height:
        lines = [*lines[: height - 1], f"... and {len(lines) - height + 1} more lines"]
    shown = "".join(f"{line}\x1b[K\n" for line in lines)
    click.echo(f"\x1b[H{shown}\x1b[J", nl=False, color=True)


def say_line(text: str, *, err: bool = False) -> None:
    """Print a sentence, or a row of a table, in a line of its own."""
    click.echo(one_line(text.rstrip()), err=err)


def shown(error: RRPlanError) -> str:
    """The text of an error: the problems of an input in lines of their own, any other in one line."""
    return str(error) if isinstance(error, InputError) else one_line(str(error).strip())


def prepare() -> None:
    """Let every character be printed, whatever the terminal knows: escaped where it does not know it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
