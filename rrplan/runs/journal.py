"""The journal: append-only, one JSON object per line, checksummed and chained to the plan.

A line stays (on disk, in the cluster) before the write it announces. Whatever does not fit the chain is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from types import TracebackType
from typing import Self

from rrplan.digest import digest
from rrplan.errors import JournalError
from rrplan.ids import StepId
from rrplan.ports import Log
from rrplan.reports.entry import Entry, JournalEvent

LATEST = 253_402_300_800_000
"""The year 10000 in milliseconds: no time is as late."""


def _seal(seq: int, step: str, event: str, time: int, note: str, prev: str) -> Entry:
    body = {"seq": seq, "step": step, "event": event, "time": time, "note": note, "prev": prev}
    return Entry(seq, StepId(step), event, time, note, prev, digest(body))


class Journal:
    """The entries of one run, on a log; `head` is the hash that the next entry follows.

    As a context manager it closes itself.
    """

    def __init__(self, log: Log, entries: list[Entry], head: str) -> None:
        self.entries = entries
        self._log = log
        self._head = head

    @classmethod
    def open(cls, log: Log, plan_digest: str) -> Journal:
        """Read a journal back, or begin one; raises JournalError where it contradicts itself or the plan."""
        entries: list[Entry] = []
        head = plan_digest
        for number, line in enumerate(log.lines(), 1):
            entry = _read(line, number, log.place)
            expected = _seal(number, entry.step, entry.event, entry.time, entry.note, head)
            if entry != expected:
                raise JournalError(
                    f"{log.place}:{number}: the line does not follow from the one before it",
                    hint="the journal was edited, or belongs to another plan; restore it from where it was copied",
                )
            head = entry.hash
            entries.append(entry)
        return cls(log, entries, head)

    def append(self, step: str, event: JournalEvent, at: datetime, note: str = "", *, durable: bool = True) -> Entry:
        """Add a line; with `durable` it stays when this returns. Raises JournalUnwritable."""
        entry = _seal(len(self.entries) + 1, step, event.value, round(at.timestamp() * 1000), note, self._head)
        line = json.dumps(asdict(entry), ensure_ascii=False, separators=(",", ":"))
        self._log.append(line.encode() + b"\n", durable=durable)
        self._head = entry.hash
        self.entries.append(entry)
        return entry

    def close(self) -> None:
        """Close the log, so that another process may open it."""
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _read(line: bytes, number: int, place: str) -> Entry:
    try:
        value = json.loads(line)
        entry = Entry(
            value["seq"],
            StepId(value["step"]),
            value["event"],
            value["time"],
            value["note"],
            value["prev"],
            value["hash"],
        )
        for whole in (entry.seq, entry.time):
            if type(whole) is not int or not 0 <= whole < LATEST:
                raise ValueError(f"{whole!r:.40} is no number of a line and no time")
        for text in (entry.step, entry.event, entry.note, entry.prev, entry.hash):
            if not isinstance(text, str):
                raise TypeError(f"{text!r:.40} is no text")
            text.encode()
        return entry
    except (RecursionError, ValueError, KeyError, TypeError) as error:
        raise JournalError(
            f"{place}:{number}: not a journal line", hint="it was damaged; restore it from where it was copied"
        ) from error
