"""Cluster IDs as confd compares them, as texts, and as BIRD compares them, as numbers."""

import pytest

from rrplan.bgp.cluster_ids import as_bird_reads
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.routes import Obstacle, route
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, ClusterState
from tests.support.clusters import mesh, meshed, node, peer, state

V25 = Versions(CalicoVersion(3, 25, 2), "test")
"""The last series that takes any text for a cluster ID."""


def shared_out(first: str, second: str) -> ClusterState:
    """Two reflectors with these cluster IDs that peer with one another, each with clients of its own."""
    return state(
        node("r1", 1, first, zone="a", reflector="yes"),
        node("r2", 2, second, zone="b", reflector="yes"),
        *(node(f"a{number}", 10 + number, zone="a") for number in (1, 2)),
        *(node(f"b{number}", 20 + number, zone="b") for number in (1, 2)),
        peer("a", nodeSelector="zone == 'a' && !has(reflector)", peerSelector="zone == 'a' && has(reflector)"),
        peer("b", nodeSelector="zone == 'b' && !has(reflector)", peerSelector="zone == 'b' && has(reflector)"),
        peer("reflectors", nodeSelector="has(reflector)", peerSelector="has(reflector)"),
        mesh(on=False),
    )


@pytest.mark.parametrize("second", ["16777217", "0x1000001", "01.0.0.1", " 1.0.0.1"])
def test_one_number_in_two_spellings_is_one_cluster(second: str) -> None:
    """A reflector drops what another one with its number reflected, although confd takes the two for strangers."""
    model = Model(shared_out("1.0.0.1", second), V25)

    assert {(loss.at[0], loss.origin[0]) for loss in model.missing()} == {
        ("a", "b"),
        ("b", "a"),
        ("r", "a"),
        ("r", "b"),
    }
    assert as_bird_reads(second) == "1.0.0.1"
    found = route(model, NodeName("a1"), NodeName("r2"), Family.IPV4)
    assert found.path == ()
    assert found.reason is not None
    assert Obstacle.CLUSTER_LOOP is found.reason.obstacle


def test_two_numbers_are_two_clusters() -> None:
    """As texts and as numbers."""
    assert Model(shared_out("1.0.0.1", "16777218"), V25).missing() == ()


def mixed(cluster: ClusterState) -> Versions:
    """v3.26.5, and v3.25.2 on node a."""
    assert NodeName("a") in cluster.nodes
    return Versions(CalicoVersion(3, 26, 5), "test", {NodeName("a"): CalicoVersion(3, 25, 2)})


def test_who_is_a_reflector_is_told_by_the_version_of_who_asks() -> None:
    """v3.26 ignores `abc` (3bfb7b0daa): b takes itself for no reflector, and a, which is older, meshes not with it."""
    cluster = meshed(node("a", 1), node("b", 2, "abc"), node("c", 3), nodes="")
    versions = mixed(cluster)
    speakers = Speakers.of(cluster, versions)

    rows = {(name, row.protocol.peer_node) for name in speakers.by_name for row in speakers.sessions(name)}
    assert rows == {("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")}
    assert {(loss.at, loss.origin) for loss in Model(cluster, versions).missing()} == {("a", "b"), ("b", "a")}
    assert Model(cluster, Versions(CalicoVersion(3, 26, 5), "test")).missing() == ()


def test_an_ignored_cluster_id_of_an_upgraded_node_makes_no_client_of_an_equal_one() -> None:
    """Between two nodes with `abc`, the older one regards the newer one as a reflector of its own cluster."""
    cluster = state(
        node("a", 1, "abc", reflector="yes"),
        node("b", 2, "abc", reflector="yes"),
        peer("reflectors", nodeSelector="has(reflector)", peerSelector="has(reflector)"),
        mesh(on=False),
    )
    (row,) = Speakers.of(cluster, mixed(cluster)).sessions(NodeName("a"))
    assert not row.protocol.reflector_client
