"""`rrplan graph PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.sources import read
from rrplan.plans import read_plan
from rrplan.render.graph import dot, graph_json, mermaid


@click.command("graph")
@click.argument("plan")
@click.option("-o", "--output", type=click.Choice(["dot", "mermaid", "json"]), default="dot", help="The format.")
def command(plan: str, output: str) -> None:
    """Print the action graph of a plan file, with the reason of every edge."""
    shown, _ = read_plan(read(plan), plan)
    click.echo({"dot": dot, "mermaid": mermaid, "json": graph_json}[output](shown), nl=False)
