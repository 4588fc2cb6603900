"""`rrplan schema KIND`."""

from __future__ import annotations

import json

import click

from rrplan.cli.output import say
from rrplan.render.schemas import KINDS, schema_of


@click.command("schema")
@click.argument("kind", type=click.Choice(list(KINDS)))
def command(kind: str) -> None:
    """Print the JSON Schema of a kind of file."""
    say(json.dumps(schema_of(kind), indent=2))
