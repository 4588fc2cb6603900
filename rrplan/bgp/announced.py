"""Which address pools the routes of a cluster are of: what is announced, who programs it, what filters let through.

An obligation is owed for the pools whose blocks BIRD announces and whose routes it programs. Pools that every BGPFilter
treats alike form one layer; in each layer routes spread by themselves.

Sources: projectcalico/calico confd/etc/calico/confd/templates/bird_ipam.cfg.template (`disableBGPExport` v3.21,
`programClusterRoutes` v3.32), confd/pkg/backends/calico/bgp_filter*.go and libcalico-go api BGPFilter (v3.26).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.resources import BGPFilter, CalicoVersion, ClusterState, IPPool
from rrplan.resources.reading import parse_decimal

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
BLOCK_BITS = {4: 26, 6: 122}
"""Of an IPPool that does not say its blockSize (libcalico-go api IPPoolSpec)."""
FELIX_PROGRAMS_IPIP = CalicoVersion(3, 33)
"""`programClusterRoutes` is EnabledNoEncapOnly by default from here on: Felix programs IPIP pools (calico master)."""


class Passes(StrEnum):
    """Whether the routes of a pool get through filters: all, none, or not known from here."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class _Matches(StrEnum):
    ALL = "all"
    NONE = "none"
    SOME = "some"


_INVERTED = {_Matches.ALL: _Matches.NONE, _Matches.NONE: _Matches.ALL, _Matches.SOME: _Matches.SOME}
_KNOWN = {"action", "cidr", "matchOperator", "prefixLength", "source", "interface"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Pools of one family that all filters treat alike; `network` is one of them, None where no pool is known."""

    pools: tuple[str, ...]
    network: Network | None
    block: int
    rules: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]] = field(hash=False, compare=False)

    def passes(self, leaving: Sequence[str], entering: Sequence[str], *, learned: bool) -> Passes:
        """Whether routes get over a session: the sender's own ones, or those that it learned."""
        verdicts = {
            self.verdict(leaving, "export", learned=learned),
            self.verdict(entering, "import", learned=learned),
        }
        return next((one for one in (Passes.NO, Passes.UNKNOWN) if one in verdicts), Passes.YES)

    def verdict(self, filters: Sequence[str], direction: str, *, learned: bool) -> Passes:
        """What filters do with these pools in one direction, rule after rule; what no rule decides goes through."""
        doubtful: set[Passes] = set()
        for name in filters:
            found = self.rules.get(name)
            if found is None:
                return Passes.UNKNOWN
            for rule in found[direction]:
                matches = self._matches(rule, learned=learned)
                action = Passes.YES if rule.get("action") == "Accept" else Passes.NO
                if matches is _Matches.ALL:
                    return action if doubtful <= {action} else Passes.UNKNOWN
                if matches is _Matches.SOME:
                    doubtful.add(action)
        return Passes.YES if doubtful <= {Passes.YES} else Passes.UNKNOWN

    def _matches(self, rule: Mapping[str, object], *, learned: bool) -> _Matches:
        if rule.get("source"):
            source = _Matches.ALL if learned else _Matches.NONE
        else:
            source = _Matches.ALL
        parts = {source, self._cidr(rule)}
        if rule.get("interface") or set(rule) - _KNOWN:
            parts.add(_Matches.SOME)
        if _Matches.NONE in parts:
            return _Matches.NONE
        return _Matches.SOME if _Matches.SOME in parts else _Matches.ALL

    def _cidr(self, rule: Mapping[str, object]) -> _Matches:
        length = rule.get("prefixLength")
        bits = {**(length if isinstance(length, Mapping) else {})}
        if self.network is None:
            return _Matches.SOME if rule.get("cidr") or bits else _Matches.ALL
        least = parse_decimal(str(bits.get("min") or 0))
        most = parse_decimal(str(bits.get("max") or self.network.max_prefixlen))
        if least is None or most is None:
            return _Matches.SOME
        if not least <= self.block <= most:
            return _Matches.NONE
        if not rule.get("cidr"):
            return _Matches.ALL
        try:
            cidr = ipaddress.ip_network(str(rule["cidr"]), strict=False)
        except ValueError:
            return _Matches.SOME
        operator = str(rule.get("matchOperator") or "")
        found = self._equal(cidr) if operator.endswith("Equal") else self._inside(cidr)
        return _INVERTED[found] if operator.startswith("Not") else found

    def _inside(self, cidr: Network) -> _Matches:
        assert self.network is not None
        if cidr.version != self.network.version or not cidr.overlaps(self.network):
            return _Matches.NONE
        if cidr.prefixlen <= self.network.prefixlen:
            return _Matches.ALL
        return _Matches.SOME if cidr.prefixlen <= self.block else _Matches.NONE

    def _equal(self, cidr: Network) -> _Matches:
        found = self._inside(cidr) if cidr.prefixlen == self.block else _Matches.NONE
        return _Matches.ALL if found is not _Matches.NONE and cidr == self.network else found


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pool for which nothing is owed, and why."""

    pool: str
    family: Family
    why: str


@dataclass(frozen=True, slots=True)
class Announced:
    """The layers of each family; none where pools are known and nothing is owed for any of them."""

    layers: Mapping[Family, tuple[Layer, ...]] = field(hash=False)
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def of(cls, state: ClusterState, version: CalicoVersion) -> Announced:
        """Read the pools and the filters of a state."""
        filters = state.others_of(BGPFilter)
        rules = {family: {name: _rules(one, family) for name, one in filters.items()} for family in FAMILIES}
        pools = state.others_of(IPPool)
        setting = state.configurations["default"].spec if "default" in state.configurations else {}
        layers: dict[Family, tuple[Layer, ...]] = {}
        left: list[LeftOut] = []
        for family in FAMILIES:
            known = [(pool, network) for pool in pools.values() if (network := _network(pool, family)) is not None]
            reasons = {pool.name: _why_not(pool, setting, version) for pool, _ in known}
            left += [LeftOut(name, family, why) for name, why in sorted(reasons.items()) if why]
            owed = [(pool, network) for pool, network in known if not reasons[pool.name]]
            layers[family] = _layers(owed, rules[family]) if known else (Layer((), None, 0, rules[family]),)
        return cls(layers, tuple(left))


EVERYTHING = Announced({family: (Layer((), None, 0, {}),) for family in FAMILIES})
"""Where nobody asks about pools."""


def _layers(
    owed: Sequence[tuple[IPPool, Network]], rules: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]]
) -> tuple[Layer, ...]:
    alike: dict[tuple[Passes, ...], list[Layer]] = {}
    for pool, network in sorted(owed, key=lambda one: one[0].name):
        layer = Layer((pool.name,), network, pool.block_size or BLOCK_BITS[network.version], rules)
        verdicts = tuple(
            layer.verdict([name], direction, learned=learned)
            for name in sorted(rules)
            for direction in ("export", "import")
            for learned in (False, True)
        )
        alike.setdefault(verdicts, []).append(layer)
    return tuple(
        Layer(tuple(one.pools[0] for one in found), found[0].network, found[0].block, rules) for found in alike.values()
    )


def _rules(one: BGPFilter, family: Family) -> Mapping[str, Sequence[Mapping[str, object]]]:
    suffix = "V4" if family is Family.IPV4 else "V6"
    return {direction: [*_listed(one.spec.get(f"{direction}{suffix}"))] for direction in ("export", "import")}


def _listed(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list | tuple):
        yield from (rule for rule in value if isinstance(rule, Mapping))


def _network(pool: IPPool, family: Family) -> Network | None:
    try:
        network = ipaddress.ip_network(pool.cidr, strict=False)
    except ValueError:
        return None
    return network if network.version == (4 if family is Family.IPV4 else 6) else None


def _why_not(pool: IPPool, setting: Mapping[str, object], version: CalicoVersion) -> str:
    """Why nothing is owed for a pool; "" where it is."""
    if pool.disable_bgp_export:
        return "it is not announced (`disableBGPExport`)"
    if pool.vxlan_mode in ("Always", "CrossSubnet"):
        return "it uses VXLAN, so Felix programs its routes"
    told = str(setting.get("programClusterRoutes") or "")
    return "" if by_bird(pool, told, version) else "Felix programs its routes (`programClusterRoutes`)"


def by_bird(pool: IPPool, setting: str, version: CalicoVersion) -> bool:
    """Whether BIRD programs the routes of a pool without VXLAN; `setting` is that of BGPConfiguration, "" if none."""
    default = "EnabledNoEncapOnly" if version >= FELIX_PROGRAMS_IPIP else "Enabled"
    return _covers(setting or default, pool)


def by_felix(pool: IPPool, setting: str, version: CalicoVersion) -> bool:
    """Whether Felix does; `setting` is that of FelixConfiguration, "" if none."""
    default = "EnabledIPIPOnly" if version >= FELIX_PROGRAMS_IPIP else "Disabled"
    return _covers(setting or default, pool)


def _covers(setting: str, pool: IPPool) -> bool:
    encapsulated = pool.ipip_mode in ("Always", "CrossSubnet")
    return {
        "Enabled": True,
        "Disabled": False,
        "EnabledNoEncapOnly": not encapsulated,
        "EnabledIPIPOnly": encapsulated,
    }.get(setting, True)
