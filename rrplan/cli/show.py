"""`rrplan show PLAN`."""

from __future__ import annotations

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import TERMINAL, with_output
from rrplan.cli.plan import FORMATS, rendered
from rrplan.cli.say import say
from rrplan.cli.sources import read
from rrplan.render.detail import Detail


@click.command("show")
@click.argument("plan")
@ALL
@with_output(*FORMATS)
def command(plan: str, output: str, detail: Detail) -> None:
    """Show a plan file; one that was edited is refused."""
    from rrplan.plans import read_plan

    shown, _ = read_plan(read(plan), plan)
    say(rendered(shown, output, detail), nl=False, painted=output == TERMINAL)
