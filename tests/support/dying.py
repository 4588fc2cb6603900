"""Logs whose process dies after a line, as `kill -9` would: nothing is sent after it, nothing is given back."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from rrplan.adapters.kubernetes.lease import LeaseLock
from rrplan.ports import Lock, Log

Fatal = Callable[[bytes], bool]
"""Whether the process dies right after a line."""


class Crash(BaseException):
    """The process is gone."""


class DyingLog:
    """A log whose process dies when a line that is `fatal` stays; `die` is how."""

    def __init__(self, log: Log, fatal: Fatal, die: Callable[[], None] | None = None) -> None:
        self._log, self._fatal, self._die = log, fatal, die or crash
        self._dead = False
        self.place = log.place

    def lines(self) -> Sequence[bytes]:
        """As they are."""
        return self._log.lines()

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write, then die when it was the last; no thread of a dead process writes any more."""
        if self._dead:
            crash()
        self._log.append(line, durable=durable)
        if self._fatal(line):
            self._dead = True
            # What a process holds ends with it.
            self._log.close()
            self._die()

    def close(self) -> None:
        """As it is."""
        self._log.close()


def buried() -> None:
    """Wait until the threads of a run that died in this process have ended: those of a real one die with it."""
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(30)


def after(lines: int) -> Fatal:
    """Dies after so many lines; 0 for never."""
    left = [lines]

    def fatal(_line: bytes) -> bool:
        left[0] -= 1
        return left[0] == 0

    return fatal


def crash() -> NoReturn:
    """The process is gone, for a test that goes on."""
    raise Crash


def killed() -> None:
    """A real `kill -9` of this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def abandoned(lock: Lock) -> Callable[[], NoReturn]:
    """A death that leaves a Lease behind: nobody renews it any more, and nobody gives it back."""

    def die() -> NoReturn:
        assert isinstance(lock, LeaseLock)
        lock._stop.set()
        if lock._renewing is not None:
            lock._renewing.join()
        # Threads of the run that go on for a moment find the lock as it was: they end at their next line.
        lock.release = lambda: None  # type: ignore[method-assign]
        raise Crash

    return die
