"""`rrplan validate SPEC`."""

from __future__ import annotations

import click

from rrplan.cli.sources import spec_from


@click.command("validate")
@click.argument("spec")
def command(spec: str) -> None:
    """Check a spec: every problem at once, with line and column."""
    found = spec_from(spec)
    click.echo(f"{spec}: the spec `{found.name}` is valid")
