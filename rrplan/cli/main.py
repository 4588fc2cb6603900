"""The command line: verbs are loaded when they are called, so `--help` costs nothing."""

from __future__ import annotations

import gc
import os
import sys
import threading
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

import click

from rrplan.cli.examples import epilog
from rrplan.cli.say import prepare, say, say_fitted, shown
from rrplan.errors import RRPlanError, UnsafePlanError, UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.text import one_line

VERBS = {
    "demo": "the whole story on an embedded cluster",
    "init": "look at a cluster and write a first spec that plans well there",
    "validate": "every problem of a spec at once",
    "snapshot": "what is there, as a file",
    "plan": "what would be done, in which order, and why it is safe",
    "show": "show a plan file again",
    "graph": "the action graph of a plan file",
    "report": "a plan, or what a run did, as one HTML file for those who decide",
    "bundle": "everything about a plan for the ticket, as a zip",
    "rehearse": "carry a plan out on real BIRD speakers on this machine, and measure what is lost",
    "approve": "sign a plan that you reviewed",
    "diff": "what changed from one plan to another",
    "apply": "carry a plan out",
    "resume": "go on with a run that stopped",
    "rollback": "take a run back",
    "runs": "the runs that a cluster knows",
    "unlock": "who holds the lock; clear what a dead run left",
    "status": "sessions expected against sessions seen",
    "verify": "is the cluster as a spec says, down to the sessions?",
    "sessions": "the BGP sessions that Calico configures",
    "routes": "how routes reach a node, or why not",
    "outside": "what speakers outside the cluster must have configured",
    "explain": "what a check looks at, and what to do",
    "simulate": "what a topology would cost before there is a cluster: sessions, paths, updates",
    "rbac": "the rights that a plan needs, as Kubernetes roles",
    "sandbox": "make an embedded cluster in a directory",
    "schema": "the JSON Schema of a file",
    "version": "which rrplan this is, and what it knows",
}


STATES = ("-f", "--filename", "--snapshot")
"""Options that name a cluster in files."""
LIVE = "this verb needs a cluster that can change: `--context NAME`, or an embedded one with `--sandbox DIR`"


_RESUMED = "interrupted; `rrplan resume` goes on with a run that had begun"
INTERRUPTED = {
    "apply": _RESUMED,
    "resume": _RESUMED,
    "rollback": _RESUMED,
    "rehearse": "rehearsal: interrupted; nothing was written to the cluster, and nothing of it is left",
}
"""What an interrupted verb says, where it leaves something to be said."""


class Verbs(click.Group):
    """Loads `rrplan.cli.<verb>` on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of a day's work."""
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is meant; raises UsageProblem with the nearest one where there is none."""
        verb = args[0]
        if verb not in VERBS and not verb.startswith("-"):
            close = get_close_matches(verb, VERBS, n=1)
            hint = f"did you mean `rrplan {close[0]}`?" if close else "`rrplan --help` lists the verbs"
            raise UsageProblem(f"`{verb}` is no verb of rrplan", hint=hint)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb."""
        if cmd_name not in VERBS:
            return None
        command = import_module(f"rrplan.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        command.epilog = epilog(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="rrplan", message="rrplan %(version)s")
@click.pass_context
def rrplan(context: click.Context) -> None:
    """Move a Calico cluster between BGP topologies without losing a route."""
    if context.invoked_subcommand is None:
        say(context.get_help())


def main() -> None:
    """Run, and turn every refusal into words and an exit code."""
    # What a verb reads lives until its end: to look for garbage among it again and again is time lost.
    gc.set_threshold(100_000, 50, 100)
    prepare()
    try:
        code = rrplan.main(prog_name="rrplan", standalone_mode=False)
    except RRPlanError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except click.UsageError as error:
        _complain(_usage(error))
        sys.exit(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        verb = next((word for word in sys.argv[1:] if word in VERBS), "")
        say(INTERRUPTED.get(verb, "interrupted"), err=True)
        _exit_at_once(ExitCode.INTERRUPTED)
    except click.ClickException as error:
        _complain(RRPlanError(error.format_message()))
        sys.exit(ExitCode.ERROR)
    except BrokenPipeError:
        # Nobody reads any more; without this the interpreter complains at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.ERROR)
    except OSError as error:
        place = f"{one_line(str(error.filename))}: " if error.filename else ""
        say(f"error: {place}{error.strerror}\n\nhint: check the name, the rights and the free space", err=True)
        sys.exit(ExitCode.ERROR)
    sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def _exit_at_once(code: int) -> NoReturn:
    """End although steps of a run are under way in threads, for which Python would wait; they write nothing more."""
    if any(thread is not threading.main_thread() and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _usage(error: click.UsageError) -> UsageProblem:
    """A problem that click found with the words on the command line, said as all others are."""
    verb = error.ctx.command_path if error.ctx else "rrplan"
    hint = f"`{verb} --help` says what it takes"
    options = {name for each in error.ctx.command.params for name in each.opts} if error.ctx else set()
    match error:
        case click.NoSuchOption() if error.option_name in STATES and "--sandbox" in options:
            return UsageProblem(f"`{verb}` has no option `{error.option_name}`", hint=LIVE)
        case click.NoSuchOption():
            close = error.possibilities or []
            return UsageProblem(
                f"`{verb}` has no option `{error.option_name}`",
                hint=f"did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else hint,
            )
        case click.MissingParameter() if error.param is not None:
            option = isinstance(error.param, click.Option)
            needed = f"`{error.param.opts[0]}`" if option else error.param.human_readable_name
            return UsageProblem(f"`{verb}` needs {needed}", hint=hint)
    message = error.format_message().rstrip(".")
    if "-f" in options and message.startswith("Got unexpected extra argument"):
        hint = "files of a cluster come with `-f` before each: `-f nodes.yaml -f calico.yaml`"
    return UsageProblem(message[:1].lower() + message[1:], hint=hint)


def _complain(error: RRPlanError) -> None:
    from rrplan.cli.colour import painter

    paint = painter(sys.stderr)
    if isinstance(error, UnsafePlanError):
        from rrplan.render.refused import refused_text

        say_fitted(refused_text(error, paint=paint), nl=False)
        return
    say_fitted(f"{paint('error:', 'red')} {shown(error)}")
    if error.hint:
        say_fitted(f"\nhint: {one_line(error.hint)}")
