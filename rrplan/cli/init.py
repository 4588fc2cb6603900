"""`rrplan init`."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path

import click

from rrplan.cli.output import JSON, TERMINAL, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import Source, with_state
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.text import one_line, wrapped

FORMAT_VERSION = "1.0"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@click.command("init")
@with_state
@click.option("--name", default="cluster", show_default=True, help="The name of the spec.")
@with_output(TERMINAL, JSON)
@click.option("--out", metavar="FILE", help="Write the spec to a file, which must not be there yet.")
def command(source: Source, name: str, output: str, out: str | None) -> int:
    """Look at a cluster, say what is there, and write a first spec that plans well here.

    Reflectors that are there are described so that nothing changes; a full mesh gets a way to reflectors. What was seen is
    told on stderr, the spec goes to stdout. Nothing is written to the cluster.
    """
    from rrplan.adapters.local.files import write_atomically
    from rrplan.initial import initial
    from rrplan.render.initial import advice, survey_lines

    if not NAME.fullmatch(name):
        raise UsageProblem(
            f"`--name {one_line(name)}` is no name", hint="give small letters, digits and `-`, such as `production`"
        )
    if out and Path(out).exists():
        raise UsageProblem(
            f"{one_line(out)} is there: it is not overwritten", hint="give another name, or remove it first"
        )
    found = initial(source.snapshot(), name=name, version=source.version)
    lines, told = survey_lines(found.survey), advice(found.survey)
    if output == JSON:
        body = {
            "format_version": FORMAT_VERSION,
            "kind": "Initial",
            "seen": lines,
            "advice": told,
            **asdict(found.proposal),
        }
        say(json.dumps(body, indent=2, ensure_ascii=False))
        return ExitCode.DONE
    width = min(os.get_terminal_size(sys.stderr.fileno()).columns, 120) if sys.stderr.isatty() else 100
    for line in lines:
        say("\n".join(wrapped(line, width, hanging=4)), err=True)
    if told:
        say("\n" + "\n".join(wrapped(told, width)), err=True)
    say(f"\nThe spec {found.proposal.outcome}", err=True)
    if out:
        write_atomically(Path(out), found.proposal.text.encode())
        say(f"wrote {one_line(out)}; next: `rrplan plan {one_line(out)}` with the same cluster", err=True)
    else:
        say(err=True)
        say(found.proposal.text, nl=False)
    return ExitCode.DONE
