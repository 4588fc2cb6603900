"""What the proof says of single pairs, step by step: for clusters small enough to look at every pair."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from rrplan.bgp.model import Model
from rrplan.bgp.outside import Outside
from rrplan.bgp.population import Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Family, StandalonePlacement
from rrplan.bgp.transition import Loss
from rrplan.ids import NodeName, StepId
from rrplan.planning.agents import agents
from rrplan.planning.build import touched
from rrplan.planning.fallback import carries
from rrplan.planning.kinds import PoolKind, announced_prefixes, beyond_pools, plain, pool_kinds
from rrplan.plans.change import changed
from rrplan.plans.plan import Plan
from rrplan.resources import ClusterState


class Pair(NamedTuple):
    """`at` holds a route of `origin`, or should; one of the two may be a speaker outside, by its name."""

    family: str
    at: NodeName
    origin: NodeName


@dataclass(frozen=True, slots=True)
class Promise:
    """Of one step: who may be without a route while it takes effect, and who cannot have one before or after it.

    Nobody is promised a route from or to a node that is down.
    Undoing the step promises the same: the relation is symmetric.
    """

    step: StepId
    exposed: frozenset[Pair]
    without: frozenset[Pair]
    carried: frozenset[Pair] = frozenset()
    """Of those that are exposed: they may be without a route of BGP, and fallback tables carry their packets."""

    @property
    def excused(self) -> frozenset[Pair]:
        """Everybody who may be without, as far as the model knows."""
        return self.exposed | self.without


def states(plan: Plan, state: ClusterState) -> Iterator[ClusterState]:
    """The states before the first step and after each."""
    yield state
    for step in plan.steps:
        for change in step.changes:
            state = changed(state, change)
        yield state


def promises(plan: Plan, state: ClusterState, versions: Versions) -> dict[StepId, Promise]:
    """Of every step; as large as the pairs are many. Each kind of routes (`kinds`) is spoken of by itself."""
    chain = list(states(plan, state))
    merged = {step.id: Promise(step.id, frozenset(), frozenset()) for step in plan.steps}
    for kind in pool_kinds(state, versions.oldest):
        for promise in _promises(plan, list(kind.alone(chain)), versions, needed(plan.spec.roles), kind):
            known = merged[promise.step]
            merged[promise.step] = Promise(
                promise.step,
                known.exposed | promise.exposed,
                known.without | promise.without,
                known.carried | promise.carried,
            )
    return merged


def _promises(
    plan: Plan, chain: Sequence[ClusterState], versions: Versions, roles: Roles, kind: PoolKind
) -> Iterator[Promise]:
    peers = [peer for state_on_the_way in chain for peer in state_on_the_way.peers.values()]
    numbers = [node.as_number for node in chain[-1].nodes.values()]
    model = Model(chain[0], versions, peers=peers, roles=roles, numbers=numbers)
    speakers = _speakers_outside(model)
    exposures: list[frozenset[Pair]] = []
    missing = [_pairs(model, model.missing(Doubt.FOR), {})]
    heard = [_outside(model, Doubt.FOR, kind)]
    for step, (past, present) in zip(plan.steps, pairwise(chain), strict=True):
        exposed = _at(agents(past) ^ agents(present), chain[0]) if past is not present else frozenset[Pair]()
        missing.append(missing[-1])
        heard.append(heard[-1])
        if step.topology and step.changes:
            exposed |= _exposed(model, present, touched(model, present, step))
            missing[-1] = _pairs(model, model.missing(Doubt.FOR), {})
            heard[-1] = _outside(model, Doubt.FOR, kind)
            speakers |= _speakers_outside(model)
        exposures.append(exposed)
    names = frozenset(speaker.name for speaker in speakers)
    prefixes = list(needed_prefixes(roles)) if kind.first else []
    everybody = frozenset(
        pair
        for speaker in speakers
        for name in chain[0].nodes
        for pair in (
            Pair(str(speaker.family), speaker.name, kind.name(name, speaker.family)),
            Pair(str(speaker.family), name, kind.name(speaker.name, speaker.family)),
            Pair(str(speaker.family), name, beyond_pools(speaker.name)),
        )
    )
    silent = _of_nodes_down(model)
    ended = [_at(chain[0].nodes.keys() - agents(state), chain[0]) for state in chain]
    without = [
        _of_kind(missing_pairs_here | silent | ended_pairs, kind, names)
        | (everybody - heard_pairs)
        | frozenset(pair for prefix in prefixes for pair in prefix.missing(chain[0].nodes, heard_pairs))
        for missing_pairs_here, heard_pairs, ended_pairs in zip(missing, heard, ended, strict=True)
    ]
    for number, (step, exposed) in enumerate(zip(plan.steps, exposures, strict=True)):
        lost = frozenset(pair for prefix in prefixes for pair in prefix.exposed(heard[number], exposed))
        of_kind, excused = _of_kind(exposed, kind, names), without[number] | without[number + 1]
        carried = _inside(of_kind - excused, kind, chain[0]) if carries(step, plan.steps) else frozenset[Pair]()
        yield Promise(step.id, of_kind | lost, excused, carried)


def _inside(pairs: Iterable[Pair], kind: PoolKind, state: ClusterState) -> frozenset[Pair]:
    """Those of nodes alone, which fallback tables carry."""
    origins = {(str(family), kind.name(name, family)) for family in FAMILIES for name in state.nodes}
    return frozenset(pair for pair in pairs if pair.at in state.nodes and (pair.family, pair.origin) in origins)


def needed(roles: Roles) -> Roles:
    """The same speakers outside, all of them required: what is lost with one that is not is a loss, and shows."""
    return tuple(replace(role, required=True) for role in roles)


def exposed_pairs(before: ClusterState, after: ClusterState, versions: Versions, roles: Roles = ()) -> frozenset[Pair]:
    """The pairs that have a route in a state and may be without one on the way to another with the same nodes."""
    every: set[Pair] = set()
    for kind in pool_kinds(before, versions.oldest):
        was, becomes = kind.alone([before, after])
        numbers = [node.as_number for node in becomes.nodes.values()]
        model = Model(was, versions, peers=becomes.peers.values(), roles=roles, numbers=numbers)
        names = frozenset(speaker.name for speaker in _speakers_outside(model))
        changed_nodes = [name for name, node in becomes.nodes.items() if node != was.nodes[name]]
        exposed = _exposed(model, becomes, changed_nodes)
        names |= frozenset(speaker.name for speaker in _speakers_outside(model))
        every |= _of_kind(exposed, kind, names)
    return frozenset(every)


def _of_kind(pairs: Iterable[Pair], kind: PoolKind, outside: Collection[NodeName]) -> frozenset[Pair]:
    """Pairs as routes of one kind of pools are called; what speakers outside announce lies beyond all pools, too."""
    return frozenset(named for pair in pairs for named in _names(pair, kind, outside))


def _names(pair: Pair, kind: PoolKind, outside: Collection[NodeName]) -> Iterator[Pair]:
    if kind.first or Family(pair.family) in kind.networks:
        yield pair._replace(origin=kind.name(pair.origin, pair.family))
    if kind.first and pair.origin in outside:
        yield pair._replace(origin=beyond_pools(pair.origin))


@dataclass(frozen=True, slots=True)
class NeededPrefix:
    """A prefix that nodes need, from whichever of some speakers outside; `sources` are what these are called."""

    family: Family
    origin: NodeName
    sources: frozenset[NodeName]

    def held(self, heard: Collection[Pair]) -> dict[NodeName, set[NodeName]]:
        """The nodes that hold it, each with whom from."""
        holders: dict[NodeName, set[NodeName]] = {}
        for family, at, origin in heard:
            if family == self.family and origin in self.sources:
                holders.setdefault(at, set()).add(origin)
        return holders

    def missing(self, nodes: Iterable[NodeName], heard: Collection[Pair]) -> Iterator[Pair]:
        """The nodes that hold it from nobody."""
        holders = self.held(heard)
        yield from (Pair(str(self.family), name, self.origin) for name in nodes if name not in holders)

    def exposed(self, heard: Collection[Pair], exposed: Collection[Pair]) -> Iterator[Pair]:
        """The nodes that may be without: all of whose sources are exposed."""
        for name, sources in self.held(heard).items():
            if all(Pair(str(self.family), name, plain(source)) in exposed for source in sources):
                yield Pair(str(self.family), name, self.origin)


def needed_prefixes(roles: Roles) -> Iterator[NeededPrefix]:
    """What speakers outside announce to every node."""
    for prefix in announced_prefixes(roles):
        names = frozenset(
            beyond_pools(Outside(prefix.family, address, role.as_number).name)
            for role in roles
            if prefix.prefix in role.announces
            for address in role.addresses
        )
        yield NeededPrefix(prefix.family, prefix.origin, names)


def missing_pairs(state: ClusterState, versions: Versions, roles: Roles = ()) -> frozenset[Pair]:
    """The pairs of nodes that do not have a route for certain in a state; of nodes that are down, all of them."""
    model = Model(state, versions, roles=roles)
    return _pairs(model, model.missing(), {}) | _of_nodes_down(model)


def _of_nodes_down(model: Model) -> frozenset[Pair]:
    """All pairs that end at a node that is down: whether it still serves routes is nobody's promise."""
    return _at(model.down(), model.state)


def held_pairs(
    state: ClusterState, versions: Versions, doubt: Doubt = Doubt.AGAINST, roles: Roles = ()
) -> frozenset[Pair]:
    """The pairs that have a route in a state, or with doubt FOR may have one; with speakers outside too.

    Each kind of routes is spoken of by itself. Nobody holds a route from or to a node that is down, or on which no
    calico-node runs.
    """
    held: set[Pair] = set()
    for kind in pool_kinds(state, versions.oldest):
        (alone,) = kind.alone([state])
        model = Model(alone, versions, roles=roles)
        speakers = [speaker for speaker in model.population.speakers.values() if speaker.role is None]
        nodes = {
            Pair(str(family), at.name, origin.name)
            for family in kind.networks
            for at in speakers
            for origin in speakers
            if at is not origin and at.address(family) and origin.address(family)
        }
        gone = {*model.down()} | (state.nodes.keys() - agents(state))
        between = nodes - _pairs(model, model.missing(doubt), {})
        between = {pair for pair in between if gone.isdisjoint((pair.at, pair.origin))}
        ended = gone | {kind.name(name, family) for name in gone for family in kind.networks}
        heard = {pair for pair in _outside(model, doubt, kind) if ended.isdisjoint((pair.at, pair.origin))}
        held |= _of_kind(between, kind, ()) | heard
        for prefix in needed_prefixes(roles) if kind.first else ():
            held |= {Pair(str(prefix.family), name, prefix.origin) for name in prefix.held(heard)}
    return frozenset(held)


def _at(names: Collection[NodeName], state: ClusterState) -> frozenset[Pair]:
    """The pairs that end at one of these nodes, such as those where calico-node ends: with it its pods have gone."""
    return frozenset(
        Pair(str(family), *pair)
        for name in names
        for family in FAMILIES
        for other in state.nodes
        if name != other
        for pair in ((name, other), (other, name))
    )


def reflecting(plan: Plan, state: ClusterState) -> frozenset[NodeName]:
    """The nodes that reflect in some state of a plan: with a cluster ID, or with a container that reflects."""
    reflectors: set[NodeName] = set()
    for present in states(plan, state):
        place = StandalonePlacement.of(present)
        reflectors |= {
            name for name, node in present.nodes.items() if node.cluster_id or (place and place.runs_on(node))
        }
    return frozenset(reflectors)


def _exposed(model: Model, after: ClusterState, touched: Iterable[NodeName]) -> frozenset[Pair]:
    """The same from where the model stands, which goes on to `after`."""
    moved = {name: model.population.signature_of[name] for name in touched}
    return _pairs(model, model.advance(after, [*moved]).exposed, moved)


def _speakers_outside(model: Model) -> set[Outside]:
    return {speaker for holdings in model.view().possible.values() for speaker in holdings.outside}


def _outside(model: Model, doubt: Doubt, kind: PoolKind) -> frozenset[Pair]:
    """The pairs of a node and a speaker outside that have a route at the present state, of one kind of pools.

    What a speaker outside announces lies in that pool, and something lies beyond all pools.
    """
    view = model.view()
    pairs: set[Pair] = set()
    for family, holdings in (view.holdings if doubt is Doubt.AGAINST else view.possible).items():
        of_pool, beyond = holdings.tables[-2:]
        for speaker, place in holdings.outside.items():
            for index in holdings.speaking:
                names = model.population.classes[view.signatures[index]]
                if family in kind.networks and of_pool.holds(index, place):
                    pairs |= {Pair(str(family), name, kind.name(speaker.name, family)) for name in names}
                if kind.first and beyond.holds(index, place):
                    pairs |= {Pair(str(family), name, beyond_pools(speaker.name)) for name in names}
                if family in kind.networks and holdings.holds(place, index):
                    pairs |= {Pair(str(family), speaker.name, kind.name(name, family)) for name in names}
    return frozenset(pairs)


def _pairs(model: Model, losses: tuple[Loss, ...], moved: Mapping[NodeName, Signature]) -> frozenset[Pair]:
    """Every pair of the kinds that a loss gives an example of; nodes that moved alike are a kind of their own."""

    def alike(name: NodeName) -> list[NodeName]:
        signature = model.population.signature_of.get(name)
        if signature is None:  # a speaker outside
            return [name]
        return [member for member in model.population.classes[signature] if moved.get(member) == moved.get(name)]

    return frozenset(
        Pair(str(loss.family), at, origin)
        for loss in losses
        for at in alike(loss.at)
        for origin in alike(loss.origin)
        if at != origin
    )
