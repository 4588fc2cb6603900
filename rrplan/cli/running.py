"""What apply, resume and rollback share: the cluster of a run, interrupts, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from shlex import quote
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from rrplan.cli.colour import painter
from rrplan.cli.live import NODE_STATUS, PROBE, with_live
from rrplan.cli.output import JSON, TERMINAL, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import faults_from, note
from rrplan.errors import RRPlanError, UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.parallelism import PARALLELISM
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan import operations, wiring
    from rrplan.ports import Log
    from rrplan.reports.events import Listener, RunEvent
    from rrplan.sandbox import Sandbox
    from rrplan.wiring import LiveOptions

EXIT: Mapping[str, ExitCode] = {
    "done": ExitCode.DONE,
    "undone": ExitCode.UNDONE,
    "stopped": ExitCode.PARTIAL,
    "interrupted": ExitCode.INTERRUPTED,
}
"""By the result of a run (`rrplan.reports.events.Result`)."""


@dataclass(frozen=True, slots=True)
class Where:
    """The cluster that a run changes, as the command line said it."""

    sandbox: str | None
    live: LiveOptions
    faults: tuple[str, ...] = ()
    pace: float = 0.0
    parallelism: int = PARALLELISM

    @property
    def words(self) -> str:
        """The words that name it, for a command that is to be typed."""
        return f"--sandbox {quote(self.sandbox)}" if self.sandbox else self.live.words

    def title(self, cluster: wiring.Cluster) -> str:
        """What a question calls the cluster: its context and server, or the directory of the sandbox."""
        context = self.live.context or ""
        return f"{context} ({cluster.name})" if context and context != cluster.name else cluster.name

    def cluster(self) -> wiring.Cluster:
        """The cluster; raises UsageProblem for none or two."""
        from rrplan import wiring

        if bool(self.sandbox) is self.live.given:
            what = "`--sandbox` and `--context` exclude one another" if self.sandbox else "no cluster is given"
            raise UsageProblem(what, hint="give `--context NAME` for a live cluster, or `--sandbox DIR`")
        if self.sandbox:
            return wiring.embedded(self._opened(self.sandbox), Path(self.sandbox))
        if self.faults:
            raise UsageProblem("`--fault` is for `--sandbox`", hint="a live cluster has faults enough of its own")
        return self.live.cluster(note)

    def _opened(self, directory: str) -> Sandbox:
        from rrplan.adapters.local.clock import SystemClock
        from rrplan.sandbox import Sandbox

        clock = SystemClock()

        def wait(seconds: float) -> None:
            if self.pace:
                clock.sleep(seconds * self.pace)

        return Sandbox.open(Path(directory), faults_from(self.faults), wait)


def with_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name a cluster; the command gets them as `where`."""

    @wraps(command)
    def placed(
        sandbox: str | None,
        live: LiveOptions,
        **rest: Any,
    ) -> object:
        where = Where(
            sandbox, live, rest.pop("faults", ()), rest.pop("pace", 0.0), rest.pop("parallelism", PARALLELISM)
        )
        return command(where=where, **rest)

    sandbox = click.option("--sandbox", metavar="DIR", help="An embedded cluster.")
    with_options: Callable[..., Any] = sandbox(with_live(placed, NODE_STATUS, PROBE))
    return with_options


def with_run(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a run."""
    with_options = with_cluster(command)
    for option in (
        with_output(TERMINAL, JSON),
        click.option("--fault", "faults", multiple=True, metavar="NAME=VALUE", help="Switch a fault on (sandbox)."),
        click.option(
            "--parallelism",
            type=click.IntRange(1, 64),
            default=PARALLELISM,
            show_default=True,
            help="Steps that may be under way at the same time, where none of them touches sessions.",
        ),
        click.option("--pace", type=float, default=0.0, help="Real seconds per simulated second (sandbox)."),
    ):
        with_options = option(with_options)
    return with_options


def control(output: str, where: Where) -> operations.Control:
    """Who hears of the run, Ctrl-C, and how many steps may be under way."""
    from rrplan import operations

    stopper = Stopper()
    heard = UntilClosed(listener(output), stopper.ask)
    return operations.Control(heard, stopper, killer(where.faults), parallelism=where.parallelism)


def listener(output: str, *, lead: str = "") -> Listener:
    """Progress on stderr for people, on stdout for programs; `lead` stands before every line for people."""
    from rrplan.adapters.local.clock import SystemClock
    from rrplan.render.progress import JsonProgress, TextProgress

    if output == JSON:
        return JsonProgress(sys.stdout, SystemClock().wall)
    live = sys.stderr.isatty()
    width = os.get_terminal_size(sys.stderr.fileno()).columns if live else 80
    return TextProgress(sys.stderr, live=live, width=width, paint=painter(sys.stderr), lead=lead)


def confirmed(question: str, instead: str, *, no_input: bool) -> bool:
    """The operator's answer; raises RRPlanError where nobody can give one."""
    try:
        if not no_input:
            return click.confirm(one_line(question), err=True)
    except click.Abort:
        say(err=True)
    raise RRPlanError("nobody is there to approve", hint=instead)


class Stopper:
    """The first Ctrl-C stops after the step in flight, the second at once."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What nohup(1) and the like ignore stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGINT:
                signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number != signal.SIGHUP:
            raise KeyboardInterrupt
        self.asked = True
        # The terminal may be gone.
        with suppress(OSError):
            say("\nstops after the step in flight; once more stops at once", err=True)

    def ask(self) -> None:
        """Stop after the step in flight."""
        self.asked = True

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.asked


class UntilClosed:
    """Reports until nobody reads any more, as after `| head`; then the run is asked to stop, and goes on in silence."""

    def __init__(self, listener: Listener, closed: Callable[[], None]) -> None:
        self._listener = listener
        self._closed = closed
        self._open = True

    def report(self, event: RunEvent) -> None:
        """Pass the event on, while somebody reads."""
        if not self._open:
            return
        try:
            self._listener.report(event)
        except OSError:
            self._open = False
            self._closed()


class _Deadly:
    """A log that kills its process after so many lines: a real crash, for tests and the demo."""

    def __init__(self, log: Log, left: int) -> None:
        self._log = log
        self._left = left
        self.place = log.place

    def lines(self) -> Sequence[bytes]:
        """The lines of the log behind it."""
        return self._log.lines()

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write, then die when it was the last."""
        self._log.append(line, durable=durable)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        """Close the log behind it."""
        self._log.close()


def killer(faults: Sequence[str]) -> Callable[[Log], Log]:
    """Wrap a log for fault `kill-after-entry`."""
    number = next((fault.number for fault in faults_from(faults) if fault.name == "kill-after-entry"), 0)
    return lambda log: _Deadly(log, number) if number else log
