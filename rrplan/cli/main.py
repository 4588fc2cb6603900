"""The command line: verbs are loaded when they are called, so `--help` costs nothing."""

from __future__ import annotations

import gc
import os
import sys
import threading
from importlib import import_module
from typing import NoReturn

import click

from rrplan.errors import RRPlanError, UnsafePlanError
from rrplan.exit_codes import ExitCode

VERBS = {
    "demo": "the whole story on an embedded cluster",
    "validate": "every problem of a spec at once",
    "snapshot": "what is there, as a file",
    "plan": "what would be done, in which order, and why it is safe",
    "show": "show a plan file again",
    "graph": "the action graph of a plan file",
    "rehearse": "carry a plan out on real BIRD speakers on this machine, and measure what is lost",
    "apply": "carry a plan out",
    "resume": "go on with a run that stopped",
    "rollback": "take a run back",
    "runs": "the runs that a cluster knows",
    "unlock": "who holds the lock; clear what a dead run left",
    "status": "sessions expected against sessions seen",
    "verify": "is the cluster as a spec says, down to the sessions?",
    "sessions": "the BGP sessions that Calico configures",
    "routes": "how routes reach a node, or why not",
    "rbac": "the rights that a plan needs, as Kubernetes roles",
    "sandbox": "make an embedded cluster in a directory",
    "schema": "the JSON Schema of a file",
}


class Verbs(click.Group):
    """Loads `rrplan.cli.<verb>` on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of a day's work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb."""
        if cmd_name not in VERBS:
            return None
        command = import_module(f"rrplan.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rrplan", message="rrplan %(version)s")
def rrplan() -> None:
    """Move a Calico cluster between BGP topologies without losing a route."""


def main() -> None:
    """Run, and turn every refusal into words and an exit code."""
    # What a verb reads lives until its end: to look for garbage among it again and again is time lost.
    gc.set_threshold(100_000, 50, 100)
    try:
        code = rrplan.main(standalone_mode=False)
    except RRPlanError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; `rrplan resume` goes on with a run that had begun", err=True)
        _exit_at_once(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.ERROR)
    except BrokenPipeError:
        # Nobody reads any more; without this the interpreter complains at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.ERROR)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"error: {place}{error.strerror}\n\nhint: check the name, the rights and the free space", err=True)
        sys.exit(ExitCode.ERROR)
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _exit_at_once(code: int) -> NoReturn:
    """End although steps of a run are under way in threads, for which Python would wait; they write nothing more."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _complain(error: RRPlanError) -> None:
    if isinstance(error, UnsafePlanError):
        from rrplan.render.refused import refused_text

        click.echo(refused_text(error), nl=False, err=True)
        return
    click.echo(f"error: {error}", err=True)
    if error.hint:
        click.echo(f"\nhint: {error.hint}", err=True)
