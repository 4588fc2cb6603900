"""`rrplan show PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import say
from rrplan.cli.plan import FORMATS, rendered
from rrplan.cli.sources import read
from rrplan.plans import read_plan
from rrplan.render.folding import Detail


@click.command("show")
@click.argument("plan")
@ALL
@click.option("-o", "--output", type=click.Choice(FORMATS), default="terminal", help="The format.")
def command(plan: str, output: str, detail: Detail) -> None:
    """Show a plan file; one that was edited is refused."""
    shown, _ = read_plan(read(plan), plan)
    say(rendered(shown, output, detail), nl=False, painted=output == "terminal")
