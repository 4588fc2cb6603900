"""Sessions, paths and updates where many zones are alike: counted by the role of a speaker, whatever their number.

A way of a route into a zone that it has not been to stands for the ways into all such zones, so the work grows with
the number of zones a way goes through, and not with speakers. The rules are those of `bgp/reflection.py`, and paths
are counted as in `bgp/paths.py`: with `add paths` every path is announced and withdrawn by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import perm
from typing import NamedTuple

from rrplan.bgp.adjacency import Link
from rrplan.bgp.reflection import (
    NO_AS,
    ORIGIN,
    Copy,
    Learned,
    LinkGraph,
    SpeakerGroup,
    first_copy,
    passes,
)

MOST = 10**12
"""Paths of one route on one speaker above which nothing is counted any more: no BIRD holds them."""


class Role(StrEnum):
    """What a speaker is: a node that reflects nothing, a reflector of a zone, or one of the core above all zones."""

    NODE = "node"
    ZONE = "zone-reflector"
    CORE = "core-reflector"


class Place(NamedTuple):
    """Speakers that are alike: those of a role in one zone; `zone` is NO_ZONE for the core.

    Zone 0 may be unlike the others in its sizes. The others, from 1 on, are alike but for the number of their nodes.
    """

    role: Role
    zone: int


NO_ZONE = -1
_ANY = 2
"""The first zone of a way that is neither zone 0 nor that of the origin; every such zone has the same part."""
_GRAPH = LinkGraph((), {})

Links = Mapping[tuple[Role, Role, bool], Link]
"""The session of a speaker with another one by their roles, seen from the first; whether they are in one zone."""


class TooMany(Exception):
    """Some speaker holds more than MOST paths of some route."""


@dataclass(frozen=True, slots=True)
class Zoned:
    """A cluster of zones: `nodes` are the nodes of all zones together, `reflectors` are those of each zone but zone 0.

    `first` has the numbers of nodes and of reflectors in zone 0, `second` is the number of nodes in zone 1.
    """

    links: Links = field(hash=False)
    as_number: int
    zones: int
    nodes: int
    reflectors: int
    core: int
    first: tuple[int, int]
    second: int = 0

    def size(self, place: Place) -> int:
        """How many speakers a place has; of nodes, only zones 0 and 1 are known."""
        if place.role is Role.CORE:
            return self.core
        if place.role is Role.ZONE:
            return self.reflectors if place.zone else self.first[1]
        assert place.zone < _ANY, "nodes of further zones are known together only"
        return self.second if place.zone else self.first[0]

    def without(self, role: Role) -> Zoned:
        """The same with a speaker less: one of the core, or one of zone 0."""
        nodes, reflectors = self.first
        if role is Role.CORE:
            return replace(self, core=self.core - 1)
        if role is Role.ZONE:
            return replace(self, first=(nodes, reflectors - 1))
        return replace(self, nodes=self.nodes - 1, first=(nodes - 1, reflectors))

    def link(self, here: Place, there: Place) -> Link | None:
        """The session between speakers of two places, seen from the first."""
        return self.links.get((here.role, there.role, here.zone == there.zone))

    def places(self, *near: Place) -> Iterator[tuple[Place, int]]:
        """All places with their sizes: zone 0, the zones of `near`, and a further zone for all that are left."""
        yield Place(Role.CORE, NO_ZONE), self.core
        zones = {0, *(place.zone for place in near)} - {NO_ZONE}
        for zone in sorted(zones):
            yield Place(Role.ZONE, zone), self.size(Place(Role.ZONE, zone))
            if zone < _ANY:
                yield Place(Role.NODE, zone), self.size(Place(Role.NODE, zone))
        left = self.zones - len(zones)
        if left > 0:
            further = next(zone for zone in range(1, len(zones) + 2) if zone not in zones)
            known = sum(self.size(Place(Role.NODE, zone)) for zone in zones if zone < _ANY)
            yield Place(Role.ZONE, further), self.reflectors * left
            yield Place(Role.NODE, further), self.nodes - known


class Counts:
    """What speakers of one Zoned have, hold, and hand on; raises TooMany where that cannot be counted."""

    def __init__(self, zoned: Zoned) -> None:
        self._zoned = zoned
        self._walks: dict[Place, _Walk] = {}

    def sessions(self, place: Place) -> int:
        """Sessions of one speaker."""
        zoned = self._zoned
        return sum(size - (there == place) for there, size in zoned.places(place) if size and zoned.link(place, there))

    def paths(self, place: Place) -> int:
        """Paths that one speaker holds of the routes of all others, with one route of each."""
        zoned = self._zoned
        return sum(
            (size - (origin == place)) * self._walk(origin).received(*_as_seen_from(origin, place))
            for origin, size in zoned.places(place)
            if size > (origin == place)
        )

    def sent(self, place: Place) -> int:
        """Paths that one speaker hands on over all its sessions, those of its own route included."""
        zoned = self._zoned
        learned = sum(
            (size - (origin == place))
            * self._handed(origin, place, there)
            * (others - (there == place) - (there == origin))
            for origin, size in zoned.places(place)
            if size > (origin == place)
            for there, others in zoned.places(place, origin)
            if others and zoned.link(place, there)
        )
        return self.sessions(place) + learned

    def over(self, here: Place, there: Place) -> int:
        """Paths that one speaker hands to one other over their session."""
        zoned = self._zoned
        if not zoned.link(here, there):
            return 0
        return 1 + sum(
            left * self._handed(origin, here, there)
            for origin, size in zoned.places(here, there)
            if (left := size - (origin == here) - (origin == there)) > 0
        )

    def _handed(self, origin: Place, here: Place, there: Place) -> int:
        """Copies of the route of one speaker that another hands to a third."""
        zoned = self._zoned
        senders = zoned.size(here) - (here == there) - (here == origin) if _transit(here) else 0
        if senders < 1:
            return 0
        copies, left = divmod(self._walk(origin).handed(*_as_seen_from(origin, here, there)), senders)
        assert not left, "speakers of one place hand on the same"
        return copies

    def _walk(self, origin: Place) -> _Walk:
        start = Place(origin.role, min(origin.zone, 1))
        if start not in self._walks:
            self._walks[start] = _Walk(self._zoned, start)
        return self._walks[start]


def _transit(place: Place) -> bool:
    """Whether its speakers pass on what they learn."""
    return place.role is not Role.NODE


def _cluster(place: Place) -> str:
    return f"{place.role} {place.zone}" if _transit(place) else ""


def _as_seen_from(origin: Place, *places: Place) -> list[Place]:
    """The same with zones renamed: 1 is that of the origin, if not 0 is; from _ANY on, those not named before."""
    names = {NO_ZONE: NO_ZONE, 0: 0}
    if origin.zone > 0:
        names[origin.zone] = 1
    return _renamed(names, places)


def _renamed(names: dict[int, int], places: Sequence[Place]) -> list[Place]:
    """Places whose zones are named from _ANY on, in the order in which they come, where `names` has no name."""
    further = _ANY
    for place in places:
        if place.zone not in names:
            names[place.zone] = further
            further += 1
    return [Place(place.role, names[place.zone]) for place in places]


class _Step(NamedTuple):
    """Copies of one kind at speakers of a place; `visits` are the speakers that they came through, by place."""

    here: Place
    learned: Learned
    clusters: frozenset[str]
    visits: frozenset[tuple[Place, int]]


class _Walk:
    """All ways of the route of one speaker of `origin`, which is in zone 0, in zone 1, or of the core."""

    def __init__(self, zoned: Zoned, origin: Place) -> None:
        self._zoned = zoned
        self._named = len({0, origin.zone} - {NO_ZONE})
        self._further = zoned.zones - self._named
        self._groups: dict[Place, SpeakerGroup] = {}
        self._totals: Counter[tuple[Place, Place]] = Counter()
        """Copies that come to one speaker of a place from all of another, for all zones these stand for together."""
        self._direct: set[Place] = set()
        self._follow(origin)

    def received(self, place: Place) -> int:
        """Copies that come to one speaker of a place."""
        alike = {place} if place.zone < _ANY else {place, Place(place.role, _ANY + 1)}
        total = sum(copies for (_, there), copies in self._totals.items() if there in alike)
        return _whole(total, 1 if place.zone < _ANY else self._further) + (place in self._direct)

    def handed(self, here: Place, there: Place) -> int:
        """Copies that come to one speaker of a place from all those of another one, of the one zone each."""
        further = len({place.zone for place in (here, there) if place.zone >= _ANY})
        return _whole(self._totals[here, there], perm(self._further, further))

    def _size(self, place: Place) -> int:
        """How many speakers there are; for nodes of zones that are not known one by one, that there are some."""
        if place.role is Role.NODE and place.zone >= _ANY:
            return 1
        return self._zoned.size(place)

    def _group(self, place: Place) -> SpeakerGroup:
        if place not in self._groups:
            self._groups[place] = SpeakerGroup(1, self._zoned.as_number, _cluster(place))
        return self._groups[place]

    def _reach(self, here: Place, visited: Mapping[Place, int]) -> Iterator[tuple[Place, int]]:
        """Where there are sessions to, and for how many zones each of these places stands."""
        touched = {place.zone for place in visited if place.zone >= _ANY}
        zones = {0, *range(self._named), *touched}
        left = self._further - len(touched)
        for own, role, same in self._zoned.links:
            if own is not here.role:
                continue
            if role is Role.CORE:
                yield Place(role, NO_ZONE), 1
            elif same:
                yield Place(role, here.zone), 1
            else:
                yield from ((Place(role, zone), 1) for zone in zones if zone != here.zone)
                if left > 0:
                    yield Place(role, _ANY + len(touched)), left

    def _follow(self, origin: Place) -> None:
        layer: Counter[_Step] = Counter()
        for there, times in self._reach(origin, {origin: 1}):
            session = self._zoned.link(origin, there)
            if session and self._size(there) > (there == origin):
                copy = first_copy(_GRAPH, self._group(origin), self._group(there), session)
                if isinstance(copy, Copy):
                    self._direct.add(there)
                    layer[_Step(there, copy.learned, copy.clusters, frozenset({(origin, 1)}))] += times
        while layer:
            following: Counter[_Step] = Counter()
            for step, ways in layer.items():
                if _transit(step.here):
                    self._pass_on(step, ways, following)
            layer = following

    def _pass_on(self, step: _Step, ways: int, following: Counter[_Step]) -> None:
        here, visited = step.here, dict(step.visits)
        copy = Copy(ORIGIN, step.learned, step.clusters, NO_AS, None)
        # Any speaker of this place that the way has not been through may be the one that passes it on.
        free = self._size(here) - visited.get(here, 0)
        visited[here] = visited.get(here, 0) + 1
        for there, times in self._reach(here, visited):
            senders = free - (there == here)
            session = self._zoned.link(here, there)
            if session is None or senders < 1 or self._size(there) <= visited.get(there, 0):
                continue
            passed = passes(_GRAPH, self._group(here), self._group(there), ORIGIN, session, copy)
            if isinstance(passed, Copy):
                copies = ways * senders * times
                first, second = _renamed({zone: zone for zone in (NO_ZONE, 0, 1)}, (here, there))
                self._totals[first, second] += copies
                if copies > MOST * max(1, self._further) ** 2:
                    raise TooMany
                following[_Step(there, passed.learned, passed.clusters, frozenset(visited.items()))] += copies


def _whole(total: int, parts: int) -> int:
    if not total:
        return 0
    whole, left = divmod(total, parts)
    assert not left, "zones are alike"
    return whole
