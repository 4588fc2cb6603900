"""Pairs of nodes that BGPPeers join, counted without a look at every pair."""

import time
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrplan.desired import joining
from rrplan.desired.joining import Joining, Sides, count_pairs
from rrplan.ids import NodeName
from tests.support.clusters import node, peer

NAMES = [NodeName(f"n{number}") for number in range(6)]
SOME = st.frozensets(st.sampled_from(NAMES))
SIDES = st.lists(st.builds(Sides, SOME, SOME), max_size=5)


@given(SIDES, SIDES, SOME)
def test_counts_as_pair_by_pair(theirs: list[Sides], ours: list[Sides], meshed: frozenset[NodeName]) -> None:
    """A pair counts once, however many BGPPeers join it."""

    def joined(pair: tuple[NodeName, NodeName], all_sides: list[Sides]) -> bool:
        one, other = pair
        return any((one in near and other in far) or (other in near and one in far) for near, far in all_sides)

    pairs = [pair for pair in combinations(NAMES, 2) if joined(pair, theirs)]
    twice = [pair for pair in pairs if joined(pair, ours) or meshed.issuperset(pair)]
    counted = count_pairs(theirs, ours, meshed)
    assert (counted.twice, counted.alone, counted.whole) == (len(twice), len(pairs) - len(twice), True)


def test_who_is_meant() -> None:
    """By name, by address with a port, by selector; a selector that cannot be read means nobody."""
    nodes = {made.name: made for made in (node("a", 1, rack="x"), node("b", 2, rack="x"), node("c", 3, rack="y"))}
    everybody = Joining(nodes)
    for fields, near, far in (
        ({"node": "a", "peerIP": "10.0.0.2"}, "a", "b"),
        ({"peerIP": "10.0.0.3:179"}, "abc", "c"),
        ({"nodeSelector": "rack == 'x'", "peerSelector": "has(rack)"}, "ab", "abc"),
        ({"nodeSelector": "rack in {'y'}", "peerSelector": "rack ="}, "c", ""),
        ({"node": "z", "peerIP": "192.0.2.1"}, "", ""),
    ):
        assert everybody.sides(peer("p", **fields)) == (frozenset(near), frozenset(far)), fields
        assert everybody.inside(peer("p", **fields)) is ("192" not in str(fields))


def test_many_nodes_with_a_peer_each() -> None:
    """5,000 nodes and a BGPPeer of each of 500: as fast as reading them."""
    nodes = {made.name: made for made in (node(f"n{number}", number) for number in range(5_000))}
    peers = [peer(f"p{number}", node=f"n{number}", peerIP="10.0.0.1", asNumber=64512) for number in range(500)]
    began = time.process_time()
    everybody = Joining(nodes)
    counted = count_pairs([everybody.sides(one) for one in peers], [], frozenset(nodes))
    assert counted.twice == 499
    assert time.process_time() - began < 2


def test_too_many_kinds_are_not_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the count says that it is not whole."""
    monkeypatch.setattr(joining, "MANY_KINDS", 2)
    sides = [Sides(frozenset([name]), frozenset(NAMES[number:])) for number, name in enumerate(NAMES)]
    assert not count_pairs(sides, [], frozenset()).whole
