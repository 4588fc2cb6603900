"""`rrplan init`."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, check_file_name, with_output
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import Source, with_state
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.text import one_line, wrapped

if TYPE_CHECKING:
    from rrplan.reports.survey import Proposal

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
WIDTH = 100
NODES = (
    "add `kubectl get nodes,daemonsets,pods -A -o yaml`, and with Calico's data in etcd `calicoctl get nodes -o yaml`"
)


@click.command("init")
@with_state
@click.option(
    "--example",
    metavar="NAME",
    help="No cluster at hand: write the files of one (kubeadm, racks, ucp) into this directory, and look at them.",
)
@click.option("--name", default="cluster", show_default=True, help="The name of the spec.")
@with_output(TERMINAL, JSON)
@click.option("--out", metavar="FILE", help="Write the spec to a file that is not there yet, and its schema beside it.")
def command(source: Source, example: str | None, name: str, output: str, out: str | None) -> int:
    """Look at a cluster, say what is there, and write a first spec that plans well here.

    Reflectors that are there are described so that nothing changes; a full mesh gets a way to reflectors. What was
    seen is told on stderr, the spec goes to stdout. Nothing is written to the cluster.
    """
    from rrplan.initial import initial
    from rrplan.render.initial import advice, survey_lines

    if not NAME.fullmatch(name):
        raise UsageProblem(
            f"`--name {one_line(name)}` is no name", hint="give small letters, digits and `-`, such as `production`"
        )
    check_file_name(out or "")
    if out and Path(out).exists():
        raise UsageProblem(
            f"{one_line(out)} is there: it is not overwritten", hint="give another name, or remove it first"
        )
    if example is not None:
        source = _of_example(source, example)
    snapshot = source.snapshot()
    if not snapshot.state.nodes:
        raise UsageProblem("no node is known, so there is nothing to look at", hint=NODES)
    result = initial(snapshot, name=name, version=source.version)
    lines, advised = survey_lines(result.survey), advice(result.survey)
    if output == JSON:
        proposal = asdict(result.proposal)
        body = {"format_version": JSON_VERSION, "kind": "Initial", "seen": lines, "advice": advised, **proposal}
        say(json.dumps(body, indent=2, ensure_ascii=False))
    else:
        _tell(lines, advised, result.proposal)
    if out:
        _write(Path(out), result.proposal.text, source.words)
    elif output != JSON:
        say(err=True)
        say(result.proposal.text, nl=False)
    return ExitCode.DONE


def _of_example(source: Source, example: str) -> Source:
    """The files of an example, in the place of a cluster; raises UsageProblem where one is given too."""
    from rrplan.cli.example import write_example

    if source.given:
        raise UsageProblem("`--example` and a cluster exclude one another", hint="give one of them")
    return replace(source, manifests=write_example(example, Path()))


def _tell(lines: list[str], advised: str, proposal: Proposal) -> None:
    """What was seen and what the spec comes to, for people; what it takes for granted is theirs to confirm."""
    width = min(os.get_terminal_size(sys.stderr.fileno()).columns, 120) if sys.stderr.isatty() else WIDTH
    for line in lines:
        say("\n".join(wrapped(line, width, hanging=4)), err=True)
    if advised:
        say("\n" + "\n".join(wrapped(advised, width)), err=True)
    text = f"The spec {proposal.outcome}"
    if proposal.questions:
        count = len(proposal.questions)
        asked = "a question stands" if count == 1 else f"{count} questions stand"
        text += f"; {asked} at its end: answer before you rely on it"
    say("\n" + "\n".join(wrapped(text, width)), err=True)


def _write(path: Path, text: str, words: str) -> None:
    """Write the spec, and beside it the schema by which editors check it without a network."""
    from rrplan.adapters.local.files import write_atomically
    from rrplan.render.initial import SCHEMA
    from rrplan.render.schemas import schema_of

    write_atomically(path, text.encode())
    schema = path.with_name(SCHEMA)
    beside = ""
    if not schema.exists():
        write_atomically(schema, (json.dumps(schema_of("spec"), indent=2) + "\n").encode())
        beside = f", and {schema} for checks in the editor"
    say_line(f"wrote {path}{beside}; next: `rrplan plan {quote(str(path))} {words} --out plan.json`", err=True)
