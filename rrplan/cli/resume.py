"""`rrplan resume [RUN]`."""

from __future__ import annotations

import click

from rrplan import operations
from rrplan.cli.running import EXIT, Where, control, with_run


@click.command("resume")
@click.argument("run", required=False)
@with_run
def command(run: str | None, where: Where, output: str) -> int:
    """Go on with a run that stopped: the same loop over what the journal says. RUN is the last one, if not given."""
    return EXIT[operations.resume(where.cluster(), control(output, where), run)]
