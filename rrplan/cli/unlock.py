"""`rrplan unlock`."""

from __future__ import annotations

import click

from rrplan.adapters.local.lock import UNLOCK, described
from rrplan.cli.running import Where, confirmed, with_cluster
from rrplan.cli.say import say, say_line
from rrplan.errors import LockHeldError
from rrplan.exit_codes import ExitCode


@click.command("unlock")
@with_cluster
@click.option("--auto-approve", is_flag=True, help="Do not ask.")
def command(where: Where, *, auto_approve: bool) -> int:
    """Show who held the lock last and clear it; a run that is alive keeps it."""
    lock = where.cluster().lock
    held = lock.holder()
    if not held:
        say("nobody holds the lock")
        return ExitCode.DONE
    holder = described(held)
    if lock.alive():
        raise LockHeldError(holder, hint=UNLOCK)
    say_line(f"held by {holder}, which is not alive any more", err=True)
    if not auto_approve and not confirmed("Clear this lock?", "give `--auto-approve`", no_input=False):
        say("not cleared", err=True)
        return ExitCode.ERROR
    lock.forget()
    say_line(f"cleared: {holder}")
    return ExitCode.DONE
