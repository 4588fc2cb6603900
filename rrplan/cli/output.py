"""What verbs print and write: `-o` names a form, `--out` a file, in every verb alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.errors import UsageProblem

TERMINAL, JSON, MARKDOWN, RUNBOOK = "terminal", "json", "markdown", "runbook"
DOT, MERMAID, SVG, HTML = "dot", "mermaid", "svg", "html"
BIRD, FRR, JUNOS = "bird", "frr", "junos"
"""The words of `-o`. Each means the same wherever a verb knows it; `terminal` is for people."""
JSON_VERSION = "1.0"
"""The `format_version` of what verbs print as JSON, where no file of that kind has one of its own."""


class _Form(click.Choice[str]):
    """A form; whoever gives a file name is told which option that is for."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The form; raises UsageProblem for anything else."""
        if value in self.choices:
            return str(value)
        forms = f"one of {', '.join(self.choices)}" if len(self.choices) > 1 else f"`{self.choices[0]}`"
        takes_files = ctx is not None and any("--out" in option.opts for option in ctx.command.params)
        file = f"; `--out {value}` writes a file" if takes_files and ("." in str(value) or "/" in str(value)) else ""
        raise UsageProblem(f"`-o {value}` is no form of output", hint=f"it is {forms}{file}")


def with_output(*forms: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add `-o`: one of these forms, the first if nothing is said; the command gets it as `output`."""
    return click.option(
        "-o", "--output", type=_Form(forms), default=forms[0], show_default=True, help="The form of what is printed."
    )


def write_own(name: str, data: bytes, what: str, is_own: Callable[[bytes], bool]) -> None:
    """Write a file of ours, in place of an older one of its kind; raises UsageProblem where it is anything else."""
    check_file_name(name)
    path = Path(name)
    # A device or a pipe has nothing that could be lost, and may have no end.
    if path.is_dir() or (path.is_file() and (old := read_bytes(path)) and not is_own(old)):
        raise UsageProblem(
            f"{name} is there and is no {what}: it is not overwritten", hint="give another name, or remove it first"
        )
    write_atomically(path, data)


def check_file_name(name: str) -> None:
    """Raise UsageProblem for `-`, which means stdin where files are read."""
    if name == "-":
        raise UsageProblem("`--out -` names no file", hint="give a name; `--out /dev/stdout` writes to stdout")
