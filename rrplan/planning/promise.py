"""What the proof says of single pairs, step by step: for clusters small enough to look at every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from rrplan.bgp.model import Model
from rrplan.bgp.outside import Outside
from rrplan.bgp.population import Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, StandalonePlacement
from rrplan.bgp.transition import Loss
from rrplan.ids import NodeName, StepId
from rrplan.planning.build import touched
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
    """Of every step; as large as the pairs are many."""
    chain = list(states(plan, state))
    # What is lost with a speaker that is not required is a loss all the same, and shows.
    roles = tuple(role for role in plan.spec.roles if role.required)
    model = Model(
        state,
        versions,
        peers=[peer for state_on_the_way in chain for peer in state_on_the_way.peers.values()],
        roles=roles,
    )
    speakers: set[Outside] = set()
    exposures: list[frozenset[Pair]] = []
    missing = [_pairs(model, model.missing(Doubt.FOR), {})]
    heard = [_outside(model, Doubt.FOR)]
    speakers |= _speakers_outside(model)
    for step, present in zip(plan.steps, chain[1:], strict=True):
        exposed = frozenset[Pair]()
        missing.append(missing[-1])
        heard.append(heard[-1])
        if step.topology and step.changes:
            exposed = _exposed(model, present, touched(model, present, step))
            missing[-1] = _pairs(model, model.missing(Doubt.FOR), {})
            heard[-1] = _outside(model, Doubt.FOR)
            speakers |= _speakers_outside(model)
        exposures.append(exposed)
    everybody = {
        pair
        for speaker in speakers
        for name in state.nodes
        for pair in (Pair(str(speaker.family), name, speaker.name), Pair(str(speaker.family), speaker.name, name))
    }
    silent = _of_nodes_down(model)
    without = [
        missing_pairs_here | (everybody - heard_pairs) | silent
        for missing_pairs_here, heard_pairs in zip(missing, heard, strict=True)
    ]
    return {
        step.id: Promise(step.id, exposed, before | after)
        for step, exposed, (before, after) in zip(plan.steps, exposures, pairwise(without), strict=True)
    }


def exposed_pairs(before: ClusterState, after: ClusterState, versions: Versions, roles: Roles = ()) -> frozenset[Pair]:
    """The pairs that have a route in a state and may be without one on the way to another with the same nodes."""
    model = Model(before, versions, peers=after.peers.values(), roles=roles)
    return _exposed(model, after, [name for name, node in after.nodes.items() if node != before.nodes[name]])


def missing_pairs(state: ClusterState, versions: Versions, roles: Roles = ()) -> frozenset[Pair]:
    """The pairs of nodes that do not have a route for certain in a state; of nodes that are down, all of them."""
    model = Model(state, versions, roles=roles)
    return _pairs(model, model.missing(), {}) | _of_nodes_down(model)


def _of_nodes_down(model: Model) -> frozenset[Pair]:
    """All pairs that end at a node that is down: whether it still serves routes is nobody's promise."""
    return frozenset(
        Pair(str(family), *pair)
        for family in FAMILIES
        for node in model.down()
        for other in model.state.nodes
        if node != other
        for pair in ((node, other), (other, node))
    )


def held_pairs(
    state: ClusterState, versions: Versions, doubt: Doubt = Doubt.AGAINST, roles: Roles = ()
) -> frozenset[Pair]:
    """The pairs that have a route in a state, or with doubt FOR may have one; with speakers outside too."""
    model = Model(state, versions, roles=roles)
    speakers = [speaker for speaker in model.population.speakers.values() if speaker.role is None]
    nodes = {
        Pair(str(family), at.name, origin.name)
        for family in FAMILIES
        for at in speakers
        for origin in speakers
        if at is not origin and at.address(family) and origin.address(family)
    }
    down = set(model.down())
    held = (nodes - _pairs(model, model.missing(doubt), {})) | _outside(model, doubt)
    return frozenset(pair for pair in held if down.isdisjoint((pair.at, pair.origin)))


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


def _outside(model: Model, doubt: Doubt) -> frozenset[Pair]:
    """The pairs of a node and a speaker outside that have a route at the present state."""
    view = model.view()
    pairs: set[Pair] = set()
    for family, holdings in (view.holdings if doubt is Doubt.AGAINST else view.possible).items():
        for speaker, place in holdings.outside.items():
            for kind in holdings.speaking:
                names = model.population.classes[view.signatures[kind]]
                if holdings.holds(kind, place):
                    pairs |= {Pair(str(family), name, speaker.name) for name in names}
                if holdings.holds(place, kind):
                    pairs |= {Pair(str(family), speaker.name, name) for name in names}
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
