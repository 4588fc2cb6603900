"""Who holds whose routes: messages from speaker to speaker over single sessions.

RFC 4456 as BIRD 1.6 does it: the cluster ID is the session's, it is looked for on sessions with `rr client` alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple


class Side(NamedTuple):
    """One end of a session: whether it has `rr client`, with which cluster ID; how often it takes its own AS number."""

    client: bool = False
    cluster_id: str = ""
    allowed: int = 0


class Way(NamedTuple):
    """A session seen from one speaker."""

    to: str
    internal: bool
    own: Side
    other: Side
    passes: bool = True
    """Whether filters of both ends let the route over."""


Ways = Mapping[str, tuple[Way, ...]]


class Message(NamedTuple):
    """A route as one speaker has it: from whom, how it came, and what it went through."""

    at: str
    sender: str
    came: str
    through: Side
    clusters: frozenset[str]
    systems: frozenset[tuple[int, int]]
    """AS numbers of the path, each with how often it stood there before."""


NOBODY, NOTHING = Side(), frozenset[str]()


def held(ways: Ways, as_of: Mapping[str, int], leaves: frozenset[str]) -> frozenset[tuple[str, str]]:
    """All pairs (holder, origin); leaves announce their own routes and hand nothing on."""
    found: set[tuple[str, str]] = set()
    anybody = {name: tuple(way for way in each if way.passes) for name, each in ways.items()}
    # What a speaker heard from no client of its own goes to its clients and over eBGP: nobody else need be tried.
    others = {name: tuple(way for way in each if way.own.client or not way.internal) for name, each in anybody.items()}
    for origin in ways:
        queue = deque([Message(origin, "", "local", NOBODY, NOTHING, frozenset())])
        seen: dict[tuple[str, str, str, Side], list[tuple[frozenset[str], frozenset[tuple[int, int]]]]] = {}
        while queue:
            message = queue.popleft()
            if message.at in leaves and message.came != "local":
                continue
            own = as_of[message.at]
            # The path as it is told over eBGP.
            longer = message.systems | {(own, sum(number == own for number, _ in message.systems))}
            onward = others if message.came == "internal" and not message.through.client else anybody
            for way in onward[message.at]:
                if way.to in (message.sender, origin):
                    continue
                passed = _passed(message, way, as_of[way.to], longer)
                if passed is None:
                    continue
                known = seen.setdefault((passed.at, passed.sender, passed.came, passed.through), [])
                if any(clusters <= passed.clusters and systems <= passed.systems for clusters, systems in known):
                    continue
                known.append((passed.clusters, passed.systems))
                found.add((passed.at, origin))
                queue.append(passed)
    return frozenset(found)


def _passed(message: Message, way: Way, system: int, longer: frozenset[tuple[int, int]]) -> Message | None:
    if not way.internal:
        if (system, way.other.allowed) in longer:
            return None
        return Message(way.to, message.at, "external", NOBODY, NOTHING, longer)
    if (system, way.other.allowed) in message.systems:
        return None
    clusters = message.clusters
    if message.came == "internal":
        if not (message.through.client or way.own.client):
            return None
        if way.own.client and way.own.cluster_id in clusters:
            return None
        clusters = clusters | {(message.through if message.through.client else way.own).cluster_id}
    if way.other.client and way.other.cluster_id in clusters:
        return None
    # What the receiver remembers is its own end: whether it has the sender as its client.
    return Message(way.to, message.at, "internal", way.other, clusters, message.systems)
