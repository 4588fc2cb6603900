"""`rrplan rehearse PLAN|SPEC`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rrplan.adapters.local.files import write_atomically
from rrplan.cli.output import JSON, MARKDOWN, TERMINAL, with_output
from rrplan.cli.plan import FORMATS
from rrplan.cli.running import listener
from rrplan.cli.say import say
from rrplan.cli.sources import Source, read, with_state
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode

if TYPE_CHECKING:
    from rrplan.plans import Plan
    from rrplan.plans.rehearsal import Rehearsal
    from rrplan.snapshots import Snapshot


@click.command("rehearse")
@click.argument("plan")
@with_state
@click.option("--nodes", default=40, show_default=True, type=click.IntRange(2), help="Nodes of the sample, at most.")
@click.option("--seed", default=1, show_default=True, help="Which nodes, and at which moments they act.")
@click.option("--repeat", default=1, show_default=True, type=click.IntRange(1), help="So many times, with other seeds.")
@with_output(*FORMATS)
@click.option("--attach", is_flag=True, help="Write the result into the plan file, beside the plan.")
@click.option("--keep", metavar="DIR", help="Keep the sample, the plan, the journal and BIRD's files in a directory.")
def command(
    plan: str,
    source: Source,
    nodes: int,
    seed: int,
    repeat: int,
    output: str,
    keep: str | None,
    *,
    attach: bool,
) -> int:
    """Carry a plan out and take it back on real BIRD speakers on this machine, in a sample of its cluster.

    Nothing is written to the cluster. Every node of the sample is a network namespace with a BIRD that is configured as
    Calico would; the gates are those of `rrplan apply`. Probes between pods and a watch on every kernel routing table
    say what is lost, beside what the proof promised. Needs no root where `unshare -Urn true` works.
    """
    from rrplan import operations
    from rrplan.plans import is_plan, read_plan
    from rrplan.render.plan_json import write_plan
    from rrplan.specs import load

    data = read(plan)
    if attach and (plan == "-" or not is_plan(data)):
        raise UsageProblem("`--attach` needs a plan file", hint=f"`rrplan plan {plan} --out plan.json` writes one")
    snapshot = source.snapshot()
    planned = (
        read_plan(data, plan)[0]
        if is_plan(data)
        else operations.plan(load(data, plan), snapshot, version=source.version)
    )
    if not planned.steps:
        say("No changes, so there is nothing to rehearse.")
        return ExitCode.DONE
    worst: Rehearsal | None = None
    for number in range(seed, seed + repeat):
        rehearsal = _once(
            planned, snapshot, source, nodes, number, keep if repeat == 1 else keep and f"{keep}/{number}"
        )
        say(_rendered(rehearsal, output), nl=False)
        worst = rehearsal if worst is None or worst.good else worst
    assert worst is not None
    if attach:
        write_atomically(Path(plan), write_plan(replace(planned, rehearsal=worst)))
        say(f"\nwrote the rehearsal into {plan}; its digest is the same", err=True)
    return ExitCode.DONE if worst.good else ExitCode.REFUSED


def _once(planned: Plan, snapshot: Snapshot, source: Source, nodes: int, seed: int, keep: str | None) -> Rehearsal:
    from rrplan.rehearsal.rehearse import rehearse

    folder = Path(keep or tempfile.mkdtemp(prefix="rrplan-rehearsal-"))
    rehearsal: Rehearsal | None = None
    try:
        progress = listener(TERMINAL)
        rehearsal = rehearse(planned, snapshot, progress, folder, nodes=nodes, seed=seed, version=source.version)
    finally:
        if not keep and (rehearsal is None or rehearsal.good):
            shutil.rmtree(folder, ignore_errors=True)
    if not rehearsal.good:
        again = f"rrplan rehearse {folder}/plan.json --snapshot {folder}/snapshot.json --nodes {nodes} --seed {seed}"
        say(f"\nkept in {folder}; once more: {again}", err=True)
    return rehearsal


def _rendered(rehearsal: Rehearsal, form: str) -> str:
    from rrplan.plans.rehearsal import rehearsal_document
    from rrplan.render.rehearsal import rehearsal_markdown, rehearsal_text

    if form == JSON:
        return json.dumps(rehearsal_document(rehearsal), ensure_ascii=False) + "\n"
    if form == MARKDOWN:
        return rehearsal_markdown(rehearsal)
    width = min(os.get_terminal_size().columns, 120) if sys.stdout.isatty() else 80
    return "\n" + rehearsal_text(rehearsal, width=width)
