"""Where BIRD refuses a node's whole file, no row of that node is `yes`, nor a row of others towards it."""

from dataclasses import replace

import pytest

from rrplan.bgp.adjacency import Established
from rrplan.bgp.cluster_ids import bird_reads
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.sessions import Speakers
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, DaemonSet, decode, encode
from tests.support.clusters import VERSION, VERSIONS, mesh, meshed, node, peer, state

OF_A = "BIRD refuses the whole configuration of a: "
AGENT = DaemonSet("calico-node", "kube-system", VERSION)


def table(cluster: ClusterState) -> dict[tuple[str, str, str], tuple[Established, str]]:
    """Verdicts by node, family and peer."""
    speakers = Speakers.of(cluster, VERSIONS)
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
    why = f"{OF_A}BGPPeer ll names a link-local address without an interface"
    assert found["a", "ipv6", "fd00::2"] == found["b", "ipv6", "fd00::1"] == (Established.NO, why)
    assert found["a", "ipv4", "10.0.0.2"][0] is Established.YES


def test_no_as_number() -> None:
    """The whole file of that node is refused."""
    found = table(meshed(peer("none", node="a", peerIP="192.0.2.1"), nodes="a b"))
    why = f"{OF_A}BGPPeer none gives no AS number for the peer"
    assert found["a", "ipv4", "10.0.0.2"] == found["b", "ipv4", "10.0.0.1"] == (Established.NO, why)


def test_no_router_id() -> None:
    """`no` where calico-node's environment is known to lack it, `unknown` where it is not known, else as ever."""
    bare = replace(node("x", 9, ipv6=True), ipv4="")
    cluster = meshed(bare, node("a", 1, ipv6=True), nodes="b")
    assert table(cluster)["x", "ipv6", "fd00::1"][0] is Established.UNKNOWN
    established, why = table(cluster.put(AGENT))["x", "ipv6", "fd00::1"]
    assert established is Established.NO
    assert "`router id` is empty: it has no IPv4 address, and calico-node no CALICO_ROUTER_ID" in why
    set_ = replace(AGENT, router_id="hash")
    assert table(cluster.put(set_))["x", "ipv6", "fd00::1"][0] is Established.YES


ROUTER_IDS = [
    ({}, "bare", Established.NO, "`router id` is empty"),
    ({"value": ""}, "bare", Established.NO, "`router id` is empty"),
    ({"value": "hash"}, "bare", Established.YES, ""),
    ({"value": "hash"}, "a", Established.YES, ""),
    ({"value": "abc"}, "bare", Established.NO, "CALICO_ROUTER_ID `abc` is neither `hash` nor an IPv4 address nor a nu"),
    ({"value": "abc"}, "a", Established.NO, "CALICO_ROUTER_ID `abc` is neither `hash` nor an IPv4 address nor a nu"),
    ({"value": "0.0.0.0"}, "a", Established.NO, "CALICO_ROUTER_ID `0.0.0.0` is no router ID for IPv6"),
    ({"value": "1.1.1.1"}, "a", Established.NO, "a and b have one router ID (1.1.1.1) in one AS"),
    ({"valueFrom": {"fieldRef": {}}}, "bare", Established.UNKNOWN, "comes from elsewhere (`valueFrom`)"),
    ({"valueFrom": {"fieldRef": {}}}, "a", Established.UNKNOWN, "comes from elsewhere (`valueFrom`)"),
    ({"value": "$(NODE_ID)"}, "a", Established.UNKNOWN, "comes from elsewhere (`valueFrom`)"),
]


@pytest.mark.parametrize(("told", "name", "established", "why"), ROUTER_IDS, ids=[str(one[:2]) for one in ROUTER_IDS])
def test_router_id(told: dict[str, object], name: str, established: Established, why: str) -> None:
    """What CALICO_ROUTER_ID of calico-node comes to, as `bird6 -p` and two BIRD 1.6.8 say; empty is as unset."""
    bare = replace(node("bare", 9, ipv6=True), ipv4="")
    cluster = meshed(bare, node("a", 1, ipv6=True), node("b", 2, ipv6=True), nodes="")
    found = table(cluster.put(agent({"name": "CALICO_ROUTER_ID", **told} if told else {"name": "OTHER"})))
    answer, reason = found[name, "ipv6", "fd00::2"]
    assert answer is established
    assert why in reason


def agent(variable: dict[str, object]) -> DaemonSet:
    """The DaemonSet of calico-node with one variable."""
    container = {"name": "calico-node", "image": "calico/node:v3.30.4", "env": [variable]}
    metadata = {"name": "calico-node", "namespace": "kube-system"}
    spec = {"template": {"spec": {"containers": [container]}}}
    found = decode({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec})
    assert isinstance(found, DaemonSet)
    again = decode(encode(found))
    assert isinstance(again, DaemonSet)
    assert again.router_id == found.router_id
    return found


def test_one_router_id_in_two_ases() -> None:
    """Between ASes BIRD 1.6.8 does not mind, and in IPv4 a 0 is as good as none."""
    cluster = meshed(node("x", 8, as_number=65001), nodes="a b")
    same = table(cluster.put(replace(AGENT, router_id="1.1.1.1")))
    assert same["a", "ipv4", "10.0.0.2"][0] is Established.NO
    assert same["a", "ipv4", "10.0.0.8"][0] is Established.YES
    assert table(cluster.put(replace(AGENT, router_id="0")))["a", "ipv4", "10.0.0.2"][0] is Established.YES


def test_one_ipv4_address_is_one_router_id() -> None:
    """Two nodes with one IPv4 address have no session with each other in IPv6 either."""
    twins = [replace(node("a", 1), ipv6="fd00::1"), replace(node("b", 1), ipv6="fd00::2")]
    found = table(meshed(*twins, nodes=""))
    assert found["a", "ipv6", "fd00::2"] == (Established.NO, "a and b have one router ID (10.0.0.1) in one AS")


def test_nothing_rests_on_one_router_id() -> None:
    """The proof says the same."""
    cluster = meshed(nodes="a b")
    assert not Model(cluster, VERSIONS).missing()
    assert Model(cluster.put(replace(AGENT, router_id="1.1.1.1")), VERSIONS).missing()
    assert Model(cluster.put(replace(AGENT, router_id="abc")), VERSIONS).missing()


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_unspecified_address(address: str) -> None:
    """BIRD wants a neighbour: every row of the family is `no`."""
    both = [node(name, number, ipv6=True) for number, name in enumerate("ab", 1)]
    cluster = meshed(*both, peer("p", node="a", peerIP=address, asNumber=65001), nodes="")
    found = table(cluster)
    family, far = ("ipv6", "fd00::2") if ":" in address else ("ipv4", "10.0.0.2")
    why = f"{OF_A}BGPPeer p names the unspecified address"
    assert found["a", family, far] == found["a", family, address] == (Established.NO, why)
    assert Model(cluster, VERSIONS).missing()


def test_link_local_ipv4() -> None:
    """169.254.0.0/16 needs no interface (`bird -p`)."""
    found = table(meshed(peer("p", node="a", peerIP="169.254.1.1", asNumber=65001), nodes="a b"))
    assert found["a", "ipv4", "10.0.0.2"][0] is Established.YES


OUTSIDE, NEAR = {"peerIP": "10.0.0.99"}, {"peerIP": "10.0.0.2"}
NOT_RENDERED = {
    "a BGPPeer of all nodes has the key": [peer("g", **OUTSIDE, asNumber=65001), peer("p", node="a", **OUTSIDE)],
    "the same of a node's address": [peer("g", **NEAR, asNumber=64512), peer("p", node="a", **NEAR)],
    "the same with the port written": [
        peer("g", peerIP="10.0.0.99:179", asNumber=65001),
        peer("p", node="a", **OUTSIDE),
    ],
    "its own address": [peer("p", node="a", peerIP="10.0.0.1")],
    "reachableBy of the other family": [peer("p", node="a", **OUTSIDE, reachableBy="fd00::1")],
}


@pytest.mark.parametrize("peers", NOT_RENDERED.values(), ids=NOT_RENDERED)
def test_no_as_number_where_nothing_is_rendered(peers: list[BGPPeer]) -> None:
    """Then BIRD takes the file, and the proof counts on it."""
    cluster = meshed(*peers, nodes="a b")
    assert all("refuses" not in why for _, why in table(cluster).values())
    assert not Model(cluster, VERSIONS).missing()


def test_a_port_that_calico_does_not_know() -> None:
    """Before v3.16 a BGPPeer with a port is ignored, whatever else it lacks."""
    cluster = meshed(peer("p", node="a", peerIP="10.0.0.99:179"), nodes="a b")
    old = Versions(CalicoVersion(3, 12), "test")
    assert all(row.verdict.established is Established.YES for row in Speakers.of(cluster, old).all_sessions())


@pytest.mark.parametrize("told", [OUTSIDE, NEAR], ids=["outside", "a node"])
def test_one_of_two_gives_no_as_number(told: dict[str, object]) -> None:
    """Which of them Calico renders follows the order of a Go map: `unknown`, and both are named."""
    peers = [peer("p", node="a", **told), peer("q", node="a", **told, asNumber=64512)]
    cluster = meshed(*peers, nodes="a b c")
    for ends in (("a", "ipv4", "10.0.0.3"), ("c", "ipv4", "10.0.0.1")):
        established, why = table(cluster)[ends]
        assert established is Established.UNKNOWN
        assert why == (
            "BGPPeers p and q give this session different attributes, and which one wins is random; with one of them "
            f"{OF_A}BGPPeer p gives no AS number for the peer"
        )
    assert sum(loss.pairs for loss in Model(cluster, VERSIONS).missing() if loss.at == "a") == 2


def test_no_as_number_of_a_node() -> None:
    """The other end is a node: refused all the same."""
    cluster = meshed(peer("p", node="a", **NEAR), nodes="a b c")
    assert table(cluster)["a", "ipv4", "10.0.0.3"][0] is Established.NO
    assert sum(loss.pairs for loss in Model(cluster, VERSIONS).missing() if loss.at == "a") == 2


def test_one_address_twice() -> None:
    """The file of everybody who dials both is refused, and every row towards them says whose file it is."""
    cluster = meshed(node("twin", 2), node("twin2", 2), nodes="a")
    found = table(cluster)
    why = "BIRD refuses the whole configuration of a: 10.0.0.2 is the address of twin, twin2: one protocol would be "
    assert found["a", "ipv4", "10.0.0.2"] == (Established.NO, why + "defined twice")
    assert (
        found["twin", "ipv4", "10.0.0.1"]
        == found["twin2", "ipv4", "10.0.0.1"]
        == (Established.NO, why + "defined twice")
    )


def test_one_address_twice_without_mesh() -> None:
    """BGPPeers to both are one block, which nothing refuses; which of the two answers is not known."""
    peers = peer("p", node="a", peerSelector="all()")
    found = table(
        ClusterState.of([*(node(name, 2) for name in ("twin", "twin2")), node("a", 1), mesh(on=False), peers])
    )
    why = "10.0.0.2 is the address of twin, twin2, and which of them answers is not known"
    assert found["a", "ipv4", "10.0.0.2"] == found["twin", "ipv4", "10.0.0.1"] == (Established.UNKNOWN, why)


def test_a_reflector_at_a_shared_address_is_not_meshed_with() -> None:
    """So the mesh has one block for the address."""
    cluster = meshed(node("twin", 2, "1.0.0.1"), node("twin2", 2), nodes="a")
    assert table(cluster)["a", "ipv4", "10.0.0.2"][0] is Established.UNKNOWN


def test_cluster_id_with_a_prefix_length() -> None:
    """Calico takes it, BIRD refuses it: every row of that node is `no`, once the node has a client."""
    nodes = [node("a", 1, "1.0.0.1/32"), *(node(name, number) for number, name in enumerate("bc", 2))]
    found = table(ClusterState.of([*nodes, peer("p", node="a", peerSelector="all()")]))
    why = (
        "BIRD refuses the whole configuration of a: `rr cluster id 1.0.0.1/32` is neither an IPv4 address nor a number"
    )
    assert found["a", "ipv4", "10.0.0.2"] == found["b", "ipv4", "10.0.0.1"] == (Established.NO, why)
    assert found["b", "ipv4", "10.0.0.3"][0] is Established.YES


def test_cluster_id_with_a_prefix_length_and_no_client() -> None:
    """Then `rr cluster id` is not rendered, and nothing is refused."""
    nodes = [node("a", 1, "1.0.0.1/32"), node("b", 2, as_number=65001)]
    found = table(ClusterState.of([*nodes, peer("p", node="a", peerSelector="all()")]))
    assert found["a", "ipv4", "10.0.0.2"] == (Established.YES, "")


def test_cluster_id_with_a_prefix_length_and_a_client_outside() -> None:
    """A speaker outside in the same AS is a client too."""
    found = table(
        ClusterState.of([node("a", 1, "1.0.0.1/32"), peer("p", node="a", peerIP="192.0.2.1", asNumber=64512)])
    )
    assert found["a", "ipv4", "192.0.2.1"][0] is Established.NO


CLUSTER_IDS = {
    "1.0.0.1": True,
    "1": True,
    "0x10": True,
    "4294967295": True,
    "4294967296": False,
    "1.0.0.1/32": False,
    "1.0.0.256": False,
    "one": False,
    "::ffff:1.0.0.1": False,
}


@pytest.mark.parametrize(("text", "read"), CLUSTER_IDS.items())
def test_what_bird_reads_as_cluster_id(text: str, read: bool) -> None:
    """As `bird -p` of BIRD 1.6.8 says."""
    assert bird_reads(text) is read


def test_nothing_rests_on_sessions_of_a_refused_file() -> None:
    """The proof counts them as doubtful: BIRD keeps the sessions that it had, whichever these are."""
    clients = [node(name, number) for number, name in enumerate("bc", 2)]
    told = peer("p", nodeSelector="all()", peerSelector="has(rrplan.io/route-reflector)")

    def missing(cluster_id: str) -> bool:
        return bool(
            Model(state(node("a", 1, cluster_id, rr="main"), *clients, mesh(on=False), told), VERSIONS).missing()
        )

    assert missing("1.0.0.1/32")
    assert not missing("1.0.0.1")


def test_nothing_rests_on_an_address_of_two_nodes() -> None:
    """Not even with only one of the two in the way."""
    cluster = meshed(node("x", 8), node("y", 8), nodes="a b")
    losses = {(loss.at, loss.origin) for loss in Model(cluster, VERSIONS).missing()}
    assert ("a", "x") in losses
    assert ("a", "b") in losses


def test_nothing_rests_on_an_address_of_two_nodes_without_mesh() -> None:
    """Nothing is refused there, but a session may be with the other one."""
    told = peer("p", nodeSelector="all()", peerSelector="has(rrplan.io/route-reflector)")
    reflector = node("r", 9, "1.0.0.1", rr="main")

    def missing(number: int) -> bool:
        cluster = state(reflector, node("x", 8), node("y", number), mesh(on=False), told)
        return bool(Model(cluster, VERSIONS).missing())

    assert missing(8)
    assert not missing(7)


@pytest.mark.parametrize("peers", [(), (mesh(on=False), peer("all", nodeSelector="all()", peerSelector="all()"))])
def test_a_node_with_as_number_0_stops_the_files_of_all_who_meet_it(peers: tuple[BGPPeer, ...]) -> None:
    """`neighbor 10.0.0.2 as 0`: "Remote AS number must be set", as `bird -p` of BIRD 1.6.8 says."""
    cluster = meshed(node("a", 1), node("b", 2, as_number=0), node("c", 3), *peers, nodes="")
    speakers = Speakers.of(cluster, VERSIONS)

    rows = [row for name in speakers.by_name for row in speakers.sessions(name)]
    assert {row.verdict.established for row in rows} == {Established.NO}
    assert {row.verdict.reason for row in rows if row.protocol.node == "a"} == {f"{OF_A}the AS number of b is 0"}
    assert {row.verdict.reason for row in rows if row.protocol.node == "b"} == {
        "BIRD refuses the whole configuration of b: its AS number is 0"
    }
    assert ("a", "c") in {(loss.at, loss.origin) for loss in Model(cluster, VERSIONS).missing()}


def test_a_node_with_as_number_0_that_nobody_meets() -> None:
    """It has its own file refused alone."""
    only = peer("others", nodeSelector="has(x)", peerSelector="has(x)")
    cluster = meshed(
        node("a", 1, x="y"), node("b", 2, as_number=0), node("c", 3, x="y"), mesh(on=False), only, nodes=""
    )
    speakers = Speakers.of(cluster, VERSIONS)
    assert [row.verdict.established for row in speakers.sessions(NodeName("a"))] == [Established.YES]
