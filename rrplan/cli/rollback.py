"""`rrplan rollback [RUN]`."""

from __future__ import annotations

import click

from rrplan.cli.completion import runs as run_names
from rrplan.cli.detail import ALL
from rrplan.cli.running import EXIT, Where, confirmed, control, with_run
from rrplan.cli.say import say, say_line
from rrplan.exit_codes import ExitCode
from rrplan.render.detail import Detail


@click.command("rollback")
@click.argument("run", required=False, shell_complete=run_names)
@with_run
@ALL
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
@click.option("--no-input", is_flag=True, help="Never ask: refuse where a question would come.")
@click.option(
    "--accept-drift",
    is_flag=True,
    help="Take it back although somebody else changed what its plan rests on; the way back is not proved then.",
)
def command(
    run: str | None,
    where: Where,
    output: str,
    detail: Detail,
    *,
    auto_approve: bool,
    no_input: bool,
    accept_drift: bool,
) -> int:
    """Take a run back, in reverse order, each undo gated; exit code 0 once the cluster is as before it.

    RUN is the last one that stopped, if not given; a run that is done must be named.
    """
    from rrplan import operations
    from rrplan.render.record import over_text, way_back_text
    from rrplan.reports.events import Result, RunState

    cluster = where.cluster()
    found = operations.record(cluster, run)
    operations.check_rollback(cluster, found, named=run is not None)
    if found.state is RunState.UNDONE:
        say_line(over_text(found, "nothing is left to take back"), err=True)
        return ExitCode.DONE
    say(way_back_text(found, cluster.name, detail), err=True)
    if not auto_approve and not confirmed("Take this run back?", "give `--auto-approve`", no_input=no_input):
        say("not taken back; nothing was changed", err=True)
        return ExitCode.ERROR
    result = operations.rollback(cluster, control(output, where), found.kept.run, accept_drift=accept_drift)
    return ExitCode.DONE if result is Result.UNDONE else EXIT[result]
