"""Reflection against 20 topologies that real BIRD 1.6.8 was measured in."""

from dataclasses import dataclass

import pytest

from rrplan.bgp.adjacency import Link
from rrplan.bgp.bulk import Bulk
from rrplan.bgp.reflection import LinkGraph, Links, SpeakerGroup, trace


@dataclass(frozen=True)
class Lab:
    """Speakers with cluster IDs ("" for none), sessions, and how many (node, block) pairs BIRD missed."""

    name: str
    ids: tuple[str, ...]
    sessions: frozenset[tuple[int, int]]
    missing: int


def lab(name: str, missing: int, ids: str, *, clients: str, peers: str = "", mesh: str = "") -> Lab:
    """`ids`: one letter per reflector; `clients`: per client the reflectors it is on; `peers`: pairs of reflectors."""
    reflectors = len(ids)
    groups = clients.split()
    found = {(int(pair[0]), int(pair[1])) for pair in peers.split()}
    for index, on in enumerate(groups):
        found |= {(int(reflector), reflectors + index) for reflector in on if reflector != "-"}
    total = reflectors + len(groups)
    if mesh:
        found |= {(a, b) for a in range(reflectors, total) for b in range(a + 1, total)}
    names = tuple("" if letter == "-" else letter for letter in ids) + ("",) * len(groups)
    return Lab(name, names, frozenset(found), missing)


LABS = [
    lab("I1", 0, "AA", clients="01 01 01 01 01 01", peers="01"),
    lab("I1b", 2, "AA", clients="01 01 01 01 01 01"),
    lab("I1c", 2, "AB", clients="01 01 01 01 01 01"),
    lab("I1d", 0, "AB", clients="01 01 01 01 01 01", peers="01"),
    lab("I2", 18, "AA", clients="0 0 0 1 1 1", peers="01"),
    lab("I3", 32, "AA", clients="0 0 0 1 1 1"),
    lab("I4", 0, "AB", clients="0 0 0 1 1 1", peers="01"),
    lab("I5", 32, "AB", clients="0 0 0 1 1 1"),
    lab("I6", 0, "ABC", clients="0 0 1 1 2 2", peers="01 12"),
    lab("I7", 34, "AAA", clients="0 0 1 1 2 2", peers="01 12"),
    lab("I8", 12, "ABA", clients="0 0 1 1 2 2", peers="01 12"),
    lab("I9", 0, "ABC", clients="0 0 1 1 2 2", peers="01 12 02"),
    lab("I10", 0, "AAA", clients="01 12 02 01", peers="01 12 02"),
    lab("I10b", 14, "AAA", clients="01 12 02 01"),
    lab("I10c", 14, "ABC", clients="01 12 02 01"),
    lab("I11", 10, "A", clients="0 0 - - - - -", mesh="on"),
    lab("I12", 0, "A", clients="0 0 0 0 0 0 0", mesh="on"),
    lab("I13", 14, "AA", clients="01 01 01 01 01 -", peers="01"),
    lab("I14", 42, "-", clients="0 0 0 0 0 0 0"),
    lab("I15", 0, "AA", clients="0 0 0 0 0 0", peers="01"),
]


def missing(one: Lab) -> int:
    """Ordered pairs without a route, every speaker a group of its own."""
    links: dict[tuple[int, int], Links] = {}
    for a, b in one.sessions:
        link = Link(True, bool(one.ids[a]) and one.ids[a] != one.ids[b], bool(one.ids[b]) and one.ids[a] != one.ids[b])
        links[a, b], links[b, a] = (link,), (link.reversed(),)
    graph = LinkGraph(tuple(SpeakerGroup(1, 64512, cluster) for cluster in one.ids), links)
    size = len(one.ids)
    bulk = Bulk(graph, graph.neighbours())
    pairs = [(origin, at) for origin in range(size) for at in range(size) if at != origin]
    assert all(bulk.from_group(origin).reaches(at) == (at in trace(graph, origin).copies) for origin, at in pairs)
    return sum(not bulk.from_group(origin).reaches(at) for origin, at in pairs)


@pytest.mark.parametrize("one", LABS, ids=lambda one: one.name)
def test_laboratory(one: Lab) -> None:
    """The model misses exactly as many routes as BIRD did."""
    assert one.missing == missing(one)
