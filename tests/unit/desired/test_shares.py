"""Clients that are shared out: evenly, and nobody moves without need."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrplan.desired import compile_desired
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, ClusterState, Node
from rrplan.specs import load
from rrplan.specs.shares import CLIENTS_OF, with_shares
from tests.support.clusters import HEAD, VERSIONS, node, peer

REFLECTORS = [f"r{number}" for number in range(1, 7)]


def spec_of(reflectors: int, each: int = 2) -> str:
    """A group of that many reflectors, of which each client has so many."""
    names = ", ".join(REFLECTORS[:reflectors])
    group = f"name: main, clusterID: 10.0.0.1, nodes: {{names: [{names}]}}, reflectorsPerClient: {each}"
    return f"{HEAD}spec: {{topology: route-reflectors, drain: true, groups: [{{{group}}}]}}\n"


def clients(count: int) -> dict[NodeName, Node]:
    """Reflectors to be, and so many clients."""
    names = [*REFLECTORS, *(f"c{number:03}" for number in range(count))]
    return {NodeName(name): node(name, number) for number, name in enumerate(names, 1)}


def wanted(nodes: dict[NodeName, Node], text: str) -> dict[NodeName, Node]:
    """The nodes as the spec wants them."""
    spec = with_shares(load(text.encode(), "spec.yaml"))
    state = ClusterState(nodes=nodes, configurations={"default": BGPConfiguration("default")})
    return dict(compile_desired(spec, state, VERSIONS).state.nodes)


def shares(nodes: dict[NodeName, Node]) -> dict[NodeName, str]:
    """The share of each client."""
    return {name: one.labels[CLIENTS_OF] for name, one in nodes.items() if CLIENTS_OF in one.labels}


@given(st.integers(4, 40), st.integers(0, 12), st.sets(st.integers(0, 39), max_size=6))
def test_nobody_moves(count: int, more: int, gone: set[int]) -> None:
    """Whoever has a share keeps it, whichever nodes come and go; those that come are spread evenly."""
    before = wanted(clients(count), spec_of(6))
    assert max(Counter(shares(before).values()).values()) - min(Counter(shares(before).values()).values()) <= 1
    left = {name: one for name, one in before.items() if name not in {f"c{number:03}" for number in gone}}
    joined = {**{name: one for name, one in clients(count + more).items() if name not in before}, **left}
    after = wanted(joined, spec_of(6))
    kept = {name: share for name, share in shares(before).items() if name in left}
    assert {name: share for name, share in shares(after).items() if name in kept} == kept
    assert shares(after).keys() == {name for name in joined if name not in REFLECTORS}


def test_a_new_share_gets_its_part() -> None:
    """Where two shares become three, a third of the clients moves and nobody else."""
    before = wanted(clients(30), spec_of(4))
    after = wanted(before, spec_of(6))
    # r5 and r6 were clients, and are reflectors now.
    both = {name: (share, shares(after)[name]) for name, share in shares(before).items() if name in shares(after)}
    moved = {pair for pair in both.values() if pair[0] != pair[1]}
    assert {new for _, new in moved} == {"main-3"}
    assert max(Counter(shares(after).values()).values()) == 10
    assert sorted(Counter(shares(after).values()).values()) == [10, 10, 10]


def test_shares_have_cluster_ids_of_their_own() -> None:
    """They follow from the group's on, and what makes no share of its own belongs to the first."""
    after = wanted(clients(4), spec_of(5))
    assert [after[NodeName(name)].cluster_id for name in REFLECTORS[:5]] == ["10.0.0.1"] * 3 + ["10.0.0.2"] * 2


def test_label_of_others() -> None:
    """Nobody else reads or sets the label."""
    nodes = clients(4)
    spec = with_shares(load(spec_of(4).encode(), "spec.yaml"))
    read = ClusterState.of([*nodes.values(), peer("theirs", nodeSelector=f"has({CLIENTS_OF})", peerSelector="all()")])
    with pytest.raises(PolicyRefusal, match=r"BGPPeer `theirs` selects by the label rrplan\.io/clients-of") as refusal:
        compile_desired(spec, read, VERSIONS)
    assert refusal.value.hint == "let it select by something else, or leave `reflectorsPerClient` out"
    strange = {**nodes, NodeName("c000"): replace(nodes[NodeName("c000")], calico_labels={CLIENTS_OF: "main-1"})}
    with pytest.raises(PolicyRefusal, match="stands in Calico's own annotation on c000") as refusal:
        compile_desired(spec, ClusterState(nodes=strange), VERSIONS)
    assert "calicoctl label node NODE rrplan.io/clients-of --remove" in refusal.value.hint
