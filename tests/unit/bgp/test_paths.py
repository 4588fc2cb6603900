"""How many paths of each route nodes hold, beside an enumeration of every path over single nodes."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrplan.bgp.model import Model
from rrplan.bgp.paths import paths_in
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, ClusterState, Node
from tests.support.clusters import VERSIONS, node, peer
from tests.support.ways import ways

Groups = list[tuple[int, int]]
"""Of each group: its reflectors, and its clients."""


def grouped(groups: Groups, core: int = 0) -> ClusterState:
    """Groups with a cluster ID each, whose reflectors peer with one another, or with core reflectors alone."""
    nodes: list[Node] = []
    peers = []
    for number, (reflectors, clients) in enumerate(groups):
        for _ in range(reflectors):
            nodes.append(node(f"r{len(nodes)}", len(nodes) + 1, f"1.1.1.{number + 1}", rr=f"g{number}"))
        for _ in range(clients):
            nodes.append(node(f"c{len(nodes)}", len(nodes) + 1, group=f"g{number}"))
        label = f"rrplan.io/route-reflector == 'g{number}'"
        peers.append(peer(f"p{number}", nodeSelector=f"group == 'g{number}'", peerSelector=label))
    for _ in range(core):
        nodes.append(node(f"core{len(nodes)}", len(nodes) + 1, "2.2.2.2", rr="core", top="yes"))
    everybody = "has(rrplan.io/route-reflector)"
    peers.append(peer("between", nodeSelector=everybody, peerSelector="has(top)" if core else everybody))
    off = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    return ClusterState.of([*nodes, *peers, off])


def enumerated(state: ClusterState) -> Counter[str]:
    """Paths of all routes at each node: one for each way over which RFC 4456 and BIRD's rule let it come."""
    nodes = state.nodes
    label = "rrplan.io/route-reflector"
    core = any("top" in one.labels for one in nodes.values())

    def joined(a: Node, b: Node) -> bool:
        if label in a.labels and label in b.labels:
            return not core or "top" in a.labels or "top" in b.labels
        return any(
            "group" in one.labels and one.labels["group"] == other.labels.get(label) for one, other in ((a, b), (b, a))
        )

    return Counter(holder for _, holder in ways(nodes.values(), joined))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=3), st.integers(0, 2))
def test_as_enumerated(groups: Groups, core: int) -> None:
    """The most that any node holds, whatever the sizes of groups, with one level or two."""
    state = grouped(groups, core)
    paths, holder = paths_in(Model(state, VERSIONS), 10**9)
    found = enumerated(state)
    assert paths.paths == max(found.values(), default=0)
    assert not paths.paths or found[holder] == paths.paths


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=1, max_size=2), st.integers(0, 2))
def test_no_fewer_than_enumerated(groups: Groups, core: int) -> None:
    """Of groups that are alike and differ in size the largest stands for all: no node has more paths than that."""
    state = grouped(groups, core)
    assert paths_in(Model(state, VERSIONS), 10**9)[0].paths >= max(enumerated(state).values(), default=0)


@pytest.mark.parametrize(("groups", "each"), [(2, 4), (3, 13), (4, 73), (5, 549)])
def test_every_group_makes_it_worse(groups: int, each: int) -> None:
    """Of groups with two reflectors and a client; `tests/bird/test_paths.py` counts those of real BIRD."""
    paths, _ = paths_in(Model(grouped([(2, 1)] * groups), VERSIONS), 10**9)
    assert paths.each == each


def test_a_second_level_makes_it_good() -> None:
    """Twenty groups below two core reflectors: few paths of each route, and the search ends soon in both cases."""
    groups = [(2, 10)] * 20
    flat, _ = paths_in(Model(grouped(groups), VERSIONS), 24_000)
    below, _ = paths_in(Model(grouped(groups, core=2), VERSIONS), 24_000)
    assert flat.each > 100
    assert below.each < 12
    assert below.megabytes < 2


def test_nobody_speaks() -> None:
    """A cluster without nodes, and one whose nodes have no session."""
    assert paths_in(Model(ClusterState(), VERSIONS), 10) == ((0, 0, 0), NodeName(""))
    alone = ClusterState.of([node("a", 1), node("b", 2), grouped([]).configurations["default"]])
    assert paths_in(Model(alone, VERSIONS), 10)[0].paths == 0
