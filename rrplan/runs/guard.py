"""Whether a run may go on: its lock is its own, and nobody else changed what its plan rests on."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.errors import DatastoreError
from rrplan.ids import StepId
from rrplan.plans.change import Change
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Datastore, Document, Lock
from rrplan.reports.reasons import DatastoreFailed, Drifted, Objection
from rrplan.resources import ClusterState, ResourceKey, encode
from rrplan.runs.drift import Memory, drift
from rrplan.runs.status import LANDED, Status
from rrplan.runs.writing import GaveUp, Writer
from rrplan.snapshots.decoded import Decoded

IN_DOUBT = (Status.STARTED, Status.UNDO_STARTED, Status.UNDO_FAILED)
"""Some of the changes of such a step may be there and others not."""


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

    def misfits(self, statuses: Mapping[StepId, Status]) -> tuple[StepId, ...]:
        """Steps that are done in the cluster and, by the journal, are not; none where the cluster cannot be asked.

        Of each resource the first change that is to come counts: what it begins with must be there.
        """
        state = self._state()
        if isinstance(state, DatastoreFailed):
            return ()
        pending: dict[ResourceKey, list[tuple[Step, Change]]] = {}
        for step, change in self._plan.writes:
            pending.setdefault(change.key, []).append((step, change))
        misfits = []
        for key, writes in pending.items():
            if any(statuses.get(step.id) in IN_DOUBT for step, _ in writes):
                continue
            left = [(step, change) for step, change in writes if statuses.get(step.id) not in LANDED]
            resource = state.get(key)
            observed = encode(resource) if resource is not None else None
            if left and left[0][1].conflicts(observed):
                misfits += [step.id for step, change in left if change.landed(observed)]
        return tuple(misfits)

    def _state(self) -> ClusterState | DatastoreFailed:
        try:
            return self._decoded.state(self._writer.patiently(self._datastore.everything))
        except (GaveUp, DatastoreError) as error:
            return DatastoreFailed(str(error))

    def drifted(self, statuses: Mapping[StepId, Status]) -> DatastoreFailed | Drifted | None:
        """What somebody else changed, or why that cannot be known; None where nothing was."""
        state = self._state()
        if isinstance(state, DatastoreFailed):
            return state
        landed, doubtful = [], set()
        for step, change in self._plan.writes:
            status = statuses.get(step.id, Status.PENDING)
            in_doubt = status in IN_DOUBT
            if in_doubt:
                doubtful.add(str(change.key))
            # What it did to other resources, as a Calico Node does to its Node, is ours too.
            if _landed(change, state) if in_doubt else status in LANDED:
                landed.append(change)
        # A write, or its undo, that was announced before a crash is read back, and judged, on its own.
        drifts = tuple(
            change for change in drift(self._plan, state, landed, self._memory) if change.key not in doubtful
        )
        return Drifted(drifts) if drifts else None


def landed_by_sight(step: Step, state: ClusterState) -> bool:
    """Whether a cluster is as a step leaves it, and not as the step finds it."""

    def document(change: Change) -> Document | None:
        resource = state.get(change.key)
        return encode(resource) if resource is not None else None

    landed = all(change.landed(document(change)) for change in step.changes)
    return landed and any(change.conflicts(document(change)) for change in step.changes)


def _landed(change: Change, state: ClusterState) -> bool:
    resource = state.get(change.key)
    return change.landed(encode(resource) if resource is not None else None)
