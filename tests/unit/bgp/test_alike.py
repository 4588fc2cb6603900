"""Nodes that cannot be told apart are asked about once, and the answers are those of asking about every node."""

import pytest

from rrplan.bgp.alike import standing
from rrplan.bgp.cells import Names, Standing
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.session_counts import count_sessions, counted
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, Node
from rrplan.snapshots.snapshot import state_of
from tests.bench.shapes import SHAPES
from tests.walker.draws import Draw

NAMELESS = Names("", (), frozenset())
VERSIONS = Versions(CalicoVersion(3, 30, 7), "test")


def peer(name: str, **spec: str | int) -> BGPPeer:
    """A BGPPeer with these fields."""
    return BGPPeer(
        name,
        node=str(spec.get("node", "")),
        node_selector=str(spec.get("nodeSelector", "")),
        peer_ip=str(spec.get("peerIP", "")),
        peer_selector=str(spec.get("peerSelector", "")),
        as_number=int(spec.get("asNumber", 0)) or None,
        source_address=str(spec.get("sourceAddress", "")),
        spec=spec,
    )


def blocks(*peers: BGPPeer) -> list[set[str]]:
    """Four nodes with these BGPPeers, by what sessions between nodes can tell apart."""
    nodes = [Node(NodeName(f"n{number}"), {"n": str(number)}, ipv4=f"10.0.0.{number}") for number in range(1, 5)]
    speakers = Speakers.of(ClusterState.of([*nodes, *peers]), VERSIONS)
    groups: dict[object, set[str]] = {}
    for name, own in speakers.by_name.items():
        groups.setdefault(standing(speakers.rules, own, Family.IPV4), set()).add(name)
    return sorted(groups.values(), key=sorted)


def test_the_outside_does_not_count_between_nodes() -> None:
    """A BGPPeer of one node to a switch leaves the node like the others."""
    assert blocks(peer("tor", node="n1", peerIP="192.168.0.1", asNumber=65001)) == [{"n1", "n2", "n3", "n4"}]


def test_only_what_a_bgppeer_says_counts() -> None:
    """Two nodes with a BGPPeer each to the same reflector are alike, and the reflector is not."""
    to_reflector = [peer(f"p{number}", node=f"n{number}", peerIP="10.0.0.4", asNumber=64512) for number in (1, 2)]
    assert blocks(*to_reflector) == [{"n1", "n2"}, {"n3"}, {"n4"}]


def test_another_option_is_another_bgppeer() -> None:
    """The same where the kernel chooses the source address of one of them: their sessions differ."""
    plain = peer("p1", node="n1", peerIP="10.0.0.4", asNumber=64512)
    other = peer("p2", node="n2", peerIP="10.0.0.4", asNumber=64512, sourceAddress="None")
    assert blocks(plain, other) == [{"n1"}, {"n2"}, {"n3"}, {"n4"}]


def test_a_bgppeer_of_all_nodes_makes_addresses_count() -> None:
    """Where all nodes dial one, which end is passive depends on which address is the smaller one."""
    assert blocks(peer("all", peerIP="10.0.0.2", asNumber=64512)) == [{"n1"}, {"n2"}, {"n3", "n4"}]


@pytest.mark.parametrize("seed", range(900, 940))
def test_counts_equal_the_table(seed: int) -> None:
    """Sessions counted by nodes that are alike are those of the whole table."""
    state = state_of(Draw(seed).case().cluster)
    speakers = Speakers.of(state, VERSIONS)
    assert count_sessions(speakers) == counted(speakers.all_sessions())


@pytest.mark.parametrize("name", SHAPES)
def test_blocks_hold_what_single_nodes_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair of classes has the answer that it has where no two classes are put together."""
    state = SHAPES[name](24, 5).snapshot.state
    together = Model(state, VERSIONS).view()
    numbers = iter(range(10_000))
    monkeypatch.setattr("rrplan.bgp.connections.standing", lambda *_: Standing(str(next(numbers)), NAMELESS))
    apart = Model(state, VERSIONS).view()
    assert together.signatures == apart.signatures
    for family in FAMILIES:
        for one, other in ((together.holdings, apart.holdings), (together.possible, apart.possible)):
            assert one[family].missing == other[family].missing
            assert one[family].outside == other[family].outside
            size = len(together.signatures)
            ends = range(size + len(one[family].outside))
            for holder in ends:
                for origin in ends:
                    if holder == origin or {holder, origin}.isdisjoint(range(size)):
                        continue
                    assert one[family].holds(holder, origin) == other[family].holds(holder, origin)
