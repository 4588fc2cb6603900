"""Which nodes hold what speakers outside announce, by the model at its present state."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rrplan.bgp.holdings import Holdings
from rrplan.bgp.model import Model
from rrplan.bgp.outside import Outside
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class NotHeld:
    """A prefix that is announced to the cluster, and the nodes that do not hold it, sorted."""

    family: Family
    prefix: str
    speakers: tuple[str, ...]
    nodes: tuple[NodeName, ...]

    @property
    def origin(self) -> NodeName:
        """What the nodes lack, in words."""
        return NodeName(f"{self.prefix} that {' and '.join(self.speakers)} announce{'s' * (len(self.speakers) == 1)}")


def not_held(model: Model) -> Iterator[NotHeld]:
    """The prefixes that must be held and are not, each with the nodes of its family that lack it.

    Where several speakers announce one prefix, it is enough to hold it from any of them. Of a node that is down nobody
    knows, and a standalone reflector needs none.
    """
    announcing: dict[str, list[OutsideRole]] = {}
    for role in model.rules.roles:
        for prefix in role.announces:
            announcing.setdefault(prefix, []).append(role)
    view = model.view()
    for prefix, roles in sorted(announcing.items()):
        family = Family.IPV6 if ":" in prefix else Family.IPV4
        holdings = view.holdings[family]
        places = _places(holdings.outside, roles, family)
        tables = _tables(model, holdings, prefix)
        lacking = [
            name
            for index in holdings.speaking
            if not view.signatures[index].down
            and not any(table.holds(index, place) for table in tables for place in places)
            for name in model.population.classes[view.signatures[index]]
        ]
        if lacking:
            yield NotHeld(family, prefix, tuple(role.name for role in roles), tuple(sorted(lacking)))


def _places(outside: Mapping[Outside, int], roles: list[OutsideRole], family: Family) -> list[int]:
    known = {(address, role.as_number) for role in roles for address in role.addresses}
    return [
        place
        for speaker, place in outside.items()
        if speaker.family is family and (speaker.address, speaker.as_number) in known
    ]


def _tables(model: Model, holdings: Holdings, prefix: str) -> list[Holdings]:
    """Where the routes of a prefix go: those of its pool, or what lies in no pool."""
    layers = model.rules.announced.incoming[holdings.family]
    network = ipaddress.ip_network(prefix)
    incoming = zip(layers, holdings.tables[-len(layers) :], strict=True)
    within = [(layer, table) for layer, table in incoming]
    of_pool = [
        table
        for layer, table in within
        if layer.network is not None and network.version == layer.network.version and _inside(network, layer.network)
    ]
    return of_pool or [table for layer, table in within if layer.beyond is not None]


def _inside(network: ipaddress.IPv4Network | ipaddress.IPv6Network, pool: object) -> bool:
    assert isinstance(pool, ipaddress.IPv4Network | ipaddress.IPv6Network)
    return network.prefixlen >= pool.prefixlen and network.overlaps(pool)
