"""Which address pools the routes of a cluster are of: what is announced, who programs it, what filters let through.

An obligation is owed for the pools whose blocks BIRD announces and whose routes it programs; to speakers outside, for
all that are announced, because nobody else tells them. Pools that every BGPFilter treats alike form one layer; in each
layer routes spread by themselves. What a speaker outside announces may be of any pool too, and of any length: filters
decide about it like about the routes of nodes.

Sources: projectcalico/calico confd/etc/calico/confd/templates/bird_ipam.cfg.template (`disableBGPExport` v3.21,
`programClusterRoutes` v3.32), confd/pkg/backends/calico/bgp_filter*.go and libcalico-go api BGPFilter (v3.26). What
nodes learned goes on only where it lies in a pool (`calico_export_to_bgp_peers`), or where a filter accepts it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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


SINCE_EXPORT = CalicoVersion(3, 21)
"""First version that reads `disableBGPExport`; before, every pool is announced."""
SINCE_FELIX = CalicoVersion(3, 31)
"""First version whose FelixConfiguration has `programClusterRoutes`."""
SINCE_BIRD = CalicoVersion(3, 32)
"""First version whose BGPConfiguration has it; before, BIRD programs every pool without VXLAN."""


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


def _both(first: _Matches, second: _Matches) -> _Matches:
    """What matches two conditions at once."""
    return next((matches for matches in (_Matches.NONE, _Matches.SOME) if matches in (first, second)), _Matches.ALL)


@dataclass(frozen=True, slots=True)
class Layer:
    """Pools of one family that all filters treat alike; `network` is one of them, None where no pool is known.

    `block` is the length of the routes, None where it is not known: what a speaker outside announces. What lies in
    none of the pools `beyond` is a layer too: a node hands on what it learned of it only where a filter accepts it.
    """

    pools: tuple[str, ...]
    network: Network | None
    block: int | None
    rules: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]] = field(hash=False, compare=False)
    beyond: tuple[Network, ...] | None = None

    def passes(self, leaving: Sequence[str], entering: Sequence[str], *, learned: bool) -> Passes:
        """Whether routes get over a session: the sender's own ones, or those that it learned."""
        verdicts = {
            self.verdict(leaving, "export", learned=learned),
            self.verdict(entering, "import", learned=learned),
        }
        return next((passes for passes in (Passes.NO, Passes.UNKNOWN) if passes in verdicts), Passes.YES)

    def verdict(self, filters: Sequence[str], direction: str, *, learned: bool) -> Passes:
        """What filters do with these pools in one direction, rule after rule; what no rule decides goes through.

        On the way out `calico_export_to_bgp_peers` decides then, which lets nothing through that lies in no pool.
        """
        undecided = Passes.NO if self.beyond is not None and learned and direction == "export" else Passes.YES
        # Whatever comes in came over BGP, also what the sender announces itself (`source = RTS_BGP`, BIRD 1.6.8).
        learned = learned or direction == "import"
        doubtful: set[Passes] = set()
        for name in filters:
            rules = self.rules.get(name)
            if rules is None:
                return Passes.UNKNOWN
            for rule in rules[direction]:
                matches = self._matches(rule, learned=learned)
                action = Passes.YES if rule.get("action") == "Accept" else Passes.NO
                if matches is _Matches.ALL:
                    return action if doubtful <= {action} else Passes.UNKNOWN
                if matches is _Matches.SOME:
                    doubtful.add(action)
        return undecided if doubtful <= {undecided} else Passes.UNKNOWN

    def _matches(self, rule: Mapping[str, object], *, learned: bool) -> _Matches:
        matches = _Matches.NONE if rule.get("source") and not learned else self._prefix(rule)
        return _both(matches, _Matches.SOME) if rule.get("interface") or set(rule) - _KNOWN else matches

    def _prefix(self, rule: Mapping[str, object]) -> _Matches:
        if not rule.get("cidr"):
            # Calico renders `prefixLength` only together with `cidr`.
            return _Matches.ALL
        try:
            cidr = ipaddress.ip_network(str(rule["cidr"]), strict=False)
        except ValueError:
            return _Matches.SOME
        length = rule.get("prefixLength")
        bits = {**(length if isinstance(length, Mapping) else {})}
        operator = str(rule.get("matchOperator") or "")
        if self.network is None:
            # What lies in a pool does not lie beyond the pools.
            matches = _Matches.NONE if any(_holds(pool, cidr) for pool in self.beyond or ()) else _Matches.SOME
        elif operator.endswith("Equal"):
            matches = _both(self._equal(cidr), _Matches.SOME) if bits else self._equal(cidr)
        else:
            matches = _both(self._inside(cidr), self._length(bits, cidr))
        # `net !~ [ 10.0.0.0/8{8,24} ]`: a negation takes the length in.
        return _INVERTED[matches] if operator.startswith("Not") else matches

    def _length(self, bits: Mapping[str, object], cidr: Network) -> _Matches:
        assert self.network is not None
        longest = self.network.max_prefixlen
        least = parse_decimal(str(bits.get("min") or cidr.prefixlen))
        most = parse_decimal(str(bits.get("max") or longest))
        if least is None or most is None:
            return _Matches.SOME
        first, last = (self.network.prefixlen, longest) if self.block is None else (self.block, self.block)
        if most < first or last < least:
            return _Matches.NONE
        return _Matches.ALL if least <= first and last <= most else _Matches.SOME

    def _inside(self, cidr: Network) -> _Matches:
        assert self.network is not None
        if cidr.version != self.network.version or not cidr.overlaps(self.network):
            return _Matches.NONE
        if cidr.prefixlen <= self.network.prefixlen:
            return _Matches.ALL
        return _Matches.SOME if self.block is None or cidr.prefixlen <= self.block else _Matches.NONE

    def _equal(self, cidr: Network) -> _Matches:
        assert self.network is not None
        if self.block is None:
            within = cidr.prefixlen >= self.network.prefixlen and cidr.overlaps(self.network)
            return _Matches.SOME if within else _Matches.NONE
        matches = self._inside(cidr) if cidr.prefixlen == self.block else _Matches.NONE
        return _Matches.ALL if matches is not _Matches.NONE and cidr == self.network else matches


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pool for which nothing is owed to nodes, and why; `announced` says that speakers outside hear of it."""

    pool: str
    family: Family
    why: str
    announced: bool = False

    def text(self, *, heard: bool) -> str:
        """That it is left out, in words; `heard` says that there may be speakers outside."""
        if heard and self.announced:
            lead, rest = (
                f"IPPool `{self.pool}` is left out between nodes",
                ", and what speakers outside hear is looked at",
            )
        else:
            lead, rest = f"IPPool `{self.pool}` is left out", ""
        return f"{lead}: {self.why}; routes to its pods stay as they are{rest}"


@dataclass(frozen=True, slots=True)
class Announced:
    """The layers of each family; none where pools are known and nothing is owed for any of them.

    `incoming` are those of what speakers outside announce: all pools that are announced, whoever programs the routes,
    and at last what lies in none of them. `outgoing` are those of pools that nodes announce although Felix programs
    their routes: speakers outside have them by BGP alone (export filter of bird_ipam.cfg.template, v3.0 to v3.32).
    """

    layers: Mapping[Family, tuple[Layer, ...]] = field(hash=False)
    incoming: Mapping[Family, tuple[Layer, ...]] = field(hash=False)
    left_out: tuple[LeftOut, ...] = ()
    outgoing: Mapping[Family, tuple[Layer, ...]] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, state: ClusterState, version: CalicoVersion) -> Announced:
        """Read the pools and the filters of a state."""
        filters = state.others_of(BGPFilter)
        pools = state.others_of(IPPool)
        setting = state.configurations["default"].spec if "default" in state.configurations else {}
        layers: dict[Family, tuple[Layer, ...]] = {}
        incoming: dict[Family, tuple[Layer, ...]] = {}
        outgoing: dict[Family, tuple[Layer, ...]] = {}
        left: list[LeftOut] = []
        for family in FAMILIES:
            rules = {name: filter_rules(bgp_filter, family) for name, bgp_filter in filters.items()}
            known = [(pool, network) for pool in pools.values() if (network := _network(pool, family)) is not None]
            if not known:
                layers[family] = (Layer((), None, None, rules),)
                incoming[family] = (*layers[family], Layer((), None, None, rules, beyond=()))
                continue
            reasons = {pool.name: _why_not(pool, setting, version) for pool, _ in known}
            own = {
                pool.name: Layer((pool.name,), network, pool.block_size or BLOCK_BITS[network.version], rules)
                for pool, network in known
            }
            told = {pool.name for pool, _ in known if not kept_back(pool, version)}
            left += [LeftOut(name, family, why, name in told) for name, why in sorted(reasons.items()) if why]
            layers[family] = _alike(layer for name, layer in own.items() if not reasons[name])
            outgoing[family] = _alike(layer for name, layer in own.items() if reasons[name] and name in told)
            exported = [(pool, network) for pool, network in known if not kept_back(pool, version)]
            incoming[family] = (
                *_alike(Layer((pool.name,), network, None, rules) for pool, network in exported),
                Layer((), None, None, rules, beyond=tuple(network for _, network in exported)),
            )
        return cls(layers, incoming, tuple(left), outgoing)


def _everything() -> Announced:
    layers = {family: (Layer((), None, None, {}),) for family in FAMILIES}
    return Announced(layers, layers)


EVERYTHING = _everything()
"""Where nobody asks about pools."""


def _alike(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """One layer for all that every filter treats alike."""
    by_verdicts: dict[tuple[Passes, ...], list[Layer]] = {}
    for layer in sorted(layers, key=lambda layer: layer.pools):
        verdicts = tuple(
            layer.verdict([name], direction, learned=learned)
            for name in sorted(layer.rules)
            for direction in ("export", "import")
            for learned in (False, True)
        )
        by_verdicts.setdefault(verdicts, []).append(layer)
    return tuple(
        replace(alike[0], pools=tuple(pool for layer in alike for pool in layer.pools))
        for alike in by_verdicts.values()
    )


def filter_rules(bgp_filter: BGPFilter, family: Family) -> Mapping[str, Sequence[Mapping[str, object]]]:
    """The rules of a BGPFilter for a family, by direction (`export`, `import`); what is no rule is left out."""
    suffix = "V4" if family is Family.IPV4 else "V6"
    return {direction: [*_listed(bgp_filter.spec.get(f"{direction}{suffix}"))] for direction in ("export", "import")}


def _listed(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, list | tuple):
        yield from (rule for rule in value if isinstance(rule, Mapping))


def _holds(pool: Network, cidr: Network) -> bool:
    return pool.version == cidr.version and pool.prefixlen <= cidr.prefixlen and pool.overlaps(cidr)


def _network(pool: IPPool, family: Family) -> Network | None:
    try:
        network = ipaddress.ip_network(pool.cidr, strict=False)
    except ValueError:
        return None
    return network if network.version == (4 if family is Family.IPV4 else 6) else None


def kept_back(pool: IPPool, version: CalicoVersion) -> bool:
    """Whether Calico announces nothing of a pool."""
    return pool.disable_bgp_export and version >= SINCE_EXPORT


def _why_not(pool: IPPool, setting: Mapping[str, object], version: CalicoVersion) -> str:
    """Why nothing is owed for a pool; "" where it is."""
    if kept_back(pool, version):
        return "it is not announced (`disableBGPExport`)"
    if pool.vxlan_mode in ("Always", "CrossSubnet"):
        return "it uses VXLAN, so Felix programs its routes"
    programs = str(setting.get("programClusterRoutes") or "")
    return "" if by_bird(pool, programs, version) else "Felix programs its routes (`programClusterRoutes`)"


def by_bird(pool: IPPool, setting: str, version: CalicoVersion) -> bool:
    """Whether BIRD programs the routes of a pool without VXLAN; `setting` is that of BGPConfiguration, "" if none."""
    default = "EnabledNoEncapOnly" if version >= FELIX_PROGRAMS_IPIP else "Enabled"
    return _covers((setting if version >= SINCE_BIRD else "") or default, pool)


def by_felix(pool: IPPool, setting: str, version: CalicoVersion) -> bool:
    """Whether Felix does; `setting` is that of FelixConfiguration, "" if none."""
    default = "EnabledIPIPOnly" if version >= FELIX_PROGRAMS_IPIP else "Disabled"
    return _covers((setting if version >= SINCE_FELIX else "") or default, pool)


def _covers(setting: str, pool: IPPool) -> bool:
    encapsulated = pool.ipip_mode in ("Always", "CrossSubnet")
    return {
        "Enabled": True,
        "Disabled": False,
        "EnabledNoEncapOnly": not encapsulated,
        "EnabledIPIPOnly": encapsulated,
    }.get(setting, True)
