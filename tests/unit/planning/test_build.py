"""What the planner takes for granted, and what it does not."""

from dataclasses import replace

import pytest

from rrplan import api
from rrplan.errors import PolicyRefusal, UnsafePlanError
from rrplan.ids import NodeName
from rrplan.planning.promise import states
from rrplan.plans.change import changed
from rrplan.resources import CalicoNode, CalicoVersion, ClusterInformation, Pod, decode, key_of
from rrplan.resources.node_codec import LABELS_ANNOTATION
from rrplan.resources.state import ClusterState
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.specs import load
from tests.support import SPEC
from tests.support.clusters import HEAD, LABEL, TO_REFLECTORS, VERSION, meshed, node, peer, planned, reflected

RR = (NodeName("rr-1"), NodeName("rr-2"))


def cordoned(*pods: Pod) -> Snapshot:
    """Both reflectors-to-be are cordoned; the pods are all that is known."""
    state = ClusterState.of(resource for resource in map(decode, demo_cluster(8, 2)) if resource is not None)
    nodes = [
        decode({**document, "spec": {"unschedulable": True}} if key_of(document).name in RR else document)
        for document in demo_cluster(8, 2)
        if document["kind"] == "Node"
    ]
    others = [one for one in state.others.values() if not isinstance(one, Pod)]
    return Snapshot(ClusterState.of([*(one for one in nodes if one is not None), *others, *pods]))


def agents(*names: NodeName) -> list[Pod]:
    """A calico-node pod on each."""
    return [Pod(f"calico-node-{name}", "kube-system", name, "DaemonSet", "Running") for name in names]


def test_cordoned_nodes_whose_pods_are_known_to_be_none_need_no_drain() -> None:
    """Nobody needs their routes; the plan says on what this rests."""
    plan = api.plan(load(SPEC.replace("drain: true", "drain: false").encode(), "s"), cordoned(*agents(*RR)))
    assert plan.notices == (
        (
            "cordoned, and as far as the pods that were given say, without evictable pods: rr-1, rr-2; these nodes are "
            "treated as drained"
        ),
    )


@pytest.mark.parametrize(
    "pods",
    [
        [],
        agents(NodeName("node-001")),
        [*agents(*RR), Pod("web", "default", RR[0], "ReplicaSet", "Running")],
    ],
    ids=["no pods are known at all", "none of these nodes", "one has work"],
)
def test_cordoned_nodes_are_not_taken_to_be_empty_without_knowing(pods: list[Pod]) -> None:
    """A listing without their pods proves nothing."""
    with pytest.raises(UnsafePlanError):
        api.plan(load(SPEC.replace("drain: true", "drain: false").encode(), "s"), cordoned(*pods))


def test_nodes_that_are_down_come_in_the_last_wave() -> None:
    """A first wave of a node that is down would try nothing."""
    cluster = meshed(replace(node("a", 3), ready=False))
    steps = planned(cluster, f"{TO_REFLECTORS}, drain: true, rollout: {{waves: [1]}}").steps
    waves = {step.wave: [change.key.name for change in step.changes] for step in steps if step.wave}

    assert waves == {1: ["b"], 2: ["c", "a"]}


def test_what_an_earlier_run_left_is_used_for_waves() -> None:
    """A wave label and the BGPPeer of waves are there already: neither is made again, and both go in the end."""
    wave = peer("rrplan-main-wave", ours=True, nodeSelector="has(rrplan.io/wave)", peerSelector=f'{LABEL} == "main"')
    cluster = meshed(wave, replace(node("a", 3), labels={"rrplan.io/wave": "in"}))
    plan = planned(cluster, f"{TO_REFLECTORS}, drain: true, rollout: {{waves: [1]}}")
    ids = [str(step.id) for step in plan.steps]

    assert "create-peer/rrplan-main-wave" not in ids
    moved = {str(step.id): [change.key.name for change in step.changes] for step in plan.steps}
    assert (moved["wave/1"], moved["wave/2"], moved["unlabel/waves"]) == ([], ["b", "c"], ["a", "b", "c"])
    assert ids.count("delete-peer/rrplan-main-wave") == 1


@pytest.mark.parametrize(("version", "told"), [("v3.33.0", True), ("v4.0.0", True), ("v3.32.9", False)])
def test_a_calico_that_is_newer_than_what_is_known(version: str, told: bool) -> None:
    """The plan says on which rules it rests; a later patch release has the same."""
    newer = CalicoVersion.parse(version)
    spec = load(f"{HEAD}spec: {{{TO_REFLECTORS}, drain: true}}\n".encode(), "spec.yaml")
    notices = api.plan(spec, Snapshot(meshed(node("a", 3))), version=newer).notices
    text = f"Calico {version} is newer than v3.32.1, the newest release whose session rules rrplan knows"
    assert any(notice.startswith(text) for notice in notices) is told


@pytest.mark.parametrize(("version", "told"), [("v3.3.7", True), ("v3.4.0", False)])
def test_a_calico_that_sets_no_timers(version: str, told: bool) -> None:
    """Before v3.4 BIRD's own timers hold, and sessions may stay away for longer than a plan says."""
    cluster = reflected().put(ClusterInformation("default", CalicoVersion.parse(version), "k8s,bgp,kdd"))
    plan = planned(cluster, f"{TO_REFLECTORS.replace('r1, r2', 'r1, r2, c')}, drain: true")
    notice = (
        f"Calico {version} leaves BIRD its own timers (until v3.4.0): where sessions restart, they may be away for "
        "minutes, longer than this plan says"
    )
    assert (notice in plan.notices) is told


def test_a_wave_label_that_others_read() -> None:
    """Between two labels of a wave their BGPPeer would give sessions that nobody proved."""
    theirs = peer("theirs", nodeSelector="has(rrplan.io/wave)", peerSelector="!has(rrplan.io/wave)")
    with pytest.raises(PolicyRefusal, match=r"BGPPeer `theirs` selects by the label rrplan\.io/wave") as error:
        planned(meshed(theirs), f"{TO_REFLECTORS}, drain: true, rollout: {{waves: [1]}}")
    assert error.value.hint == "let it select by something else, or leave `rollout.waves` out"


@pytest.mark.parametrize("rollout", ["waves: [1]", "bake: 1m"])
@pytest.mark.parametrize("name", ["r1", "a"])
def test_a_wave_label_that_a_run_left_goes(name: str, rollout: str) -> None:
    """From clients and from what reflects by now, with waves and without."""
    labels = {"rrplan.io/wave": "in"}
    cluster = meshed(replace(meshed().nodes[NodeName(name)], labels=labels))
    spec = f"{TO_REFLECTORS}, drain: true, rollout: {{{rollout}}}"
    *_, end = states(planned(cluster, spec), cluster)

    assert not [node.name for node in end.nodes.values() if "rrplan.io/wave" in node.labels]
    labelled = end.put(replace(end.nodes[NodeName("b")], labels=labels))
    assert [step.id for step in planned(labelled, spec).steps] == ["unlabel/waves"]


def test_a_wave_label_that_others_read_stays_without_waves() -> None:
    """It is theirs then."""
    theirs = peer("theirs", nodeSelector="has(rrplan.io/wave)", peerIP="10.9.9.9", asNumber=65001)
    cluster = meshed(theirs, replace(node("a", 3), labels={"rrplan.io/wave": "in"}))
    plan = planned(cluster, f"{TO_REFLECTORS}, drain: true")

    assert "unlabel/waves" not in [step.id for step in plan.steps]


def test_a_wave_label_in_calicos_annotation_goes_too() -> None:
    """Calico merges it, so without that the node would keep the label; labels of others stay in the annotation."""
    told = replace(node("a", 3), calico_labels={"rrplan.io/wave": "in", "owner": "x"})
    plan = planned(meshed(told), f"{TO_REFLECTORS}, drain: true, rollout: {{waves: [1]}}")
    removed = next(step.changes for step in plan.steps if step.id == "unlabel/waves")
    change = next(change for change in removed if change.key.name == "a")
    assert change.after == {
        "metadata": {"labels": {"rrplan.io/wave": None}, "annotations": {LABELS_ANNOTATION: '{"owner":"x"}'}}
    }
    assert change.before == {
        "metadata": {
            "labels": {"rrplan.io/wave": "in"},
            "annotations": {LABELS_ANNOTATION: '{"owner":"x","rrplan.io/wave":"in"}'},
        }
    }


def test_a_role_label_in_calicos_annotation_is_not_written_again() -> None:
    """Selectors see it already, and rrplan never writes into the annotation."""
    found = reflected()
    r1 = found.nodes[NodeName("r1")]
    moved = found.put(replace(r1, labels={}, calico_labels=dict(r1.labels)))
    assert [str(step.id) for step in planned(moved, f"{TO_REFLECTORS}, drain: true").steps] == []


def test_with_etcd_no_annotation_is_written() -> None:
    """There Calico reads labels from its own Node, and an annotation would say nothing."""
    r1 = reflected().nodes[NodeName("r1")]
    label = replace(r1, calico_labels=dict(r1.labels))
    etcd = [ClusterInformation("default", VERSION, "k8s,bgp"), CalicoNode("r1", {"name": "r1"})]
    changes = {}
    for told, others in (("kdd", ()), ("etcd", etcd)):
        cluster = ClusterState.of([*reflected().put(label), *others])
        plan = planned(cluster, "topology: full-mesh, drain: true")
        change = next(step.changes[-1] for step in plan.steps if step.id == "demote/r1")
        assert change is not None
        changes[told] = str(change.after)
    assert LABELS_ANNOTATION in changes["kdd"]
    assert LABELS_ANNOTATION not in changes["etcd"]


def labelled_by_calico() -> ClusterState:
    """Reflectors, clients, and client `a` with the label of reflectors in Calico's annotation alone."""
    found = reflected()
    return found.put(replace(found.nodes[NodeName("a")], calico_labels={LABEL: "main"}))


def test_a_label_that_calico_alone_has_is_a_role() -> None:
    """Selectors see it, so the node changes its sessions when it goes, and is drained for that."""
    ids = [str(step.id) for step in planned(labelled_by_calico(), f"{TO_REFLECTORS}, drain: true").steps]
    assert {"drain/a", "demote/a", "uncordon/a"} <= set(ids)


def test_a_spec_that_reads_a_label_which_calico_alone_has() -> None:
    """The plan takes it away, and the next plan would choose otherwise."""
    reads = TO_REFLECTORS.replace("names: [r1, r2]}", f"names: [r1, r2]}}, clients: '!has({LABEL})'")
    with pytest.raises(PolicyRefusal, match=f"`clients` reads label `{LABEL}`, which the plan changes on a"):
        planned(labelled_by_calico(), reads)


def test_no_cordon_outlives_its_reason() -> None:
    """A dedicated reflector is tainted, not cordoned; after the way back, and after a replacement, nothing is left."""
    before = ClusterState.of(resource for resource in map(decode, demo_cluster(8, 3)) if resource is not None)

    def after(state: ClusterState, text: str) -> ClusterState:
        for _, change in api.plan(load(text.encode(), "spec.yaml"), Snapshot(state)).writes:
            state = changed(state, change)
        return state

    dedicated = SPEC + "  dedicated: true\n"
    there = after(before, dedicated)
    assert {name for name, node in there.nodes.items() if node.taints} == {"rr-1", "rr-2"}
    assert not any(node.unschedulable for node in there.nodes.values())
    replaced = after(there, dedicated.replace("rr-2]", "rr-3]"))
    assert {name for name, node in replaced.nodes.items() if node.taints} == {"rr-1", "rr-3"}
    assert not any(node.unschedulable for node in replaced.nodes.values())
    head = "apiVersion: rrplan.io/v1\nkind: BGPTopology\nmetadata: {name: back}\n"
    back = after(replaced, f"{head}spec: {{topology: full-mesh, drain: true, dedicated: true}}\n")
    assert back.nodes == before.nodes
