"""How the routes of one node reach another, or why they do not, as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from rrplan.bgp.adjacency import Established, verdict
from rrplan.bgp.alike import ENOUGH
from rrplan.bgp.cluster_ids import as_bird_reads
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.model import Model
from rrplan.bgp.peering import external_protocols, idle_selector, protocols
from rrplan.bgp.reflection import ORIGIN, Copy, LinkGraph, Links, Stop, Trace, trace
from rrplan.bgp.refusals import not_told_apart, refusal, refusal_of_router_id
from rrplan.bgp.sessions import outside_verdict
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.bgp.view import View
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
    """No holder of the routes has a session with the node that lacks them that is certain to be up.

    Where the origin has one configured, `protocol` is what `node` calls it and `detail` says why it may not come up.
    """
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
    apart = _Apart.of(model, view, holdings, here, there)
    traced = trace(apart.graph, apart.part[here])
    copies = traced.copies.get(apart.part[there], ())
    if not copies:
        return Route(family, origin, at, (), _why_not(apart, traced, origin, at))
    best = min(copies, key=_length)
    return Route(family, origin, at, _path(apart, best, origin, at))


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


@dataclass(frozen=True, slots=True)
class _Apart:
    """The blocks of nodes of a state, with the classes of the two nodes that are asked about taken out of theirs.

    `part` has the place of each class in `graph`, `within` the classes of each place in order.
    """

    model: Model
    view: View
    holdings: Holdings
    here: int
    there: int
    graph: LinkGraph
    part: tuple[int, ...]
    within: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, model: Model, view: View, holdings: Holdings, here: int, there: int) -> _Apart:
        blocks = holdings.blocks
        places: dict[tuple[int, int], list[int]] = {}
        for index, block in enumerate(blocks.of):
            places.setdefault((block, index if index in (here, there) else -1), []).append(index)
        of_block = [block for block, _ in places]
        within = tuple(map(tuple, places.values()))
        counts = [min(sum(blocks.counts[index] for index in classes), ENOUGH) for classes in within]
        links: dict[tuple[int, int], Links] = {}
        for near, block in enumerate(of_block):
            for far in range(near, len(of_block)):
                ways = holdings.links(block, of_block[far])
                back = holdings.links(of_block[far], block)
                if ways is not None and back is not None and (near != far or counts[near] > 1):
                    links[near, far] = ways
                    links[far, near] = back
        groups = (
            replace(
                holdings.group(block), count=counts[place], cluster_id=_cluster_id(holdings, view, block, within[place])
            )
            for place, block in enumerate(of_block)
        )
        part = {index: place for place, classes in enumerate(within) for index in classes}
        graph = replace(holdings.graph, groups=tuple(groups), links=links)
        places_of = tuple(part[index] for index in range(len(blocks.of)))
        return cls(model, view, holdings, here, there, graph, places_of, within)

    def names(self, part: int) -> Iterator[NodeName]:
        for index in self.within[part]:
            yield from self.model.population.classes[self.view.signatures[index]]

    def another(self, part: int, origin: NodeName, at: NodeName) -> NodeName:
        return next((name for name in self.names(part) if name not in (origin, at)), origin)


def _cluster_id(holdings: Holdings, view: View, block: int, classes: Sequence[int]) -> str:
    """Of nodes, their own one: the block that stands for theirs may have another. A fabric has one that is its own."""
    signature = view.signatures[classes[0]]
    return holdings.group(block).cluster_id if signature.outside else as_bird_reads(signature.cluster_id)


def _path(apart: _Apart, copy: Copy, origin: NodeName, at: NodeName) -> tuple[NodeName, ...]:
    path = [at]
    step: Copy | None = copy
    while step is not None:
        if step.sender == ORIGIN:
            path.append(origin)
        else:
            path.append(next(name for name in apart.names(step.sender) if name not in path and name != origin))
        step = step.before
    return tuple(reversed(path))


def _why_not(apart: _Apart, traced: Trace, origin: NodeName, at: NodeName) -> NoRoute:
    model, holdings = apart.model, apart.holdings
    for name, index in ((at, apart.there), (origin, apart.here)):
        if not any(True for _ in holdings.linked(index)):
            return _alone(model, name, holdings.family)
    here, there = apart.part[apart.here], apart.part[apart.there]
    if traced.stops.get((here, there)) is Stop.FILTERED:
        return _filtered(apart, (here, there), origin, at)
    for index, signature in enumerate(apart.view.signatures):
        down = signature.down and index not in (apart.here, apart.there) and holdings.joins(index, apart.there)
        if down and apart.part[index] in traced.copies:
            return NoRoute(Obstacle.NODE_DOWN, next(iter(model.population.classes[signature])))
    stops = [(pair, stop) for pair, stop in traced.stops.items() if pair[1] == there and pair[0] != there]
    order = {Stop.FILTERED: 0, Stop.CLUSTER_LOOP: 1, Stop.AS_LOOP: 2, Stop.NOT_REFLECTED: 3}
    for (holder, _), stop in sorted(stops, key=lambda item: order[item[1]]):
        name = apart.another(holder, origin, at)
        if stop is Stop.FILTERED:
            return _filtered(apart, (holder, there), name, at)
        return NoRoute(Obstacle(stop.value), name)
    for pair, stop in sorted(traced.stops.items()):
        if stop is Stop.FILTERED and there not in pair:
            near = origin if pair[0] == here else apart.another(pair[0], origin, at)
            return _filtered(apart, pair, near, apart.another(pair[1], origin, at))
    return _not_connected(model, origin, at, holdings.family)


def _not_connected(model: Model, origin: NodeName, at: NodeName, family: Family) -> NoRoute:
    """That no holder has a session; where the origin has one configured that may not come up, why."""
    other, own = model.population.speakers[origin], model.population.speakers[at]
    here = protocols(model.rules, own, other, family)
    answer = verdict(here[0], own, here, other, protocols(model.rules, other, own, family)) if here else None
    if answer is None or not answer.reason:
        return NoRoute(Obstacle.NOT_CONNECTED)
    return NoRoute(Obstacle.NOT_CONNECTED, at, protocol=here[0].name, detail=answer.reason)


def _filtered(apart: _Apart, pair: tuple[int, int], near: NodeName, far: NodeName) -> NoRoute:
    links = apart.graph.links[pair]
    filters = {name for link in links for name in link.own_filters + link.other_filters}
    return NoRoute(Obstacle.FILTERED, near, far, filters=tuple(sorted(filters)), pools=tuple(apart.holdings.pools))


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
