"""What can have happened to a step: one table for writing and for replay."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from rrplan.errors import JournalError
from rrplan.ids import StepId
from rrplan.plans.plan import Edge
from rrplan.reports.entry import Entry, JournalEvent


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
    (Status.PENDING, JournalEvent.STARTED): Status.STARTED,
    (Status.STARTED, JournalEvent.APPLIED): Status.APPLIED,
    (Status.STARTED, JournalEvent.APPLY_FAILED): Status.APPLY_FAILED,
    # Of a step of several writes some landed: they are taken back.
    (Status.STARTED, JournalEvent.UNDO_STARTED): Status.UNDO_STARTED,
    (Status.APPLIED, JournalEvent.SETTLED): Status.SETTLED,
    (Status.APPLIED, JournalEvent.SETTLE_FAILED): Status.SETTLE_FAILED,
    (Status.APPLIED, JournalEvent.UNDO_STARTED): Status.UNDO_STARTED,
    (Status.SETTLED, JournalEvent.UNDO_STARTED): Status.UNDO_STARTED,
    (Status.SETTLE_FAILED, JournalEvent.UNDO_STARTED): Status.UNDO_STARTED,
    (Status.UNDO_STARTED, JournalEvent.UNDONE): Status.UNDONE,
    (Status.UNDO_STARTED, JournalEvent.UNDO_FAILED): Status.UNDO_FAILED,
    # An operator who asks again, after looking at what stood in the way.
    (Status.UNDO_FAILED, JournalEvent.UNDO_STARTED): Status.UNDO_STARTED,
    (Status.APPLY_FAILED, JournalEvent.STARTED): Status.STARTED,
    (Status.SETTLE_FAILED, JournalEvent.SETTLED): Status.SETTLED,
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


WAY_BACK = (JournalEvent.UNDO_STARTED, JournalEvent.UNDONE, JournalEvent.UNDO_FAILED)
"""What only a run that takes steps back tells."""


class Direction(StrEnum):
    """Where a run goes: on, back because a step failed, or back because an operator asked."""

    FORWARD = "forward"
    UNDO = "undo"
    ROLLBACK = "rollback"


def direction(entries: Iterable[Entry]) -> Direction:
    """The direction of a run, by its journal alone."""
    events = {entry.event for entry in entries}
    if JournalEvent.ROLLBACK_STARTED in events:
        return Direction.ROLLBACK
    return Direction.FORWARD if events.isdisjoint(WAY_BACK) else Direction.UNDO


def replay(entries: Iterable[Entry], edges: Iterable[Edge] = ()) -> dict[StepId, Status]:
    """The status of every step that the journal names.

    Raises JournalError where a step began although one that must come before it had not.
    """
    before: dict[StepId, list[StepId]] = {}
    for edge in edges:
        before.setdefault(edge.after, []).append(edge.before)
    statuses: dict[StepId, Status] = {}
    for entry in entries:
        if not entry.step:
            continue
        early = next((step for step in before.get(entry.step, ()) if step not in statuses), None)
        if early is not None:
            raise JournalError(
                f"step `{entry.step}` began before `{early}`, which the plan wants first",
                hint="the journal does not belong to this plan",
            )
        statuses[entry.step] = advance(entry.step, statuses.get(entry.step, Status.PENDING), entry.event)
    return statuses
