"""`rrplan snapshot`."""

from __future__ import annotations

import click

from rrplan.cli.output import write_own
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import Source, with_state


@click.command("snapshot")
@with_state
@click.option("--out", metavar="FILE", help="Write to a file instead of stdout.")
def command(
    source: Source,
    out: str | None,
) -> None:
    """Write what is there in a compact form without secrets; `--snapshot` reads it back."""
    from rrplan.snapshots import is_snapshot, write_snapshot

    data = write_snapshot(source.snapshot())
    if out:
        write_own(out, data, "snapshot", is_snapshot)
        say_line(f"wrote {out} ({len(data)} bytes)", err=True)
    else:
        say(data.decode(), nl=False)
