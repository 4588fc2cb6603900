"""Which routes a node lets out, in and into its kernel: IPPools and BGPFilters as filters of BIRD 1.6.

Sources: projectcalico/calico confd/etc/calico/confd/templates/bird_ipam.cfg.template, bird_aggr.cfg.template (v3.30),
and what BGPFilters become in the golden files of confd/tests/compiled_templates/bgpfilter (v3.26 to v3.32). What is
left out: tunnels (stock BIRD has no `krt_tunnel`), communities and routes of Services.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.bgp.announced import by_bird, filter_rules, kept_back
from rrplan.bgp.speaker import Family
from rrplan.resources import BGPFilter, CalicoVersion, ClusterState, IPPool

OPERATORS = {"In": "~", "NotIn": "!~", "Equal": "=", "NotEqual": "!="}
PLAYED = frozenset({"action", "cidr", "matchOperator", "prefixLength", "source", "interface"})
"""What a rule may say; a rule with anything else is left out, and named."""
LONGEST = {Family.IPV4: 32, Family.IPV6: 128}
VXLAN = ("Always", "CrossSubnet")


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """What holds for every node in one family: pools that are announced, pools that are not, who programs which.

    Where no pool is known, one prefix stands for all of them.
    """

    family: Family
    announced: tuple[str, ...]
    kept: tuple[str, ...] = ()
    """Pools with `disableBGPExport`."""
    by_felix: tuple[str, ...] = ()
    """Pools whose routes BIRD does not program."""
    filters: Mapping[str, Mapping[str, Sequence[Mapping[str, object]]]] = field(default_factory=dict, hash=False)
    """The rules of each BGPFilter, by `import` and `export`."""

    @classmethod
    def of(cls, state: ClusterState, version: CalicoVersion, family: Family, instead: str) -> RoutePolicy:
        """Read pools and filters of a state; `instead` is the prefix where it has no pool of that family."""
        pools = [
            pool for _, pool in sorted(state.others_of(IPPool).items()) if (":" in pool.cidr) is (family == "ipv6")
        ]
        default = state.configurations.get("default")
        setting = str(default.spec.get("programClusterRoutes") or "") if default else ""
        return cls(
            family,
            tuple(pool.cidr for pool in pools if not kept_back(pool, version)) if pools else (instead,),
            tuple(pool.cidr for pool in pools if kept_back(pool, version)),
            tuple(pool.cidr for pool in pools if pool.vxlan_mode in VXLAN or not by_bird(pool, setting, version)),
            {name: filter_rules(found, family) for name, found in sorted(state.others_of(BGPFilter).items())},
        )

    def functions(self, blocks: Iterable[str]) -> Iterator[str]:
        """The functions and filters of a node with these blocks."""
        yield "function to_peers() {"
        yield from (f"  if ( net ~ {cidr} ) then reject;" for cidr in self.kept)
        for block in blocks:
            # Addresses within a block go out with the block (bird_aggr.cfg).
            yield f"  if ( net = {block} ) then accept;"
            yield f"  if ( net ~ {block} ) then reject;"
        yield from (f"  if ( net ~ {cidr} ) then accept;" for cidr in self.announced)
        yield "}"
        yield "filter to_kernel {"
        yield from (f"  if ( net ~ {cidr} ) then reject;" for cidr in self.by_felix)
        yield "  accept;"
        yield "}"
        for name in self.filters:
            for direction in ("import", "export"):
                yield f"function {self._function(name, direction)}() {{"
                yield from (f"  {line}" for rule in self.filters[name][direction] if (line := self._line(rule)))
                yield "}"

    def session(self, filters: Sequence[str]) -> Iterator[str]:
        """What a session with these BGPFilters lets in and out; one that does not exist has no say."""
        known = [name for name in filters if name in self.filters]
        into, out = (
            " ".join(f"{self._function(name, direction)}();" for name in known) for direction in ("import", "export")
        )
        yield f"import filter {{ {into} accept; }};"
        yield f"export filter {{ {out} to_peers(); reject; }};"

    def not_played(self) -> Iterator[str]:
        """The rules that are left out, in words."""
        for name, directions in self.filters.items():
            for direction, rules in directions.items():
                for number, rule in enumerate(rules, 1):
                    if set(rule) - PLAYED:
                        fields = ", ".join(f"`{one}`" for one in sorted(set(rule) - PLAYED))
                        yield f"rule {number} on {direction} of BGPFilter `{name}` is left out: it has {fields}"

    def _function(self, name: str, direction: str) -> str:
        # BIRD's names are short (64 characters), those of resources are not.
        return f"filter{[*self.filters].index(name)}_{direction}"

    def _line(self, rule: Mapping[str, object]) -> str:
        if set(rule) - PLAYED:
            return ""
        conditions = []
        if rule.get("cidr"):
            operator = OPERATORS.get(str(rule.get("matchOperator")), "~")
            conditions.append(f"net {operator} {self._prefixes(rule)}")
        if rule.get("source"):
            conditions.append("source = RTS_BGP")
        if rule.get("interface"):
            conditions.append(f'defined(ifname) && ifname ~ "{rule["interface"]}"')
        action = "accept" if rule.get("action") == "Accept" else "reject"
        tested = " && ".join(f"({condition})" for condition in conditions)
        return f"if ({tested}) then {action};" if conditions else f"{action};"

    def _prefixes(self, rule: Mapping[str, object]) -> str:
        cidr, length = str(rule["cidr"]), rule.get("prefixLength")
        if not isinstance(length, Mapping):
            return cidr
        least = length.get("min") or cidr.partition("/")[2]
        return f"[ {cidr}{{{least},{length.get('max') or LONGEST[self.family]}}} ]"
