"""What can have happened to a step: one table for writing and for replay."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from rrplan.errors import JournalError
from rrplan.ids import StepId
from rrplan.runs.journal import Entry


class Status(StrEnum):
    """Where a step stands. Landed and settled are different facts."""

    PENDING = "pending"
    STARTED = "started"
    APPLIED = "applied"
    SETTLED = "settled"
    APPLY_FAILED = "apply-failed"
    SETTLE_FAILED = "settle-failed"
    UNDO_STARTED = "undo-started"
    UNDONE = "undone"
    UNDO_FAILED = "undo-failed"


NEXT: dict[tuple[Status, str], Status] = {
    (Status.PENDING, "started"): Status.STARTED,
    (Status.STARTED, "applied"): Status.APPLIED,
    (Status.STARTED, "apply-failed"): Status.APPLY_FAILED,
    # Of a step of several writes some landed: they are taken back.
    (Status.STARTED, "undo-started"): Status.UNDO_STARTED,
    (Status.APPLIED, "settled"): Status.SETTLED,
    (Status.APPLIED, "settle-failed"): Status.SETTLE_FAILED,
    (Status.APPLIED, "undo-started"): Status.UNDO_STARTED,
    (Status.SETTLED, "undo-started"): Status.UNDO_STARTED,
    (Status.SETTLE_FAILED, "undo-started"): Status.UNDO_STARTED,
    (Status.UNDO_STARTED, "undone"): Status.UNDONE,
    (Status.UNDO_STARTED, "undo-failed"): Status.UNDO_FAILED,
    # An operator who asks again, after looking at what stood in the way.
    (Status.UNDO_FAILED, "undo-started"): Status.UNDO_STARTED,
    (Status.APPLY_FAILED, "started"): Status.STARTED,
    (Status.SETTLE_FAILED, "settled"): Status.SETTLED,
}

LANDED = (Status.APPLIED, Status.SETTLED, Status.SETTLE_FAILED, Status.UNDO_STARTED, Status.UNDO_FAILED)
"""The write is there, or may be there."""


def advance(step: StepId, status: Status, event: str) -> Status:
    """The status after an event; raises JournalError for one that cannot follow."""
    following = NEXT.get((status, event))
    if following is None:
        raise JournalError(
            f"step `{step}` is {status}, so it cannot become {event}", hint="the journal does not belong to this plan"
        )
    return following


def replay(entries: Iterable[Entry]) -> dict[StepId, Status]:
    """The status of every step that the journal names."""
    found: dict[StepId, Status] = {}
    for entry in entries:
        if entry.step:
            found[entry.step] = advance(entry.step, found.get(entry.step, Status.PENDING), entry.event)
    return found
