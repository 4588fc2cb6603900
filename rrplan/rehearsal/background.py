"""Work in a process of its own beside a rehearsal, so that nothing else delays it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from rrplan.rehearsal.isolation import die_with
from rrplan.rehearsal.unsettled import Unsettled

Result = TypeVar("Result")
_forked = get_context("fork")


class Background(Generic[Result]):
    """Begins at its making: `prepare` gives what is done until the connection has something to read.

    The process ends with its parent, and without a word where it is interrupted.
    """

    def __init__(self, prepare: Callable[[], Callable[[Connection], Result]], what: str) -> None:
        """`what` says what fails where it does; raises Unsettled where it does not begin."""
        self._what = what
        self._ours, theirs = _forked.Pipe()
        args = (prepare, theirs, self._ours, os.getpid())
        self._process = _forked.Process(target=_work, args=args, daemon=True)
        self._process.start()
        theirs.close()
        self._answer()

    def end(self) -> Result:
        """Let it stop, and give what it found; raises Unsettled where it failed."""
        with suppress(OSError):
            self._ours.send("end")
        result = self._answer()
        self._process.join()
        return result

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()

    def _answer(self) -> Result:
        try:
            problem, result = self._ours.recv()
        except (EOFError, OSError):
            problem, result = "it ended without a word", None
        if problem:
            raise Unsettled(f"{self._what}: {problem}")
        answer: Result = result
        return answer


def _work(
    prepare: Callable[[], Callable[[Connection], Result]], control: Connection, other: Connection, parent: int
) -> None:
    die_with(parent)
    other.close()
    with suppress(KeyboardInterrupt):
        try:
            work = prepare()
            control.send(("", None))
            control.send(("", work(control)))
        except OSError as error:
            control.send((str(error.strerror), None))
