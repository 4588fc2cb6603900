"""Labels and taints: whose they are, and that those of others stay."""

from dataclasses import replace

import pytest

from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import Node, Taint
from tests.support.clusters import BACK, TO_REFLECTORS, mesh, meshed, node, peer, planned, reflected, state

DRAINED = f"{TO_REFLECTORS}, drain: true"
BY_ROLE = f"{DRAINED}, labelKey: role"
OURS = peer("rrplan-main-clients", ours=True, nodeSelector="!has(role)", peerSelector='role == "main"')
SAME = peer("rrplan-reflectors", ours=True, nodeSelector="has(role)", peerSelector="has(role)")


def others() -> list[Node]:
    """Three clients."""
    return [node(name, number) for number, name in enumerate("abc", 3)]


def test_a_label_on_somebody_elses_node_is_refused() -> None:
    """It would be removed from nodes that are no reflectors."""
    with pytest.raises(PolicyRefusal, match="label `role` is used by others: x carries it and is no reflector"):
        planned(meshed(node("x", 9, role="db")), BY_ROLE)


def test_a_reflector_in_no_group_is_refused() -> None:
    """It reflects by the label, for somebody; nobody said that it shall stop."""
    with pytest.raises(PolicyRefusal, match="used by others: x carries it"):
        planned(meshed(node("x", 9, "10.9.9.9", role="db")), BY_ROLE)


def test_a_reflector_of_ours_that_leaves_loses_the_label() -> None:
    """Our BGPPeers select the value: it is ours."""
    nodes = [node(f"r{number}", number, "224.0.0.1", role="main") for number in (1, 2)]
    gone = node("x", 9, "224.0.0.1", role="main")
    plan = planned(state(*nodes, gone, *others(), OURS, SAME, mesh(on=False)), BY_ROLE)

    assert "demote/x" in [step.id for step in plan.steps]


def test_on_the_way_back_labels_of_others_stay() -> None:
    """A reflector of others ends to be one, and keeps its label: who set it may need it."""
    nodes = [node(f"r{number}", number, "224.0.0.1", role="main") for number in (1, 2)]
    foreign = [peer("p", nodeSelector="all()", peerSelector="role == 'main'")]
    plan = planned(state(*nodes, *others(), *foreign, mesh(on=False)), f"{BACK}, drain: true, labelKey: role")

    changes = {str(step.id): change for step, change in plan.writes}
    assert "demote/r1" in changes
    assert "role" not in str(changes["demote/r1"])


@pytest.mark.parametrize(
    ("taint", "stays"),
    [
        (Taint("rrplan.io/route-reflector"), False),
        (Taint("dedicated", "rr", "NoExecute"), True),
        (Taint("role", "x"), True),
    ],
    ids=["ours", "of others", "of others, by the name of the label"],
)
def test_taints_of_others_stay(taint: Taint, stays: bool) -> None:
    """A node that stops reflecting keeps every taint that rrplan cannot have set."""
    nodes = [node(f"r{number}", number, "224.0.0.1", role="main") for number in (1, 2)]
    gone = replace(node("x", 9, "224.0.0.1", role="main"), taints=(taint,))
    plan = planned(state(*nodes, gone, *others(), OURS, SAME, mesh(on=False)), BY_ROLE)

    assert stays == ("untaint/x" not in [step.id for step in plan.steps])


def test_the_taint_that_the_spec_names_goes() -> None:
    """Dedicated nodes are given back."""
    gone = replace(node("x", 9, "224.0.0.1", rr="main"), taints=(Taint("dedicated", "rr"),))
    plan = planned(reflected(gone), f"{DRAINED}, dedicated: {{taint: {{key: dedicated, value: rr}}}}")

    assert "untaint/x" in [step.id for step in plan.steps]


def test_two_groups_do_not_keep_one_value() -> None:
    """A BGPPeer could not tell them apart."""
    nodes = [node(f"r{number}", number, "10.9.9.9", role="rr") for number in (1, 2)]
    groups = "groups: [{name: a, nodes: {names: [r1]}}, {name: b, nodes: {names: [r2]}}]"
    with pytest.raises(PolicyRefusal, match="groups `a` and `b` carry one value"):
        planned(state(*nodes, *others()), f"topology: route-reflectors, clusterID: 10.9.9.9, labelKey: role, {groups}")


def test_a_kept_value_is_given_to_new_reflectors() -> None:
    """A group whose reflectors carry a value of others grows by that value."""
    nodes = [node(f"r{number}", number, "224.0.0.1", role="yes") for number in (1, 2)]
    foreign = peer("p", nodeSelector="all()", peerSelector="has(role)")
    text = BY_ROLE.replace("[r1, r2]", "[r1, r2, a]")
    plan = planned(state(*nodes, *others(), foreign, mesh(on=False)), text)
    change = next(step.changes[-1] for step in plan.steps if step.id == "promote/a")

    assert change is not None
    assert "'role': 'yes'" in str(change.after)
    assert {change.key.name for _, change in plan.writes if change.key.kind == "Node"} == {"a"}
    assert NodeName("r1") not in plan.down


def test_clients_are_not_chosen_by_the_label() -> None:
    """The label comes and goes with the plan."""
    text = DRAINED.replace("r2]}", 'r2]}, clients: "!has(rrplan.io/route-reflector)"')
    with pytest.raises(PolicyRefusal, match=r"`clients` reads label `rrplan\.io/route-reflector`"):
        planned(meshed(), text)


def test_a_group_with_a_value_does_not_get_another() -> None:
    """A reflector of somebody else's joins: its value is not ours to change, and ours not to give up."""
    ours = [node(f"r{number}", number, "224.0.0.1", role="main") for number in (1, 2)]
    theirs = node("a", 3, "224.0.0.1", role="yes")
    text = BY_ROLE.replace("[r1, r2]", "[r1, r2, a]")
    for peers in ((OURS, SAME), ()):
        with pytest.raises(PolicyRefusal, match="different values of label `role`: a has `yes` and r1 has `main`"):
            planned(state(*ours, theirs, node("b", 4), *peers, mesh(on=False)), text)


def test_a_reflector_moves_between_groups() -> None:
    """The values are those of groups of the spec: it gets the other one."""
    names = {"r1": "left", "r2": "left", "r3": "right", "r4": "right"}
    nodes = [node(name, number, "224.0.0.1", role=group) for number, (name, group) in enumerate(names.items(), 1)]
    peers = [
        peer(f"rrplan-{name}-clients", ours=True, nodeSelector="!has(role)", peerSelector=f'role == "{name}"')
        for name in ("left", "right")
    ]
    groups = "groups: [{name: left, nodes: {names: [r1]}}, {name: right, nodes: {names: [r2, r3, r4]}}]"
    text = f"topology: route-reflectors, clusterID: 224.0.0.1, labelKey: role, drain: true, {groups}"
    plan = planned(state(*nodes, node("b", 9), *peers, SAME, mesh(on=False)), text)

    assert [step.id for step in plan.steps] == ["promote/r2"]
