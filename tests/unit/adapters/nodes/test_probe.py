"""Whom a look asks, and what becomes of nodes that are away; the way to the nodes is a port."""

import gc
from collections.abc import Mapping, Sequence

import pytest

from rrplan.adapters.nodes.birdcl import PROTOCOLS, Birds, Question
from rrplan.adapters.nodes.ends import SeenSession
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.errors import DatastoreTimeout
from rrplan.ids import NodeName
from rrplan.ports import NodeReading, Whereabouts

A, B, R = (NodeName(name) for name in ("a", "b", "r"))
ADDRESSES = {A: "10.0.0.1", B: "10.0.0.2", R: "10.0.0.9"}
BANNER = "BIRD v1.6.8 ready.\n"


class Cluster:
    """A reflector r with clients a and b, as directory and as way to the nodes."""

    def __init__(self) -> None:
        self.asked: list[NodeName] = []
        self.away: set[NodeName] = set()
        self.down: set[NodeName] = set()
        self.anew: list[bool] = []
        self.owners_read = 0

    def whereabouts(self) -> Whereabouts:
        """All three, in IPv4."""
        return Whereabouts({node: {"ipv4": address} for node, address in ADDRESSES.items()}, frozenset({"1.0.0.1"}))

    def owners(self) -> Mapping[str, NodeName]:
        """A block each."""
        self.owners_read += 1
        return {f"10.244.{number}.0/26": node for number, node in enumerate(ADDRESSES)}

    def announced_pools(self) -> Sequence[str]:
        """Nobody asks."""
        return []

    def look(self, *, anew: bool) -> None:
        """A look begins."""
        self.anew.append(anew)

    def ask(self, node: NodeName, questions: Sequence[Question]) -> Sequence[str]:
        """What birdcl prints."""
        self.asked.append(node)
        if node in self.away:
            raise DatastoreTimeout(f"{node} is away")
        return [self._said(node, question) if question.family == "ipv4" else "no BIRD" for question in questions]

    def _said(self, node: NodeName, question: Question) -> str:
        peers = [peer for peer in ADDRESSES if R in (node, peer) and peer != node]
        lines = ["name proto table state since info"]
        if question.words == PROTOCOLS:
            for peer in peers:
                up = not {node, peer} & self.down
                lines.append(
                    f"Node_{peer} BGP master {'up' if up else 'start'} 12:00:00 {'Established' if up else 'Idle'}"
                )
                lines.append(f"  Neighbor address: {ADDRESSES[peer]}")
                lines.append("    Routes:         2 imported, 1 exported, 2 preferred")
        else:
            lines = [
                f"10.244.{number}.0/26 via {ADDRESSES[peer]} on eth0 [Node_{peer} 12:00:00] * (100/0) [i]"
                for number, peer in enumerate(ADDRESSES)
                if peer in peers
            ]
        return BANNER + "\n".join(lines) + "\n"


@pytest.fixture
def cluster() -> Cluster:
    """All sessions are up."""
    return Cluster()


def probe_of(cluster: Cluster) -> LiveProbe:
    """Without CalicoNodeStatus."""
    return LiveProbe(Birds(cluster), cluster, None, lambda _text: None, at_once=1)


def up(readings: Sequence[NodeReading]) -> dict[NodeName, bool]:
    """Whose session with the reflector counts."""
    return {reading.node: reading.families["ipv4"].sessions[R].established for reading in readings if reading.families}


def test_each_node_is_asked_once_and_the_reflector_first(cluster: Cluster) -> None:
    """Whoever listens hears how far that is."""
    heard: list[tuple[int, int]] = []
    readings = probe_of(cluster).read([A, B], [R], asking=lambda asked, nodes: heard.append((asked, nodes)))
    assert up(readings) == {A: True, B: True}
    assert cluster.asked == [R, A, B]
    assert heard == [(1, 2), (2, 2)]


def test_spared_nodes_are_not_asked(cluster: Cluster) -> None:
    """What their reflector says of them is read; nothing is listed anew where nobody else is asked."""
    probe = probe_of(cluster)
    probe.read([A, B], [R])
    cluster.down.add(B)
    cluster.asked.clear()
    assert up(probe.read([A, B], [R], spared={A, B})) == {A: True, B: False}
    assert cluster.asked == [R]
    assert (cluster.anew, cluster.owners_read) == ([True, False], 1)
    probe.read([A, B], [R], spared={A})
    assert cluster.owners_read == 2


def test_one_node_that_is_away(cluster: Cluster) -> None:
    """It does not answer; the others are read."""
    cluster.away.add(B)
    assert [reading.node for reading in probe_of(cluster).read([A, B], [R])] == [A]
    assert [reading.node for reading in probe_of(cluster).sessions([A, B])] == [A]


def test_nobody_answers(cluster: Cluster) -> None:
    """Then it is not the nodes that are away, and whoever asks can be patient."""
    cluster.away |= set(ADDRESSES)
    with pytest.raises(DatastoreTimeout, match="r is away"):
        probe_of(cluster).read([A, B], [R])
    with pytest.raises(DatastoreTimeout, match="a is away"):
        probe_of(cluster).sessions([A, B])


def test_a_look_that_is_ended(cluster: Cluster) -> None:
    """What the listener raises ends it: nodes that were not begun are not asked."""

    class Stopped(Exception):
        """Somebody had enough."""

    def stop(_asked: int, _nodes: int) -> None:
        raise Stopped

    names = [A, B] * 50
    with pytest.raises(Stopped):
        probe_of(cluster).read(names, [], asking=stop)
    assert len(cluster.asked) < len(names)


class Meshed(Cluster):
    """A mesh of forty nodes, each with thirty-nine sessions."""

    nodes: tuple[NodeName, ...] = tuple(NodeName(f"n{number}") for number in range(40))

    def whereabouts(self) -> Whereabouts:
        """All of them."""
        addresses = {node: {"ipv4": f"10.0.1.{number}"} for number, node in enumerate(self.nodes)}
        return Whereabouts(addresses, frozenset())

    def ask(self, node: NodeName, questions: Sequence[Question]) -> Sequence[str]:
        """All sessions are up, but one of the first node."""
        lines = ["name proto table state since info"]
        for number, peer in enumerate(self.nodes):
            up = (node, peer) != (self.nodes[0], self.nodes[1])
            if peer != node:
                state = "up 12:00:00 Established" if up else "start 12:00:00 Idle"
                lines += [f"Mesh_{number} BGP master {state}", f"  Neighbor address: 10.0.1.{number}"]
        return [BANNER + "\n".join(lines) if question.family == "ipv4" else "no BIRD" for question in questions]


def test_of_a_mesh_only_numbers_are_kept() -> None:
    """What a look holds grows with the nodes, not with their sessions; the numbers are right all the same."""
    cluster = Meshed()
    kept: list[int] = []

    def asking(asked: int, _nodes: int) -> None:
        if asked == len(cluster.nodes):
            kept.append(sum(isinstance(thing, SeenSession) for thing in gc.get_objects()))

    readings = probe_of(cluster).read(cluster.nodes, [], asking=asking)
    assert [reading.families["ipv4"].mesh_up for reading in readings] == [38, *([39] * 39)]
    assert kept[0] <= 2 * len(cluster.nodes)
    (first, *_) = probe_of(cluster).sessions(cluster.nodes)
    assert len(first.families["ipv4"]) == 39
