"""`rrplan rehearse PLAN|SPEC`."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
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
from rrplan.text import duration_text

if TYPE_CHECKING:
    from rrplan.plans import Plan
    from rrplan.plans.rehearsal import Rehearsal
    from rrplan.reports.events import Listener, RunEvent
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
    say what is lost, beside what the proof promised. The result matches the plan (exit code 0), contradicts it (7),
    or is inconclusive (4). Needs no root where `unshare -Urn true` works.
    """
    from rrplan import operations
    from rrplan.plans import is_plan, read_plan
    from rrplan.render.plan_json import write_plan
    from rrplan.render.rehearsal import verdict_line
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
        say(f"{PREFIX}no changes, so there is nothing to rehearse")
        return ExitCode.DONE
    from rrplan.rehearsal.rehearse import repeated

    rehearsals: list[Rehearsal] = []
    for number in range(seed, seed + repeat):
        kept = keep if repeat == 1 else keep and f"{keep}/{number}"
        rehearsals.append(_once(planned, snapshot, source, nodes, number, kept))
        if repeat > 1 and output != JSON:
            say(_rendered(rehearsals[-1], output), nl=False)
    worst = repeated(rehearsals)
    if repeat > 1 and output != JSON:
        say(f"{PREFIX}{verdict_line(worst)}" if output == TERMINAL else f"\n{verdict_line(worst)}")
    else:
        say(_rendered(worst, output), nl=False)
    if attach:
        write_atomically(Path(plan), write_plan(replace(planned, rehearsal=worst)))
        say(f"{PREFIX}wrote the result ({worst.verdict}) into {plan}; its digest is the same", err=True)
    return EXIT[worst.verdict]


EXIT: Mapping[str, ExitCode] = {
    "matches the plan": ExitCode.DONE,
    "contradicts the plan": ExitCode.REFUSED,
    "inconclusive": ExitCode.PARTIAL,
}
"""By verdict (`rrplan.plans.rehearsal.Verdict`)."""
PREFIX = "rehearsal: "
"""Before every line that a terminal shows, so that nobody takes it for a run on the cluster."""


class _Elapsed:
    """Says how long it takes, and after each step that took a while how much of that has passed."""

    def __init__(self, listener: Listener, expected: int) -> None:
        from rrplan.adapters.local.clock import SystemClock

        self._listener = listener
        self._clock = SystemClock()
        self._began = self._clock.now()
        self._expected = duration_text(expected)
        self._told = False

    def report(self, event: RunEvent) -> None:
        """Pass it on."""
        name = type(event).__name__
        if name == "RunStarted" and not self._told:
            say(f"{PREFIX}takes about {self._expected}", err=True)
            self._told = True
        self._listener.report(event)
        if getattr(event, "seconds", 0) and name in ("StepSettled", "StepUndone"):
            passed = duration_text(round(self._clock.now() - self._began))
            say(f"{PREFIX}    {passed} of about {self._expected}", err=True)


def _once(planned: Plan, snapshot: Snapshot, source: Source, nodes: int, seed: int, keep: str | None) -> Rehearsal:
    from rrplan.plans.rehearsal import Verdict
    from rrplan.rehearsal.rehearse import expected_seconds, rehearse

    folder = Path(keep or tempfile.mkdtemp(prefix="rrplan-rehearsal-"))
    rehearsal: Rehearsal | None = None
    try:
        progress = _Elapsed(listener(TERMINAL, lead=PREFIX), expected_seconds(planned))
        rehearsal = rehearse(planned, snapshot, progress, folder, nodes=nodes, seed=seed, version=source.version)
    finally:
        begun = (folder / "plan.json").exists()
        if not keep and (rehearsal is None or rehearsal.own_verdict is Verdict.MATCHES or not begun):
            shutil.rmtree(folder, ignore_errors=True)
    if begun and rehearsal.own_verdict is not Verdict.MATCHES:
        again = f"rrplan rehearse {folder}/plan.json --snapshot {folder}/snapshot.json --nodes {nodes} --seed {seed}"
        say(f"{PREFIX}kept in {folder}; once more: {again}", err=True)
    return rehearsal


def _rendered(rehearsal: Rehearsal, form: str) -> str:
    from rrplan.plans.rehearsal import rehearsal_document
    from rrplan.render.rehearsal import rehearsal_markdown, rehearsal_text

    if form == JSON:
        return json.dumps(rehearsal_document(rehearsal), ensure_ascii=False) + "\n"
    if form == MARKDOWN:
        return rehearsal_markdown(rehearsal)
    width = min(os.get_terminal_size().columns, 120) if sys.stdout.isatty() else 80
    lines = rehearsal_text(rehearsal, width=width - len(PREFIX)).splitlines()
    return "".join(f"{PREFIX}{line}".rstrip() + "\n" for line in ["", *lines])
