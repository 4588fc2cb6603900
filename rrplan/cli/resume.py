"""`rrplan resume`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan import api
from rrplan.cli.running import EXIT, Stopper, killer, listener, opened, with_run


@click.command("resume")
@with_run
def command(sandbox: str, faults: tuple[str, ...], pace: float, output: str) -> int:
    """Go on with the run that stopped: the same loop over what the journal says."""
    cluster = opened(sandbox, faults, pace)
    result = api.resume(cluster, Path(sandbox), listener(output), stop=Stopper(), wrap=killer(faults))
    return EXIT[result]
