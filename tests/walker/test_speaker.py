"""The walker's own speaker against what real daemons did (the laboratory's table of topologies)."""

from typing import Any

import pytest

from tests.walker.draws import configuration, node, peer
from tests.walker.edges import Routes, moment
from tests.walker.reading import Document, cluster_of, objects_of

ONE, TWO, THREE = "10.0.0.1", "10.0.0.2", "10.0.0.3"


def missing(*, ids: list[str], clients: list[tuple[int, ...]], among: list[tuple[int, int]], mesh: bool = False) -> int:
    """Ordered pairs without a route; `clients` says for each client which reflectors it has."""
    documents: list[Document] = [
        node(f"r{place}", place + 1, labels={f"r{place}": ""}, cluster_id=one) for place, one in enumerate(ids)
    ]
    peers = []
    for number, reflectors in enumerate(clients):
        name = f"c{number}"
        documents.append(node(name, number + 20))
        peers += [peer(f"{name}-{one}", node=name, peerSelector=f"has(r{one})") for one in reflectors]
    peers += [peer(f"among-{one}-{other}", node=f"r{one}", peerSelector=f"has(r{other})") for one, other in among]
    cluster = cluster_of(objects_of([*documents, *peers, configuration(mesh=mesh)]))
    at = moment(cluster, "ipv4", None)
    up = {}
    for key, edge in at.edges.items():
        (link,) = edge.links
        if link:
            up[key] = link
    names = cluster.members
    return len(names) * (len(names) - 1) - len(Routes().over(at, up, handed_on=True))


SHARED = [ONE, ONE]
DIFFERENT = [ONE, TWO]
BOTH = [(0, 1)] * 5
APART = [(0,)] * 3 + [(1,)] * 3


@pytest.mark.parametrize(
    ("expected", "ids", "clients", "among"),
    [
        (0, SHARED, BOTH, [(0, 1)]),
        (2, SHARED, BOTH, []),
        (2, DIFFERENT, BOTH, []),
        (0, DIFFERENT, BOTH, [(0, 1)]),
        (18, SHARED, APART, [(0, 1)]),
        (32, SHARED, APART, []),
        (0, DIFFERENT, APART, [(0, 1)]),
        (32, DIFFERENT, APART, []),
        (0, [ONE, TWO, THREE], [(0,), (0,), (1,), (1,), (2,), (2,)], [(0, 1), (1, 2)]),
        (12, [ONE, TWO, ONE], [(0,), (0,), (1,), (1,), (2,), (2,)], [(0, 1), (1, 2)]),
        (0, [ONE, TWO, THREE], [(0,), (0,), (1,), (1,), (2,), (2,)], [(0, 1), (1, 2), (0, 2)]),
        (0, [ONE, ONE, ONE], [(0, 1), (1, 2), (0, 2)] * 2, [(0, 1), (1, 2), (0, 2)]),
        (0, SHARED, [(0,)] * 5, [(0, 1)]),
        (42, [""], [(0,)] * 7, []),
    ],
    ids=["I1", "I1b", "I1c", "I1d", "I2", "I3", "I4", "I5", "I6", "I8", "I9", "I10", "I15", "I14"],
)
def test_laboratory(
    expected: int, ids: list[str], clients: list[tuple[int, ...]], among: list[tuple[int, int]]
) -> None:
    """As many pairs lack a route as real daemons lacked."""
    assert expected == missing(ids=ids, clients=clients, among=among)


def test_reflector_in_use_beside_a_mesh() -> None:
    """Whoever has no session to the only reflector misses it and is missed by it."""
    assert missing(ids=[ONE], clients=[(0,)] * 2 + [()] * 5, among=[], mesh=True) == 10
    assert missing(ids=[ONE], clients=[(0,)] * 7, among=[], mesh=True) == 0


@pytest.mark.parametrize(
    ("numbers", "allowed", "holds"),
    [
        ([1, 2, 1], [0, 0, 0], False),
        ([1, 2, 1], [0, 0, 1], True),
        ([1, 2, 1, 2, 1], [0, 0, 1, 1, 1], False),
        ([1, 2, 1, 2, 1], [0, 0, 1, 1, 2], True),
    ],
)
def test_own_as_numbers_in_a_path(numbers: list[int], allowed: list[int], holds: bool) -> None:
    """In a row of nodes, the first one's routes reach the last where each takes its own number often enough."""
    documents: list[Document] = [node(f"n{place}", place + 1, as_number=one) for place, one in enumerate(numbers)]
    for here in range(len(numbers)):
        for there in (here - 1, here + 1):
            if 0 <= there < len(numbers):
                told: dict[str, Any] = {"node": f"n{here}", "peerIP": f"10.0.0.{there + 1}", "asNumber": numbers[there]}
                documents.append(peer(f"{here}-{there}", **told, numAllowedLocalASNumbers=allowed[here]))
    at = moment(cluster_of(objects_of([*documents, configuration(mesh=False)])), "ipv4", None)
    up = {key: link for key, edge in at.edges.items() for link in edge.links if link}
    assert ((f"n{len(numbers) - 1}", "n0") in Routes().over(at, up, handed_on=True)) is holds
