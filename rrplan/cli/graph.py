"""`rrplan graph PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import DOT, JSON, MERMAID, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import read
from rrplan.render.detail import Detail


@click.command("graph")
@click.argument("plan")
@ALL
@with_output(DOT, MERMAID, JSON)
def command(plan: str, output: str, detail: Detail) -> None:
    """Print the action graph of a plan file, with the reason of every edge."""
    from rrplan.plans import read_plan
    from rrplan.render.graph import dot, graph_json, mermaid

    shown, _ = read_plan(read(plan), plan)
    if output == JSON:
        say(graph_json(shown), nl=False)
    else:
        say({DOT: dot, MERMAID: mermaid}[output](shown, detail), nl=False)
