"""`rrplan graph PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import say
from rrplan.cli.sources import read
from rrplan.plans import read_plan
from rrplan.render.folding import Detail
from rrplan.render.graph import dot, graph_json, mermaid


@click.command("graph")
@click.argument("plan")
@ALL
@click.option("-o", "--output", type=click.Choice(["dot", "mermaid", "json"]), default="dot", help="The format.")
def command(plan: str, output: str, detail: Detail) -> None:
    """Print the action graph of a plan file, with the reason of every edge."""
    shown, _ = read_plan(read(plan), plan)
    if output == "json":
        say(graph_json(shown), nl=False)
    else:
        say({"dot": dot, "mermaid": mermaid}[output](shown, detail), nl=False)
