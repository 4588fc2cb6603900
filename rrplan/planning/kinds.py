"""Kinds of routes that the proof tells apart: pools that filters treat differently, and what lies beyond all pools.

Pairs of names speak of one route of each kind. Those of the first kind have the plain name of their origin; the others
say of what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rrplan.bgp.announced import Announced, Network
from rrplan.bgp.prefixes import NotHeld
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, ClusterState, IPPool, Resource, ResourceKey


@dataclass(frozen=True, slots=True)
class PoolKind:
    """One pool of each family, which stands for all that every filter treats alike.

    `networks` has the families in which routes of this kind are owed, with None where no pool is known at all;
    `blocks` has the lengths of these routes.
    """

    pools: Mapping[Family, str] = field(hash=False)
    networks: Mapping[Family, Network | None] = field(hash=False)
    blocks: Mapping[Family, int | None] = field(hash=False)
    first: bool = True

    def name(self, origin: NodeName, family: str) -> NodeName:
        """What the origin of such a route is called."""
        return origin if self.first else NodeName(f"{origin}, of IPPool {self.pools[Family(family)]}")

    def alone(self, states: Iterable[ClusterState]) -> Iterator[ClusterState]:
        """The states as if no other pools were owed; states that share their other resources still do."""
        last: Mapping[ResourceKey, Resource] | None = None
        kept: Mapping[ResourceKey, Resource] = {}
        for state in states:
            if state.others is not last:
                last = state.others
                kept = {key: one for key, one in last.items() if not self._is_other(one)}
                kept = last if len(kept) == len(last) else kept
            yield state if kept is state.others else replace(state, others=kept)

    def _is_other(self, resource: Resource) -> bool:
        if not isinstance(resource, IPPool) or resource.name in self.pools.values():
            return False
        return (Family.IPV6 if ":" in resource.cidr else Family.IPV4) in self.networks


_BEYOND = ", beyond all pools"


def pool_kinds(state: ClusterState, version: CalicoVersion) -> list[PoolKind]:
    """All of them; the first also where nothing is owed, then without families."""
    layers = Announced.of(state, version).layers
    kinds = []
    for number in range(max(1, *(len(layers[family]) for family in FAMILIES))):
        own = {family: layers[family][number] for family in FAMILIES if number < len(layers[family])}
        kinds.append(
            PoolKind(
                {family: layer.pools[0] for family, layer in own.items() if layer.pools},
                {family: layer.network for family, layer in own.items()},
                {family: layer.block for family, layer in own.items()},
                first=number == 0,
            )
        )
    return kinds


def beyond_pools(speaker: NodeName) -> NodeName:
    """What a prefix is called that a speaker outside announces and that lies in no pool."""
    return NodeName(f"{speaker}{_BEYOND}")


def plain(beyond: NodeName) -> NodeName:
    """The speaker outside of such a prefix."""
    return NodeName(beyond.removesuffix(_BEYOND))


def announced_prefixes(roles: Roles) -> Iterator[NotHeld]:
    """The prefixes that must be held from speakers outside, and whose they are."""
    prefixes = dict.fromkeys(prefix for role in roles for prefix in role.announces)
    for prefix in prefixes:
        names = tuple(role.name for role in roles if prefix in role.announces)
        yield NotHeld(Family.IPV6 if ":" in prefix else Family.IPV4, prefix, names, ())


def all_names(names: Iterable[NodeName], kinds: Iterable[PoolKind]) -> Iterator[NodeName]:
    """What the origins of routes of these nodes are called, of every kind."""
    every = [*kinds]
    for name in names:
        yield from dict.fromkeys(kind.name(name, family) for kind in every for family in kind.pools or FAMILIES)
