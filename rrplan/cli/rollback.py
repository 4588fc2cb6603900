"""`rrplan rollback`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan import api
from rrplan.cli.running import EXIT, Stopper, killer, listener, opened, with_run


@click.command("rollback")
@with_run
def command(sandbox: str, faults: tuple[str, ...], pace: float, output: str) -> int:
    """Take the last run back, in reverse order, each undo gated."""
    cluster = opened(sandbox, faults, pace)
    result = api.rollback(cluster, Path(sandbox), listener(output), stop=Stopper(), wrap=killer(faults))
    return EXIT[result]
