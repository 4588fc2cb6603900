"""Whether a run may go on: its lock is its own, and nobody else changed what its plan rests on."""

from __future__ import annotations

from collections.abc import Mapping

from rrplan.errors import DatastoreError
from rrplan.ids import StepId
from rrplan.plans.change import Change
from rrplan.plans.plan import Plan, Step
from rrplan.ports import Datastore, Lock
from rrplan.resources import ClusterState, encode
from rrplan.runs.drift import drift
from rrplan.runs.status import LANDED, Status
from rrplan.runs.writing import GaveUp, Writer
from rrplan.snapshots.snapshot import state_of
from rrplan.text import listed

"""Drifted resources that are named."""


class Guard:
    """Looks before writes."""

    def __init__(self, plan: Plan, datastore: Datastore, lock: Lock, writer: Writer) -> None:
        self._plan = plan
        self._datastore = datastore
        self._lock = lock
        self._writer = writer

    def objection(self, step: Step, statuses: Mapping[StepId, Status]) -> str:
        """Why a step may not begin, "" if it may; raises LockHeldError where the lock is somebody else's."""
        return self.unlocked() or (self.drifted(statuses) if step.changes else "")

    def unlocked(self) -> str:
        """Why it is not known that the lock is ours, "" if it is; raises LockHeldError where it is not."""
        try:
            self._writer.patiently(self._lock.confirm)
        except (GaveUp, DatastoreError) as error:
            return str(error)
        return ""

    def drifted(self, statuses: Mapping[StepId, Status]) -> str:
        """What somebody else changed, in words; "" for nothing."""
        try:
            stored = self._writer.patiently(self._datastore.everything)
            state = state_of(one.document for one in stored)
        except (GaveUp, DatastoreError) as error:
            return str(error)
        landed, doubtful = [], set()
        for step, change in self._plan.writes:
            status = statuses.get(step.id, Status.PENDING)
            if status is Status.STARTED:
                doubtful.add(str(change.key))
            # What it did to other resources, as a Calico Node does to its Node, is ours too.
            if status in LANDED or (status is Status.STARTED and _landed(change, state)):
                landed.append(change)
        # A write that was announced before a crash is read back, and judged, on its own.
        found = [f"{key} {what}" for key, what in drift(self._plan, state, landed).items() if key not in doubtful]
        return f"somebody else changed the cluster: {listed(found)}" if found else ""


def _landed(change: Change, state: ClusterState) -> bool:
    resource = state.get(change.key)
    return change.landed(encode(resource) if resource is not None else None)
