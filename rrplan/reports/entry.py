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
    """All its writes landed."""
    SETTLED = "settled"
    """All its gates passed: the step is done."""
    APPLY_FAILED = "apply-failed"
    """Nothing of it landed; the note says why."""
    SETTLE_FAILED = "settle-failed"
    """Its writes landed, and a gate did not pass."""
    UNDO_STARTED = "undo-started"
    """Written before the first write of its undo is sent."""
    UNDONE = "undone"
    """Its undo landed, and the undo gates passed."""
    UNDO_FAILED = "undo-failed"
    """Its undo was refused, or an undo gate did not pass."""
    RUN_STARTED = "run-started"
    """The first line."""
    RUN_RESUMED = "run-resumed"
    """Somebody resumed the run."""
    ROLLBACK_STARTED = "rollback-started"
    """From here on steps are taken back: one failed, or the operator asked for it."""
    RUN_DONE = "run-done"
    """Every step is done."""
    RUN_UNDONE = "run-undone"
    """Everything was taken back."""
    RUN_STOPPED = "run-partial"
    """The run stopped between two states; the note says why."""
    RUN_INTERRUPTED = "run-interrupted"
    """The same, because the operator asked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a journal."""

    seq: int
    """The number of the line, counted from 1."""
    step: StepId
    """The id of the step in the plan; "" where the line speaks of the run."""
    event: str
    """What happened."""
    time: int
    """Whole milliseconds since 1970 (UTC), by a clock that may jump."""
    note: str
    """Why, for people; "" where there is nothing to say."""
    prev: str
    """The hash of the line before; of the first line, the digest of the plan."""
    hash: str
    """The digest of the six fields above."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line of the journal."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/journal.schema.json",
        **TypeAdapter(Entry).json_schema(),
    }
