"""Where the real confd differs from what one would think: one row for each rule, as its output and its sources have it.

Seen with confd and calicoctl of v3.22, v3.24, v3.26, v3.30, v3.31 and v3.32, built from their sources. The notation is
that of `test_peering`; here the protocols stand in the order of the file.
"""

import pytest

from rrplan.bgp.adjacency import Established
from rrplan.bgp.peering import protocols
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName
from tests.unit.bgp.test_peering import OFF, A, B, Case, config, node, peer, speakers, text

LOW = node("a", "10.0.0.1", ipv6Address="fd00::a/64")
HIGH = node("b", "10.0.0.2", ipv6Address="fd00::b/64")
OTHER_SPELLING = peer("p", node="a", peerIP="FD00::B", asNumber=64512)
PORTS = [peer(f"p{port}", node="a", peerIP=f"192.0.2.1:{port}", asNumber=1) for port in (500, 1790)]


def daemonset(name: str) -> dict[str, object]:
    """calico-node's DaemonSet, without environment."""
    spec = {"template": {"spec": {"containers": [{"name": name, "image": "calico/node:v3.30.4"}]}}}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": "x"}, "spec": spec}


def kubernetes(name: str, ip: str, labels: dict[str, str] | None = None, /, **annotations: str) -> dict[str, object]:
    """A Kubernetes Node with Calico's annotations."""
    told = {f"projectcalico.org/{key}": value for key, value in {"IPv4Address": ip, **annotations}.items()}
    metadata = {"name": name, "labels": labels or {}, "annotations": told}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}


BY_LABEL = peer("p", node="b", peerSelector="role == 'rr'")


CASES = [
    Case(
        "peerIP is compared as text: another spelling of a node's address has no reverse peer",
        [LOW, HIGH, OFF, OTHER_SPELLING],
        {"a": ["Node_fd00__b as 64512!"], "b": []},
    ),
    Case(
        "peerIP in canonical spelling has one",
        [LOW, HIGH, OFF, peer("p", node="a", peerIP="fd00::b", asNumber=64512)],
        {"a": ["Node_fd00__b as 64512"], "b": ["Node_fd00__a as 64512"]},
    ),
    Case(
        "peerIP with zeros that need not be written has no reverse peer",
        [LOW, HIGH, OFF, peer("p", node="a", peerIP="fd00:0::b", asNumber=64512)],
        {"a": ["Node_fd00__b as 64512!"], "b": []},
    ),
    Case(
        "a Global_ peer in another spelling is no Calico node, so neither end is passive (v3.23+)",
        [LOW, HIGH, OFF, peer("p", peerIP="FD00::B", asNumber=64512)],
        {"a": ["Global_fd00__b as 64512!"], "b": []},
    ),
    Case(
        "both ends by hand, in another spelling: a session, and neither end is passive",
        [LOW, HIGH, OFF, peer("p", peerIP="FD00::B", asNumber=64512), peer("q", peerIP="FD00::A", asNumber=64512)],
        {"a": ["Global_fd00__b as 64512"], "b": ["Global_fd00__a as 64512"]},
    ),
    Case(
        "the listen port of a node in another spelling is not filled in",
        [LOW, HIGH, OFF, config("node.b", listenPort=500), OTHER_SPELLING],
        {"a": ["Node_fd00__b as 64512!"], "b": []},
    ),
    Case(
        "the spelling makes no second key: one protocol, one lock",
        [LOW, HIGH, OFF, OTHER_SPELLING, peer("q", node="a", peerIP="fd00::b", asNumber=64512)],
        {"a": ["Node_fd00__b as 64512"], "b": ["Node_fd00__a as 64512"]},
    ),
    Case(
        "a port that begins with 0 is octal: 0179 is no number, and the BGPPeer is ignored",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2:0179", asNumber=64512)],
        {"a": [], "b": []},
    ),
    Case(
        "octal 0263 is 179",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2:0263", asNumber=64512)],
        {"a": ["Node_10_0_0_2_port_179 as 64512"], "b": ["Node_10_0_0_1 as 64512"]},
    ),
    Case(
        "a port may be hexadecimal",
        [A, OFF, peer("p", node="a", peerIP="192.0.2.1:0x1f4", asNumber=1)],
        {"a": ["Node_192_0_2_1_port_500 as 1?"]},
    ),
    Case(
        "an IPv4 address written as IPv6 is rendered as IPv4, and is no node's",
        [A, B, OFF, peer("p", node="a", peerIP="::ffff:10.0.0.2", asNumber=64512)],
        {"a": ["Node_10_0_0_2 as 64512!"], "b": []},
    ),
    Case(
        "an address with a zone is ignored",
        [LOW, HIGH, OFF, peer("p", node="a", peerIP="fd00::b%eth0", asNumber=64512)],
        {"a": [], "b": []},
    ),
    Case(
        "an address with a prefix length is ignored",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2/32", asNumber=64512)],
        {"a": [], "b": []},
    ),
    Case(
        "a cluster ID with a prefix length makes a reflector, out of the mesh (v3.26+)",
        [node("a", "10.0.0.1", routeReflectorClusterID="1.0.0.1/32"), B, node("c", "10.0.0.3")],
        {"a": [], "b": ["Mesh_10_0_0_3 as 64512 p"]},
        version="v3.32.0",
    ),
    Case(
        "a cluster ID that is a network with bits behind its mask is ignored",
        [node("a", "10.0.0.1", routeReflectorClusterID="1.0.0.1/24"), B],
        {"a": ["Mesh_10_0_0_2 as 64512 p"]},
    ),
    Case(
        "BIRD refuses a cluster ID with a prefix length, once there is a client",
        [node("a", "10.0.0.1", routeReflectorClusterID="1.0.0.1/32"), B, peer("p", node="a", peerSelector="all()")],
        {"a": ["Node_10_0_0_2 as 64512 c!"], "b": ["Node_10_0_0_1 as 64512!"]},
    ),
    Case(
        "two nodes with one address: BIRD refuses the file of whoever meshes with both",
        [A, node("b", "10.0.0.1"), node("c", "10.0.0.3")],
        {"a": ["Mesh_10_0_0_3 as 64512 p!"], "c": ["Mesh_10_0_0_1 as 64512!", "Mesh_10_0_0_1 as 64512!"]},
    ),
    Case(
        "an IPv6-only node without CALICO_ROUTER_ID has an empty `router id`, and BIRD refuses its file",
        [node("a", ipv6Address="fd00::a/64"), HIGH, daemonset("calico-node")],
        {"a": ["Mesh_fd00__b as 64512 p!"]},
    ),
    Case(
        "a peer without AS number: BIRD refuses the whole file of its node",
        [A, B, peer("p", node="a", peerIP="192.0.2.1")],
        {"a": ["Mesh_10_0_0_2 as 64512 p!", "Node_192_0_2_1 as 0!"], "b": ["Mesh_10_0_0_1 as 64512!"]},
    ),
    Case(
        "`rr client` towards another AS: v3.3.0 and v3.3.1, and BIRD refuses the file",
        [node("a", "10.0.0.1", routeReflectorClusterID="1.0.0.1"), peer("p", node="a", peerIP="192.0.2.1", asNumber=1)],
        {"a": ["Node_192_0_2_1 as 1 c!"]},
        version="v3.3.1",
    ),
    Case(
        "`rr client` towards another AS is not rendered from v3.3.2 on",
        [node("a", "10.0.0.1", routeReflectorClusterID="1.0.0.1"), peer("p", node="a", peerIP="192.0.2.1", asNumber=1)],
        {"a": ["Node_192_0_2_1 as 1?"]},
        version="v3.3.2",
    ),
    Case(
        "peerIP beside peerSelector is ignored",
        [A, B, OFF, peer("p", node="a", peerSelector="kind == 'b'", peerIP="192.0.2.1", asNumber=1)],
        {"a": ["Node_10_0_0_2 as 64512"]},
    ),
    Case(
        "peerIP beside localWorkloadSelector is ignored",
        [A, OFF, peer("p", node="a", localWorkloadSelector="all()", peerIP="192.0.2.1", asNumber=1)],
        {"a": []},
    ),
    Case(
        "peerIP beside localWorkloadSelector is what counts before v3.30, which does not know the selector",
        [A, OFF, peer("p", node="a", localWorkloadSelector="all()", peerIP="192.0.2.1", asNumber=1)],
        {"a": ["Node_192_0_2_1 as 1?"]},
        version="v3.20.0",
    ),
    Case(
        "the same of a node's address, with its reverse peer",
        [A, B, OFF, peer("p", node="a", localWorkloadSelector="all()", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Node_10_0_0_2 as 64512"], "b": ["Node_10_0_0_1 as 64512"]},
        version="v3.20.0",
    ),
    Case(
        "peerIP beside peerSelector is ignored before v3.16 too, also with a port",
        [A, B, OFF, peer("p", node="a", peerSelector="kind == 'b'", peerIP="192.0.2.1:500", asNumber=1)],
        {"a": ["Node_10_0_0_2 as 64512"]},
        version="v3.12.0",
    ),
    Case(
        "reachableBy that is no address: no peer where the BGPPeer is configured, so no session (v3.25+)",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2", asNumber=64512, reachableBy="10.0.0.254/24")],
        {"a": [], "b": ["Node_10_0_0_1 as 64512!"]},
    ),
    Case(
        "reachableBy of the other family: no peer to the outside",
        [A, OFF, peer("p", node="a", peerIP="192.0.2.1", asNumber=1, reachableBy="fd00::1")],
        {"a": []},
    ),
    Case(
        "reachableBy of the same family",
        [A, OFF, peer("p", node="a", peerIP="192.0.2.1", asNumber=1, reachableBy="10.0.0.254")],
        {"a": ["Node_192_0_2_1 as 1?"]},
    ),
    Case(
        "reachableBy is not known before v3.25",
        [A, OFF, peer("p", node="a", peerIP="192.0.2.1", asNumber=1, reachableBy="fd00::1")],
        {"a": ["Node_192_0_2_1 as 1?"]},
        version="v3.24.0",
    ),
    *(
        Case(
            f"an AS number that cannot be read is ignored, and nothing else of the node: `{text}`",
            [kubernetes("a", "10.0.0.1/24", ASNumber=text), B],
            {"b": ["Mesh_10_0_0_1 as 64512"], "a": ["Mesh_10_0_0_2 as 64512 p"]},
        )
        for text in ("abc", "65001 ", "0x10")
    ),
    *(
        Case(
            f"an address that cannot be read is ignored, and nothing else of the node: `{text}`",
            [kubernetes("a", text, IPv6Address="fd00::a/64"), HIGH],
            {"b": ["Mesh_fd00__a as 64512?"]},
        )
        for text in ("nonsense", "10.0.0.78/33", "10.0.0.78/255.255.255.0", " 10.0.0.78")
    ),
    *(
        Case(
            f"labels that cannot be read are ignored, and nothing else of the node: `{text}`",
            [kubernetes("a", "10.0.0.1/24", {"role": "rr"}, labels=text), B, OFF, BY_LABEL],
            {"b": ["Node_10_0_0_1 as 64512"]},
        )
        for text in ("null", "{", '["role"]', '{"role": 1}')
    ),
    Case(
        "labels of the annotation are merged with Kubernetes'",
        [kubernetes("a", "10.0.0.1/24", labels='{"role": "rr"}'), B, OFF, BY_LABEL],
        {"b": ["Node_10_0_0_1 as 64512"]},
    ),
    Case(
        "where both have a label, Kubernetes' value wins",
        [kubernetes("a", "10.0.0.1/24", {"role": "none"}, labels='{"role": "rr"}'), B, OFF, BY_LABEL],
        {"b": []},
    ),
    Case(
        "a Calico Node with an address that cannot be read is left out whole",
        [node("a", "10.0.0.78/33", ipv6Address="fd00::a/64"), HIGH],
        {"a": [], "b": []},
    ),
    Case(
        "protocols of one section are sorted by key as text, up to v3.31: port 1790 before 500",
        [A, OFF, *PORTS],
        {"a": ["Node_192_0_2_1_port_1790 as 1?", "Node_192_0_2_1_port_500 as 1?"]},
        version="v3.31.0",
    ),
    Case(
        "up to v3.31 mesh comes before global, and global before node",
        [A, B, peer("n", node="a", peerIP="192.0.2.1", asNumber=1), peer("g", peerIP="192.0.2.2", asNumber=1)],
        {"a": ["Mesh_10_0_0_2 as 64512 p", "Global_192_0_2_2 as 1?", "Node_192_0_2_1 as 1?"]},
        version="v3.31.0",
    ),
    Case(
        "from v3.32 on all are sorted by name",
        [A, B, *PORTS, peer("g", peerIP="192.0.2.2", asNumber=1)],
        {
            "a": [
                "Global_192_0_2_2 as 1?",
                "Mesh_10_0_0_2 as 64512 p",
                "Node_192_0_2_1_port_1790 as 1?",
                "Node_192_0_2_1_port_500 as 1?",
            ]
        },
        version="v3.32.0",
    ),
]

TWO_AS = [peer(f"p{number}", node="a", peerIP="10.0.0.2", asNumber=number) for number in (64512, 65001)]
TWO_OUTSIDE = [peer(f"p{number}", node="a", peerIP="192.0.2.1", asNumber=number) for number in (65000, 65001)]
TWO_HOPS = [peer("plain", node="a", peerIP="192.0.2.1", asNumber=1)]
TWO_HOPS += [peer("secure", node="a", peerIP="192.0.2.1", asNumber=1, ttlSecurity=2)]

DISPUTED = [
    ("two BGPPeers with different AS numbers: which one wins is random", [A, B, OFF, *TWO_AS], "p64512 and p65001"),
    ("the same towards a speaker outside", [A, OFF, *TWO_OUTSIDE], "p65000 and p65001"),
    ("the same with different ttlSecurity (v3.25+)", [A, OFF, *TWO_HOPS], "plain and secure"),
]

SECRET = {"name": "s", "key": "k"}
SAME = [
    ("maxRestartTime", {"maxRestartTime": "60s"}, {"maxRestartTime": "1m"}),
    ("maxRestartTime in rounded seconds", {"maxRestartTime": "60s"}, {"maxRestartTime": "60s200ms"}),
    ("keepaliveTime", {"keepaliveTime": "90s"}, {"keepaliveTime": "1m30s"}),
    ("nextHopMode Auto is the default", {"nextHopMode": "Auto"}, {}),
    ("nextHopMode Keep and keepOriginalNextHop", {"nextHopMode": "Keep"}, {"keepOriginalNextHop": True}),
    ("localASNumber of the own AS", {"localASNumber": 64512}, {}),
    (
        "a password, whatever the order of its keys",
        {"password": {"secretKeyRef": SECRET}},
        {"password": {"secretKeyRef": dict(reversed(SECRET.items()))}},
    ),
    (
        "a password that is optional",
        {"password": {"secretKeyRef": SECRET}},
        {"password": {"secretKeyRef": SECRET | {"optional": False}}},
    ),
    ("a password without Secret is none", {"password": {}}, {}),
]
DIFFERENT = [
    ("maxRestartTime", {"maxRestartTime": "60s"}, {"maxRestartTime": "61s"}),
    ("maxRestartTime rounded up", {"maxRestartTime": "60s"}, {"maxRestartTime": "60s500ms"}),
    ("maxRestartTime that is none", {"maxRestartTime": "60s"}, {"maxRestartTime": "60x"}),
    ("nextHopMode", {"nextHopMode": "Self"}, {"nextHopMode": "Keep"}),
    ("localASNumber", {"localASNumber": 64513}, {}),
    (
        "another key of the Secret",
        {"password": {"secretKeyRef": SECRET}},
        {"password": {"secretKeyRef": {**SECRET, "key": "l"}}},
    ),
]


@pytest.mark.parametrize(
    ("one", "other", "disputed"),
    [(*case[1:], False) for case in SAME] + [(*case[1:], True) for case in DIFFERENT],
    ids=[f"same: {case[0]}" for case in SAME] + [f"different: {case[0]}" for case in DIFFERENT],
)
def test_one_block(one: dict[str, object], other: dict[str, object], disputed: bool) -> None:
    """Whether two BGPPeers for one session agree is told by what is rendered (client.go, v3.32)."""
    peers = [peer(name, peerIP="10.0.0.99", asNumber=65001, **told) for name, told in (("p", one), ("q", other))]
    (session,) = speakers(Case("", [A, OFF, *peers], {}, "v3.32.0")).sessions(NodeName("a"))
    assert session.protocol.disputed is disputed
    assert session.protocol.askers == ("p", "q")


MESHED = [
    ("p", {"node": "a", "peerIP": "10.0.0.2", "asNumber": 64512}),
    ("q", {"node": "a", "peerIP": "10.0.0.2", "asNumber": 65001}),
]


def test_disputed_beside_the_mesh() -> None:
    """Where the wrong one wins and holds the lock nothing is up: no row says that one of them is, and all name both."""
    found = speakers(Case("", [A, B, *(peer(name, **told) for name, told in MESHED)], {}))
    rows = [*found.sessions(NodeName("a")), *found.sessions(NodeName("b"))]
    assert len(rows) == 4
    for row in rows:
        assert row.verdict.established is Established.UNKNOWN
        assert "which of them is up is not known; BGPPeers p and q give this session different" in row.verdict.reason
        assert "with one of them there is no session: bad peer AS: a expects AS 65001 (BGPPeer q)" in row.verdict.reason
        assert "one of them is up" not in row.verdict.reason


def test_wrong_beside_the_mesh() -> None:
    """A BGPPeer that gives no session may hold the lock in the mesh's place."""
    found = speakers(Case("", [A, B, peer("q", node="a", peerIP="10.0.0.2", asNumber=65001)], {}))
    mesh, wrong = found.sessions(NodeName("a"))
    why = "bad peer AS: a expects AS 65001 (BGPPeer q), b has AS 64512"
    assert mesh.verdict.reason == (
        "shares the lock on 10.0.0.2 with Node_10_0_0_2, and which of them is up is not known; with one of them there "
        f"is no session: {why}"
    )
    assert (wrong.verdict.established, wrong.verdict.reason) == (Established.NO, why)


def test_right_beside_the_mesh() -> None:
    """Where every one of them gives a session, one is up."""
    found = speakers(Case("", [A, B, peer("p", node="a", peerIP="10.0.0.2", asNumber=64512)], {}))
    assert {row.verdict.reason for row in found.sessions(NodeName("a"))} == {
        "shares the lock on 10.0.0.2 with Node_10_0_0_2; one of them is up",
        "shares the lock on 10.0.0.2 with Mesh_10_0_0_2; one of them is up",
    }


def test_disputed_source_address() -> None:
    """The kernel chooses at both ends only if the one wins there twice."""
    told = {"node": "a", "peerIP": "10.0.0.2", "asNumber": 64512}
    peers = [peer("p", **told, sourceAddress="None"), peer("q", **told)]
    (row,) = speakers(Case("", [A, B, OFF, *peers], {})).sessions(NodeName("a"))
    assert row.verdict.established is Established.UNKNOWN
    assert row.verdict.reason == (
        "BGPPeers p and q give this session different attributes, and which one wins is random; with one of them there "
        "may be none: the kernel chooses the source address at both ends"
    )


def test_the_kernel_of_the_only_end_that_dials_chooses() -> None:
    """a waits (`passive on`, v3.23), and takes a connection from the address of b alone."""
    waits = peer("waits", peerIP="10.0.0.2", asNumber=64512, reversePeering="Manual")
    dials = peer("dials", node="b", peerIP="10.0.0.1", asNumber=64512, reversePeering="Manual", sourceAddress="None")
    objects = [A, B, OFF, waits, dials]
    for name in ("a", "b"):
        (row,) = speakers(Case("", objects, {})).sessions(NodeName(name))
        assert row.verdict.established is Established.UNKNOWN
        assert row.verdict.reason == "b alone dials, and its kernel chooses the source address"
    (row,) = speakers(Case("", objects, {}, "v3.22.5")).sessions(NodeName("a"))
    assert row.verdict.established is Established.YES


def test_the_one_that_is_wrong_is_named() -> None:
    """Three BGPPeers for one session, and only q says 65001."""
    numbers = {"p": 64512, "q": 65001, "r": 65002}
    peers = [peer(name, node="a", peerIP="10.0.0.2", asNumber=number) for name, number in numbers.items()]
    (row,) = speakers(Case("", [A, B, OFF, *peers], {})).sessions(NodeName("a"))
    assert row.verdict.reason.startswith("BGPPeers p, q and r give this session different attributes")
    assert "a expects AS 65001 (BGPPeer q), b has AS 64512" in row.verdict.reason


@pytest.mark.parametrize(("rule", "objects", "names"), DISPUTED, ids=[one[0] for one in DISPUTED])
def test_disputed(rule: str, objects: list[dict[str, object]], names: str) -> None:
    """The session is `unknown`, and both are named."""
    (session,) = speakers(Case(rule, objects, {})).sessions(NodeName("a"))
    assert session.verdict.established is Established.UNKNOWN
    assert f"BGPPeers {names} give this session different attributes, and which one wins is random" in (
        session.verdict.reason
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_rule(case: Case) -> None:
    """The protocols of the nodes that the rule is about, in configuration order."""
    found = speakers(case)
    for name, expected in case.expected.items():
        assert [text(session) for session in found.sessions(NodeName(name))] == expected


def test_order_of_keys_between_two_nodes() -> None:
    """What the proof compares has the order of the file, whatever the BGPPeers are called."""
    peers = [
        peer(name, node="a", peerIP=f"10.0.0.2:{port}", asNumber=64512) for name, port in (("x", 500), ("y", 1790))
    ]
    found = speakers(Case("", [A, B, OFF, *peers], {}))
    one, other = (found.by_name[NodeName(name)] for name in "ab")
    assert [protocol.port for protocol in protocols(found.rules, one, other, Family.IPV4)] == [1790, 500]
