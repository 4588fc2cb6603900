"""Sentences about routes: the way of one, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rrplan.bgp.routes import NoRoute, Obstacle, Route
from rrplan.planning.connected import MissingRoute

_NOT_PASSED_ON = {
    Obstacle.NOT_REFLECTED: (
        "plain iBGP: a route from one iBGP peer is passed to another only by a reflector, from or to a client"
    ),
    Obstacle.CLUSTER_LOOP: "cluster-list loop: the route already went through this cluster ID",
    Obstacle.AS_LOOP: "AS-path loop: the route already went through this AS",
}


def route_text(route: Route) -> str:
    """The nodes on the way of a route, or why there is none."""
    if route.reason is None:
        return " -> ".join(route.path)
    return no_route_text(route.reason, route.at, route.origin, route.family)


def no_route_text(reason: NoRoute, at: str, origin: str, family: str) -> str:
    """Why `at` does not hold the routes of `origin`."""
    match reason.obstacle:
        case Obstacle.NO_ADDRESS:
            return f"{reason.node} has no {family} address, so it does not speak BGP there"
        case Obstacle.BGP_IDLE:
            return f"BGP does not run: {reason.detail}"
        case Obstacle.NO_SESSION | Obstacle.SELECTS_NOBODY:
            return _alone(reason)
        case Obstacle.FILTERED:
            session = f"the session of {reason.node} and {reason.other}"
            pools = f" of IPPool {', '.join(reason.pools)}" if reason.pools else ""
            return f"BGPFilter {', '.join(reason.filters)} on {session} rejects routes{pools}, or may"
        case Obstacle.NODE_DOWN:
            return f"{reason.node} is down, which would pass them on"
        case Obstacle.NOT_REFLECTED | Obstacle.CLUSTER_LOOP | Obstacle.AS_LOOP:
            why = _NOT_PASSED_ON[reason.obstacle]
            return f"{reason.node} holds the routes of {origin} and does not pass them to {at}: {why}"
        case Obstacle.NOT_CONNECTED:
            lead = f"nobody that holds the routes of {origin} has a session with {at}"
            return f"{lead} that is certain to be up; {reason.protocol}: {reason.detail}" if reason.protocol else lead
        case Obstacle.UNCERTAIN:
            return "no path between them is certain to be there"


def _alone(reason: NoRoute) -> str:
    lead = f"{reason.node} has no session that is certain to be up"
    if reason.obstacle is Obstacle.SELECTS_NOBODY:
        return f"{lead}; BGPPeer {reason.peer}: {reason.detail} selects no node"
    if reason.protocol:
        return f"{lead}; {reason.protocol}: {reason.detail}"
    return f"{lead}; {reason.detail}" if reason.detail else lead


def missing_text(missing: MissingRoute) -> str:
    """A route that a node lacks, and why."""
    alike = f" ({missing.pairs} ordered pairs alike)" if missing.pairs > 1 else ""
    why = f": {no_route_text(missing.reason, missing.at, missing.origin, missing.family)}" if missing.reason else ""
    return f"{missing.family}: {missing.at} misses the routes of {missing.origin}{alike}{why}"


ALIKE = 10
"""Beyond so many, answers that read alike are told once."""


def folded_routes(answers: Sequence[Route]) -> list[list[Route]]:
    """Answers that read alike in one list: over as many nodes, or missing for the same reason; few are told apart."""
    alike: dict[tuple[object, ...], list[Route]] = {}
    for answer in answers:
        text = route_text(answer).replace(answer.origin, "").replace(answer.at, "") if answer.reason else ""
        alike.setdefault((answer.family, len(answer.path), text), []).append(answer)
    groups: list[list[Route]] = []
    for group in alike.values():
        groups += [group] if len(group) > ALIKE else [[answer] for answer in group]
    return groups
