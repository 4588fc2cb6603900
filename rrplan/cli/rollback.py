"""`rrplan rollback [RUN]`."""

from __future__ import annotations

import click

from rrplan import operations
from rrplan.cli.running import EXIT, Where, control, with_run


@click.command("rollback")
@click.argument("run", required=False)
@with_run
def command(run: str | None, where: Where, output: str) -> int:
    """Take a run back, in reverse order, each undo gated. RUN is the last one, if not given."""
    return EXIT[operations.rollback(where.cluster(), control(output, where), run)]
