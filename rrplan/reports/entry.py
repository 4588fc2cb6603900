"""A line of a journal, and the events that it can tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from rrplan.ids import StepId


class JournalEvent(StrEnum):
    """What a line of a journal tells: of a step, or (RUN_..., ROLLBACK_STARTED) of the run."""

    STARTED = "started"
    """Written before the first write of the step is sent."""
    APPLIED = "applied"
    SETTLED = "settled"
    APPLY_FAILED = "apply-failed"
    SETTLE_FAILED = "settle-failed"
    UNDO_STARTED = "undo-started"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"
    RUN_STARTED = "run-started"
    RUN_RESUMED = "run-resumed"
    ROLLBACK_STARTED = "rollback-started"
    RUN_DONE = "run-done"
    RUN_UNDONE = "run-undone"
    RUN_STOPPED = "run-partial"
    RUN_INTERRUPTED = "run-interrupted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `step` "" speaks of the run. `time` is whole milliseconds since the epoch, by a clock that may jump."""

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
