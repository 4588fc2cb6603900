"""Kubernetes Events on the objects that a run changes: what `kubectl describe node` shows afterwards.

They are for people who look; a run does not fail with them. Labels that go to thousands of nodes get none when all
is well: the journal has them.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import datetime

from rrplan.adapters.kubernetes.kinds import KINDS, V3, collection
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.clock import timestamp
from rrplan.errors import DatastoreError
from rrplan.ids import ActionName, StepId
from rrplan.plans import Plan
from rrplan.ports import Clock
from rrplan.render.run import reason_text
from rrplan.reports.events import Listener, RunEvent, StepFailed, StepSettled, StepUndone, UndoFailed
from rrplan.resources import ResourceKey

NAMESPACE = "default"
"""Where Kubernetes keeps the Events of objects without a namespace."""
LABELS = (ActionName.LABEL_CLIENT, ActionName.UNLABEL_CLIENT, ActionName.UNLABEL_NODE)
LONGEST = 1000
"""Characters of a message; the API server takes 1,024."""


class EventRecorder:
    """Implements Listener: hands every event on, and records those about a changed object."""

    def __init__(self, server: ApiServer, clock: Clock, plan: Plan, listener: Listener) -> None:
        self._server = server
        self._clock = clock
        self._listener = listener
        self._steps = {step.id: step for step in plan.steps}

    def report(self, event: RunEvent) -> None:
        """Hand on, then record."""
        self._listener.report(event)
        match event:
            case StepSettled() if self._steps[event.step].action not in LABELS:
                self._record(event.step, "Normal", "Changed", "")
            case StepUndone():
                self._record(event.step, "Normal", "Undone", "undone: ")
            case StepFailed() | UndoFailed():
                self._record(event.step, "Warning", "Failed", f"{reason_text(event.why)}: ")
            case _:
                pass

    def _record(self, step: StepId, kind: str, reason: str, lead: str) -> None:
        planned = self._steps.get(step)
        # Events of namespaced objects live in their namespace, for which no right is asked.
        if planned is None or not planned.changes or planned.changes[-1].key.namespace:
            return
        with suppress(DatastoreError):
            event = _event(
                planned.changes[-1].key, kind, reason, f"{lead}{planned.summary}"[:LONGEST], self._clock.wall()
            )
            self._server.create(collection("Event", NAMESPACE), event)


def _event(key: ResourceKey, kind: str, reason: str, message: str, at: datetime) -> dict[str, object]:
    now = timestamp(at)
    # Events about Nodes name the node as UID too (pkg/kubelet does), which is where `kubectl describe node` looks.
    named = "Node" if key.kind == "CalicoNode" else key.kind
    about = {"apiVersion": KINDS[named].api(V3) if named in KINDS else V3, "kind": named, "name": key.name}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{key.name}.rrplan-{uuid.uuid4().hex[:12]}", "namespace": NAMESPACE},
        "involvedObject": {**about, **({"uid": key.name} if named == "Node" else {})},
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": "rrplan"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
