"""Sessions that need one link: between AS numbers in the mesh of v3.26 to v3.32, and with `ttlSecurity: 1`."""

from dataclasses import replace

import pytest

from rrplan.bgp.adjacency import Established
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Speakers
from rrplan.errors import UnsafePlanError
from rrplan.ids import NodeName
from rrplan.plans import Plan
from rrplan.render.proof import violation_text
from rrplan.resources import CalicoVersion, ClusterState, Node
from tests.support.clusters import BACK, mesh, meshed, node, peer, planned, state


def rack(name: str, count: int, as_number: int | None, bits: int = 24) -> list[Node]:
    """Nodes of one rack, in 10.0.RACK.0/24 and fd00:0:RACK::/64, which have this AS number."""
    number = ord(name) - ord("a") + 1
    return [
        replace(
            node(f"{name}{index}", 1, as_number=as_number, rack=name),
            ipv4=f"10.0.{number}.{index}",
            ipv6=f"fd00:0:{number}::{index}",
            ipv4_bits=bits,
            ipv6_bits=64 if bits else 0,
        )
        for index in range(1, count + 1)
    ]


def racks(*, systems: bool = True, bits: int = 24) -> ClusterState:
    """Two racks behind routers, each an AS of its own."""
    numbers = (65001, 65002) if systems else (None, None)
    return meshed(*rack("a", 2, numbers[0], bits), *rack("b", 2, numbers[1], bits), nodes="")


def between(cluster: ClusterState, version: str, name: str = "a1", peer: str = "b1") -> set[tuple[Established, str]]:
    """What the session table says of the sessions of two nodes."""
    told = CalicoVersion.parse(version)
    assert told is not None
    rows = Speakers.of(cluster, Versions(told, "test")).sessions(NodeName(name))
    return {(row.verdict.established, row.verdict.reason) for row in rows if row.protocol.peer_node == peer}


@pytest.mark.parametrize("version", ["v3.26.0", "v3.28.1", "v3.31.7"])
def test_between_racks_it_does_not_come_up(version: str) -> None:
    """In both families; within a rack it is iBGP, and up."""
    found = between(racks(), version)
    assert {established for established, _ in found} == {Established.NO}
    assert (
        "Calico v3.26 to v3.32 renders no `multihop` in the mesh, so two AS numbers meet on one link alone; "
        "b1 is not in 10.0.1.0/24, the network of a1"
    ) in {reason for _, reason in found}
    assert between(racks(), version, "a1", "a2") == {(Established.YES, "")}


@pytest.mark.parametrize(
    ("cluster", "version"),
    [
        (racks(), "v3.24.6"),
        (racks(), "v3.25.2"),
        (racks(systems=False), "v3.30.4"),
        (racks(bits=16), "v3.30.4"),
        (racks(bits=0), "v3.30.4"),
    ],
    ids=["multihop by template", "multihop by session", "one AS", "one network", "network not known"],
)
def test_otherwise_it_does(cluster: ClusterState, version: str) -> None:
    """IPv4 is asked, because all these IPv6 networks are small."""
    if version != "v3.30.4" or cluster.nodes[NodeName("a1")].as_number is None:
        assert between(cluster, version) == {(Established.YES, "")}
    else:
        assert (Established.YES, "") in between(cluster, version)


def test_an_address_that_is_its_own_network_tells_little() -> None:
    """It may have been given without the prefix length of the interface."""
    assert {established for established, _ in between(racks(bits=32), "v3.30.4")} == {
        Established.UNKNOWN,
        Established.NO,
    }


def test_one_end_of_an_older_version_does_not_help() -> None:
    """The end that is without `multihop` stays Idle."""
    versions = Versions(CalicoVersion(3, 30, 4), "test", {NodeName("a1"): CalicoVersion(3, 25)})
    rows = Speakers.of(racks(), versions).sessions(NodeName("a1"))
    found = {row.verdict.established for row in rows if row.protocol.peer_node == "b1"}
    assert found == {Established.NO}


def test_nodes_of_one_number_are_told_apart_by_network() -> None:
    """One rack has an AS of its own, and of the others one node is on its link: it passes on what both sides have."""
    versions = Versions(CalicoVersion(3, 30, 4), "test")
    apart = meshed(*rack("a", 2, 65001), *rack("b", 2, None), nodes="")
    joined = apart.put(replace(rack("a", 3, None)[2], name=NodeName("near")))
    model = Model(joined, versions)
    assert model.population.signature_of[NodeName("near")] != model.population.signature_of[NodeName("b1")]
    assert model.missing() == ()
    lacking = Model(apart, versions)
    assert {(loss.at[:1], loss.origin[:1]) for loss in lacking.missing()} == {("a", "b"), ("b", "a")}
    alike = Model(racks(systems=False), versions).population
    assert alike.signature_of[NodeName("a1")] == alike.signature_of[NodeName("b1")]


GIVEN = "[{nodes: \"rack == 'a'\", asNumber: 65001}, {nodes: \"rack == 'b'\", asNumber: 65002}]"


def test_as_numbers_are_not_given_to_racks_behind_routers() -> None:
    """The plan would cut the racks off from each other for good; nodes have one AS number when it begins."""
    document = f"{BACK}, asNumbers: {GIVEN}, policy: {{exposure: {{brief: 60s}}}}"
    with pytest.raises(UnsafePlanError) as refusal:
        planned(racks(systems=False), document)
    plan = refusal.value.plan
    assert isinstance(plan, Plan)
    told = [violation_text(violation) for violation in plan.proof.violations]
    assert any("Mesh_10_0_1_1: Calico v3.26 to v3.32 renders no `multihop` in the mesh" in text for text in told)
    assert planned(racks(systems=False, bits=0), document).steps


def test_one_hop_is_one_link() -> None:
    """With `ttlSecurity: 1` racks behind routers have no session, and a plan that gives it to them is refused."""
    peered = state(*racks(systems=False).nodes.values(), peer("all", **EVERYBODY, ttlSecurity=1), mesh(on=False))
    assert between(peered, "v3.30.4") == {
        (
            Established.NO,
            f"with `ttlSecurity: 1` a session goes through no router; b1 is not in {link}, the network of a1",
        )
        for link in ("10.0.1.0/24", "fd00:0:1::/64")
    }
    assert between(peered, "v3.24.6") == between(peered, "v3.30.4", "a1", "a2") == {(Established.YES, "")}
    far = state(*racks(systems=False).nodes.values(), peer("all", **EVERYBODY, ttlSecurity=2), mesh(on=False))
    assert between(far, "v3.30.4") == {(Established.YES, "")}
    group = "groups: [{name: main, nodes: {names: [a1, b1]}}], clusterID: 224.0.0.1, drain: true"
    document = f"topology: route-reflectors, {group}, peering: {{ttlSecurity: HOPS}}"
    with pytest.raises(UnsafePlanError):
        planned(racks(systems=False), document.replace("HOPS", "1"))
    assert planned(racks(systems=False), document.replace("HOPS", "2")).steps
    assert planned(racks(systems=False, bits=0), document.replace("HOPS", "1")).steps


EVERYBODY = {"nodeSelector": "all()", "peerSelector": "all()"}


def test_nodes_that_are_a_network_each_are_one_class() -> None:
    """Of thousands with a /32 nobody is told apart; networks of racks are."""
    version = Versions(CalicoVersion(3, 30), "test")
    nodes = [one for name, number in (("a", 65001), ("b", 65002)) for one in rack(name, 5, number)]
    alone = [replace(one, ipv4_bits=32, ipv6_bits=128) for one in nodes]
    for cluster in (nodes, alone):
        assert len(Model(meshed(*cluster, nodes=""), version).population.classes) == 2
