"""Runs in the cluster, on an API server in memory; `tests/real` has them on a real one."""

import base64
import json

import pytest

from rrplan.adapters.kubernetes import runs
from rrplan.adapters.kubernetes.runs import ClusterRuns
from rrplan.errors import FileFormatError
from rrplan.ports import KeptRun
from tests.support import JumpingClock
from tests.unit.adapters.memory_server import MemoryServer

MAPS = "/api/v1/namespaces/kube-system/configmaps"


def begun(run: str) -> KeptRun:
    """A run as it begins."""
    return KeptRun(run, "plan", "ada", "2026-01-01T00:00:00Z")


def test_runs_are_listed_in_the_order_they_began() -> None:
    """Numbers decide, not names, which hold dates; runs without numbers came before, as the server dates them."""
    server = MemoryServer()
    store = ClusterRuns(server, JumpingClock())
    for run, made in (("20260101t1000", "2026-01-01T10:30:00Z"), ("20260101t1100", "2026-01-01T10:00:00Z")):
        server.created_at = made
        store.begin(begun(run), b"{}")
        annotations = server.objects[f"{MAPS}/rrplan-{run}-plan-0"]["metadata"]["annotations"]
        about = json.loads(annotations["rrplan.io/about"])
        del about["number"]
        annotations["rrplan.io/about"] = json.dumps(about)
    for run in ("20260101t1200", "20260101t0900"):
        store.begin(begun(run), b"{}")
    store.log("20260101t0900").append(b'{"step": "", "event": "run-done"}', durable=True)

    found = [(run.run, run.number, run.last) for run in store.runs()]

    assert found == [
        ("20260101t1100", 0, ""),
        ("20260101t1000", 0, ""),
        ("20260101t1200", 1, ""),
        ("20260101t0900", 2, "run-done"),
    ]
    assert store.plan("20260101t0900") == b"{}"


def test_plan_that_is_not_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that was cut, or that unpacks to more than any plan has, is refused and not unpacked to its end."""
    server = MemoryServer()
    store = ClusterRuns(server, JumpingClock())
    store.begin(begun("r1"), b"x" * 1000)
    kept = server.objects[f"{MAPS}/rrplan-r1-plan-0"]["binaryData"]
    whole = base64.b64decode(kept["plan"])
    kept["plan"] = base64.b64encode(whole[:-6]).decode()
    with pytest.raises(FileFormatError, match="the plan of run r1 is not whole") as refusal:
        store.plan("r1")
    assert "its ConfigMaps in kube-system were changed" in str(refusal.value)
    kept["plan"] = base64.b64encode(whole).decode()
    assert store.plan("r1") == b"x" * 1000
    monkeypatch.setattr(runs, "PLAN_BYTES", 999)
    with pytest.raises(FileFormatError, match="the plan of run r1 is not whole"):
        store.plan("r1")


def test_log_that_is_closed_sends_nothing() -> None:
    """After an error nobody waits for the server: lines that no durable one followed are read back when resuming."""
    server = MemoryServer()
    log = ClusterRuns(server, JumpingClock()).log("r1")
    log.append(b"{}", durable=False)
    log.close()

    assert server.objects == {}
