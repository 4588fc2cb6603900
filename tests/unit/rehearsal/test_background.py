"""Work beside a rehearsal: what comes of it, and what is said where nothing does."""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

import pytest

from rrplan.rehearsal.background import Background
from rrplan.rehearsal.unsettled import Unsettled


def counting() -> Callable[[Connection], int]:
    """Counts until it is told to end."""

    def count(control: Connection) -> int:
        number = 0
        while not control.poll(0.001):
            number += 1
        return number

    return count


def refused() -> Callable[[Connection], int]:
    """The kernel refuses what it needs."""
    raise PermissionError(1, "Operation not permitted")


def failing() -> Callable[[Connection], int]:
    """It begins, and then the kernel has no more room."""

    def fail(control: Connection) -> int:
        control.poll(None)
        raise OSError(105, "No buffer space available")

    return fail


def interrupted() -> Callable[[Connection], int]:
    """Ctrl-C reaches it too."""

    def interrupt(control: Connection) -> int:
        control.poll(None)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
        return 0

    return interrupt


def test_what_comes_of_it() -> None:
    """It works from its making until it is asked to end."""
    work = Background(counting, "counting")
    assert work.end() >= 0
    work = Background(counting, "counting")
    work.stop()
    work.stop()


def test_what_does_not_begin() -> None:
    """The reason is that of the kernel."""
    with pytest.raises(Unsettled, match=r"^counting: Operation not permitted$"):
        Background(refused, "counting")


def test_what_fails_on_the_way() -> None:
    """It is said at the end; nothing else comes of it."""
    with pytest.raises(Unsettled, match=r"^counting: No buffer space available$"):
        Background(failing, "counting").end()


def test_interrupted(capfd: pytest.CaptureFixture[str]) -> None:
    """It ends without a traceback, whatever its parent does on Ctrl-C, and whoever waits for it hears that it ended."""
    signal.signal(signal.SIGINT, lambda _number, _frame: sys.stderr.write("goes on"))
    with pytest.raises(Unsettled, match=r"^counting: it ended without a word$"):
        Background(interrupted, "counting").end()
    assert capfd.readouterr().err == ""
