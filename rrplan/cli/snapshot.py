"""`rrplan snapshot`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan.adapters.local.files import write_atomically
from rrplan.cli.output import say, say_line
from rrplan.cli.sources import Source, with_state
from rrplan.snapshots import write_snapshot


@click.command("snapshot")
@with_state
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of stdout.")
def command(
    source: Source,
    output: str | None,
) -> None:
    """Write what is there in a compact form without secrets; `--snapshot` reads it back."""
    data = write_snapshot(source.snapshot())
    if output:
        write_atomically(Path(output), data)
        say_line(f"wrote {output} ({len(data)} bytes)", err=True)
    else:
        say(data.decode(), nl=False)
