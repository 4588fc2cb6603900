"""What is known of a run, worked out from its plan, its journal and its lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from rrplan.ids import StepId
from rrplan.plans.cost import seconds_left
from rrplan.plans.plan import Plan
from rrplan.ports import KeptRun
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import RunState
from rrplan.reports.record import Moment, RunRecord, StepAt
from rrplan.runs.journal import Journal
from rrplan.runs.status import LANDED, Direction, Status, direction, replay

ENDED: dict[str, RunState] = {
    JournalEvent.RUN_DONE: RunState.DONE,
    JournalEvent.RUN_UNDONE: RunState.UNDONE,
}
"""By the last line about a run: what is over. Without a last word its process died, and the run stopped."""
MOMENTS = {
    Status.STARTED: Moment.WRITING,
    Status.APPLIED: Moment.WAITING,
    Status.APPLY_FAILED: Moment.FAILED,
    Status.SETTLE_FAILED: Moment.FAILED,
    Status.UNDO_STARTED: Moment.UNDOING,
    Status.UNDO_FAILED: Moment.UNDO_FAILED,
}


def run_state(last: str, *, running: bool) -> RunState:
    """The state of a run, by the last line about it and whether a live process holds the lock for it."""
    return RunState.RUNNING if running else ENDED.get(last, RunState.STOPPED)


def recorded(kept: KeptRun, plan: Plan, digest: str, journal: Journal, holder: Mapping[str, str]) -> RunRecord:
    """What is known of a run whose lock `holder` has, {} for nobody; raises JournalError."""
    entries = tuple(journal.entries)
    statuses = replay(entries, plan.edges)
    last = next((entry.event for entry in reversed(entries) if not entry.step), "")
    at = _at(plan, journal, statuses)
    back = direction(entries) is not Direction.FORWARD
    return RunRecord(
        replace(kept, last=last),
        plan,
        digest,
        run_state(last, running=bool(holder)),
        holder,
        entries,
        tuple(step for step in plan.steps if statuses.get(step.id) in (*LANDED, Status.STARTED)),
        at,
        back,
        0 if at is None or back else seconds_left(plan)[at.number - 1],
    )


def _at(plan: Plan, journal: Journal, statuses: Mapping[StepId, Status]) -> StepAt | None:
    places = {step.id: number for number, step in enumerate(plan.steps, 1)}
    for entry in reversed(journal.entries):
        moment = MOMENTS.get(statuses[entry.step]) if entry.step else None
        if moment is not None and entry.step in places:
            number = places[entry.step]
            return StepAt(plan.steps[number - 1], number, moment, datetime.fromtimestamp(entry.time / 1000, UTC))
    return None
