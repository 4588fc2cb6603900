"""Whom a look asks, and what becomes of nodes that are away; the way to the nodes is a port."""

import gc
from collections.abc import Mapping, Sequence

import pytest

from rrplan.adapters.nodes.birdcl import EXPLICIT, MESH, PROTOCOLS, STATUS, Birds, Question, Wanted
from rrplan.adapters.nodes.ends import End, SeenSession
from rrplan.adapters.nodes.probe import LiveProbe
from rrplan.errors import DatastoreTimeout
from rrplan.ids import NodeName
from rrplan.ports import NodeReading, Survey, UplinkReading, Whereabouts

A, B, R = (NodeName(name) for name in ("a", "b", "r"))
ADDRESSES = {A: "10.0.0.1", B: "10.0.0.2", R: "10.0.0.9"}
BANNER = "BIRD v1.6.8 ready.\n"


class Cluster:
    """A reflector r with clients a and b, as directory and as way to the nodes."""

    def __init__(self) -> None:
        self.asked: list[NodeName] = []
        self.shown: list[tuple[NodeName, str]] = []
        """Which protocols nodes were asked for."""
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
        if question.words == STATUS:
            lines = ["Router ID is 10.0.0.1", "Daemon is up and running"]
        elif question.words.startswith("show protocols"):
            self.shown.append((node, question.words))
            for peer in peers if "Global_" not in question.words else ():
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
    readings = probe_of(cluster).read(Survey([A, B], [R]), lambda asked, nodes: heard.append((asked, nodes)))
    assert up(readings) == {A: True, B: True}
    assert cluster.asked == [R, A, B]
    assert heard == [(1, 2), (2, 2)]


def test_spared_nodes_are_not_asked(cluster: Cluster) -> None:
    """What their reflector says of them is read; nothing is listed anew where nobody else is asked."""
    probe = probe_of(cluster)
    probe.read(Survey([A, B], [R]))
    cluster.down.add(B)
    cluster.asked.clear()
    assert up(probe.read(Survey([A, B], [R], spared={A, B}))) == {A: True, B: False}
    assert cluster.asked == [R]
    assert (cluster.anew, cluster.owners_read) == ([True, False], 1)
    probe.read(Survey([A, B], [R], spared={A}))
    assert cluster.owners_read == 2


def test_one_node_that_is_away(cluster: Cluster) -> None:
    """It does not answer; the others are read."""
    cluster.away.add(B)
    assert [reading.node for reading in probe_of(cluster).read(Survey([A, B], [R]))] == [A]
    assert [reading.node for reading in probe_of(cluster).sessions([A, B])] == [A]


def test_nobody_answers(cluster: Cluster) -> None:
    """Then it is not the nodes that are away, and whoever asks can be patient."""
    cluster.away |= set(ADDRESSES)
    with pytest.raises(DatastoreTimeout, match="r is away"):
        probe_of(cluster).read(Survey([A, B], [R]))
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
        probe_of(cluster).read(Survey(names), stop)
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
        status = ["Router ID is 10.0.0.1", "Daemon is up and running"]
        lines = ["name proto table state since info"]
        for number, peer in enumerate(self.nodes):
            up = (node, peer) != (self.nodes[0], self.nodes[1])
            if peer != node:
                state = "up 12:00:00 Established" if up else "start 12:00:00 Idle"
                lines += [f"Mesh_{number} BGP master {state}", f"  Neighbor address: 10.0.1.{number}"]
        said = {STATUS: status, MESH: [line for line in lines if line[0] != " "], PROTOCOLS: lines}
        return [
            BANNER + "\n".join(said[question.words]) if question.family == "ipv4" else "no BIRD"
            for question in questions
        ]


def test_of_a_mesh_only_numbers_are_kept() -> None:
    """What a look holds grows with the nodes, not with their sessions; the numbers are right all the same."""
    cluster = Meshed()
    kept: list[int] = []

    def asking(asked: int, _nodes: int) -> None:
        if asked == len(cluster.nodes):
            kept.append(sum(isinstance(thing, SeenSession) for thing in gc.get_objects()))

    readings = probe_of(cluster).read(Survey(cluster.nodes, meshed=cluster.nodes), asking)
    assert [reading.families["ipv4"].mesh_up for reading in readings] == [38, *([39] * 39)]
    assert kept[0] <= 2 * len(cluster.nodes)
    (first, *_) = probe_of(cluster).sessions(cluster.nodes)
    assert len(first.families["ipv4"]) == 39


def test_a_look_asks_only_for_what_it_wants() -> None:
    """In a mesh a line for each session; in detail only the sessions of BGPPeers, and only where they matter."""
    cluster = Cluster()
    looks: list[tuple[Survey, Mapping[NodeName, Sequence[str]]]] = [
        (Survey([A], [R]), {R: EXPLICIT, A: EXPLICIT}),
        (Survey([A], [R], meshed={A}), {R: EXPLICIT, A: (*EXPLICIT, MESH)}),
        (Survey([A, B], meshed={A, B}, uplinked={B}), {A: (MESH,), B: (*EXPLICIT, MESH)}),
    ]
    for survey, wanted in looks:
        cluster.shown.clear()
        probe_of(cluster).read(survey)
        assert sorted(cluster.shown) == sorted((node, words) for node, each in wanted.items() for words in each)


class Twofold(Cluster):
    """The sessions of the node it is asked about, as BIRD has them where two protocols have one neighbor."""

    shows: Mapping[str, Sequence[str]] = {}

    def _said(self, node: NodeName, question: Question) -> str:
        """Rows of `show protocols all`, those that a pattern is for."""
        if question.words == STATUS:
            return f"{BANNER}Router ID is 10.0.0.1\nDaemon is up and running\n"
        pattern = question.words.partition('"')[2].partition("*")[0]
        rows = [row for name, (*rows,) in self.shows.items() if name.startswith(pattern) for row in rows]
        return (
            BANNER + "\n".join(["name proto table state since info", *rows] if rows else ["No protocols match"]) + "\n"
        )


def session(name: str, peer: NodeName, *, up: bool) -> tuple[str, list[str]]:
    """One protocol of BIRD with a neighbor."""
    state = "up 12:00:00 Established" if up else "start 12:00:00 Idle"
    return name, [f"{name} BGP master {state}", f"  Neighbor address: {ADDRESSES[peer]}"]


@pytest.mark.parametrize("live", ["Node_10_0_0_9", "Global_10_0_0_9", "Mesh_10_0_0_9"])
def test_protocols_with_one_neighbor(live: str) -> None:
    """Only one of them can be up; for a gate one of the mesh is none of a BGPPeer, for what is seen it is a session."""
    cluster = Twofold()
    cluster.shows = dict(
        session(name, R, up=name == live) for name in ("Mesh_10_0_0_9", "Global_10_0_0_9", "Node_10_0_0_9")
    )
    end = Birds(cluster).ask(A, Wanted.EXPLICIT | Wanted.MESH)["ipv4"]
    assert end.sessions[ADDRESSES[R]].established is not live.startswith("Mesh_")
    assert end.mesh_up == live.startswith("Mesh_")
    (seen,) = probe_of(cluster).sessions([A])
    assert seen.families["ipv4"] == {ADDRESSES[R]: ""}
    (reading,) = probe_of(cluster).read(Survey([A], meshed={A}, uplinked={A}))
    assert reading.families["ipv4"].direct_up == 1


def test_a_count_of_bird_before_a_report() -> None:
    """CalicoNodeStatus names the sessions of the mesh, BIRD was asked for their number: no session counts twice."""
    up = SeenSession(established=True, state="Established")
    reported = End(recovering=False, sessions={}, mesh={"10.0.0.1": up, "10.0.0.2": up})
    asked = End(recovering=False, sessions={}, mesh={}, counted=1)
    assert [End.of(ends).mesh_up for ends in ([reported], [reported, asked], [asked, reported])] == [2, 1, 1]


class Outside(Cluster):
    """The reflector is no node: nobody can ask it."""

    def whereabouts(self) -> Whereabouts:
        """The two nodes."""
        return Whereabouts({node: {"ipv4": ADDRESSES[node]} for node in (A, B)}, frozenset())

    def owners(self) -> Mapping[str, NodeName]:
        """A block of each node."""
        return {f"10.244.{number}.0/26": node for number, node in enumerate((A, B))}

    def _said(self, node: NodeName, question: Question) -> str:
        if question.words != "show route":
            return super()._said(node, question)
        other = 1 if node == A else 0
        hop = ADDRESSES[B if node == A else A]
        lines = [f"10.244.{other}.0/26 via {hop} on eth0 [Node_{R} 12:00:00 from {ADDRESSES[R]}] * (100/0) [i]"]
        return BANNER + "\n".join(lines) + "\n"


def uplinks(survey: Survey, cluster: Outside) -> dict[NodeName, UplinkReading]:
    """The reading of the session with the reflector, by node."""
    readings = probe_of(cluster).read(survey)
    return {reading.node: reading.families["ipv4"].uplinks[ADDRESSES[R]] for reading in readings}


def test_routes_of_a_reflector_outside() -> None:
    """They are counted where the survey asks for them, by the nodes that own the blocks."""
    asked = Survey([A, B], uplinked={A, B}, reflecting={ADDRESSES[R]})
    assert {name: reading.routes for name, reading in uplinks(asked, Outside()).items()} == {A: 1, B: 1}
    plain = Survey([A, B], uplinked={A, B})
    assert {name: reading.routes for name, reading in uplinks(plain, Outside()).items()} == {A: 0, B: 0}


def test_a_session_that_is_not_up() -> None:
    """BIRD's own word for it is told."""
    cluster = Outside()
    cluster.down.add(A)
    asked = Survey([A, B], uplinked={A, B}, reflecting={ADDRESSES[R]})
    seen = uplinks(asked, cluster)
    assert not seen[A].established
    assert seen[A].why.startswith("BIRD says `start")
    assert seen[B].established
