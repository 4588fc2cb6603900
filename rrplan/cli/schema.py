"""`rrplan schema KIND`."""

from __future__ import annotations

import json

import click

from rrplan.cli.say import say
from rrplan.render.schemas import KINDS


@click.command("schema")
@click.argument("kind", type=click.Choice(list(KINDS)))
def command(kind: str) -> None:
    """Print the JSON Schema of a kind of file."""
    from rrplan.render.schemas import schema_of

    say(json.dumps(schema_of(kind), indent=2))
