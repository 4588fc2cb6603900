"""Plans for standalone reflectors: what is refused, and runs that are disturbed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api
from rrplan.errors import PolicyRefusal, PreflightError, UnsafePlanError
from rrplan.ids import ActionName
from rrplan.plans import Plan
from rrplan.plans.plan import Violation
from rrplan.ports import Document
from rrplan.render.run import reason_text
from rrplan.reports import events
from rrplan.resources import (
    BGPPeer,
    CalicoNode,
    CalicoVersion,
    ClusterInformation,
    ClusterState,
    DaemonSet,
    Installation,
    ResourceKey,
    Taint,
    decode,
    encode,
)
from rrplan.runs import Result
from rrplan.sandbox import Sandbox, ucp_cluster
from rrplan.snapshots import Snapshot, capture, snapshot_of_manifests
from rrplan.specs import load
from tests.support import Bench, Remembering
from tests.support.scenarios import FOLDER, parts
from tests.support.specs import STANDALONE as SPEC

IN_CLUSTER = SPEC.replace("  flavor: standalone\n", "  clusterID: 224.0.0.1\n")
INSIDE = IN_CLUSTER.replace("rr-1, rr-2", "worker-001, worker-002")
MESH = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: ucp}
spec: {topology: full-mesh}
"""
OFF = {"apiVersion": "projectcalico.org/v3", "kind": "BGPConfiguration", "metadata": {"name": "default"}}
AGENT = ResourceKey("DaemonSet", "calico-node", "kube-system")


def cluster() -> ClusterState:
    """A small cluster of UCP."""
    return ClusterState.of(one for one in map(decode, ucp_cluster(4)) if one is not None)


def plan(state: ClusterState, spec: str = SPEC) -> Plan:
    """The plan for it."""
    return api.plan(load(spec.encode(), "spec.yaml"), Snapshot(state))


def agent(state: ClusterState) -> DaemonSet:
    """DaemonSet calico-node."""
    found = state.others[AGENT]
    assert isinstance(found, DaemonSet)
    return found


REFUSALS: list[tuple[str, Callable[[ClusterState], ClusterState], str, str]] = [
    (
        "operator",
        lambda state: state.put(Installation("default")),
        "Calico was installed by its operator",
        "flavor: in-cluster",
    ),
    (
        "no DaemonSet",
        lambda state: state.remove(AGENT),
        "DaemonSet calico-node is not known",
        "kubectl -n kube-system get daemonsets",
    ),
    (
        "affinity",
        lambda state: state.put(replace(agent(state), affinity=True)),
        "has a node affinity of its own, which rrplan does not rewrite",
        "add `rrplan.io/calico-node NotIn [away]` to it",
    ),
    (
        "no Calico Nodes",
        lambda state: ClusterState.of(one for one in state if not isinstance(one, CalicoNode | ClusterInformation)),
        "the Calico Node of `rr-1` is no object of its own here",
        "calicoctl get nodes",
    ),
    (
        "unknown node",
        lambda state: state.remove(ResourceKey("Node", "rr-2")),
        "node `rr-2` does not exist",
        "did you mean `rr-1`?",
    ),
]


@pytest.mark.parametrize(("name", "spoil", "text", "hint"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_refused(name: str, spoil: Callable[[ClusterState], ClusterState], text: str, hint: str) -> None:
    """Exit code 7, in words."""
    with pytest.raises(PolicyRefusal) as refusal:
        plan(spoil(cluster()))
    assert text in str(refusal.value)
    assert hint in refusal.value.hint


def test_ipv6_is_lost() -> None:
    """The container cannot do IPv6, so a dual-stack cluster is refused with the pairs that would lose it."""
    state = cluster()
    for name, node in list(state.nodes.items()):
        number = list(state.nodes).index(name) + 1
        state = state.put(replace(node, ipv6=f"fd00::{number:x}"))
    with pytest.raises(UnsafePlanError) as refusal:
        plan(state)
    assert any(
        (violation.family, violation.step) == ("ipv6", "mesh-off")
        for violation in refusal.value.violations
        if isinstance(violation, Violation)
    )


def test_what_is_there_already_is_kept() -> None:
    """Hand-made BGPPeers that say the same are used; taint, label and affinity that are there are not written again."""
    state = cluster()
    address = state.nodes[list(state.nodes)[-1]].host_ip
    spec = {"peerIP": address, "asNumber": 64512}
    state = state.put(BGPPeer("bgppeer-global", peer_ip=address, as_number=64512, spec=spec))
    key = "com.docker.ucp.kubernetes.calico/route-reflector"
    for name in ("rr-1", "rr-2"):
        node = next(one for one in state.nodes.values() if one.name == name)
        state = state.put(replace(node, taints=(Taint(key, "true"),), unschedulable=True))
    state = state.put(replace(agent(state), avoids=(("rrplan.io/calico-node", "away"),), affinity=True))
    made = plan(state)
    actions = [step.action for step in made.steps]
    assert ActionName.TAINT_NODE not in actions
    assert ActionName.CONFINE_CALICO_NODE not in actions
    assert actions.count(ActionName.CREATE_PEER) == 1
    assert any("BGPPeer `bgppeer-global` points at rr-2 already" in notice for notice in made.notices)


def test_in_cluster_reflectors_need_a_newer_calico() -> None:
    """UCP's Calico keeps reflectors in the mesh, so reflectors inside the cluster are refused there."""
    with pytest.raises(PolicyRefusal, match=r"Calico v3\.8\.9 is older than v3\.21\.0"):
        plan(cluster(), IN_CLUSTER)


FAULTS = [*(f"lost-reply={number}" for number in range(1, 16)), "api-away=6", "conflict=9", "slow-node=rr-1"]


@pytest.mark.parametrize("fault", FAULTS)
def test_disturbed(fault: str, tmp_path: Path) -> None:
    """Whatever reply is lost, the run ends in what was planned, and in the snapshot after its rollback."""
    bench = Bench(tmp_path, load(SPEC.encode(), "spec.yaml"), faults=[fault], documents=ucp_cluster(4))
    assert bench.runner().apply() is Result.DONE
    bench.sandbox.faults = ()
    assert bench.runner().rollback() is Result.UNDONE
    assert bench.objects() == bench.before


def test_reflector_without_sessions(tmp_path: Path) -> None:
    """The mesh stays on, and everything is taken back."""
    faults = ["session-never-up=rr-2"]
    bench = Bench(tmp_path, load(SPEC.encode(), "spec.yaml"), faults=faults, documents=ucp_cluster(4))
    assert bench.runner().apply() is Result.UNDONE
    assert bench.objects() == bench.before
    assert "mesh-off" not in {getattr(event, "step", "") for event in bench.listener.events}


def test_host_that_dies(tmp_path: Path) -> None:
    """The mesh stays on; calico-node does not come back to a dead host, so the way back ends there and says so."""
    faults = ["reflector-dies=rr-1"]
    bench = Bench(tmp_path, load(SPEC.encode(), "spec.yaml"), faults=faults, documents=ucp_cluster(4))
    assert bench.runner().apply() is Result.STOPPED
    assert "mesh-off" not in {getattr(event, "step", "") for event in bench.listener.events}
    failed = [event for event in bench.listener.events if isinstance(event, events.UndoFailed)]
    assert failed[-1].step == "release/rr-1"
    assert "rr-1 has all its mesh sessions; 0 of 1 nodes ready; rr-1: " in reason_text(failed[-1].why)


def test_a_calico_node_that_comes_back_meshes_with_no_host_that_has_none() -> None:
    """Its BIRD would wait 240 s for that session, in graceful-restart recovery, and the gate of the undo with it."""
    steps = [
        step
        for step in plan(cluster()).steps
        if step.action in (ActionName.RELEASE_HOST, ActionName.DELETE_CALICO_NODE)
    ]
    assert [str(step.id) for step in steps] == [
        "release/rr-1",
        "delete-calico-node/rr-1",
        "release/rr-2",
        "delete-calico-node/rr-2",
    ]


def test_from_containers_to_reflectors_inside(tmp_path: Path) -> None:
    """New reflectors come up beside the containers, which end last; also with Calico v3.8, because the mesh is off."""
    sandbox = Sandbox.make(tmp_path / "cluster", ucp_cluster(6))
    there = api.embedded(sandbox, tmp_path / "cluster")

    def planned(spec: str) -> Plan:
        return api.plan(load(spec.encode(), "spec.yaml"), capture(sandbox))

    control = api.Control(Remembering())
    assert api.apply(planned(SPEC), there, control) is Result.DONE
    between = capture(sandbox).state
    moving = planned(INSIDE)
    ids = [str(step.id) for step in moving.steps]
    order = ["promote/worker-002", "delete-peer/rrplan-rr-1", "delete-peer/rrplan-rr-2", "retire/calico-rr"]
    assert [one for one in ids if one in order] == order
    assert any("calico-node keeps away from rr-1, rr-2" in notice for notice in moving.notices)
    assert api.apply(moving, there, control) is Result.DONE
    assert not planned(INSIDE).steps
    first, second = (run.run for run in there.runs.runs())
    with pytest.raises(PreflightError) as error:
        api.rollback(there, control, first)
    assert str(error.value) == f"preflight: run {second} of plan `ucp` came after run {first} and is not taken back"
    assert error.value.hint == f"nothing was changed; `rrplan rollback {second}` first, or make a new plan"
    assert api.rollback(there, control) is Result.UNDONE
    back = capture(sandbox).state
    assert (back.nodes, back.peers) == (between.nodes, between.peers)
    reflectors = ResourceKey("DaemonSet", "calico-rr", "kube-system")
    assert encode(back.others[reflectors]) == encode(between.others[reflectors])
    assert api.rollback(there, control, first) is Result.UNDONE


@pytest.mark.parametrize("version", [CalicoVersion(3, 1, 7), CalicoVersion(3, 8, 9), CalicoVersion(3, 15, 0)])
def test_from_containers_back_to_the_mesh(version: CalicoVersion, tmp_path: Path) -> None:
    """The mesh is there before the first session of a container goes, with every Calico that has containers."""
    documents = [one for one in ucp_cluster(6) if one["kind"] != "ClusterInformation"]
    documents.append(encode(ClusterInformation("default", version, "k8s,bgp", datastore_ready=True)))
    documents = [image(one, version) for one in documents]
    sandbox = Sandbox.make(tmp_path / "cluster", documents)
    there = api.embedded(sandbox, tmp_path / "cluster")

    def planned(spec: str) -> Plan:
        return api.plan(load(spec.encode(), "spec.yaml"), capture(sandbox))

    control = api.Control(Remembering())
    assert api.apply(planned(SPEC), there, control) is Result.DONE
    between = capture(sandbox).state
    back = planned(MESH)
    order = ["mesh-on", "delete-peer/rrplan-rr-1", "delete-peer/rrplan-rr-2", "retire/calico-rr"]
    assert [str(step.id) for step in back.steps] == order
    assert back.snapshot.calico_version == version
    confd = [notice for notice in back.notices if "confd ends on every node" in notice]
    assert len(confd) == (version < CalicoVersion(3, 3))
    assert any("calico-node keeps away from rr-1, rr-2" in notice for notice in back.notices)
    assert api.apply(back, there, control) is Result.DONE
    assert not planned(MESH).steps
    assert api.rollback(there, control) is Result.UNDONE
    assert capture(sandbox).state.peers == between.peers


def image(document: Document, version: CalicoVersion) -> Document:
    """DaemonSet calico-node of a version."""
    found = decode(document)
    return encode(replace(found, calico_version=version)) if isinstance(found, DaemonSet) else document


def test_before_v33_there_are_no_reflectors_inside() -> None:
    """Nothing but containers reflects there."""
    state = cluster()
    off = decode({**OFF, "spec": {"nodeToNodeMeshEnabled": False}})
    assert off is not None
    old = ClusterInformation("default", CalicoVersion(3, 1, 7), "k8s,bgp")
    with pytest.raises(PolicyRefusal, match=r"Calico v3\.1\.7 is older than v3\.3\.0") as refusal:
        plan(state.remove(AGENT).put(off).put(old), IN_CLUSTER)
    assert refusal.value.hint == "upgrade Calico first, or use `flavor: standalone`"


def test_a_host_that_gets_calico_node_back_first_waits_for_no_session_with_the_other(tmp_path: Path) -> None:
    """The way back goes host by host: the one that calico-node left first gets it back last."""
    plan = Bench(tmp_path, load(SPEC.encode(), "spec.yaml"), documents=ucp_cluster(4)).plan
    counts = {
        str(step.id): [expectation.count for gate in step.undo_gates for expectation in gate.expectations]
        for step in plan.steps
        if step.action is ActionName.RELEASE_HOST
    }
    (first,), (second,) = counts["release/rr-1"], counts["release/rr-2"]
    assert second == first - 1


def test_without_a_mesh_a_host_waits_for_the_routes_of_its_reflectors() -> None:
    """Before it is uncordoned again: sessions with reflectors take their seconds, as those of a mesh do."""
    cluster, spec, _ = parts(FOLDER / "ucp-third-reflector")
    plan = api.plan(load(spec, "spec.yaml"), snapshot_of_manifests([("cluster.yaml", cluster)]))
    (release,) = (step for step in plan.steps if step.action is ActionName.RELEASE_HOST)
    assert [gate.title for gate in release.undo_gates] == ["rr-3 holds every route again"]
    assert {expectation.peer for gate in release.undo_gates for expectation in gate.expectations} == {"rr-1", "rr-2"}
