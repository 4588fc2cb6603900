"""Text of others inside Markdown, shells, Mermaid and dot, so that it is read as text there."""

from __future__ import annotations

import re
import shlex

from rrplan.text import one_line, printable

_MARKDOWN = re.compile(r"[\\*\[<&~`]|(?<![^\W_])_|_(?![^\W_])")
_MARKDOWN_START = re.compile(r"[#>=+-]|\d+(?=[.)])")
_MARKDOWN_LINK = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp)(:)|\b(www)(\.)")
"""Where Markdown of the kind that GitHub has makes a link of plain text."""
_BACKTICKS = re.compile("`+")


def prose(text: str) -> str:
    """A sentence as Markdown: what is in single backticks is code, nothing else is a mark or HTML."""
    text = one_line(text)
    parts = text.split("`")
    if len(parts) % 2 == 0 or "``" in text:
        return _plain(text)
    return "".join(_plain(part, start=not index) if index % 2 == 0 else f"`{part}`" for index, part in enumerate(parts))


def _plain(text: str, *, start: bool = True) -> str:
    escaped = _MARKDOWN.sub(lambda match: f"\\{match.group()}", text)
    escaped = _MARKDOWN_LINK.sub(lambda match: "\\".join(part for part in match.groups() if part), escaped)
    # `@name` calls people, escaped or not; a mark that is code does not.
    escaped = escaped.replace("@", "`@`")
    if start and (match := _MARKDOWN_START.match(escaped)):
        return f"{match.group()}\\{escaped[match.end() :]}" if match.group().isdigit() else f"\\{escaped}"
    return escaped


def code(text: str) -> str:
    """A value as code in a line of Markdown."""
    text = one_line(text)
    runs = [len(run) for run in _BACKTICKS.findall(text)]
    if not runs:
        return f"`{text}`"
    marks = "`" * (max(runs) + 1)
    return f"{marks} {text} {marks}"


def cell(text: str) -> str:
    """A part of a row of a Markdown table, which `|` would end."""
    return text.replace("|", "\\|")


def fenced(lines: list[str], language: str) -> list[str]:
    """Lines as a block of code in Markdown, which no line among them ends."""
    text = [part for line in lines for part in printable(line).split("\n")]
    longest = max((len(run) for line in text for run in _BACKTICKS.findall(line)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", *text, marks]


def word(text: str) -> str:
    """A word for bash, whatever it holds, in one line."""
    if one_line(text) == text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    whole = "".join(f"\\U{ord(part):08x}" if ord(part) > 0xFFFF else part for part in escaped)
    return f"$'{one_line(whole)}'"


def mermaid_text(text: str) -> str:
    """A label for Mermaid, inside double quotes, as its entity codes write it."""
    return re.sub(r"[#\"<>&%\\]|^`", lambda match: f"#{ord(match.group())};", one_line(text))


def dot_text(text: str) -> str:
    """A quoted string of Graphviz's language, which knows backslashes and HTML's entities."""
    escaped = one_line(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return f'"{escaped}"'
