"""Gates about sessions that BGPPeers make between nodes that do not reflect."""

from rrplan.bgp.model import Model
from rrplan.planning.asked import joins_plain
from rrplan.planning.gates import GateMaker
from rrplan.planning.node_sets import NodeSets
from rrplan.plans.gate import Gate
from rrplan.resources import ClusterState
from rrplan.specs import load
from tests.support.clusters import BACK, HEAD, TO_REFLECTORS, VERSIONS, mesh, node, peer, planned, reflected, state

ALL = peer("all", nodeSelector="all()", peerSelector="all()")
NODES = [node(name, number) for number, name in enumerate("abcd", 1)]


def between(cluster: ClusterState) -> tuple[tuple[Gate, ...], NodeSets]:
    """What a gate asks of the sessions between nodes that do not reflect."""
    sets = NodeSets()
    spec = load(f"{HEAD}spec: {{{BACK}}}\n".encode(), "spec.yaml")
    return GateMaker(spec, sets).between_plain(Model(cluster, VERSIONS)), sets


def test_a_mesh_of_a_peer_is_counted_by_sessions() -> None:
    """With Calico's mesh beside it too: of two protocols for one neighbour only one is up."""
    for on in (True, False):
        (gate,), sets = between(state(*NODES, ALL, mesh(on=on)))
        (expectation,) = gate.expectations
        assert (expectation.direct, expectation.count) == (True, 3)
        assert sets.table()[expectation.nodes] == ("a", "b", "c", "d")


def test_nothing_but_the_mesh_or_reflectors() -> None:
    """The mesh is counted as before; without any session between plain nodes there is nothing to ask."""
    (gate,), _ = between(state(*NODES, mesh(on=True)))
    assert [expectation.direct for expectation in gate.expectations] == [False]
    assert between(reflected())[0] == ()
    assert not joins_plain(Model(reflected(peer("one", node="a", peerIP="10.0.0.3")), VERSIONS))


def test_undo_waits_for_the_sessions_that_it_brings_back() -> None:
    """What a deleted BGPPeer joined is up again before more is taken back; a node that is plain again has all of it."""
    nodes = [node(name, number) for number, name in enumerate(["r1", "r2", "a", "b", "c"], 1)]
    plan = planned(state(*nodes, ALL, mesh(on=False)), f"{TO_REFLECTORS}, drain: true, adopt: reflection")
    asked = {
        str(step.id): [each.count for gate in step.undo_gates for each in gate.expectations if each.direct]
        for step in plan.steps
    }
    assert asked["delete-peer/all"] == [4]
    assert asked["promote/r1"] == [4]
