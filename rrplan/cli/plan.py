"""`rrplan plan SPEC`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from rrplan.cli.colour import coloured, painter
from rrplan.cli.detail import ALL
from rrplan.cli.live import PROBE
from rrplan.cli.output import JSON, MARKDOWN, RUNBOOK, TERMINAL, with_output, write_own
from rrplan.cli.say import say, say_fitted
from rrplan.cli.sources import Source, note, spec_from, with_state
from rrplan.errors import UnsafePlanError, UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.render.detail import Detail
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan.plans import Plan

FORMATS = (TERMINAL, JSON, MARKDOWN)
"""The forms of a plan that need nothing beside it; a runbook needs the cluster too."""


def rendered(made: Plan, form: str, detail: Detail = Detail.FOLDED) -> str:
    """A plan in one of the formats."""
    from rrplan.render.plan_json import plan_document

    if form == JSON:
        return json.dumps(plan_document(made), indent=2, ensure_ascii=False) + "\n"
    if form == MARKDOWN:
        from rrplan.render.markdown import plan_markdown

        return plan_markdown(made, detail)
    from rrplan.render.terminal import plan_text

    tty = sys.stdout.isatty()
    width = min(os.get_terminal_size().columns, 120) if tty else 80
    return plan_text(made, width=width, color=coloured(sys.stdout), detail=detail)


def refused(error: UnsafePlanError, form: str, detail: Detail) -> ExitCode:
    """Tell what a plan lacks: people on stderr, programs on stdout."""
    from rrplan.render.refused import refused_document, refused_text

    if form == JSON:
        say(json.dumps(refused_document(error), indent=2, ensure_ascii=False))
    say_fitted(refused_text(error, detail, painter(sys.stderr)), nl=False)
    return ExitCode.REFUSED


@click.command("plan")
@click.argument("spec")
@with_state
@with_output(*FORMATS, RUNBOOK)
@click.option(
    "--runbook-calicoctl",
    metavar="COMMAND",
    help="What calls calicoctl in a runbook, if not `--calicoctl`; `kubectl` where Calico's API server runs.",
)
@click.option("--out", metavar="FILE", help="Write the plan file too; what is no plan is not overwritten.")
@ALL
@PROBE
@click.option("--no-observe", is_flag=True, help="Of a live cluster, read objects alone; ask no node for its sessions.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 where there is something to do.")
def command(
    spec: str,
    source: Source,
    output: str,
    out: str | None,
    runbook_calicoctl: str | None,
    detail: Detail,
    *,
    no_observe: bool,
    detailed_exitcode: bool,
) -> int:
    """Compare a spec with what is there: changes, their order, and the proof that no route is lost."""
    from rrplan.operations import plan as make_plan
    from rrplan.plans import is_plan
    from rrplan.plans.cost import alike_writes, gates_cost
    from rrplan.render.plan_json import write_plan
    from rrplan.render.run import alike_writes_text, gates_cost_text
    from rrplan.specs import Flavor
    from rrplan.specs.model import Platform

    if runbook_calicoctl and output != RUNBOOK:
        raise UsageProblem("`--runbook-calicoctl` is for runbooks", hint="give `-o runbook` too")
    wanted = spec_from(spec)
    snapshot = source.snapshot()
    source.tell_unfinished()
    try:
        made = make_plan(wanted, snapshot, version=source.version)
    except UnsafePlanError as error:
        return refused(error, output, detail)
    if not no_observe and made.steps:
        made = source.observed(made, snapshot)
    source.review(made)
    cost = gates_cost(made)
    if source.live.given and cost.gates:
        note(gates_cost_text(cost))
    if source.live.given:
        from rrplan.adapters.kubernetes.alike import SAMPLE
        from rrplan.adapters.kubernetes.cluster import MANY

        alike = alike_writes(made)
        if alike > MANY:
            note(alike_writes_text(alike, SAMPLE))
    if output == RUNBOOK:
        from rrplan.render.runbook import Site, runbook
        from rrplan.specs.ucp import UCP

        ucp = wanted.flavor is Flavor.STANDALONE and wanted.standalone.platform is Platform.UCP
        said = runbook_calicoctl or source.live.calicoctl
        text = runbook(made, Site.of(snapshot.state, said or (UCP if ucp else "calicoctl")))
    else:
        text = rendered(made, output, detail)
    if out:
        write_own(out, write_plan(made), "plan", is_plan)
    say(text, nl=False, painted=output == TERMINAL)
    if out:
        say(f"\nwrote {one_line(out)}; `rrplan apply {one_line(out)}` carries out exactly this plan", err=True)
    return ExitCode.DIFFERENT if detailed_exitcode and made.steps else ExitCode.DONE
