"""What apply, resume and rollback share: the world of a run, interrupts, exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import click

from rrplan.adapters.clock import SystemClock
from rrplan.cli.sources import faults_from
from rrplan.render.progress import JsonProgress, TextProgress
from rrplan.runs import FileJournal, Result
from rrplan.runs.events import Listener
from rrplan.runs.journal import Entry
from rrplan.sandbox import Sandbox

EXIT = {Result.DONE: 0, Result.UNDONE: 3, Result.PARTIAL: 4, Result.INTERRUPTED: 130}

Command = TypeVar("Command", bound=Callable[..., Any])


def with_run(command: Command) -> Command:
    """Add the options of a run."""
    for option in (
        click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to report."),
        click.option("--fault", "faults", multiple=True, metavar="NAME=VALUE", help="Switch a fault on (sandbox)."),
        click.option("--pace", type=float, default=0.0, help="Real seconds per simulated second (sandbox)."),
        click.option("--sandbox", metavar="DIR", required=True, help="An embedded cluster."),
    ):
        command = option(command)
    return command


def opened(directory: str, faults: Sequence[str], pace: float) -> Sandbox:
    """The sandbox of a directory with faults switched on."""
    clock = SystemClock()

    def wait(seconds: float) -> None:
        if pace:
            clock.sleep(seconds * pace)

    return Sandbox.open(Path(directory), faults_from(faults), wait)


def listener(output: str) -> Listener:
    """Progress on stderr for people, on stdout for programs."""
    if output == "json":
        return JsonProgress(sys.stdout)
    live = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 80
    return TextProgress(sys.stderr, live=live, width=width)


class Stopper:
    """The first Ctrl-C stops after the step in flight, the second at once."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        click.echo("\nstops after the step in flight; once more stops at once", err=True)

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.asked


class _Deadly(FileJournal):
    """A journal that kills its process after so many entries: a real crash, for tests and the demo."""

    left = 0

    def append(self, step: str, event: str, at: float, note: str = "", *, durable: bool = True) -> Entry:
        """Write, then die when it was the last."""
        entry = super().append(step, event, at, note, durable=durable)
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return entry


def killer(faults: Sequence[str]) -> Callable[[FileJournal], FileJournal]:
    """Wrap a journal for fault `kill-after-entry`."""
    number = next((fault.number for fault in faults_from(faults) if fault.name == "kill-after-entry"), 0)

    def wrap(journal: FileJournal) -> FileJournal:
        if number:
            journal.__class__ = _Deadly
            assert isinstance(journal, _Deadly)
            journal.left = number
        return journal

    return wrap
