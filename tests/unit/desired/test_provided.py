"""What BGPPeers of others give already is not made again."""

import pytest

from rrplan.bgp.profile import calico_versions
from rrplan.desired.provided import Provided
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, CalicoVersion
from tests.support.clusters import mesh, node, peer, planned, state

NODES = {
    each.name: each
    for each in (
        *(node(f"r{number}", number, "224.0.0.1", reflects="true") for number in (1, 2)),
        *(node(name, number, rack=rack) for number, (name, rack) in enumerate((("a", "1"), ("b", "1"), ("c", "2")), 3)),
    )
}
REFLECTORS = frozenset({NodeName("r1"), NodeName("r2")})
CLIENTS = frozenset(NODES) - REFLECTORS
ALL = peer("all", nodeSelector="all()", peerSelector="has(reflects)")


def given(*peers: BGPPeer, near: frozenset[NodeName] = CLIENTS, **stated: object) -> list[str]:
    """The names of those that give the sessions between `near` and the reflectors."""
    return [each.name for each in Provided(NODES, REFLECTORS, peers).between(near, REFLECTORS, stated)]


def by_address(near: str, number: int) -> BGPPeer:
    """One node's BGPPeer to an address."""
    return peer(f"{near}-to-{number}", node=near, peerIP=f"10.0.0.{number}", asNumber=64512)


@pytest.mark.parametrize(
    ("peers", "names"),
    [
        ([ALL], ["all"]),
        ([peer("back", nodeSelector="has(reflects)", peerSelector="all()")], ["back"]),
        (
            [
                peer("one", nodeSelector="rack == '1'", peerSelector="has(reflects)"),
                peer("two", nodeSelector="rack == '2'", peerSelector="has(reflects)"),
            ],
            ["one", "two"],
        ),
        ([by_address(name, number) for name in "abc" for number in (1, 2)], None),
        (
            [peer("global-1", peerIP="10.0.0.1", asNumber=64512), peer("global-2", peerIP="10.0.0.2", asNumber=64512)],
            None,
        ),
        ([peer("some", nodeSelector="rack == '1'", peerSelector="has(reflects)")], []),
        ([by_address("a", 1), by_address("b", 1), by_address("c", 1)], []),
        ([peer("everyone", nodeSelector="all()", peerSelector="all()")], []),
        ([peer("one-end", nodeSelector="all()", peerSelector="has(reflects)", reversePeering="Manual")], []),
        ([peer("unknown", nodeSelector="all()", peerSelector="has(reflects)", sort="new")], ["unknown"]),
        ([peer("nobody", nodeSelector="all()", peerSelector="has(no-such)")], []),
    ],
    ids=[
        "all",
        "other-way",
        "two-racks",
        "by-node",
        "global",
        "one-rack",
        "one-reflector",
        "mesh",
        "manual",
        "option",
        "nobody",
    ],
)
def test_every_pair_counts(peers: list[BGPPeer], names: list[str] | None) -> None:
    """All pairs are joined, whoever dials whom; a mesh made of a BGPPeer is no peering of reflectors."""
    assert given(*peers) == ([each.name for each in peers] if names is None else names)


def test_options_must_be_those_of_the_spec() -> None:
    """A BGPPeer without the password that the spec wants does not count."""
    secured = peer("secured", nodeSelector="all()", peerSelector="has(reflects)", maxRestartTime="2m0s")

    assert given(ALL, maxRestartTime="120s") == []
    assert given(secured, maxRestartTime="120s") == ["secured"]


def test_an_address_gives_one_family() -> None:
    """A node with both families is not reached by a BGPPeer to one of its addresses."""
    both = {name: node(str(name), number, ipv6=True) for number, name in enumerate(NODES, 1)}
    peers = [peer(f"global-{number}", peerIP=f"10.0.0.{number}", asNumber=64512) for number in (1, 2)]

    assert Provided(both, REFLECTORS, peers).between(CLIENTS, REFLECTORS, {}) == ()


def test_nothing_is_made_beside_them() -> None:
    """A plan leaves the BGPPeer of another tool alone, and makes none of its own."""
    cluster = state(*NODES.values(), ALL, mesh(on=False))
    text = "topology: route-reflectors, labelKey: reflects, groups: [{name: main, clusterID: 224.0.0.1, "
    plan = planned(cluster, text + "nodes: {names: [r1, r2]}}]")

    assert [step.id for step in plan.steps] == []
    (left,) = [finding for finding in plan.findings if finding.check == "left-by-others"]
    assert left.facts["instead"] == ("`all` for `rrplan-reflectors`",)


def test_the_tag_of_ucp_is_no_version_of_calico() -> None:
    """UCP 3.2.4 runs Calico v3.8: what ClusterInformation says counts."""
    assert CalicoVersion.of_image("docker/ucp-calico-node:3.2.4") is None
    assert CalicoVersion.of_image("docker.io/calico/node:v3.30.4") == CalicoVersion(3, 30, 4)
    assert calico_versions(state(*NODES.values())).default == CalicoVersion(3, 30, 4)
