"""`rrplan validate SPEC`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, with_output
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import spec_from
from rrplan.errors import SpecError
from rrplan.exit_codes import ExitCode


@click.command("validate")
@click.argument("spec")
@with_output(TERMINAL, JSON)
def command(spec: str, output: str) -> int:
    """Check a spec: every problem at once, with line and column."""
    if output == TERMINAL:
        say_line(f"{spec}: the spec `{spec_from(spec).name}` is valid")
        return ExitCode.DONE
    try:
        spec_from(spec)
        problems = []
    except SpecError as error:
        problems = [asdict(problem) for problem in error.problems]
    say(json.dumps({"format_version": JSON_VERSION, "valid": not problems, "problems": problems}, indent=2))
    return ExitCode.ERROR if problems else ExitCode.DONE
