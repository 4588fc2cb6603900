"""What is known of a run, by its plan, its journal and its lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rrplan.plans.plan import Plan, Step
from rrplan.ports import KeptRun
from rrplan.reports.entry import Entry
from rrplan.reports.events import RunState


class Moment(StrEnum):
    """How far the step is that a run is at."""

    WRITING = "writing"
    """Its writes were announced; some may have landed."""
    WAITING = "waiting"
    """Its writes landed, and its gates did not pass yet."""
    FAILED = "failed"
    UNDOING = "undoing"
    UNDO_FAILED = "undo-failed"


@dataclass(frozen=True, slots=True)
class StepAt:
    """The step that a run is at, its place in the plan counted from 1, how far it is, and since when."""

    step: Step
    number: int
    moment: Moment
    since: datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run: what its store knows, its plan with the digest, and what its journal says.

    `holder` is who holds the lock for it, {} for nobody; `landed` are the steps whose writes are there, or may be
    there, in the order of the plan; `at` is None between two steps.
    """

    kept: KeptRun
    plan: Plan
    digest: str
    state: RunState
    holder: Mapping[str, str]
    entries: tuple[Entry, ...]
    landed: tuple[Step, ...]
    at: StepAt | None
    back: bool
    """Whether it takes steps back, because one failed or the operator asked."""
    left: int = 0
    """Seconds that the step it is at and those after it usually take together; 0 where that is not known."""

    @property
    def note(self) -> str:
        """What the last line about the run says, for people; "" for nothing."""
        return next((entry.note for entry in reversed(self.entries) if not entry.step), "")
