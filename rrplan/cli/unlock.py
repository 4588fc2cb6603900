"""`rrplan unlock`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan.adapters.lock import FileLock


@click.command("unlock")
@click.option("--sandbox", metavar="DIR", required=True, help="An embedded cluster.")
def command(sandbox: str) -> None:
    """Show who held the lock last and clear it; a run that is alive keeps it."""
    left = FileLock(Path(sandbox) / "lock").forget()
    click.echo(f"cleared: {left}" if left else "nobody holds the lock")
