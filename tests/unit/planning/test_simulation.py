"""Numbers of a topology, beside an enumeration of every way over single nodes."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rrplan.bgp import zoned
from rrplan.bgp.model import Model
from rrplan.bgp.paths import paths_in
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.zoned import Role
from rrplan.planning import simulation
from rrplan.planning.simulation import (
    Updates,
    points,
    simulated,
    zones_with_fewer_sessions,
    zones_with_too_many_paths,
)
from rrplan.planning.topologies import Size, Topology, compiled
from rrplan.resources import ClusterState, Node
from tests.bench.work import counting
from tests.support.ways import Way, ways

LARGE = Size(100_000, 20, 3, 3)


def role(node: Node) -> Role:
    """By its name."""
    for part, named in (("reflector", Role.ZONE), ("core", Role.CORE)):
        if part in node.name:
            return named
    return Role.NODE


@dataclass
class Enumerated:
    """Every way of every route: of whom it is, through whom it came, and who holds the path."""

    state: ClusterState
    two_levels: bool
    ways: list[Way] = field(init=False)

    def __post_init__(self) -> None:
        self.ways = [*ways(self.state.nodes.values(), self.joined)]

    def joined(self, a: Node, b: Node) -> bool:
        """Whether there is a session between two nodes."""
        roles = {role(a), role(b)}
        zones = {zone for one in (a, b) for zone in one.labels.values()}
        if not any(one.cluster_id for one in self.state.nodes.values()):
            return True
        if roles == {Role.NODE, Role.ZONE}:
            return len(zones) == 1
        if roles == {Role.ZONE}:
            return not self.two_levels
        return Role.CORE in roles and Role.NODE not in roles

    def speakers(self) -> dict[Role, dict[str, object]]:
        """The most of each number that any speaker of a role has."""
        held = Counter(receiver for _, receiver in self.ways)
        handed = Counter(way[-1] for way, _ in self.ways)
        others: dict[tuple[str, str], list[int]] = {}
        for way, receiver in self.ways:
            for restarted in way:
                others.setdefault((receiver, restarted), [0, 0])[0] += 2
                if way[-1] != restarted:
                    others.setdefault((way[-1], restarted), [0, 0])[1] += 2
            others.setdefault((way[-1], receiver), [0, 0])[1] += 1
        result: dict[Role, dict[str, object]] = {}
        nodes = self.state.nodes.values()
        for kind in {role(node) for node in nodes}:
            members = [node for node in nodes if role(node) is kind]
            pairs = [
                (role(other), *others.get((node.name, other.name), (0, 0)))
                for node in members
                for other in nodes
                if other is not node
            ]
            result[kind] = {
                "count": len(members),
                "sessions": max(sum(self.joined(node, o) for o in nodes if o is not node) for node in members),
                "paths": max(held[node.name] for node in members),
                "own": Updates(max(held[node.name] for node in members), max(handed[node.name] for node in members)),
                "others": {
                    restarted: Updates(
                        max(received for other, received, _ in pairs if other is restarted),
                        max(sent for other, _, sent in pairs if other is restarted),
                    )
                    for restarted in {other for other, *_ in pairs}
                },
            }
        return result


@st.composite
def sizes(draw: st.DrawFn) -> tuple[Topology, Size]:
    """Small clusters, some of them with zones of different sizes or without any node in a zone."""
    topology = draw(st.sampled_from(Topology))
    zones, reflectors = draw(st.sampled_from([(1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (3, 2), (2, 3), (4, 1)]))
    core = draw(st.integers(1, 2))
    size = Size(0, zones, reflectors, core)
    return topology, Size(size.reflectors(topology) + draw(st.integers(1, 7)), zones, reflectors, core)


@settings(deadline=None, max_examples=60)
@given(sizes())
def test_as_enumerated(drawn: tuple[Topology, Size]) -> None:
    """Sessions, paths and updates of every kind of speaker, whoever restarts."""
    topology, size = drawn
    wanted = Enumerated(compiled(topology, size), topology is Topology.TWO_LEVELS).speakers()
    found = {
        speaker.role: {
            "count": speaker.count,
            "sessions": speaker.sessions,
            "paths": speaker.paths,
            "own": speaker.own,
            "others": dict(speaker.others),
        }
        for speaker in simulated(topology, size).speakers
    }
    assert found == wanted


@settings(deadline=None, max_examples=20)
@given(sizes())
def test_as_the_model_of_the_whole_cluster(drawn: tuple[Topology, Size]) -> None:
    """The most paths of any speaker, and all sessions, of a cluster with each of its nodes in it."""
    topology, size = drawn
    state = compiled(topology, size)
    versions = calico_versions(state)
    found = simulated(topology, size)
    paths, _ = paths_in(Model(state, versions), 10**9)
    assert max(speaker.paths or 0 for speaker in found.speakers) == paths.paths
    speakers = Speakers.of(state, versions)
    sessions = {role(node): 0 for node in state.nodes.values()}
    for name, node in state.nodes.items():
        sessions[role(node)] = max(sessions[role(node)], len(speakers.sessions(name)))
    assert {speaker.role: speaker.sessions for speaker in found.speakers} == sessions


def test_blocks_are_routes() -> None:
    """With three blocks on each node there are three times as many paths and updates, and as many of each route."""
    [one, three] = [simulated(Topology.TWO_LEVELS, Size(60, 3, 2, 2, blocks)) for blocks in (1, 3)]
    for single, triple in zip(one.speakers, three.speakers, strict=True):
        assert single.paths
        assert single.own
        assert (triple.sessions, triple.paths) == (single.sessions, 3 * single.paths)
        assert triple.own == Updates(3 * single.own.received, 3 * single.own.sent)
        assert triple.others[Role.ZONE].sent == 3 * single.others[Role.ZONE].sent
        assert triple.per_route == single.per_route


def test_not_counted_where_no_bird_could_hold_it() -> None:
    """Twenty zones in one level: sessions are known, paths and updates are not."""
    found = simulated(Topology.ONE_LEVEL, LARGE)
    assert [(speaker.role, speaker.sessions) for speaker in found.speakers] == [(Role.NODE, 3), (Role.ZONE, 5056)]
    assert not found.counted
    assert found.most_per_route is None
    assert found.refused(LARGE)
    assert all(not speaker.others and speaker.own is None and speaker.bytes is None for speaker in found.speakers)


@pytest.mark.parametrize("reflectors", [1, 2, 3])
def test_where_a_second_level_pays(reflectors: int) -> None:
    """The first number of zones where the policy refuses one level, and where its busiest reflector has more."""
    size = Size(2_000, 1, reflectors, 3)
    paths, sessions = zones_with_too_many_paths(size), zones_with_fewer_sessions(size)
    assert paths
    assert sessions
    for zones, refused in ((paths - 1, False), (paths, True)):
        state = compiled(Topology.ONE_LEVEL, Size(2_000, zones, reflectors, 3))
        held, _ = paths_in(Model(state, calico_versions(state)), 200_000)
        assert (held.paths > 200_000) is refused
    by_zones = {point.zones: point.sessions for point in points(size, range(1, sessions + 1))}
    fewer = [zones for zones, there in by_zones.items() if there[Topology.ONE_LEVEL] > there[Topology.TWO_LEVELS]]
    assert fewer == [sessions]


def test_never_pays() -> None:
    """Few nodes: one zone alone fits, and it has as few sessions as with a core above it."""
    size = Size(6, 1, 1, 3)
    assert zones_with_fewer_sessions(size) is None
    assert zones_with_too_many_paths(size) is None


def test_a_topology_that_does_not_fit_has_no_point() -> None:
    """Nine nodes have room for two zones of three reflectors, and for no core above them."""
    [point] = points(Size(9, 2, 3, 3), [2])
    assert set(point.sessions) == set(point.per_route) == {Topology.MESH, Topology.ONE_LEVEL}


def test_work_does_not_grow_with_nodes_or_zones() -> None:
    """Steps of routes from place to place, for twenty zones of 5,000 nodes, and for two hundred of 50,000."""

    def steps(size: Size) -> int:
        count = [0]

        def step() -> None:
            count[0] += 1

        with counting(zoned, "passes", step):
            simulation.simulate(size, [*Topology])
        return count[0]

    few = steps(LARGE)
    assert 0 < few < 60_000
    assert steps(Size(10_000_000, 200, 3, 3)) <= few * 1.5
