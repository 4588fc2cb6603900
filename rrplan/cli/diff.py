"""`rrplan diff PLAN PLAN`."""

from __future__ import annotations

import json

import click

from rrplan.cli.output import JSON, TERMINAL, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import read
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.text import one_line, wrapped

FORMAT_VERSION = "1.0"


@click.command("diff")
@click.argument("old")
@click.argument("new")
@with_output(TERMINAL, JSON)
def command(old: str, new: str, output: str) -> int:
    """Compare two plan files: spec, cluster, steps, gates, changes, proof, field by field.

    Where OLD is stale, NEW is a plan from the cluster as it is now: the difference says what made it stale. Exit code 2
    where they differ.
    """
    from rrplan.plans import is_plan, read_plan
    from rrplan.render.comparison import compared

    plans, digests = [], []
    for name in (old, new):
        data = read(name)
        if not is_plan(data):
            raise UsageProblem(
                f"{one_line(name)} is no plan file", hint="`rrplan plan SPEC --out plan.json` writes one"
            )
        plan, digest = read_plan(data, name)
        plans.append(plan)
        digests.append(digest)
    parts = dict(compared(plans[0], plans[1]))
    if not parts and digests[0] != digests[1]:
        versions = " and ".join(dict.fromkeys(plan.written_as for plan in plans))
        again = f"both say the same (format version {versions}): an approval of one is none of the other"
        parts["Files"] = [f"digest: {digests[0]} -> {digests[1]}, although {again}"]
    if output == JSON:
        body = {"format_version": FORMAT_VERSION, "kind": "PlanDifference", "same": not parts, "parts": parts}
        say(json.dumps(body, indent=2, ensure_ascii=False))
    elif not parts:
        say("The plans are the same.")
    else:
        for title, lines in parts.items():
            say(f"{title}:\n")
            for line in lines:
                say("\n".join(wrapped(line, 100, "  - ")))
            say()
    return ExitCode.DIFFERENT if parts else ExitCode.DONE
