"""Calico's session rules before v3.21, one case per rule and version; the notation of `test_peering`.

Sources are those of `rrplan.bgp.profile`: `projectcalico/confd`, `projectcalico/node` and `projectcalico/calico`.
"""

import pytest

from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from tests.unit.bgp.test_peering import ALL, CLIENTS, OFF, SIX, A, B, C, Case, R, config, node, peer, speakers, text

R6 = node("r1", "10.0.0.21", routeReflectorClusterID="1.0.0.1", ipv6Address="fd00::21/64")
A6 = node("a", "10.0.0.1", **SIX)
B6 = node("b", "10.0.0.2", ipv6Address="fd00::2/64")
GLOBAL = peer("global", peerIP="10.0.0.2", asNumber=64512)
FOREIGN = node("b", "10.0.0.2", asNumber=65001)
GLOBALLY = peer("p", nodeSelector="global()", peerSelector="global()")
CONTAINING = peer("p", nodeSelector="all()", peerSelector="!has(x) || x contains 'y'")

CASES = [
    Case(
        "v3.3: nobody is passive (node#79)",
        [B, C],
        {"b": ["Mesh_10_0_0_10 as 64512"], "c": ["Mesh_10_0_0_2 as 64512"]},
        "v3.3.7",
    ),
    Case("v3.4: one end is", [B, C], {"b": ["Mesh_10_0_0_10 as 64512"], "c": ["Mesh_10_0_0_2 as 64512 p"]}, "v3.4.0"),
    Case(
        "v3.3 to v3.12: a reflector has no mesh, its neighbours keep theirs beside Node_ (confd 5980bc98)",
        [A, R, CLIENTS],
        {"r1": ["Node_10_0_0_1 as 64512 c?"], "a": ["Mesh_10_0_0_21 as 64512 p?", "Node_10_0_0_21 as 64512?"]},
        "v3.12.3",
    ),
    Case(
        "v3.13 to v3.20: it has a mesh in IPv4 (confd#311) and none in IPv6, where the change was forgotten",
        [A6, R6],
        {
            "a": ["Mesh_10_0_0_21 as 64512 p", "Mesh_fd00__21 as 64512 p!"],
            "r1": ["Mesh_10_0_0_1 as 64512"],
        },
        "v3.20.6",
    ),
    Case("v3.21: neither end (confd#619)", [A6, R6], {"a": [], "r1": []}, "v3.21.0"),
    Case(
        "v3.4.x, v3.5.0 to v3.5.3: the IPv6 peer is compared with the own IPv4 address, so both ends are passive",
        [A6, B6],
        {
            "a": ["Mesh_10_0_0_2 as 64512 p", "Mesh_fd00__2 as 64512 p!"],
            "b": ["Mesh_10_0_0_1 as 64512", "Mesh_fd00__1 as 64512 p!"],
        },
        "v3.5.3",
    ),
    Case(
        "v3.5.4 compares IPv6 with IPv6 (confd b9331eac)",
        [A6, B6],
        {"b": ["Mesh_10_0_0_1 as 64512", "Mesh_fd00__1 as 64512"]},
        "v3.5.4",
    ),
    Case(
        "v3.6.0 has the fault again",
        [A6, B6],
        {"b": ["Mesh_10_0_0_1 as 64512", "Mesh_fd00__1 as 64512 p!"]},
        "v3.6.0",
    ),
    Case("v3.6.1 has not", [A6, B6], {"b": ["Mesh_10_0_0_1 as 64512", "Mesh_fd00__1 as 64512"]}, "v3.6.1"),
    Case(
        "before v3.3 there are no selectors, no cluster IDs, no reverse peers",
        [A, R, OFF, ALL],
        {"a": [], "r1": []},
        "v3.2.9",
    ),
    Case(
        "before v3.3 a BGPPeer stands at one end only: no reverse pass",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Node_10_0_0_2 as 64512!"], "b": []},
        "v3.2.9",
    ),
    Case(
        "v3.3 has a reverse pass",
        [A, B, OFF, peer("p", node="a", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Node_10_0_0_2 as 64512"], "b": ["Node_10_0_0_1 as 64512"]},
        "v3.3.0",
    ),
    Case(
        "before v3.3 Node_ stands beside Global_; later it gives way (d9993a19)",
        [A, B, OFF, GLOBAL, peer("p", node="a", peerIP="10.0.0.2", asNumber=64512)],
        {"a": ["Global_10_0_0_2 as 64512!", "Node_10_0_0_2 as 64512!"]},
        "v3.2.9",
    ),
    Case(
        "v3.3.0 and v3.3.1 render `rr client` towards another AS, and BIRD refuses the configuration (36222dda)",
        [R, FOREIGN, OFF, ALL],
        {"r1": ["Node_10_0_0_2 as 65001 c!"], "b": ["Node_10_0_0_21 as 64512!"]},
        "v3.3.1",
    ),
    Case(
        "v3.3.2 does not",
        [R, FOREIGN, OFF, ALL],
        {"r1": ["Node_10_0_0_2 as 65001"], "b": ["Node_10_0_0_21 as 64512"]},
        "v3.3.2",
    ),
    Case(
        "v3.4 does not",
        [R, FOREIGN, OFF, ALL],
        {"r1": ["Node_10_0_0_2 as 65001"], "b": ["Node_10_0_0_21 as 64512"]},
        "v3.4.0",
    ),
    Case(
        "before v3.16 listen ports are not known, and a BGPPeer with a port is none",
        [A, B, config(listenPort=178), peer("p", node="a", peerIP="10.0.0.2:178", asNumber=64512)],
        {"a": ["Mesh_10_0_0_2 as 64512 p"], "b": ["Mesh_10_0_0_1 as 64512"]},
        "v3.15.5",
    ),
    Case(
        "v3.16 renders them",
        [
            A,
            B,
            config(listenPort=178, nodeToNodeMeshEnabled=False),
            peer("p", node="a", peerIP="10.0.0.2:178", asNumber=64512),
        ],
        {"a": ["Node_10_0_0_2_port_178 as 64512"]},
        "v3.16.0",
    ),
    Case("before v3.15 no node has `global()` (36db81bc)", [A, B, OFF, GLOBALLY], {"a": []}, "v3.14.2"),
    Case("since then all have", [A, B, OFF, GLOBALLY], {"a": ["Node_10_0_0_2 as 64512"]}, "v3.15.0"),
    Case("before v3.6 no `contains` (960598b2)", [A, B, OFF, CONTAINING], {"a": []}, "v3.5.4"),
    Case("since then", [A, B, OFF, CONTAINING], {"a": ["Node_10_0_0_2 as 64512"]}, "v3.6.0"),
    Case(
        "v3.22: Global_ is never passive",
        [A, B, OFF, GLOBAL],
        {"a": ["Global_10_0_0_2 as 64512"], "b": ["Node_10_0_0_1 as 64512"]},
        "v3.22.5",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.version} {case.rule}")
def test_rule(case: Case) -> None:
    """The protocols of the nodes that the rule is about, by name."""
    found = speakers(case)
    for name, expected in case.expected.items():
        assert sorted(text(session) for session in found.sessions(NodeName(name))) == sorted(expected)


@pytest.mark.parametrize(
    ("version", "spec", "known"),
    [
        ("v3.16.2", {"password": {"secretKeyRef": {"name": "a", "key": "b"}}}, False),
        ("v3.16.3", {"password": {"secretKeyRef": {"name": "a", "key": "b"}}}, True),
        ("v3.19.4", {"maxRestartTime": "10s"}, False),
        ("v3.20.0", {"maxRestartTime": "10s"}, True),
        ("v3.22.5", {"numAllowedLocalASNumbers": 1}, False),
        ("v3.23.0", {"numAllowedLocalASNumbers": 1}, True),
    ],
)
def test_options(version: str, spec: dict[str, object], known: bool) -> None:
    """A field that a version does not know changes nothing in the protocol."""
    explicit = peer("p", nodeSelector="all()", peerSelector="has(rr)", **spec)
    session = speakers(Case("", [A, R, OFF, explicit], {}, version)).sessions(NodeName("a"))[0]
    assert bool(session.protocol.options) is known


@pytest.mark.parametrize(
    ("version", "node", "known"),
    [("v3.15.5", "a", False), ("v3.16.0", "a", True), ("v3.16.0", "", False), ("v3.17.0", "", True)],
)
def test_next_hop(version: str, node: str, known: bool) -> None:
    """keepOriginalNextHop held for Node_ alone in v3.16; v3.17 added Global_; within one AS it renders nothing."""
    for as_number, external in ((65001, True), (64512, False)):
        where = {"node": node} if node else {}
        explicit = peer("p", peerIP="10.0.0.2", asNumber=as_number, keepOriginalNextHop=True, **where)
        session = speakers(Case("", [A, B, OFF, explicit], {}, version)).sessions(NodeName("a"))[0]
        assert bool(session.protocol.options) is (known and external)


def test_source_address() -> None:
    """Before v3.18 the source address is always the node's."""
    explicit = peer("p", nodeSelector="all()", peerSelector="has(rr)", sourceAddress="None")
    for version, source in (("v3.17.6", "10.0.0.1"), ("v3.18.0", None)):
        session = speakers(Case("", [A, R, OFF, explicit], {}, version)).sessions(NodeName("a"))[0]
        assert session.protocol.source_address == source


def test_older_than_all() -> None:
    """Calico v2 has no rules here."""
    with pytest.raises(PolicyRefusal, match=r"Calico v2\.6\.12 is older than v3\.0\.0"):
        speakers(Case("", [A], {}, "v2.6.12"))
