"""What a topology would cost, before there is a cluster: sessions, paths and updates of each kind of speaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from rrplan.bgp.paths import BYTES
from rrplan.bgp.zoned import NO_ZONE, Counts, Place, Role, TooMany, Zoned
from rrplan.planning.proof import FEW_PATHS
from rrplan.planning.topologies import Size, Topology, zoned_of
from rrplan.specs import Policy

LIMIT = Policy().max_paths_per_route


@dataclass(frozen=True, slots=True)
class Updates:
    """Paths that one speaker is told of or tells of: each path of each route, announced or withdrawn, is one."""

    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """What one speaker of a role has at most; numbers of paths and updates are None where they cannot be counted.

    `own` are its updates when it restarts itself, `others` those when a speaker of a role restarts.
    """

    role: Role
    count: int
    sessions: int
    paths: int | None = None
    routes: int = 1
    own: Updates | None = None
    others: Mapping[Role, Updates] = field(default_factory=dict)

    @property
    def per_route(self) -> int | None:
        """Paths of one route on average, rounded up."""
        return None if self.paths is None else -(-self.paths // self.routes)

    @property
    def bytes(self) -> int | None:
        """Memory that BIRD takes for the paths."""
        return None if self.paths is None else self.paths * BYTES


@dataclass(frozen=True, slots=True)
class Simulated:
    """One topology."""

    topology: Topology
    speakers: tuple[Speaker, ...]

    @property
    def counted(self) -> bool:
        """Whether paths could be counted."""
        return all(speaker.paths is not None for speaker in self.speakers)

    def refused(self, size: Size) -> bool:
        """Whether a plan for it is refused for its paths (`policy.maxPathsPerRoute`), which counts one block a node."""
        most = max(FEW_PATHS, LIMIT * size.nodes)
        return any(speaker.paths is None or speaker.paths // size.blocks > most for speaker in self.speakers)

    @property
    def busiest(self) -> Speaker:
        """The one with the most sessions."""
        return max(self.speakers, key=lambda speaker: speaker.sessions)

    @property
    def most_per_route(self) -> int | None:
        """The most paths of a route on any speaker, on average over all routes; None where it cannot be counted."""
        return max((speaker.per_route or 0 for speaker in self.speakers), default=0) if self.counted else None


@dataclass(frozen=True, slots=True)
class Point:
    """What the picture shows of one number of zones; a topology that does not fit there is left out."""

    zones: int
    sessions: Mapping[Topology, int]
    per_route: Mapping[Topology, int | None]


@dataclass(frozen=True, slots=True)
class Pays:
    """From how many zones on two levels are better than one; None: never, with so many nodes.

    `sessions`: on the busiest speaker. `paths`: one level has more than `limit` of each route, so no plan is made.
    """

    sessions: int | None
    paths: int | None
    limit: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """The answer: topologies of one size, and when a second level pays."""

    size: Size
    topologies: tuple[Simulated, ...]
    pays: Pays


def simulate(size: Size, topologies: Sequence[Topology]) -> Simulation:
    """Count for some topologies; `size` must fit each of them."""
    pays = Pays(zones_with_fewer_sessions(size), zones_with_too_many_paths(size), LIMIT)
    return Simulation(size, tuple(simulated(topology, size) for topology in topologies), pays)


def simulated(topology: Topology, size: Size) -> Simulated:
    """Count what each kind of speaker has; of several unequal speakers the one that has most, number by number."""
    return _counted(topology, size, _measured)


def _counted(topology: Topology, size: Size, count: Callable[[Zoned, Size], dict[Role, Speaker]]) -> Simulated:
    try:
        variants = [count(zoned, size) for zoned in zoned_of(topology, size)]
    except TooMany:
        variants = [_sessions(zoned, size) for zoned in zoned_of(topology, size)]
    return Simulated(topology, _most(variants))


def zones_to_show(size: Size) -> list[int]:
    """Numbers of zones for a picture: every one up to 12, then ever fewer, up to twice the size's and what fits."""
    most = max(size.zones, min(max(10, 2 * size.zones), size.nodes // (size.reflectors_per_zone + 1)))
    zones = {min(number, most) for number in range(1, 13)} | {size.zones, most}
    further = 12.0
    while further < most:
        zones.add(int(further))
        further *= 1.3
    return sorted(zones)


def points(size: Size, zones: Sequence[int]) -> tuple[Point, ...]:
    """Sessions and paths of all topologies for other numbers of zones."""
    result = []
    for number in zones:
        there = replace(size, zones=number)
        known = {topology: _counted(topology, there, _paths) for topology in Topology if there.fits(topology)}
        result.append(
            Point(
                number,
                {topology: answer.busiest.sessions for topology, answer in known.items()},
                {topology: answer.most_per_route for topology, answer in known.items()},
            )
        )
    return tuple(result)


def zones_with_fewer_sessions(size: Size) -> int | None:
    """From how many zones on the busiest reflector of two levels has fewer sessions than that of one; None: never."""
    zones = 1
    while (there := replace(size, zones=zones)).fits(Topology.TWO_LEVELS):
        one, two = (
            max(_busiest(zoned) for zoned in zoned_of(topology, there))
            for topology in (Topology.ONE_LEVEL, Topology.TWO_LEVELS)
        )
        if one > two:
            return zones
        zones += 1
    return None


def zones_with_too_many_paths(size: Size) -> int | None:
    """From how many zones on a plan for one level is refused for its paths (`policy.maxPathsPerRoute`); None: never."""
    zones = 1
    while (there := replace(size, zones=zones)).fits(Topology.ONE_LEVEL):
        if _counted(Topology.ONE_LEVEL, there, _paths).refused(there):
            return zones
        zones += 1
    return None


def _busiest(zoned: Zoned) -> int:
    counts = Counts(zoned)
    return max(counts.sessions(place) for place in _places(zoned))


def _places(zoned: Zoned) -> list[Place]:
    """The place of each role that is asked about, where anybody is: in zone 0, or in the core."""
    places = (Place(Role.NODE, 0), Place(Role.ZONE, 0), Place(Role.CORE, NO_ZONE))
    return [place for place in places if zoned.size(place)]


def _sessions(zoned: Zoned, size: Size) -> dict[Role, Speaker]:
    """The speakers of each role with their sessions; 0 where zone 0 has none of them."""
    counts, places = Counts(zoned), _places(zoned)
    number = {
        Role.NODE: zoned.nodes,
        Role.ZONE: zoned.first[1] + zoned.reflectors * (zoned.zones - 1),
        Role.CORE: zoned.core,
    }
    sessions = {place.role: counts.sessions(place) for place in places}
    routes = size.nodes * size.blocks
    return {role: Speaker(role, number[role], sessions.get(role, 0), routes=routes) for role in Role if number[role]}


def _paths(zoned: Zoned, size: Size) -> dict[Role, Speaker]:
    counts = Counts(zoned)
    paths = {place.role: counts.paths(place) * size.blocks for place in _places(zoned)}
    return {role: replace(speaker, paths=paths.get(role, 0)) for role, speaker in _sessions(zoned, size).items()}


def _measured(zoned: Zoned, size: Size) -> dict[Role, Speaker]:
    counts, places = Counts(zoned), _places(zoned)
    sent = {place.role: counts.sent(place) * size.blocks for place in places}
    others: dict[Role, dict[Role, Updates]] = {role: {} for role in Role}
    for restarted in places:
        without = Counts(zoned.without(restarted.role))
        for place in _near(zoned):
            if zoned.size(place) > (place == restarted):
                # Its paths are withdrawn, and announced again; it has forgotten itself whatever it was told.
                learned = counts.paths(place) - without.paths(place)
                handed = 2 * (counts.sent(place) - without.sent(place)) - counts.over(place, restarted)
                _raise(others[place.role], restarted.role, Updates(2 * learned * size.blocks, handed * size.blocks))
    return {
        role: replace(
            speaker, own=Updates(speaker.paths or 0, sent.get(role, 0)), others=MappingProxyType(others[role])
        )
        for role, speaker in _paths(zoned, size).items()
    }


def _near(zoned: Zoned) -> Iterator[Place]:
    """Places that are differently near to one in zone 0, or in the core."""
    for zone in range(min(zoned.zones, 2)):
        yield Place(Role.NODE, zone)
        yield Place(Role.ZONE, zone)
    yield Place(Role.CORE, NO_ZONE)


def _raise(most: dict[Role, Updates], role: Role, updates: Updates) -> None:
    most[role] = _larger(most.get(role, updates), updates)


def _larger(*updates: Updates) -> Updates:
    return Updates(max(some.received for some in updates), max(some.sent for some in updates))


def _most(variants: Sequence[Mapping[Role, Speaker]]) -> tuple[Speaker, ...]:
    """The most of each number over clusters that are the same, seen from zones of different sizes."""
    most: dict[Role, Speaker] = {}
    for variant in variants:
        for role, speaker in variant.items():
            known = most.get(role)
            if known is None:
                most[role] = speaker
                continue
            others = dict(known.others)
            for restarted, updates in speaker.others.items():
                _raise(others, restarted, updates)
            own = [updates for updates in (known.own, speaker.own) if updates]
            most[role] = replace(
                known,
                sessions=max(known.sessions, speaker.sessions),
                paths=None if speaker.paths is None else max(known.paths or 0, speaker.paths),
                own=_larger(*own) if own else None,
                others=MappingProxyType(others),
            )
    return tuple(most[role] for role in Role if role in most)
