"""Where something stands in a YAML document, counted from 1, and what is wrong with text that is none."""

from __future__ import annotations

from dataclasses import replace

import yaml

from rrplan.errors import InputError, Problem

Place = tuple[int, int]
"""Line and column, from 1."""


def place(mark: yaml.Mark) -> Place:
    """Line and column of one of PyYAML's marks, which count from 0."""
    return mark.line + 1, mark.column + 1


def decoded(data: bytes, name: str, kind: type[InputError]) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; raises `kind`."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise kind.one("the file is UTF-16", file=name, hint="save it as UTF-8")
    if b"\x00" in data:
        raise kind.one("the file is binary: it has NUL bytes", file=name, hint="give YAML or JSON in UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise kind.one(
            f"byte 0x{data[error.start]:02x} is not UTF-8", file=name, line=line, column=column, hint="save it as UTF-8"
        ) from error


def shown(lines: list[str], line: int) -> str:
    """A line as messages show it; "" where there is none."""
    return lines[line - 1].strip()[:120] if 0 < line <= len(lines) else ""


def syntax_problem(error: yaml.YAMLError, name: str, lines: list[str]) -> Problem:
    """What PyYAML found wrong, with its place and what to do about it."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(f"not YAML: {str(error).splitlines()[0]}", name)
    mark = error.problem_mark or error.context_mark
    line, column = place(mark) if mark else (1, 1)
    at_fault = lines[line - 1][column - 1 :] if line <= len(lines) else ""
    if at_fault.startswith("!"):
        return _tag_problem(at_fault.partition(" #")[0].strip(), Problem("", name, line, column, shown(lines, line)))
    return Problem(
        f"not YAML: {error.problem or error.context}",
        name,
        line,
        column,
        shown(lines, line),
        _syntax_hint(error, at_fault),
    )


def _tag_problem(tag: str, where: Problem) -> Problem:
    """YAML takes an unquoted word with `!` for a tag; an unquoted `!has(x)` is a selector that is gone."""
    return replace(
        where,
        summary=f"`{tag}` without quotes is a YAML tag, not a value: Calico reads null here, and a nodeSelector that "
        "is null selects every node",
        hint=f'write "{tag}" with the quotes',
    )


def _syntax_hint(error: yaml.MarkedYAMLError, at_fault: str) -> str:
    problem = f"{error.problem} {error.context}"
    if at_fault.startswith("\t"):
        return "indent with spaces, not with tabs"
    if "alias" in problem:
        return "define the anchor before its alias, or write the value out"
    if "quoted scalar" in problem:
        return "close the quote"
    return "check the indentation and the quotes of this line and the one above"
