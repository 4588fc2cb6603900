"""What the proof says of single pairs, step by step: for clusters small enough to look at every pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rrplan.bgp.model import Model
from rrplan.bgp.population import Signature
from rrplan.bgp.profile import Versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.speaker import FAMILIES, Standalone
from rrplan.bgp.transition import Loss
from rrplan.ids import NodeName, StepId
from rrplan.plans.build import touched
from rrplan.plans.change import changed
from rrplan.plans.plan import Plan
from rrplan.resources import ClusterState


class Pair(NamedTuple):
    """`at` holds a route of `origin`, or should."""

    family: str
    at: NodeName
    origin: NodeName


@dataclass(frozen=True, slots=True)
class Promise:
    """Of one step: who may be without a route while it takes effect, and who cannot have one before or after it.

    Undoing the step promises the same: the relation is symmetric.
    """

    step: StepId
    exposed: frozenset[Pair]
    without: frozenset[Pair]

    @property
    def excused(self) -> frozenset[Pair]:
        """Everybody who may be without."""
        return self.exposed | self.without


def states(plan: Plan, state: ClusterState) -> Iterator[ClusterState]:
    """The states before the first step and after each."""
    yield state
    for step in plan.steps:
        if step.change is not None:
            state = changed(state, step.change)
        yield state


def promises(plan: Plan, state: ClusterState, versions: Versions) -> dict[StepId, Promise]:
    """Of every step; as large as the pairs are many."""
    chain = list(states(plan, state))
    model = Model(state, versions, peers=[peer for one in chain for peer in one.peers.values()])
    missing = _pairs(model, model.missing(Doubt.FOR), {})
    found: dict[StepId, Promise] = {}
    for step, present in zip(plan.steps, chain[1:], strict=True):
        exposed, before = frozenset[Pair](), missing
        if step.topology and step.change is not None:
            exposed = _exposed(model, present, touched(model, present, step.change.key))
            missing = _pairs(model, model.missing(Doubt.FOR), {})
        found[step.id] = Promise(step.id, exposed, before | missing)
    return found


def exposed_pairs(before: ClusterState, after: ClusterState, versions: Versions) -> frozenset[Pair]:
    """The pairs that have a route in a state and may be without one on the way to another with the same nodes."""
    model = Model(before, versions, peers=after.peers.values())
    return _exposed(model, after, [name for name, node in after.nodes.items() if node != before.nodes[name]])


def missing_pairs(state: ClusterState, versions: Versions) -> frozenset[Pair]:
    """The pairs of nodes that do not have a route for certain in a state; of nodes that are down, all of them."""
    model = Model(state, versions)
    silent = {
        Pair(str(family), *pair)
        for family in FAMILIES
        for one in model.down()
        for other in state.nodes
        if one != other
        for pair in ((one, other), (other, one))
    }
    return _pairs(model, model.missing(), {}) | silent


def reflecting(plan: Plan, state: ClusterState) -> frozenset[NodeName]:
    """The nodes that reflect in some state of a plan: with a cluster ID, or with a container that reflects."""
    found: set[NodeName] = set()
    for one in states(plan, state):
        place = Standalone.of(one)
        found |= {name for name, node in one.nodes.items() if node.cluster_id or (place and place.runs_on(node))}
    return frozenset(found)


def _exposed(model: Model, after: ClusterState, touched: Iterable[NodeName]) -> frozenset[Pair]:
    """The same from where the model stands, which goes on to `after`."""
    moved = {name: model.population.signature_of[name] for name in touched}
    return _pairs(model, model.advance(after, [*moved]).exposed, moved)


def _pairs(model: Model, losses: tuple[Loss, ...], moved: Mapping[NodeName, Signature]) -> frozenset[Pair]:
    """Every pair of the kinds that a loss gives an example of; nodes that moved alike are a kind of their own."""

    def alike(name: NodeName) -> list[NodeName]:
        members = model.population.classes[model.population.signature_of[name]]
        return [one for one in members if moved.get(one) == moved.get(name)]

    return frozenset(
        Pair(str(loss.family), at, origin)
        for loss in losses
        if not loss.outside
        for at in alike(loss.at)
        for origin in alike(loss.origin)
        if at != origin
    )
