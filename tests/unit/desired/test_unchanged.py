"""Nodes whose sessions are rendered alike before and after are known, and only these."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rrplan.desired.unchanged import same_sessions
from rrplan.ids import NodeName
from rrplan.resources import ClusterState
from tests.support.clusters import LABEL, TO_REFLECTORS, VERSIONS, mesh, peer, planned, reflected

R1 = NodeName("r1")


def labelled(state: ClusterState, **labels: str) -> ClusterState:
    """The same cluster with other labels on r1."""
    return state.put(replace(state.nodes[R1], labels=labels))


SECRET = {"secretKeyRef": {"name": "bgp", "key": "password"}}
CASES: list[tuple[str, Callable[[ClusterState], ClusterState], bool]] = [
    ("another label", lambda state: labelled(state, **{LABEL: "main", "x": "y"}), True),
    ("no label", lambda state: labelled(state), False),
    ("no cluster ID", lambda state: state.put(replace(state.nodes[R1], cluster_id="")), False),
    ("the mesh comes", lambda state: state.put(mesh(on=True)), True),
    ("an uplink comes", lambda state: state.put(peer("up", node="r1", peerIP="10.9.9.9", asNumber=1)), False),
    ("an uplink of another", lambda state: state.put(peer("up", node="a", peerIP="10.9.9.9", asNumber=1)), True),
    (
        "the other end",
        lambda state: state.put(peer("more", nodeSelector="all()", peerSelector=f"has({LABEL})", password=SECRET)),
        False,
    ),
]


@pytest.mark.parametrize(("change", "same"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_same_sessions(change: Callable[[ClusterState], ClusterState], same: bool) -> None:
    """What Calico renders decides, at both ends."""
    before = reflected()

    assert same == (R1 in same_sessions(before, change(before), [R1], VERSIONS))


def test_a_label_alone_drains_nobody() -> None:
    """The nodes reflect already by a BGPPeer of others; only our label comes."""
    state = reflected()
    nodes = [replace(one, labels={"reflects": "true"} if one.cluster_id else {}) for one in state.nodes.values()]
    foreign = peer("p", nodeSelector="all()", peerSelector="has(reflects)")
    cluster = ClusterState.of([*nodes, foreign, *state.configurations.values(), *state.others.values()])
    plan = planned(cluster, f"{TO_REFLECTORS}, drain: true")

    assert [step.id for step in plan.steps] == ["promote/r1", "promote/r2"]
