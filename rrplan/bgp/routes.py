"""How the routes of one node reach another, or why they do not, in words."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Route:
    """The answer for one ordered pair and family: a path from `origin` to `at`, or the reason why there is none."""

    family: Family
    origin: NodeName
    at: NodeName
    path: tuple[NodeName, ...]
    reason: str

    def __str__(self) -> str:
        return " -> ".join(self.path) if self.path else self.reason


def route(model: Model, origin: NodeName, at: NodeName, family: Family) -> Route:
    """How the routes of `origin` reach `at` at the model's present state; the shortest way is told."""
    if origin == at:
        return Route(family, origin, at, (origin,), "")
    speakers = model.population.speakers
    for name in (origin, at):
        if not speakers[name].address(family):
            return Route(family, origin, at, (), f"{name} has no {family} address, so it does not speak BGP there")
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
    return Route(family, origin, at, _path(model, view, best, origin, at), "")


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
) -> str:
    for name, index in ((at, there), (origin, here)):
        if not any(pair[0] == index for pair in holdings.joined):
            return _alone(model, name, holdings.family)
    spread = holdings.propagations[here]
    if spread.stops.get((here, there)) is Stop.FILTERED:
        return _filtered(holdings, (here, there), origin, at)
    joined = set(holdings.joined)
    for index, signature in enumerate(view.signatures):
        if signature.down and index not in (here, there) and (index, there) in joined and spread.reaches(index):
            gone = next(iter(model.population.classes[signature]))
            return f"{gone} is down, which would pass them on"
    stops = [(pair, stop) for pair, stop in spread.stops.items() if pair[1] == there and pair[0] != there]
    order = {Stop.FILTERED: 0, Stop.CLUSTER_LOOP: 1, Stop.AS_LOOP: 2, Stop.NOT_REFLECTED: 3}
    for (holder, _), stop in sorted(stops, key=lambda item: order[item[1]]):
        name = _another(model, view, holder, origin, at)
        if stop is Stop.FILTERED:
            return _filtered(holdings, (holder, there), name, at)
        return f"{name} holds the routes of {origin} and does not pass them to {at}: {stop}"
    beyond = set(holdings.outside.values())
    for pair, stop in sorted(spread.stops.items()):
        if stop is Stop.FILTERED and there not in pair and beyond.isdisjoint(pair):
            one = origin if pair[0] == here else _another(model, view, pair[0], origin, at)
            return _filtered(holdings, pair, one, _another(model, view, pair[1], origin, at))
    return f"nobody that holds the routes of {origin} has a session with {at}"


def _another(model: Model, view: View, index: int, origin: NodeName, at: NodeName) -> NodeName:
    members = model.population.classes[view.signatures[index]]
    return next((name for name in members if name not in (origin, at)), origin)


def _filtered(holdings: Holdings, pair: tuple[int, int], one: NodeName, other: NodeName) -> str:
    links = holdings.graph.links[pair]
    filters = {name for link in links for name in link.own_filters + link.other_filters}
    pools = f" of IPPool {', '.join(holdings.pools)}" if holdings.pools else ""
    return f"BGPFilter {', '.join(sorted(filters))} on the session of {one} and {other} rejects routes{pools}, or may"


def _alone(model: Model, name: NodeName, family: Family) -> str:
    """Why a node has no session that counts: what stands in the way of the first one that is configured."""
    speakers, rules = model.population.speakers, model.rules
    if rules.settings.idle:
        return f"BGP does not run: {rules.settings.idle}"
    own = speakers[name]
    lead = f"{name} has no session that is certain to be up"
    refused = refusal(rules, speakers, own, family)
    # That a router ID is not known counts for nothing here; a notice says it.
    unsure = refusal_of_router_id(rules.settings, own, family) is not None
    if refused is not None and (refused.established is Established.NO or not unsure):
        return f"{lead}; {refused.reason}"
    for members in model.population.classes.values():
        for other in (speakers[member] for member in islice(members, ENOUGH) if member != name):
            here = protocols(rules, own, other, family)
            if here:
                beyond = refusal(rules, speakers, other, family) or not_told_apart(rules, own, other, family)
                found = beyond or verdict(here[0], own, here, other, protocols(rules, other, own, family))
                if found.reason:
                    return f"{lead}; {here[0].name}: {found.reason}"
                break
    for outside in external_protocols(rules, own, family):
        if outside.disputed:
            return f"{lead}; {outside.name}: {outside_verdict(outside).reason}"
    for peer in rules.peers:
        text = idle_selector(rules, peer, speakers.values())
        if text and (rules.selects_local(peer, own) or rules.selects_remote(peer, own)):
            return f"{lead}; BGPPeer {peer.name}: {text} selects no node"
    return lead
