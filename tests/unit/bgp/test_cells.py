"""Of groups that are alike but for their names a few are asked about, and the answers are those of asking about all."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

import pytest

from rrplan.bgp.cells import FIXED, SPARE, Block, Facet, Names, Standing, alike_pairs, apart, cells_of
from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, CalicoVersion, ClusterState, Node, Resource

VERSIONS = Versions(CalicoVersion(3, 30, 7), "test")


def selecting(name: str, here: str, there: str) -> BGPPeer:
    """A BGPPeer of the nodes of one selector to those of another one."""
    spec = {"nodeSelector": here, "peerSelector": there}
    return BGPPeer(name, node_selector=here, peer_selector=there, spec=spec)


def addressed(name: str, here: str, at: str) -> BGPPeer:
    """A BGPPeer of the nodes of one selector to an address."""
    return BGPPeer(name, node_selector=here, peer_ip=at, as_number=64512, spec={"nodeSelector": here, "peerIP": at})


def cluster(seed: int) -> ClusterState:
    """More groups than are asked about, each with up to three kinds of nodes, joined at random, most of them alike."""
    draw = Random(seed)
    kinds = draw.randint(1, 3)
    groups = SPARE + kinds + draw.randint(1, 3)
    reflecting = [draw.random() < 0.7 for _ in range(kinds)]
    sizes = [draw.randint(1, 3) for _ in range(kinds)]
    systems = [draw.choice([None, None, None, 65001]) for _ in range(kinds)]
    made: list[Resource] = []
    for group in range(groups):
        other = draw.random() < 0.2
        for kind in range(kinds):
            for _ in range(sizes[kind] + (other and draw.randint(0, 1))):
                number = len(made) + 1
                reflects = reflecting[kind] and not (other and draw.random() < 0.5)
                made.append(
                    Node(
                        NodeName(f"n{number}"),
                        {"group": str(group), "kind": str(kind)},
                        ipv4=f"10.0.0.{number}",
                        ready=draw.random() < 0.95,
                        as_number=systems[kind],
                        cluster_id=f"1.0.0.{group}" if reflects else "",
                    )
                )
    made.append(Node(NodeName("apart"), {"kind": "0", "group": "0"}, ipv4="10.0.0.250", ready=True))
    peers: list[BGPPeer] = []
    for _ in range(draw.randint(0, 3)):
        here, there = draw.randrange(kinds), draw.randrange(kinds)
        peers += [
            selecting(
                f"own-{len(peers)}-{group}",
                f"kind == '{here}' && group == '{group}'",
                f"kind == '{there}' && group == '{group}'",
            )
            for group in range(groups)
            if draw.random() < 0.95
        ]
    for number in range(draw.randint(0, 3)):
        here, there = draw.randrange(kinds), draw.randrange(kinds)
        peers.append(selecting(f"shared-{number}", f"kind == '{here}'", f"kind == '{there}'"))
    if draw.random() < 0.2:
        peers.append(addressed("to-one", f"kind == '{draw.randrange(kinds)}'", "10.0.0.250"))
    if draw.random() < 0.2:
        peers.append(addressed("to-a-switch", f"group == '{draw.randrange(groups)}'", "192.168.0.1"))
    mesh = draw.random() < 0.4
    configuration = BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})
    return ClusterState.of([*made, *peers, configuration])


def changes(state: ClusterState, seed: int) -> Iterator[tuple[ClusterState, set[NodeName]]]:
    """One node reflects, or does so no more; then a BGPPeer goes; then the mesh goes, or comes back."""
    draw = Random(seed)
    node = state.nodes[draw.choice(sorted(state.nodes))]
    state = state.put(replace(node, cluster_id="" if node.cluster_id else f"1.0.0.{node.labels['group']}"))
    yield state, {node.name}
    if state.peers:
        state = state.remove(state.peers[draw.choice(sorted(state.peers))].key)
        yield state, set()
    mesh = not state.configurations["default"].mesh_enabled
    yield state.put(BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})), set()


def answers(state: ClusterState, seed: int) -> Iterator[object]:
    """Everything that a model says of a cluster and of changes to it."""
    model = Model(state, VERSIONS)
    yield from held(model)
    for after, touched in changes(state, seed):
        cost = model.advance(after, touched)
        yield cost
        yield from held(model)


def held(model: Model) -> Iterator[object]:
    """Who holds what, who gives what to whom, and who is joined."""
    view = model.view()
    sizes = model.living(view)
    for family in FAMILIES:
        for holdings in (view.holdings[family], view.possible[family]):
            yield sorted(holdings.missing)
            yield sorted(holdings.joined)
            classes = len(view.signatures)
            ends = [*range(classes), *holdings.outside.values()]
            pairs = [(here, there) for here in ends for there in ends if min(here, there) < classes]
            yield [(here, there, holdings.holds(here, there)) for here, there in pairs]
        yield [
            (here, there, holdings.delivered(here, there, sizes), holdings.withheld(here, there))
            for here in sorted(holdings.present)
            for there in sorted(holdings.present)
        ]


@pytest.mark.parametrize("seed", range(30))
def test_a_few_stand_for_all(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held, lost and exposed is the same where every group is asked about."""
    state = cluster(seed)
    short = list(answers(state, seed))
    monkeypatch.setattr("rrplan.bgp.alike.cells_of", lambda blocks: apart(len(blocks)))
    assert short == list(answers(state, seed))


def chain(kinds: int, groups: int) -> ClusterState:
    """In each group reflectors of several kinds, and those of each kind peer with the next kind in every group."""
    nodes = [
        Node(
            NodeName(f"n{group}-{kind}"),
            {"group": str(group), "kind": str(kind)},
            ipv4=f"10.0.{kind}.{group + 1}",
            ready=True,
            cluster_id=f"1.0.0.{group}",
        )
        for group in range(groups)
        for kind in range(kinds)
    ]
    peers = [selecting(f"next-{kind}", f"kind == '{kind}'", f"kind == '{kind + 1}'") for kind in range(kinds - 1)]
    configuration = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    return ClusterState.of([*nodes, *peers, configuration])


@pytest.mark.parametrize("kinds", [2, 3, 4])
def test_ways_through_many_groups(kinds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that needs another group for each kind of reflector is found among the few that are asked about."""
    state = chain(kinds, SPARE + kinds + 1)
    short = Model(state, VERSIONS).view().holdings[Family.IPV4].missing
    monkeypatch.setattr("rrplan.bgp.alike.cells_of", lambda blocks: apart(len(blocks)))
    assert short == Model(state, VERSIONS).view().holdings[Family.IPV4].missing


def test_one_cell_is_no_other() -> None:
    """Pairs of one cell and pairs of two cells are asked about apart, and every pair comes once."""
    marks = [("client", (0,)), ("client", (1,)), ("client", (2,)), ("reflector", (0,)), ("fixed", (FIXED,))]
    sets = [list(every()) for _, every in alike_pairs(marks)]
    assert sorted(pair for pairs in sets for pair in pairs) == sorted(product(range(5), range(5)))
    assert [(0, 3)] in sets
    assert [(1, 3), (2, 3)] in sets


def test_three_cells_stay_three() -> None:
    """The places of blocks of different cells are those of different cells, and those of one cell stay together."""
    blocks = [block(f"1.0.0.{number // 2}", number % 2) for number in range(20)]
    cells = cells_of(blocks)
    assert cells.kept == tuple(range(2 * (SPARE + 2)))
    assert cells.stand_in(18, 19, 0) == (0, 1, 2)
    assert cells.stand_in(0, 19, 16) == (0, 3, 4)
    assert cells.likeness(0, 5, 9) == cells.likeness(2, 7, 11) != cells.likeness(0, 1, 9)


def test_other_sizes_are_another_kind() -> None:
    """A group of one node is not like groups of two."""
    alike = [block(f"1.0.0.{number}", 0) for number in range(6)]
    cells = cells_of([*alike, alike[0]._replace(size=1, facets=block("1.0.0.9", 0).facets)])
    assert cells.kept == (*range(SPARE + 1), 6)
    assert cells.cell[6] == FIXED


def test_what_has_a_session_to_the_outside_stands_for_itself() -> None:
    """The same for a group with a switch, and for all that its names join."""
    alike = [block(f"1.0.0.{number // 2}", number % 2) for number in range(14)]
    cells = cells_of([alike[0]._replace(joined=True), *alike[1:]])
    assert cells.cell[:2] == (FIXED, FIXED)
    assert FIXED not in cells.cell[2:]


def block(cluster_id: str, trait: int) -> Block:
    """Two nodes with a cluster ID and something else."""
    return Block(2, (Facet(0, Standing("", Names(cluster_id, (), frozenset()), trait)),))
