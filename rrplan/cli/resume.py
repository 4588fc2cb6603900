"""`rrplan resume [RUN]`."""

from __future__ import annotations

import click

from rrplan.cli.completion import runs as run_names
from rrplan.cli.running import EXIT, Where, control, with_run
from rrplan.cli.say import say_line


@click.command("resume")
@click.argument("run", required=False, shell_complete=run_names)
@with_run
def command(run: str | None, where: Where, output: str) -> int:
    """Go on with a run that stopped: the same loop over what the journal says. RUN is the last one, if not given."""
    from rrplan import operations
    from rrplan.render.record import over_text

    cluster = where.cluster()
    found = operations.record(cluster, run)
    if found.state in operations.OVER:
        say_line(over_text(found, "nothing is left to go on with"), err=True)
        return EXIT[operations.OVER[found.state]]
    return EXIT[operations.resume(cluster, control(output, where), found.kept.run)]
