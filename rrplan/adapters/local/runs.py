"""Runs as files: a directory for each, with the plan and the journal."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.errors import FileFormatError, JournalUnwritable, RRPlanError
from rrplan.ports import KeptRun

NO_RUN = "`rrplan apply` starts one"


class FileLog:
    """Implements the port Log with one file; mode 0600, because it names resources.

    Reading leaves the file as it is. The first line added makes it, and drops a last line that a crash cut off.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.place = str(path)
        self._descriptor = -1

    def lines(self) -> Sequence[bytes]:
        """All complete lines; none where there is no file. Raises RRPlanError where it cannot be read."""
        data = read_bytes(self._path) if self._path.exists() else b""
        return data[: data.rfind(b"\n") + 1].splitlines()

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line; with `durable` it is on disk when this returns. Raises JournalUnwritable."""
        try:
            if self._descriptor < 0:
                self._descriptor = _opened(self._path)
            self._write(line, durable=durable)
        except OSError as error:
            raise JournalUnwritable(
                f"cannot write {self._path}: {error.strerror}",
                hint="nothing is written to the cluster without the journal; make room, then `rrplan resume`",
            ) from error

    def _write(self, line: bytes, *, durable: bool) -> None:
        """All of the line or, where that fails, nothing of it."""
        end = os.fstat(self._descriptor).st_size
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            if durable:
                os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, end)
            raise

    def close(self) -> None:
        """Close the file of the journal."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _opened(path: Path) -> int:
    """A journal to write to, without a last line that a crash cut off."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        complete = os.pread(descriptor, size, 0).rfind(b"\n") + 1
        if complete < size:
            os.ftruncate(descriptor, complete)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class RunDirectory:
    """Implements the port RunStore: `<directory>/runs/<run>/{run.json,plan.json,journal.jsonl}`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def begin(self, run: KeptRun, plan: bytes) -> None:
        """Number the run and keep the plan; the run is known once all of it is there."""
        number = max((known.number for known in self._known()), default=0) + 1
        where = self._folder(run.run)
        where.mkdir(parents=True)
        write_atomically(where / "run.json", json.dumps(asdict(replace(run, number=number))).encode(), 0o600)
        write_atomically(where / "plan.json", plan, 0o600)

    def plan(self, run: str) -> bytes:
        """The plan file of a run."""
        if run not in {known.run for known in self._known()}:
            raise RRPlanError(f"run `{run}` is not known in {self._directory}", hint=NO_RUN)
        return read_bytes(self._folder(run) / "plan.json")

    def log(self, run: str) -> FileLog:
        """The journal of a run, in a file."""
        return FileLog(self._folder(run) / "journal.jsonl")

    def runs(self) -> Sequence[KeptRun]:
        """All runs, oldest first."""
        return [replace(run, last=last_word(self.log(run.run).lines())) for run in self._known()]

    def _known(self) -> list[KeptRun]:
        """All runs, oldest first, without their last words; those that have no number were first, in order of names."""
        folders = [plan.parent for plan in (self._directory / "runs").glob("*/plan.json")]
        return sorted(map(_kept, folders), key=lambda run: (run.number, run.run))

    def _folder(self, run: str) -> Path:
        return self._directory / "runs" / run


def _kept(folder: Path) -> KeptRun:
    file = folder / "run.json"
    try:
        fields = json.loads(read_bytes(file))
        return KeptRun(folder.name, fields["plan"], fields["who"], fields["since"], number=int(fields.get("number", 0)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError.one(f"{file} does not describe a run", hint="restore it from a copy") from error


def last_word(lines: Sequence[bytes]) -> str:
    """The event of the last line about the run itself; "" where there is none."""
    for line in reversed(lines):
        with suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict) and value.get("step") == "":
                return str(value.get("event", ""))
    return ""
