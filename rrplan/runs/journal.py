"""The journal: append-only, one JSON object per line, checksummed and chained to the plan.

A line is on disk before the write it announces. A last line that was cut off by a crash is dropped; anything
else that does not fit the chain is refused.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rrplan.digest import digest
from rrplan.errors import JournalError, JournalUnwritable
from rrplan.ids import StepId


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `step` "" speaks of the run. `time` is whole milliseconds since the epoch."""

    seq: int
    step: StepId
    event: str
    time: int
    note: str
    prev: str
    hash: str


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line of the journal."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/journal.schema.json",
        **TypeAdapter(Entry).json_schema(),
    }


def _seal(seq: int, step: str, event: str, time: int, note: str, prev: str) -> Entry:
    body = {"seq": seq, "step": step, "event": event, "time": time, "note": note, "prev": prev}
    return Entry(seq, StepId(step), event, time, note, prev, digest(body))


class FileJournal:
    """A journal in a file; mode 0600, because it names resources."""

    def __init__(self, path: Path, entries: list[Entry], head: str) -> None:
        self.entries = entries
        self._path = path
        self._head = head
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @classmethod
    def create(cls, path: Path, plan_digest: str) -> FileJournal:
        """Start a journal for a plan; raises JournalError where the file exists."""
        if path.exists():
            raise JournalError(f"{path} exists already", hint="`rrplan resume` goes on with that run")
        return cls(path, [], plan_digest)

    @classmethod
    def open(cls, path: Path, plan_digest: str) -> FileJournal:
        """Read a journal back; raises JournalError where it contradicts itself or the plan."""
        data = path.read_bytes()
        complete = data.rfind(b"\n") + 1
        if complete < len(data):
            os.truncate(path, complete)
        entries: list[Entry] = []
        head = plan_digest
        for number, line in enumerate(data[:complete].splitlines(), 1):
            entry = _read(line, number, path)
            expected = _seal(number, entry.step, entry.event, entry.time, entry.note, head)
            if entry != expected:
                raise JournalError(
                    f"{path}:{number}: the line does not follow from the one before it",
                    hint="the journal was edited, or belongs to another plan; restore it from where it was copied",
                )
            head = entry.hash
            entries.append(entry)
        return cls(path, entries, head)

    def append(self, step: str, event: str, at: float, note: str = "", *, durable: bool = True) -> Entry:
        """Add a line; with `durable` it is on disk when this returns. Raises JournalUnwritable."""
        entry = _seal(len(self.entries) + 1, step, event, round(at * 1000), note, self._head)
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":"))
        self._write(line.encode() + b"\n", durable=durable)
        self._head = entry.hash
        self.entries.append(entry)
        return entry

    def _write(self, data: bytes, *, durable: bool) -> None:
        end = os.fstat(self._descriptor).st_size
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            if durable:
                os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                os.truncate(self._path, end)
            raise JournalUnwritable(
                f"cannot write {self._path}: {error.strerror}",
                hint="nothing is written to the cluster without the journal; make room, then `rrplan resume`",
            ) from error

    def close(self) -> None:
        """Bring everything to disk and let go of the file."""
        os.fsync(self._descriptor)
        os.close(self._descriptor)


def _read(line: bytes, number: int, path: Path) -> Entry:
    try:
        value = json.loads(line)
        return Entry(
            value["seq"],
            StepId(value["step"]),
            value["event"],
            value["time"],
            value["note"],
            value["prev"],
            value["hash"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise JournalError(
            f"{path}:{number}: not a journal line", hint="the file was damaged; restore it from where it was copied"
        ) from error
