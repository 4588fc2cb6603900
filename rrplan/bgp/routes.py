"""How the routes of one node reach another, or why they do not, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from rrplan.bgp.adjacency import Established, verdict
from rrplan.bgp.holdings import ENOUGH, Holdings
from rrplan.bgp.model import Model, View
from rrplan.bgp.peering import external_protocols, idle_selector, protocols
from rrplan.bgp.reflection import ORIGIN, Copy, Stop
from rrplan.bgp.refusals import not_told_apart, refusal, refusal_of_router_id
from rrplan.bgp.sessions import outside_verdict
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName


class Obstacle(StrEnum):
    """What stands between a node and the routes of another speaker."""

    NO_ADDRESS = "no-address"
    """`node` has no address of the family."""
    BGP_IDLE = "bgp-idle"
    """BGP does not run in this cluster; `detail` says why."""
    NO_SESSION = "no-session"
    """`node` has no session that is certain to be up; `detail` says why not, of `protocol` where there is one."""
    SELECTS_NOBODY = "selects-nobody"
    """`node` has no such session, and the selector `detail` of BGPPeer `peer` selects no node."""
    FILTERED = "filtered"
    """BGPFilters on the session of `node` and `other` reject the routes, or may: those of `pools`, or of all."""
    NODE_DOWN = "node-down"
    """`node`, which would pass them on, is down."""
    NOT_REFLECTED = "not-reflected"
    """`node` holds the routes and does not pass them on: it is no reflector, or none for these two."""
    CLUSTER_LOOP = "cluster-loop"
    """`node` holds the routes and does not pass them on: they already went through this cluster ID."""
    AS_LOOP = "as-loop"
    """`node` holds the routes and does not pass them on: they already went through this AS."""
    NOT_CONNECTED = "not-connected"
    """No holder of the routes has a session with the node that lacks them."""
    UNCERTAIN = "uncertain"
    """One end is a speaker outside the cluster, and no path between the two is certain to be there."""


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why a pair holds no route: the obstacle, and what it names; "" and () where it names nothing of the kind."""

    obstacle: Obstacle
    node: str = ""
    other: str = ""
    protocol: str = ""
    peer: str = ""
    filters: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """The answer for one ordered pair and family: a path from `origin` to `at`, or () and the reason why not."""

    family: Family
    origin: NodeName
    at: NodeName
    path: tuple[NodeName, ...]
    reason: NoRoute | None = None


def route(model: Model, origin: NodeName, at: NodeName, family: Family) -> Route:
    """How the routes of `origin` reach `at` at the model's present state; the shortest way is told."""
    if origin == at:
        return Route(family, origin, at, (origin,))
    speakers = model.population.speakers
    for name in (origin, at):
        if not speakers[name].address(family):
            return Route(family, origin, at, (), NoRoute(Obstacle.NO_ADDRESS, name))
    view = model.view()
    whole = view.holdings[family]
    here = view.index(model.population.signature_of[origin])
    there = view.index(model.population.signature_of[at])
    # Where BGPFilters treat pools differently, the route of each pool is a route of its own.
    holdings = next((layer for layer in whole.layers if not layer.holds(there, here)), whole)
    copies = holdings.propagations[here].copies.get(there, ())
    if not copies:
        return Route(family, origin, at, (), _why_not(model, view, holdings, here, there, origin, at))
    best = min(copies, key=_length)
    return Route(family, origin, at, _path(model, view, best, origin, at))


def routes(model: Model, origin: NodeName, at: NodeName) -> list[Route]:
    """Both families, as far as one of the two has them."""
    speakers = model.population.speakers
    asked = [family for family in FAMILIES if speakers[origin].address(family) or speakers[at].address(family)]
    return [route(model, origin, at, family) for family in asked]


def _length(copy: Copy) -> int:
    length, step = 1, copy.before
    while step is not None:
        length, step = length + 1, step.before
    return length


def _path(model: Model, view: View, copy: Copy, origin: NodeName, at: NodeName) -> tuple[NodeName, ...]:
    path = [at]
    step: Copy | None = copy
    while step is not None:
        if step.sender == ORIGIN:
            path.append(origin)
        else:
            members = model.population.classes[view.signatures[step.sender]]
            path.append(next(name for name in members if name not in path and name != origin))
        step = step.before
    return tuple(reversed(path))


def _why_not(
    model: Model, view: View, holdings: Holdings, here: int, there: int, origin: NodeName, at: NodeName
) -> NoRoute:
    for name, index in ((at, there), (origin, here)):
        if not any(pair[0] == index for pair in holdings.joined):
            return _alone(model, name, holdings.family)
    spread = holdings.propagations[here]
    if spread.stops.get((here, there)) is Stop.FILTERED:
        return _filtered(holdings, (here, there), origin, at)
    joined = set(holdings.joined)
    for index, signature in enumerate(view.signatures):
        if signature.down and index not in (here, there) and (index, there) in joined and spread.reaches(index):
            return NoRoute(Obstacle.NODE_DOWN, next(iter(model.population.classes[signature])))
    stops = [(pair, stop) for pair, stop in spread.stops.items() if pair[1] == there and pair[0] != there]
    order = {Stop.FILTERED: 0, Stop.CLUSTER_LOOP: 1, Stop.AS_LOOP: 2, Stop.NOT_REFLECTED: 3}
    for (holder, _), stop in sorted(stops, key=lambda item: order[item[1]]):
        name = _another(model, view, holder, origin, at)
        if stop is Stop.FILTERED:
            return _filtered(holdings, (holder, there), name, at)
        return NoRoute(Obstacle(stop.value), name)
    beyond = set(holdings.outside.values())
    for pair, stop in sorted(spread.stops.items()):
        if stop is Stop.FILTERED and there not in pair and beyond.isdisjoint(pair):
            near = origin if pair[0] == here else _another(model, view, pair[0], origin, at)
            return _filtered(holdings, pair, near, _another(model, view, pair[1], origin, at))
    return NoRoute(Obstacle.NOT_CONNECTED)


def _another(model: Model, view: View, index: int, origin: NodeName, at: NodeName) -> NodeName:
    members = model.population.classes[view.signatures[index]]
    return next((name for name in members if name not in (origin, at)), origin)


def _filtered(holdings: Holdings, pair: tuple[int, int], near: NodeName, far: NodeName) -> NoRoute:
    links = holdings.graph.links[pair]
    filters = {name for link in links for name in link.own_filters + link.other_filters}
    return NoRoute(Obstacle.FILTERED, near, far, filters=tuple(sorted(filters)), pools=tuple(holdings.pools))


def _alone(model: Model, name: NodeName, family: Family) -> NoRoute:
    """Why a node has no session that counts: what stands in the way of the first one that is configured."""
    speakers, rules = model.population.speakers, model.rules
    if rules.settings.idle:
        return NoRoute(Obstacle.BGP_IDLE, detail=rules.settings.idle)
    own = speakers[name]
    refused = refusal(rules, speakers, own, family)
    # That a router ID is not known counts for nothing here; a notice says it.
    unsure = refusal_of_router_id(rules.settings, own, family) is not None
    if refused is not None and (refused.established is Established.NO or not unsure):
        return NoRoute(Obstacle.NO_SESSION, name, detail=refused.reason)
    for members in model.population.classes.values():
        for other in (speakers[member] for member in islice(members, ENOUGH) if member != name):
            here = protocols(rules, own, other, family)
            if here:
                beyond = refusal(rules, speakers, other, family) or not_told_apart(rules, own, other, family)
                answer = beyond or verdict(here[0], own, here, other, protocols(rules, other, own, family))
                if answer.reason:
                    return NoRoute(Obstacle.NO_SESSION, name, protocol=here[0].name, detail=answer.reason)
                break
    for outside in external_protocols(rules, own, family):
        if outside.disputed:
            reason = outside_verdict(outside).reason
            return NoRoute(Obstacle.NO_SESSION, name, protocol=outside.name, detail=reason)
    for peer in rules.peers:
        selector = idle_selector(rules, peer, speakers.values())
        if selector and (rules.selects_local(peer, own) or rules.selects_remote(peer, own)):
            return NoRoute(Obstacle.SELECTS_NOBODY, name, peer=peer.name, detail=selector)
    return NoRoute(Obstacle.NO_SESSION, name)
