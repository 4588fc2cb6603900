"""Whether a run may go on: its lock is its own, and nobody else changed what its plan rests on."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.errors import DatastoreError
from rrplan.ids import StepId
from rrplan.plans.change import Change
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Datastore, Lock
from rrplan.reports.reasons import DatastoreFailed, Drifted, Objection
from rrplan.resources import ClusterState, encode
from rrplan.runs.drift import Memory, drift
from rrplan.runs.status import LANDED, Status
from rrplan.runs.writing import GaveUp, Writer
from rrplan.snapshots.decoded import Decoded


class Guard:
    """Decides before each step, without writing anything, whether the run may go on."""

    def __init__(self, plan: Plan, datastore: Datastore, lock: Lock, writer: Writer) -> None:
        self._plan = plan
        self._datastore = datastore
        self._lock = lock
        self._writer = writer
        self._decoded = Decoded()
        self._memory = Memory()

    def objection(self, step: Step, statuses: Mapping[StepId, Status]) -> Objection | None:
        """Why a step may not begin, None if it may; raises LockHeldError where the lock is somebody else's."""
        return self.unlocked() or (self.drifted(statuses) if step.changes else None)

    def unlocked(self) -> DatastoreFailed | None:
        """Why it is not known that the lock is ours, None if it is; raises LockHeldError where it is not."""
        try:
            self._writer.patiently(self._lock.confirm)
        except (GaveUp, DatastoreError) as error:
            return DatastoreFailed(str(error))
        return None

    def drifted(self, statuses: Mapping[StepId, Status]) -> DatastoreFailed | Drifted | None:
        """What somebody else changed, or why that cannot be known; None where nothing was."""
        try:
            stored = self._writer.patiently(self._datastore.everything)
            state = self._decoded.state(stored)
        except (GaveUp, DatastoreError) as error:
            return DatastoreFailed(str(error))
        landed, doubtful = [], set()
        for step, change in self._plan.writes:
            status = statuses.get(step.id, Status.PENDING)
            if status is Status.STARTED:
                doubtful.add(str(change.key))
            # What it did to other resources, as a Calico Node does to its Node, is ours too.
            if status in LANDED or (status is Status.STARTED and _landed(change, state)):
                landed.append(change)
        # A write that was announced before a crash is read back, and judged, on its own.
        drifts = tuple(
            change for change in drift(self._plan, state, landed, self._memory) if change.key not in doubtful
        )
        return Drifted(drifts) if drifts else None


def _landed(change: Change, state: ClusterState) -> bool:
    resource = state.get(change.key)
    return change.landed(encode(resource) if resource is not None else None)
