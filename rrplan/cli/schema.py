"""`rrplan schema KIND`."""

from __future__ import annotations

import json

import click

from rrplan.cli.output import write_own
from rrplan.cli.say import say, say_line
from rrplan.render.schemas import KINDS


@click.command("schema")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--out", metavar="FILE", help="Write to a file instead of stdout.")
def command(kind: str, out: str | None) -> None:
    """Print the JSON Schema of a kind of file.

    Editors check a spec by it, without a network: `# yaml-language-server: $schema=FILE` is the first line of the spec.
    """
    from rrplan.render.schemas import is_schema, schema_of

    text = json.dumps(schema_of(kind), indent=2)
    if out:
        write_own(out, f"{text}\n".encode(), "JSON Schema of rrplan", is_schema)
        say_line(f"wrote {out}", err=True)
    else:
        say(text)
