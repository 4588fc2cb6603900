"""`rrplan show PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.plan import FORMATS, rendered
from rrplan.cli.sources import read
from rrplan.plans import read_plan


@click.command("show")
@click.argument("plan")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="terminal", help="The format.")
def command(plan: str, output: str) -> None:
    """Show a plan file; one that was edited is refused."""
    shown, _ = read_plan(read(plan), plan)
    click.echo(rendered(shown, output), nl=False)
