"""Which pairs of nodes a spec connects, and which of these miss routes in a state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rrplan.bgp.model import Model
from rrplan.bgp.prefixes import not_held
from rrplan.bgp.profile import Versions
from rrplan.bgp.routes import NoRoute, route
from rrplan.bgp.speaker import Family, as_configured
from rrplan.desired.placement import place
from rrplan.desired.selecting import clients_selector
from rrplan.ids import NodeName
from rrplan.resources import ClusterState
from rrplan.resources.selector import parse
from rrplan.specs import Flavor, Spec, Topology
from rrplan.specs.shares import with_shares


@dataclass(frozen=True, slots=True)
class MissingRoute:
    """`at` does not hold the routes of `origin` by the model, and `pairs` ordered pairs are like this one."""

    family: Family
    at: NodeName
    origin: NodeName
    pairs: int
    reason: NoRoute | None


@dataclass(frozen=True, slots=True)
class MissingRoutes:
    """Routes that are missing by the model: between nodes that the spec connects, and between others."""

    wanted: tuple[MissingRoute, ...]
    others: tuple[MissingRoute, ...]


def missing_routes(spec: Spec, state: ClusterState, versions: Versions) -> MissingRoutes:
    """The pairs without a route once everything that is configured is up; raises what `place` raises."""
    connected = connected_nodes(with_shares(spec), state)
    model = Model(as_configured(state), versions, marked=connected, roles=spec.roles)
    wanted: list[MissingRoute] = []
    others: list[MissingRoute] = []
    for loss in model.missing():
        between = {loss.at, loss.origin} <= connected
        reason = route(model, loss.origin, loss.at, loss.family).reason
        missing = MissingRoute(loss.family, loss.at, loss.origin, loss.pairs, reason)
        (wanted if between else others).append(missing)
    for lack in not_held(model):
        wanted.append(MissingRoute(lack.family, lack.nodes[0], lack.origin, len(lack.nodes), None))
    return MissingRoutes(tuple(wanted), tuple(others))


def connected_nodes(spec: Spec, state: ClusterState) -> frozenset[NodeName]:
    """The nodes that shall hold one another's routes: all in a mesh, else the reflectors and clients of all groups."""
    if spec.topology is Topology.FULL_MESH or spec.flavor is Flavor.STANDALONE:
        return frozenset(state.nodes)
    return frozenset(_members(spec, state))


def _members(spec: Spec, state: ClusterState) -> Iterator[NodeName]:
    reflectors = {placed.node for placed in place(spec, state)}
    yield from reflectors
    for group in filter(spec.serves_nodes, spec.groups):
        selector = parse(clients_selector(spec, group))
        for name, node in state.nodes.items():
            if name not in reflectors and selector.matches(node.effective_labels):
                yield name
