"""New options for running sessions, one reflector at a time."""

from dataclasses import replace

import pytest

from rrplan.errors import PolicyRefusal, UnsafePlanError
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.plans.change import changed
from rrplan.resources import BGPFilter, ClusterState
from tests.support.clusters import BACK, CLIENTS, LABEL, REFLECTORS, mesh, node, peer, planned, reflected, state

HEAD = "topology: route-reflectors, clusterID: 224.0.0.1, drain: true"
RENEWED = "rrplan.io/renewed"


def spec(options: str, names: str = "r1, r2", more: str = "") -> str:
    """A spec whose one group has options."""
    return f"{HEAD}{more}, groups: [{{name: main, nodes: {{names: [{names}]}}, peering: {{{options}}}}}]"


def ids(plan: Plan) -> list[str]:
    """The steps by name."""
    return [str(step.id) for step in plan.steps]


def exposed(plan: Plan) -> list[object]:
    """What is exposed on the way."""
    return [exposure for proof in plan.proof.steps for exposure in proof.exposures]


def after(cluster: ClusterState, plan: Plan, last: str) -> ClusterState:
    """The cluster when a run ended behind one of its steps, and nobody took it back."""
    for step in plan.steps:
        for change in step.changes:
            cluster = changed(cluster, change)
        if step.id == last:
            break
    return cluster


WHOLE = [
    "narrow-peer/rrplan-main-clients",
    "create-peer/rrplan-main-renewed",
    "renew/r1",
    "renew/r2",
    "update-peer/rrplan-main-clients",
    "delete-peer/rrplan-main-renewed",
    "unlabel/renewed",
]


def test_one_reflector_at_a_time() -> None:
    """Each one's sessions restart in a step of their own, gated, and nobody is without a route meanwhile."""
    plan = planned(reflected(), spec("password: {secretKeyRef: {name: bgp, key: rr}}"))

    assert ids(plan) == WHOLE
    assert exposed(plan) == []
    turns = [step for step in plan.steps if step.id.startswith("renew/")]
    for step in turns:
        assert [gate.title for gate in step.gates] == [f"every neighbour of {step.node} holds the routes it reflects"]
        assert step.undo_gates
    reasons = {(str(edge.before), str(edge.after)): edge.reason for edge in plan.edges}
    assert "both ends of a session change together" in reasons["create-peer/rrplan-main-renewed", "renew/r1"]
    assert reasons["renew/r1", "renew/r2"].startswith("one reflector at a time: every client keeps its routes")
    assert "this update restarts none" in reasons["renew/r2", "update-peer/rrplan-main-clients"]


@pytest.mark.parametrize("last", [*WHOLE[:-1], "renew/r3"])
def test_a_run_that_was_given_up_half_way(last: str) -> None:
    """Whatever it left, the next plan leads to the end, without exposure, and leaves neither label nor BGPPeer."""
    text = spec("maxRestartTime: 60s", "r1, r2, r3")
    cluster = reflected(node("r3", 9, "224.0.0.1", rr="main"))
    half = after(cluster, planned(cluster, text), last)
    plan = planned(half, text)

    end = after(half, plan, "")
    turns = {"renew/r1", "renew/r2", "renew/r3"}
    passed = ids(planned(cluster, text))
    assert turns & set(ids(plan)) == turns - set(passed[: passed.index(last) + 1])
    assert exposed(plan) == []
    assert sorted(end.peers) == [CLIENTS.name, REFLECTORS.name]
    assert end.peers[CLIENTS.name].spec == {**CLIENTS.spec, "maxRestartTime": "60s"}
    assert [name for name, one in end.nodes.items() if RENEWED in one.labels] == []
    assert ids(planned(end, text)) == []


def test_other_options_than_a_run_that_was_given_up_wanted() -> None:
    """What was moved gets them with the temporary BGPPeer, the rest in turn."""
    half = after(reflected(), planned(reflected(), spec("maxRestartTime: 60s")), "renew/r1")
    plan = planned(half, spec("maxRestartTime: 90s"))
    assert ids(plan) == ["update-peer/rrplan-main-renewed", *WHOLE[3:]]
    assert exposed(plan) == []
    assert after(half, plan, "").peers[CLIENTS.name].spec == {**CLIENTS.spec, "maxRestartTime": "90s"}


def test_a_value_of_a_label_of_others_is_kept_half_way() -> None:
    """While the BGPPeer selects by two labels, its group still has the value by which it was known."""
    ours = peer(CLIENTS.name, ours=True, nodeSelector="!has(rr)", peerSelector='rr == "true"')
    among = peer(REFLECTORS.name, ours=True, nodeSelector="has(rr)", peerSelector="has(rr)")
    reflectors = [replace(node(f"r{n}", n, "224.0.0.1"), labels={"rr": "true"}) for n in (1, 2)]
    cluster = state(*reflectors, node("a", 3), node("b", 4), ours, among, mesh(on=False))
    text = spec("maxRestartTime: 60s", more=", labelKey: rr")
    half = after(cluster, planned(cluster, text), "renew/r1")
    end = after(half, planned(half, text), "")

    assert end.nodes[NodeName("r1")].labels == {"rr": "true"}
    assert end.peers[CLIENTS.name].peer_selector == 'rr == "true"'
    back = after(half, planned(half, f"{BACK}, drain: true, labelKey: rr, peering: {{maxRestartTime: none}}"), "")
    assert [name for name, one in back.nodes.items() if one.labels] == []
    assert back.peers == {}


PLAIN = [
    ("filters restart nothing", reflected().put(BGPFilter("f")), "filters: [f]"),
    ("what is the default", reflected(), "sourceAddress: UseNodeIP, nextHopMode: Auto"),
    ("no other value", reflected(peer(CLIENTS.name, ours=True, **CLIENTS.spec, maxRestartTime="1m")), "ttlSecurity: 0"),
]


@pytest.mark.parametrize(("cluster", "options"), [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN])
def test_one_update_where_no_session_restarts(cluster: ClusterState, options: str) -> None:
    """Then there is nothing to do in turns."""
    plan = planned(cluster, spec(options))
    assert ids(plan) == ["update-peer/rrplan-main-clients"]
    assert exposed(plan) == []


def test_one_reflector_that_is_up() -> None:
    """Nobody carries the routes meanwhile: refused, unless a brief exposure is accepted; then it is one update."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(reflected(dead="r2"), spec("maxRestartTime: 60s", more=", policy: {minReflectorsPerClient: 1}"))
    assert "sessions restart when their options change" in refusal.value.hint


def test_a_reflector_that_is_down() -> None:
    """Its sessions get the new options too, and nobody waits for it."""
    cluster = reflected(node("r3", 9, "224.0.0.1", rr="main"), dead="r1")
    plan = planned(cluster, spec("maxRestartTime: 60s", "r1, r2, r3"))
    turns = [step for step in plan.steps if step.id.startswith("renew/")]
    assert {step.node: bool(step.gates) for step in turns} == {"r1": False, "r2": True, "r3": True}


def test_sessions_between_reflectors_have_no_other_way() -> None:
    """An option of the whole spec is theirs too: the hint says how to leave them alone, or to accept it."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(
            reflected(), f"{HEAD}, groups: [{{name: main, nodes: {{names: [r1, r2]}}}}], peering: {{ttlSecurity: 1}}"
        )
    assert isinstance(refusal.value.plan, Plan)
    assert {one.step for one in refusal.value.plan.proof.violations} == {"update-peer/rrplan-reflectors"}
    assert refusal.value.hint == (
        "sessions restart when their options change, and reflectors have one with each other alone: give the option "
        "to the clients in `peering` of each group, or accept it with `policy: {exposure: {brief: 25s}}`"
    )


def test_a_label_that_others_read() -> None:
    """Between the turns their BGPPeer would give sessions that nobody proved."""
    theirs = peer("theirs", nodeSelector=f"has({RENEWED})", peerSelector="all()")
    with pytest.raises(PolicyRefusal, match=r"BGPPeer `theirs` selects by the label rrplan\.io/renewed") as refusal:
        planned(reflected(theirs), spec("maxRestartTime: 60s"))
    assert refusal.value.hint == "let it select by something else"


def test_a_name_and_a_label_that_are_taken() -> None:
    """The temporary BGPPeer gets a name that is free; the label goes where only Calico has it."""
    theirs = peer("rrplan-main-renewed", peerIP="192.0.2.1", asNumber=65001, node="nobody")
    plan = planned(reflected(theirs), spec("maxRestartTime: 60s"))
    assert ids(plan)[1] == "create-peer/rrplan-main-renewed-2"
    left = replace(reflected().nodes[NodeName("r1")], labels={LABEL: "main", RENEWED: "options"})
    plan = planned(reflected(left), spec("maxRestartTime: 60s"))
    assert ids(plan) == [step for step in WHOLE if step != "renew/r1"]
    assert exposed(plan) == []
    left = replace(node("a", 3), calico_labels={RENEWED: "options"})
    end = after(reflected(left), planned(reflected(left), spec("")), "")
    assert end.nodes[NodeName("a")].calico_labels == {}
    assert LABEL not in end.nodes[NodeName("a")].labels
