"""Runs as files: a directory for each, with the plan and the journal."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.adapters.local.heads import LOST, Head, read_head
from rrplan.errors import FileFormatError, JournalError, JournalUnwritable, Problem, RRPlanError
from rrplan.ports import KeptRun, Log

NO_RUN = "`rrplan apply` starts one"
TAKEN_OVER = "another process took this run over; `rrplan runs` shows it, `rrplan resume` goes on once that one ended"
HEAD_BYTES = 128
"""Of the file with the head: always as many, so that a shorter text leaves nothing of a longer one."""


class FileLog:
    """Implements the port Log with one file; mode 0600, because it names resources.

    Reading leaves the file as it is. The first line added makes it, and drops a last line that a crash cut off. While
    lines are added the file is locked: whoever removed the lock of the cluster cannot write here too. `head` is the
    file that says how far this one was written; None for a run of an older version, which kept none.
    """

    def __init__(self, path: Path, head: Path | None = None) -> None:
        self._path = path
        self._kept = head
        self.place = str(path)
        self._descriptor = -1
        self._end: int | None = None
        """Bytes in the file up to the last line that we know; None before it was read."""
        self._head = Head()

    def lines(self) -> Sequence[bytes]:
        """All complete lines; none where there is no file.

        Raises JournalError where fewer are there than were written, RRPlanError where it cannot be read.
        """
        data = read_bytes(self._path) if self._path.exists() else b""
        end = data.rfind(b"\n") + 1
        lines = data[:end].split(b"\n")[:-1]
        if self._kept is not None:
            text = read_bytes(self._kept).decode(errors="replace") if self._kept.exists() else ""
            read_head(text, self.place).check(lines, self.place)
        self._end = end
        self._head = Head(len(lines)) if lines else Head()
        return lines

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line; with `durable` it is on disk when this returns.

        Raises JournalUnwritable, and JournalError where somebody else writes.
        """
        try:
            if self._descriptor < 0:
                self._descriptor = self._opened()
            self._confirm()
            self._write(line, durable=durable)
        except OSError as error:
            raise JournalUnwritable(
                f"cannot write {self._path}: {error.strerror}",
                hint="nothing is written to the cluster without the journal; make room, then `rrplan resume`",
            ) from error

    def _confirm(self) -> None:
        """Raise JournalError unless the file is still the one that we opened, and ends where we left it."""
        status = os.fstat(self._descriptor)
        try:
            there = self._path.stat()
            ours = (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)
        except FileNotFoundError:
            ours = False
        if not ours:
            raise JournalError(f"{self.place} was removed or replaced while the run went on", hint=LOST)
        if status.st_size != self._end:
            raise JournalError(f"{self.place} was written by somebody else in the meantime", hint=TAKEN_OVER)

    def _write(self, line: bytes, *, durable: bool) -> None:
        """All of the line or, where that fails, nothing of it."""
        end, rest = os.fstat(self._descriptor).st_size, line
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            if durable:
                os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise
        self._end = end + len(line)
        self._head = self._head.after(line)
        if durable and self._kept is not None:
            # Without waiting for the disk: after a loss of power it may lag, and a journal may be longer than its head.
            _overwrite(self._kept, self._head.text())

    def close(self) -> None:
        """Close the file of the journal."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _opened(self) -> int:
        """The journal to write to, without a last line that a crash cut off; raises JournalError."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise JournalError(f"{self.place} is being written by another process", hint=TAKEN_OVER) from error
            size = os.fstat(descriptor).st_size
            data = os.pread(descriptor, size, 0)
            complete = data.rfind(b"\n") + 1
            if self._end is None:
                self._end, self._head = complete, Head(data.count(b"\n"))
            if complete == self._end and complete < size:
                os.ftruncate(descriptor, complete)
        except (OSError, JournalError):
            os.close(descriptor)
            raise
        return descriptor


def _overwrite(path: Path, text: str) -> None:
    """A short text in place of the one before, in one write of the same length."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, text.ljust(HEAD_BYTES).encode(), 0)
    finally:
        os.close(descriptor)


class RunDirectory:
    """Implements the port RunStore: `<directory>/runs/<run>/{run.json,plan.json,journal.jsonl,head}`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def begin(self, run: KeptRun, plan: bytes) -> None:
        """Number the run and keep the plan; the run is known once all of it is there."""
        number = max((known.number for known in self._known()), default=0) + 1
        where = self._folder(run.run)
        where.mkdir(parents=True)
        _overwrite(where / "head", Head().text())
        about = {**asdict(replace(run, number=number)), "head": True}
        write_atomically(where / "run.json", json.dumps(about).encode(), 0o600)
        write_atomically(where / "plan.json", plan, 0o600)

    def plan(self, run: str) -> bytes:
        """The plan file of a run."""
        if run not in {known.run for known in self._known()}:
            raise RRPlanError(f"run `{run}` is not known in {self._directory}", hint=NO_RUN)
        return read_bytes(self._folder(run) / "plan.json")

    def log(self, run: str) -> FileLog:
        """The journal of a run, in a file."""
        folder = self._folder(run)
        return FileLog(folder / "journal.jsonl", folder / "head" if _about(folder).get("head") else None)

    def runs(self) -> Sequence[KeptRun]:
        """All runs, oldest first."""
        return [with_last_word(run, self.log(run.run)) for run in self._known()]

    def _known(self) -> list[KeptRun]:
        """All runs, oldest first, without their last words; those that have no number were first, in order of names."""
        folders = [plan.parent for plan in (self._directory / "runs").glob("*/plan.json")]
        return sorted(map(_kept, folders), key=lambda run: (run.number, run.run))

    def _folder(self, run: str) -> Path:
        return self._directory / "runs" / run


def _kept(folder: Path) -> KeptRun:
    about = _about(folder)
    try:
        run = KeptRun(folder.name, about["plan"], about["who"], about["since"], number=about.get("number", 0))
        if all(isinstance(word, str) for word in (run.plan, run.who, run.since)) and type(run.number) is int:
            return run
    except KeyError:
        pass
    raise _undescribed(folder)


def _about(folder: Path) -> dict[str, Any]:
    """What is kept about a run; raises FileFormatError."""
    try:
        about = json.loads(read_bytes(folder / "run.json"))
    except (ValueError, RecursionError) as error:
        raise _undescribed(folder) from error
    if not isinstance(about, dict):
        raise _undescribed(folder)
    return about


def _undescribed(folder: Path) -> FileFormatError:
    problem = Problem(f"{folder / 'run.json'} does not describe a run", hint="restore it from a copy")
    return FileFormatError([problem])


def with_last_word(run: KeptRun, log: Log) -> KeptRun:
    """The run with the last line about it, or with why its journal cannot be read."""
    try:
        return replace(run, last=last_word(log.lines()))
    except JournalError as error:
        return replace(run, problem=str(error))


def last_word(lines: Sequence[bytes]) -> str:
    """The event of the last line about the run itself; "" where there is none."""
    for line in reversed(lines):
        with suppress(RecursionError, ValueError):
            value = json.loads(line)
            if isinstance(value, dict) and value.get("step") == "":
                return str(value.get("event", ""))
    return ""
