"""What the proof refuses, and why: doubt, the outside, nodes that are down, pairs instead of counts."""

from dataclasses import replace
from typing import Any

import pytest

from rrplan import api
from rrplan.errors import UnsafePlanError
from rrplan.ids import StepId
from rrplan.planning import draft_plan
from rrplan.planning.gates import GateMaker
from rrplan.plans import Plan, read_plan
from rrplan.plans.plan import Violation
from rrplan.render.folding import folded
from rrplan.render.markdown import plan_markdown
from rrplan.render.plan_json import write_plan
from rrplan.render.proof import violation_text
from rrplan.render.runbook import Site, runbook
from rrplan.render.terminal import plan_text
from rrplan.resources import ClusterState
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support.clusters import (
    BACK,
    HEAD,
    LABEL,
    TO_REFLECTORS,
    VERSIONS,
    meshed,
    node,
    peer,
    planned,
    reflected,
    state,
)
from tests.support.plans import REFERENCE
from tests.support.scenarios import FOLDER, parts

DRAINED = f"{TO_REFLECTORS}, drain: true"
SWITCH: dict[str, Any] = {"peerIP": "10.0.0.254", "asNumber": 65000}
INSIDE: dict[str, Any] = {"peerIP": "10.0.0.254", "asNumber": 64512}


def violations(cluster: ClusterState, text: str) -> tuple[Violation, ...]:
    """What a refusal says."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(cluster, text)
    assert all(isinstance(one, Violation) for one in refusal.value.violations)
    return tuple(one for one in refusal.value.violations if isinstance(one, Violation))


def shown(plan: Plan) -> str:
    """The plan as text, on one line."""
    return " ".join(plan_text(plan).split())


# --- doubt -----------------------------------------------------------------------------------


def test_what_may_be_held_before_must_be_held_after() -> None:
    """Beside the mesh a BGPPeer with a wrong AS number is a doubt; without the mesh session it is a loss."""
    found = violations(meshed(peer("leftover", peerIP="10.0.0.3", asNumber=65001)), DRAINED)
    lost = {(one.at, one.origin) for one in found if one.invariant == "converged"}
    assert {("a", "b"), ("b", "a")} <= lost
    assert any("(BGPPeer leftover)" in one.reason.detail for one in found if one.reason)


def test_a_doubt_that_nothing_happens_to_is_no_loss() -> None:
    """Whether y and z have a session is not known, and nothing is changed at it: the same doubt before and after."""
    clients = peer(
        "rrplan-main-clients",
        ours=True,
        nodeSelector=f"(!has(odd)) && !has({LABEL})",
        peerSelector=f'{LABEL} == "main"',
    )
    kernel = peer("kernel", nodeSelector="has(odd)", peerSelector="has(odd)", sourceAddress="None")
    odd = [node("y", 20, "9.9.9.8", odd="yes"), node("z", 21, "9.9.9.9", odd="yes")]
    cluster = reflected(clients, kernel, *odd)
    group = "{name: main, nodes: {names: [r1, r2]}, clients: '!has(odd)'}"
    spec = f"topology: route-reflectors, clusterID: 224.0.0.9, drain: true, groups: [{group}]"
    plan = planned(cluster, spec)
    assert plan.steps
    assert plan.proof.violations == ()
    # Once the session may be another one, the doubt counts: on the way back y and z lose their cluster IDs.
    found = violations(cluster, BACK + ", drain: true")
    assert {("y", "z"), ("z", "y")} <= {(one.at, one.origin) for one in found}


def test_alternatives_that_all_give_a_session_are_a_session() -> None:
    """Two BGPPeers differ in a restart time: there is a session after, whichever is rendered; none survives a step."""
    hand = peer("hand", nodeSelector=f"!has({LABEL})", peerSelector=f"has({LABEL})", maxRestartTime="60s")
    plan = planned(reflected(hand, node("r3", 9)), BACK + ", drain: true, policy: {exposure: {brief: 30s}}")
    assert plan.proof.violations == ()
    exposed = {one.step: sum(pair.pairs for pair in one.exposures) for one in plan.proof.steps}
    assert exposed[StepId("mesh-on")] > 0
    found = violations(reflected(hand), BACK + ", drain: true")
    assert {one.invariant for one in found} == {"surviving"}


def test_two_bgppeers_that_render_one_block_are_no_doubt() -> None:
    """On a client, a BGPPeer by address and one by selector differ in nothing that Calico renders."""
    twice = peer("by-address", nodeSelector=f"!has({LABEL})", peerIP="10.0.0.1", asNumber=64512)
    plan = planned(reflected(twice), BACK + ", drain: true")
    assert plan.proof.violations == ()
    assert sum(pair.pairs for pair in plan.proof.steps[0].exposures) == 0


# --- pairs -----------------------------------------------------------------------------------


def test_a_drained_node_has_its_routes_in_the_end() -> None:
    """x becomes a reflector that nobody peers with; as many pairs are gained elsewhere."""
    cluster = meshed(node("s1", 11, "9.9.9.9"), node("s2", 12, "9.9.9.9"), nodes="r1 r2 x")
    found = violations(
        cluster,
        "topology: route-reflectors, reflectorsPeer: false, drain: true, groups: ["
        "{name: main, clusterID: 224.0.0.1, nodes: {names: [r1, r2]}},"
        "{name: second, clusterID: 224.0.0.2, nodes: {names: [x]}, clients: \"nobody == 'here'\"}]",
    )
    assert {("x", "r1"), ("r1", "x")} <= {(one.at, one.origin) for one in found}
    assert all(one.step == "final state" for one in found if "x" in (one.at, one.origin))


def test_drained_nodes_hold_their_routes_before_they_are_uncordoned() -> None:
    """A step looks at these nodes, and the uncordons come after it."""
    plan = planned(meshed(), DRAINED)
    ids = [step.id for step in plan.steps]
    assert ids[-3:] == ["await/drained", "uncordon/r1", "uncordon/r2"]
    gate = plan.steps[-3].gates[0]
    assert gate.minimum == 1
    assert {plan.node_sets[one.nodes] for one in gate.expectations} == {("r1",), ("r2",)}
    assert {(plan.node_sets[one.nodes], one.peer) for one in gate.expectations} == {(("r1",), "r2"), (("r2",), "r1")}


# --- the outside -----------------------------------------------------------------------------


def test_an_uplink_that_vanishes_is_a_violation_whatever_is_drained() -> None:
    """The switch's BGPPeer selects plain nodes by the absence of the role label."""
    switch = peer("switch", nodeSelector=f"!has({LABEL})", **SWITCH)
    found = violations(meshed(switch), DRAINED)
    told = [one for one in found if one.invariant == "outside"]
    assert {one.at for one in told} == {"r1", "r2"}
    assert {(one.fate, one.origin) for one in told} == {("lost", "outside 10.0.0.254 (AS 65000)")}
    assert "takes away the session of r1 to outside 10.0.0.254 (AS 65000)" in violation_text(told[0])


def test_an_uplink_of_every_node_is_left_alone() -> None:
    """An eBGP session has no `rr client`: a promotion changes nothing in it."""
    plan = planned(meshed(peer("switch", **SWITCH)), DRAINED)
    assert [effect for step in plan.proof.steps for effect in step.outside] == []


def test_an_uplink_that_restarts_is_named_and_gated() -> None:
    """An iBGP session gets `rr client` with the cluster ID: it restarts, and comes back before anything goes on."""
    plan = planned(meshed(peer("switch", node="r1", **INSIDE)), DRAINED)
    effects = [(step.step, one.node, one.fate) for step in plan.proof.steps for one in step.outside]
    assert effects == [("promote/r1", "r1", "restarted")]
    step = next(step for step in plan.steps if step.id == "promote/r1")
    for gates in (step.gates, step.undo_gates):
        told = [one for gate in gates if gate.kind == "uplinks" for one in gate.expectations]
        assert [(plan.node_sets[one.nodes], one.outside) for one in told] == [(("r1",), "10.0.0.254")]
    sentence = "the session of r1 to outside 10.0.0.254 (AS 64512) restarts, for up to 22 s"
    book = runbook(plan, Site.of(meshed(peer("switch", node="r1", **INSIDE)), "calicoctl"))
    for text in (shown(plan), plan_markdown(plan), book):
        assert sentence in text
    assert 'uplink "$node" bird 10_0_0_254 ||' in book


def test_an_uplink_that_restarts_on_a_node_in_use_is_refused() -> None:
    """What it announces comes to that node by no other way."""
    found = violations(meshed(peer("switch", node="r1", **INSIDE)), TO_REFLECTORS)
    assert "`promote/r1` restarts a session to the outside: r1 to outside 10.0.0.254 (AS 64512)" in {
        violation_text(one) for one in found
    }


def test_what_an_outside_speaker_hears_and_announces_is_owed() -> None:
    """The only uplink of the cluster is at reflector r1, whose cluster ID changes: everybody loses the outside."""
    switch = peer("switch", node="r1", **INSIDE)
    spec = DRAINED.replace("224.0.0.1", "224.0.0.9")
    found = violations(reflected(switch), spec)
    ends = {(one.at, one.origin) for one in found if one.invariant == "surviving" and one.step == "promote/r1"}
    outside = "outside 10.0.0.254 (AS 64512)"
    assert {("a", outside), (outside, "a")} <= ends


def test_a_new_uplink_makes_up_for_nothing() -> None:
    """The uplink moves from one node to another: whether the switch accepts the other one is not known."""
    switch = peer("switch", nodeSelector=f"has({LABEL})", **SWITCH)
    spec = DRAINED.replace("r1, r2", "r3, r4")
    found = violations(reflected(switch, node("r3", 9), node("r4", 10)), spec)
    assert {one.at for one in found if one.invariant == "outside"} == {"r1", "r2"}
    in_the_end = {(one.at, one.origin) for one in found if one.step == "final state"}
    assert ("a", "outside 10.0.0.254 (AS 65000)") in in_the_end


def test_a_bgppeer_of_ours_to_the_outside_is_not_deleted_without_a_word() -> None:
    """The label of rrplan on it does not make its sessions ours to take away."""
    switch = peer("switch", ours=True, node="a", **SWITCH)
    found = violations(meshed(switch), DRAINED)
    assert [(one.step, one.at, one.origin) for one in found if one.invariant == "outside"] == [
        ("delete-peer/switch", "a", "outside 10.0.0.254 (AS 65000)")
    ]


def test_an_address_that_kubernetes_knows_is_not_outside() -> None:
    """A BGPPeer at the address of a host that Calico does not know points at a node of the cluster."""
    host = replace(node("h", 30), ipv4="", host_ip="10.0.0.254")
    hint = planned(meshed(peer("odd", node="a", ours=True, **SWITCH), host), DRAINED)
    assert [one for step in hint.proof.steps for one in step.outside] == []


# --- nodes that are down ---------------------------------------------------------------------


def test_the_dead_are_not_paths() -> None:
    """r2 is dead: while r1 gets another cluster ID, clients have no path, though r2 is configured."""
    spec = DRAINED.replace("224.0.0.1", "224.0.0.9")
    assert planned(reflected(), spec).proof.violations == ()
    found = violations(reflected(dead="r2"), spec)
    assert {(one.at, one.origin) for one in found if one.step == "promote/r1"} >= {("a", "b")}
    assert {"resilience", "reflectors-per-client"} <= {one.invariant for one in found}


def test_a_dead_client_is_owed_its_routes_and_waited_for_by_nobody() -> None:
    """Its exposure is named and tolerated, no gate asks it, and it is not drained; configured, it is as before."""
    plan = planned(reflected(dead="c"), BACK + ", drain: true")
    assert plan.down == ("c",)
    asked = {
        name
        for step in plan.steps
        for gate in (*step.gates, *step.undo_gates)
        for one in gate.expectations
        for name in (*plan.node_sets[one.nodes], one.peer)
    }
    assert "c" not in asked
    exposed = [one for step in plan.proof.steps for one in step.exposures if "c" in (one.at, one.origin)]
    assert {one.tolerated for one in exposed} == {"down"}
    assert "down (not Ready): c; no step drains it, no gate waits for it" in shown(plan)


def test_a_dead_client_that_would_lose_its_routes_for_good() -> None:
    """It may come back, or only its kubelet may be away: what it is owed by configuration is checked."""
    groups = 'groups: [{name: main, nodes: {names: [r1, r2]}, clients: "!has(odd)"}]'
    odd = node("o", 9, ready=False, odd="yes")
    found = violations(meshed(odd), f"topology: route-reflectors, clusterID: 224.0.0.1, drain: true, {groups}")
    assert ("o", "a") in {(one.at, one.origin) for one in found}


# --- gates -----------------------------------------------------------------------------------


def test_every_step_that_touches_sessions_has_a_gate_or_a_reason() -> None:
    """In both directions, there and back."""
    for cluster, text in ((meshed(), DRAINED), (reflected(), BACK + ", drain: true")):
        for step in planned(cluster, text).steps:
            if step.topology:
                assert bool(step.gates) is not bool(step.ungated), step.id
                assert bool(step.undo_gates) is not bool(step.undo_ungated), step.id


ALONE = (
    "topology: route-reflectors, clusterID: 224.0.0.1, drain: true, policy: {minReflectorsPerClient: 1}, "
    "groups: [{name: main, nodes: {names: [r1]}}]"
)
NOTHING = "no session comes up, and no pair rests on one that goes down"
DOWN = "only sessions of nodes that are down are changed, and nobody waits for these"


def test_sessions_that_no_gate_can_ask_for_are_refused() -> None:
    """The only node that is up gets a session to a switch with its role: no node can say that the step has settled."""
    nodes = [node("r1", 1), node("a", 2, ready=False), node("b", 3, ready=False)]
    cluster = state(*nodes, peer("tor", nodeSelector=f"has({LABEL})", **SWITCH))
    found = violations(cluster, ALONE)
    assert [(one.invariant, one.step, violation_text(one)) for one in found] == [
        ("gated", "promote/r1", "`promote/r1` changes sessions, and no gate can tell when they are up"),
        ("gated", "promote/r1", "undoing `promote/r1` changes sessions, and no gate can tell when they are up"),
    ]
    with pytest.raises(UnsafePlanError) as refusal:
        planned(cluster, ALONE)
    assert refusal.value.exit_code == 7
    assert refusal.value.hint.startswith("a gate asks nodes that are up: bring the nodes up first")
    spec = load(f"{HEAD}spec: {{{ALONE}}}\n".encode(), "spec.yaml")
    draft = draft_plan(spec, cluster, VERSIONS, REFERENCE)
    for text in (shown(draft), plan_markdown(draft)):
        assert all(violation_text(one) in text for one in found)


@pytest.mark.parametrize(
    ("scenario", "step", "reason", "back"),
    [
        ("bgpconfiguration-does-not-exist", "create-peer/rrplan-reflectors", NOTHING, NOTHING),
        ("bgpconfiguration-does-not-exist", "mesh-off", "", ""),
        ("waves-with-drained-reflectors", "wave/1", "", NOTHING),
        ("waves-with-drained-reflectors", "unlabel/waves", NOTHING, NOTHING),
        ("replace-a-dead-reflector", "demote/m1", DOWN, DOWN),
    ],
)
def test_why_a_step_has_no_gate(scenario: str, step: str, reason: str, back: str) -> None:
    """In each direction the gates or the reason; the plan file keeps both, and every output shows the reason."""
    cluster, document, _ = parts(FOLDER / scenario)
    plan = api.plan(load(document, "spec.yaml"), snapshot_of_manifests([("cluster.yaml", cluster)]))
    plan, _digest = read_plan(write_plan(plan), "plan.json")
    found = next(one for one in plan.steps if one.id == step)
    assert (found.ungated, found.undo_ungated) == (reason, back)
    assert (bool(found.gates), bool(found.undo_gates)) == (not reason, not back)
    counted = len([one for one, _ in folded(plan.steps) if reason and one.ungated == reason])
    line = f"no gate: {reason}"
    if reason:
        assert shown(plan).replace("> ", "").count(line) == plan_markdown(plan).count(f"   - {line}\n") == counted > 0


def test_a_gate_that_expects_nothing_is_no_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the maker of gates knows nothing for a step, everything that carries routes is waited for instead."""
    monkeypatch.setattr(GateMaker, "after", lambda *_: ())
    monkeypatch.setattr(GateMaker, "undone", lambda *_: ())
    every = "every client holds every route of its reflectors"
    plan = planned(meshed(), DRAINED)
    off = next(step for step in plan.steps if step.id == "mesh-off")
    assert [gate.title for gate in off.undo_gates] == [every, "every node has all its mesh sessions"]
    promoted = next(step for step in plan.steps if step.id == "promote/r1")
    assert promoted.gates[0].title == every


def test_gates_expect_both_families() -> None:
    """The last gate before the mesh goes asks each client for each reflector in each family."""
    nodes = [node(name, number, ipv6=True) for number, name in enumerate(("r1", "r2", "a", "b"), 1)]
    plan = planned(state(*nodes), DRAINED)
    step = next(step for step in plan.steps if step.id == "await/clients")
    assert {(one.family, one.peer) for one in step.gates[0].expectations} == {
        (family, peer) for family in ("ipv4", "ipv6") for peer in ("r1", "r2")
    }
    assert step.gates[0].minimum == 2
