"""What gates make of nodes that misbehave, read through CalicoNodeStatus and birdcl of a real API server."""

import shlex
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rrplan.adapters.kubernetes import server as api_server
from rrplan.adapters.kubernetes.calico import KubernetesCalico
from rrplan.adapters.kubernetes.server import ApiServer, Forbidden
from rrplan.adapters.nodes.birdcl import Birds
from rrplan.adapters.nodes.calico_node_status import NodeStatuses
from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables
from rrplan.adapters.nodes.directory import ApiDirectory
from rrplan.adapters.nodes.pods import CONTAINER, SOCKETS, PodCommands
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.errors import DatastoreRefused, DatastoreTimeout, PreflightError
from rrplan.ids import NodeName
from rrplan.ports import Survey
from rrplan.render.run import reason_text
from rrplan.reports import events
from rrplan.runs import Result
from tests.real.server import RealServer
from tests.support import SPEC
from tests.support.live import AgentClock, LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

QUICK = "  gates: {stable: 1s, routes: 30s}\n"
UNANSWERED = (
    "did not answer CalicoNodeStatus within 15 s; nodes that do not are not asked again, only their BIRD by birdcl"
)


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of five nodes, two of which own no block."""
    made = LiveBench(crd_server, tmp_path, nodes=5, quiet=["node-002", "rr-2"])
    yield made
    made.agent.stop()
    crd_server.clear()


def reasons(bench: LiveBench) -> str:
    """Why steps failed."""
    return "\n".join(reason_text(event.why) for event in bench.listener.of(events.StepFailed))


def test_nodes_without_blocks_are_not_waited_for(bench: LiveBench) -> None:
    """A node that announces nothing has no route that could be missing; all others are counted exactly."""
    bench.plan(spec_lines=QUICK)
    assert bench.apply() is Result.DONE, bench.told()
    probe = bench.cluster().probe
    readings = {reading.node: reading for reading in probe.read(Survey([NodeName("node-001")], [NodeName("rr-1")]))}
    assert readings[NodeName("node-001")].families["ipv4"].sessions[NodeName("rr-1")].routes == 2
    assert probe.quiet("ipv6") == {"node-002", "rr-2"}


def test_missed_reload(bench: LiveBench) -> None:
    """One end configured, the other not: said so, with the remedy; the run is undone."""
    bench.plan(spec_lines=QUICK)
    bench.agent.stale.add("node-003")
    assert bench.apply() is Result.UNDONE, bench.told()
    assert (
        "node-003: session with rr-1 is not established (ipv4): BIRD on rr-1 has this session and BIRD on node-003 "
        "does not: its configuration is on the way, or its reload was missed; if it stays so, run `sv hup bird` in the "
        "calico-node pod of node-003"
    ) in reasons(bench)
    assert bench.objects() == bench.before


def test_recovery(bench: LiveBench) -> None:
    """A BIRD in graceful-restart recovery programs no routes: nothing passes meanwhile."""
    bench.plan(spec_lines=QUICK + "  onFailure: halt\n")
    bench.agent.recovering.add("node-001")
    assert bench.apply() is Result.STOPPED, bench.told()
    assert "graceful-restart recovery in progress (ipv4)" in reasons(bench)
    bench.agent.recovering.clear()
    assert bench.resume() is Result.DONE, bench.told()


def test_status_that_nobody_writes(bench: LiveBench) -> None:
    """CalicoNodeStatus that nobody answers is asked once in a run: from then on birdcl alone is asked."""
    bench.plan(spec_lines=QUICK)
    bench.agent.broken |= {"rr-1", "rr-2"}
    assert bench.apply() is Result.DONE, bench.told()
    assert list(bench.server.api.items(f"{bench.server.calico}/caliconodestatuses")) == []
    assert [body["spec"]["node"] for body in questions(bench)] == ["rr-1"]
    assert bench.notices == [f"rr-1 {UNANSWERED}"]


def test_one_status_that_nobody_writes(bench: LiveBench) -> None:
    """One reflector answers and the other one does not: that one is asked once."""
    bench.plan(spec_lines=QUICK)
    bench.agent.broken.add("rr-2")
    assert bench.apply() is Result.DONE, bench.told()
    asked = Counter(body["spec"]["node"] for body in questions(bench))
    assert asked["rr-2"] == 1
    assert asked["rr-1"] > 1
    assert bench.notices == [f"rr-2 {UNANSWERED}"]


def test_status_that_is_not_served(tmp_path: Path) -> None:
    """A cluster without the kind is asked for it once; birdcl is asked, and nothing takes longer."""
    server = RealServer(tmp_path / "server", "crd-v1.yaml")
    server.undefine("caliconodestatuses")
    made = LiveBench(server, tmp_path, nodes=5)
    try:
        made.plan(spec_lines=QUICK)
        assert made.apply() is Result.DONE, made.told()
        why = "this cluster does not serve CalicoNodeStatus (Calico v3.21 and later do)"
        assert made.notices == [f"CalicoNodeStatus cannot be used: {why}; gates rest on what else can be read"]
    finally:
        made.agent.stop()
        server.stop()


def questions(bench: LiveBench) -> list[dict[str, Any]]:
    """The CalicoNodeStatus objects that were made since the plan."""
    return [
        one["requestObject"]
        for one in bench.written()
        if one["verb"] == "create" and one["objectRef"]["resource"] == "caliconodestatuses"
    ]


def test_without_exec(bench: LiveBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no command may be run in pods, the reflectors' own reports count, and the operator is told once."""
    bench.plan(spec_lines=QUICK)

    def execute(*_: object, **_more: object) -> str:
        raise Forbidden('pods "calico-node-rr-1" is forbidden')

    monkeypatch.setattr(ApiServer, "execute", execute)
    assert bench.apply() is Result.DONE, bench.told()
    told = [notice for notice in bench.notices if "birdcl" in notice]
    assert told == [
        'birdcl cannot be used: pods "calico-node-rr-1" is forbidden; gates rest on what else can be read'
    ] or "rr-2" in str(told)


def test_status_tables(bench: LiveBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no command may be run in pods, the tables of `calicoctl node status` speak for the nodes, mesh included."""

    def execute(*_: object, **_more: object) -> str:
        raise Forbidden('pods "calico-node-rr-1" is forbidden')

    monkeypatch.setattr(ApiServer, "execute", execute)
    script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
    bench.tables = NodeStatusTables(
        shlex.join([sys.executable, "-c", script, bench.agent.clock() + "/status?node={node}"])
    )
    bench.plan(spec_lines=QUICK)
    assert bench.apply() is Result.DONE, bench.told()
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before


def test_leftover_statuses_are_removed(bench: LiveBench) -> None:
    """What a run that died left behind is gone with the next question."""
    path = f"{bench.server.calico}/caliconodestatuses"
    spec = {"node": "rr-1", "classes": ["BGP"], "updatePeriodSeconds": 10}
    head = {"apiVersion": bench.server.calico.removeprefix("/apis/"), "kind": "CalicoNodeStatus"}
    labels = {"app.kubernetes.io/managed-by": "rrplan"}
    bench.server.api.create(path, {**head, "metadata": {"name": "rrplan-old", "labels": labels}, "spec": spec})
    bench.server.api.create(path, {**head, "metadata": {"name": "theirs"}, "spec": spec})
    bench.cluster().probe.read(Survey([NodeName("node-001")], [NodeName("rr-1")]))
    assert [item["metadata"]["name"] for item in bench.server.api.items(path)] == ["theirs"]


@pytest.mark.parametrize(("how", "text"), [("breaking", "broke off"), ("silent", "did not end within 0.5 s")])
def test_output_that_does_not_come(bench: LiveBench, how: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for a BIRD that has nothing to say: what it would have said is not known."""
    getattr(bench.agent, how).add("node-001")
    monkeypatch.setattr(api_server, "READ_SECONDS", 0.5)
    words = ["birdcl", "-s", SOCKETS["ipv4"], "show", "protocols", "all"]
    with pytest.raises(DatastoreTimeout, match=text):
        bench.server.connect().execute("kube-system", "calico-node-node-001", CONTAINER, words)


def test_pod_that_is_not_there(bench: LiveBench) -> None:
    """A node without its calico-node pod does not answer."""
    bench.server.api.delete("/api/v1/namespaces/kube-system/pods/calico-node-node-001", "")
    group = bench.server.calico.removeprefix("/apis/")
    server = bench.server.connect()
    statuses = NodeStatuses(server, group, AgentClock(bench.agent))
    probe = LiveProbe(
        Birds(PodCommands(server)), ApiDirectory(server, KubernetesCalico(server)), statuses, bench.notices.append
    )
    assert probe.read(Survey([NodeName("node-001")], [])) == []
    assert bench.notices == []
    with pytest.raises(DatastoreRefused, match=r"no command can be run in pod kube-system/nothing: .*not found"):
        bench.server.connect().execute("kube-system", "nothing", "calico-node", ["birdcl"])


def test_disruption_budget(bench: LiveBench) -> None:
    """A PodDisruptionBudget that allows nothing holds the drain up; it times out, and everything is taken back."""
    server = bench.server
    for name in ("web-0-0", "web-0-1"):
        pod = f"/api/v1/namespaces/default/pods/{name}"
        server.api.patch(pod, {"metadata": {"labels": {"app": "web"}}})
        ready = [{"type": "Ready", "status": "True"}]
        server.api.patch(f"{pod}/status", {"status": {"phase": "Running", "conditions": ready}})
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    budget = {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}}
    server.api.create(budgets, {"metadata": {"name": "web"}, "spec": budget})
    status = {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "expectedPods": 2}
    server.api.patch(f"{budgets}/web/status", {"status": {**status, "observedGeneration": 1}})
    try:
        bench.plan(spec_lines="  gates: {stable: 1s, drain: 20s}\n")
        assert bench.apply() is Result.UNDONE, bench.told()
        assert (
            "gate timed out after 20 s: no pod is left on rr-1; 2 of its pods are left: "
            "default/web-0-0 is held by a PodDisruptionBudget, default/web-0-1 is held by a PodDisruptionBudget"
        ) in reasons(bench)
        assert bench.objects() == bench.before
        pods = [item["metadata"]["name"] for item in server.api.items("/api/v1/namespaces/default/pods")]
        assert {"web-0-0", "web-0-1"} <= set(pods)
    finally:
        server.api.delete(f"{budgets}/web", "")


def test_drain_keeps_what_would_be_lost(bench: LiveBench) -> None:
    """Pods without a controller or with local data stop an apply before anything is written, unless the spec allows."""
    server = bench.server
    pods = "/api/v1/namespaces/default/pods"
    container = {"name": "main", "image": "example/web:v1"}
    data = [{"name": "cache", "emptyDir": {}}]
    spec = {"nodeName": "rr-1", "containers": [container], "volumes": data}
    server.api.create(pods, {"metadata": {"name": "alone"}, "spec": spec})
    bench.plan(spec_lines=QUICK)
    with pytest.raises(PreflightError) as error:
        bench.apply()
    assert "default/alone on rr-1 has no controller that makes it again (`force` evicts it)" in str(error.value)
    assert error.value.hint.startswith("nothing was changed; move these pods")
    assert bench.objects() == bench.before
    bench.plan(SPEC.replace("drain: true", "drain: {force: true}"), spec_lines=QUICK)
    with pytest.raises(PreflightError, match="default/alone on rr-1 has data in an emptyDir"):
        bench.apply()
    allowed = "drain: {force: true, deleteEmptyDirData: true, gracePeriod: 9s}"
    made = bench.plan(SPEC.replace("drain: true", allowed), spec_lines=QUICK)
    assert "no pod is left on rr-1, pods that no controller makes again and data in emptyDir volumes included" in [
        gate.title for step in made.steps for gate in step.gates
    ]
    assert bench.apply() is Result.DONE, bench.told()
    assert server.api.get(f"{pods}/alone") is None
    evicted = [one["requestObject"] for one in bench.written() if "/alone/eviction" in one["requestURI"]]
    assert [body["deleteOptions"]["gracePeriodSeconds"] for body in evicted] == [9]
