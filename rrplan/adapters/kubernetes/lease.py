"""One run at a time on a live cluster: a Lease (coordination.k8s.io/v1) that is renewed while the run goes on.

Clocks of two machines are never compared: a holder is dead when its Lease was not renewed for as long as it
lasts, seen from here. A run that lost its Lease notices before its next step; its journal refuses it anyway.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.lock import UNLOCK, described, read_holder
from rrplan.errors import DatastoreConflict, DatastoreError, LockHeldError
from rrplan.ports import Clock
from rrplan.runs.preflight import Effect, PreflightCheck, Situation

NAMESPACE = "kube-system"
"""Where rrplan keeps its Lease and its runs: it is there in every cluster, and guarded."""
NAME = "rrplan"
LASTS_SECONDS = 15
RENEW_SECONDS = 5
HOLDER = "rrplan.io/holder"
_LEASES = collection("Lease", NAMESPACE)


def leases_check(server: ApiServer) -> PreflightCheck:
    """Whether the API server has Leases, or is too old."""

    def problems(_situation: Situation) -> list[str]:
        if server.get("/apis/coordination.k8s.io/v1") is not None:
            return []
        return ["this API server has no Leases, which lock a run: it is older than Kubernetes 1.14"]

    return PreflightCheck(
        "leases", problems, hint="`rrplan plan -o runbook` prints the plan as commands to type", at_plan=Effect.TOLD
    )


class LeaseLock:
    """Implements the port Lock; `tell` hears that a holder is being watched, which takes LASTS_SECONDS."""

    def __init__(
        self, server: ApiServer, clock: Clock, tell: Callable[[str], None], lasts: int = LASTS_SECONDS
    ) -> None:
        self._server = server
        self._clock = clock
        self._tell = tell
        self._lasts = lasts
        self._identity = ""
        self._sure_until = 0.0
        self._dead: tuple[str, object] | None = None
        """The holder, and its last renewal, that was watched for long enough to know that it is dead."""
        self._stop = threading.Event()
        self._renewing: threading.Thread | None = None

    def acquire(self, holder: Mapping[str, str]) -> None:
        """Take it; raises LockHeldError while the holder renews it."""
        identity = f"{holder.get('who')}@{holder.get('where')} {holder.get('run')}"
        lease = self._server.get(f"{_LEASES}/{NAME}")
        if lease is not None and _identity(lease):
            lease = self._watched(lease)
        began = self._clock.now()
        body: dict[str, Any] = {
            "metadata": {"annotations": {HOLDER: json.dumps(dict(holder), sort_keys=True)}},
            "spec": {
                "holderIdentity": identity,
                "leaseDurationSeconds": self._lasts,
                "acquireTime": self._timestamp(),
                "renewTime": self._timestamp(),
            },
        }
        try:
            if lease is None:
                kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
                labels = {"app.kubernetes.io/managed-by": "rrplan"}
                self._server.create(
                    _LEASES, {**body, **kind, "metadata": {**body["metadata"], "name": NAME, "labels": labels}}
                )
            else:
                body["metadata"]["resourceVersion"] = lease["metadata"]["resourceVersion"]
                body["spec"]["leaseTransitions"] = int(lease["spec"].get("leaseTransitions") or 0) + 1
                self._server.patch(f"{_LEASES}/{NAME}", body)
        except DatastoreConflict as error:
            raise LockHeldError(described(self.holder()), hint=UNLOCK) from error
        self._identity = identity
        self._sure_until = began + self._lasts / 2
        self._stop.clear()
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()

    def _watched(self, lease: dict[str, Any]) -> dict[str, Any] | None:
        """The Lease of a holder that is dead, or None where it went; raises LockHeldError where it is renewed."""
        if _beat(lease) == self._dead:
            return lease
        lasts = int(lease["spec"].get("leaseDurationSeconds") or self._lasts)
        self._tell(f"the lock is held by {_holder_of(lease)}; watching for {lasts} s whether that run is alive")
        began = self._clock.now()
        # No retry: every look is an answer, an error ends the watch, and silence for `lasts` seconds is what it is for.
        while True:
            self._clock.sleep(1)
            seen = self._server.get(f"{_LEASES}/{NAME}")
            if seen is None or not _identity(seen):
                return seen
            if _beat(seen) != _beat(lease):
                raise LockHeldError(_holder_of(seen), hint=UNLOCK)
            if self._clock.now() - began >= lasts:
                self._dead = _beat(seen)
                return seen

    def _renew(self) -> None:
        # No retry either: renewing goes on after success too, until it is stopped from another thread.
        while not self._stop.wait(min(RENEW_SECONDS, self._lasts / 3)):
            # A failure is no loss: whoever asks next finds out who holds it.
            with suppress(DatastoreError):
                asked = self._clock.now()
                seen = self._server.get(f"{_LEASES}/{NAME}")
                if self._stop.is_set():
                    return
                if seen is None or _identity(seen) != self._identity:
                    self._sure_until = 0.0
                    continue
                version = seen["metadata"]["resourceVersion"]
                spec = {"renewTime": self._timestamp()}
                self._server.patch(f"{_LEASES}/{NAME}", {"metadata": {"resourceVersion": version}, "spec": spec})
                self._sure_until = asked + self._lasts / 2

    def _timestamp(self) -> str:
        """A MicroTime, for people: nobody computes with it."""
        return self._clock.wall().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def confirm(self) -> None:
        """Still ours? Raises LockHeldError if not, DatastoreUnreachable where nobody can say.

        Nobody takes over a Lease before it lasted since its last renewal, so shortly after one nobody is asked.
        """
        if self._clock.now() < self._sure_until:
            return
        seen = self._server.get(f"{_LEASES}/{NAME}")
        if seen is None or _identity(seen) != self._identity:
            holder = _holder_of(seen) if seen is not None and _identity(seen) else "nobody; somebody cleared it"
            raise LockHeldError(f"this run lost its lock to {holder}", hint="`rrplan resume` goes on with it")

    def release(self) -> None:
        """Give it back; where the server is away it expires by itself."""
        self._stop.set()
        if self._renewing is not None:
            self._renewing.join(self._lasts)
            self._renewing = None
        if self._identity:
            with suppress(DatastoreError):
                seen = self._server.get(f"{_LEASES}/{NAME}")
                if seen is not None and _identity(seen) == self._identity:
                    self._cleared(seen)
            self._identity = ""

    def _cleared(self, seen: dict[str, Any]) -> None:
        version = seen["metadata"]["resourceVersion"]
        metadata = {"resourceVersion": version, "annotations": {HOLDER: None}}
        self._server.patch(f"{_LEASES}/{NAME}", {"metadata": metadata, "spec": {"holderIdentity": ""}})

    def holder(self) -> Mapping[str, str]:
        """Who holds it; {} for nobody."""
        seen = self._server.get(f"{_LEASES}/{NAME}")
        return _holder(seen) if seen is not None and _identity(seen) else {}

    def alive(self) -> bool:
        """Whether it is renewed while we watch."""
        seen = self._server.get(f"{_LEASES}/{NAME}")
        if seen is None or not _identity(seen):
            return False
        try:
            self._watched(seen)
        except LockHeldError:
            return True
        return False

    def forget(self) -> None:
        """Clear what a dead run left; raises LockHeldError while it is renewed."""
        seen = self._server.get(f"{_LEASES}/{NAME}")
        if seen is not None and _identity(seen):
            dead = self._watched(seen)
            if dead is not None:
                self._cleared(dead)


def _identity(lease: Mapping[str, Any]) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _beat(lease: Mapping[str, Any]) -> tuple[str, object]:
    return _identity(lease), (lease.get("spec") or {}).get("renewTime")


def _holder(lease: Mapping[str, Any]) -> dict[str, str]:
    """Who holds a Lease, by our annotation or, where somebody else took it, by its identity."""
    kept = (lease["metadata"].get("annotations") or {}).get(HOLDER, "")
    return read_holder(str(kept)) or {"where": _identity(lease)}


def _holder_of(lease: Mapping[str, Any]) -> str:
    return described(_holder(lease))
