"""Where BIRD refuses a node's whole file, no row of that node is `yes`, nor a row of others towards it."""

from dataclasses import replace

from rrplan.bgp.adjacency import Established
from rrplan.bgp.sessions import Speakers
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, DaemonSet
from tests.support.clusters import VERSION, VERSIONS, meshed, node, peer

AGENT = DaemonSet("calico-node", "kube-system", VERSION)


def table(state: ClusterState) -> dict[tuple[str, str, str], tuple[Established, str]]:
    """Verdicts by node, family and peer."""
    speakers = Speakers.of(state, VERSIONS)
    return {
        (row.protocol.node, row.protocol.family.value, row.protocol.peer_address): (
            row.verdict.established,
            row.verdict.reason,
        )
        for row in speakers.all_sessions()
    }


def test_link_local_peer() -> None:
    """Every row of a in that family is `no`, and b's row towards it; the other family is left alone."""
    both = [node(name, number, ipv6=True) for number, name in enumerate("ab", 1)]
    found = table(meshed(*both, peer("ll", node="a", peerIP="fe80::1", asNumber=64512), nodes=""))
    why = "BIRD refuses the whole configuration: BGPPeer ll names a link-local address without an interface"
    assert found["a", "ipv6", "fd00::2"] == found["b", "ipv6", "fd00::1"] == (Established.NO, why)
    assert found["a", "ipv4", "10.0.0.2"][0] is Established.YES


def test_no_as_number() -> None:
    """The whole file of that node is refused."""
    found = table(meshed(peer("none", node="a", peerIP="192.0.2.1"), nodes="a b"))
    why = "BIRD refuses the whole configuration: BGPPeer none gives no AS number for the peer"
    assert found["a", "ipv4", "10.0.0.2"] == found["b", "ipv4", "10.0.0.1"] == (Established.NO, why)


def test_no_router_id() -> None:
    """`no` where calico-node's environment is known to lack it, `unknown` where it is not known, else as ever."""
    bare = replace(node("x", 9, ipv6=True), ipv4="")
    cluster = meshed(bare, node("a", 1, ipv6=True), nodes="b")
    assert table(cluster)["x", "ipv6", "fd00::1"][0] is Established.UNKNOWN
    established, why = table(cluster.put(AGENT))["x", "ipv6", "fd00::1"]
    assert established is Established.NO
    assert "`router id` is empty, because the node has no IPv4 address and calico-node no CALICO_ROUTER_ID" in why
    set_ = replace(AGENT, router_id="hash")
    assert table(cluster.put(set_))["x", "ipv6", "fd00::1"][0] is Established.YES


def test_one_address_twice() -> None:
    """The file of everybody who dials both is refused; the two themselves do not dial one another."""
    cluster = meshed(node("twin", 2), node("twin2", 2), nodes="a")
    speakers = Speakers.of(cluster, VERSIONS)
    rows = speakers.sessions(NodeName("a"))
    assert {row.verdict.established for row in rows} == {Established.NO}
    assert "10.0.0.2 is the address of twin, twin2: one protocol would be defined twice" in rows[0].verdict.reason
    assert {row.verdict.established for row in speakers.sessions(NodeName("twin"))} == {Established.NO}
