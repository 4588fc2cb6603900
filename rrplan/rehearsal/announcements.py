"""What everybody in a laboratory announces: address blocks of nodes, and prefixes of speakers outside.

Of each kind of pools that the proof tells apart (`planning.kinds`) every node has one block, and so has every speaker
outside; of pools for which nothing is owed nodes have one too, because gates count routes in BIRD's tables.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from rrplan.bgp.announced import BLOCK_BITS, Announced
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import PreflightError
from rrplan.ids import NodeName
from rrplan.planning.kinds import PoolKind, announced_prefixes, beyond_pools, pool_kinds
from rrplan.resources import CalicoVersion, ClusterState, IPPool

POOLS = {
    Family.IPV4: ("10.244.0.0/16", "100.64.0.0/16", "198.18.0.0/16"),
    Family.IPV6: ("fd00:10:244::/64", "fd00:100:64::/64"),
}
"""Where no pool is known, one of each stands for all: the first in which no address of the cluster lies."""
BEYOND = {
    Family.IPV4: ("203.0.113.0/24", "198.51.100.0/24", "192.0.2.0/24"),
    Family.IPV6: ("2001:db8:ffff::/64", "2001:db8:fffe::/64"),
}
"""What speakers outside announce and is of no pool."""
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Names: TypeAlias = Mapping[NodeName, Mapping[str, str]]


@dataclass(slots=True)
class Announcements:
    """The prefixes of everybody; `origins` says whose they are that may be in kernel tables.

    `pods` has an address by node and family, and one of each speaker outside; `outside` are the names of what the
    latter announce. `pool` is the prefix that stands for pools where none is known.
    """

    pool: dict[Family, str] = field(default_factory=dict)
    blocks: dict[NodeName, dict[str, list[str]]] = field(default_factory=dict)
    prefixes: dict[NodeName, list[str]] = field(default_factory=dict)
    origins: dict[str, NodeName] = field(default_factory=dict)
    pods: dict[tuple[NodeName, str], str] = field(default_factory=dict)
    outside: dict[NodeName, dict[str, str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls, state: ClusterState, version: CalicoVersion, nodes: Names, outside: Names, roles: Roles
    ) -> Announcements:
        """Give everybody prefixes; `nodes` and `outside` have the addresses of each by family.

        Raises PreflightError where a pool is too small for the laboratory.
        """
        taken = [text for addresses in (*nodes.values(), *outside.values()) for text in addresses.values()]
        announcements = cls()
        kinds = pool_kinds(state, version)
        for family in FAMILIES:
            announcements.pool[family] = _free(POOLS[family], taken)
            announcements._in_family(family, kinds, state, version, nodes, outside, taken)
        for prefix in announced_prefixes(roles):
            announcements.origins[prefix.prefix] = prefix.origin
            announcements.outside.setdefault(prefix.origin, {})[str(prefix.family)] = prefix.prefix
        return announcements

    def _in_family(
        self,
        family: Family,
        kinds: Sequence[PoolKind],
        state: ClusterState,
        version: CalicoVersion,
        nodes: Names,
        outside: Names,
        taken: Collection[str],
    ) -> None:
        speaking = [name for name, addresses in sorted(nodes.items()) if family in addresses]
        beyond = [name for name, addresses in sorted(outside.items()) if family in addresses]
        for name in speaking:
            self.blocks.setdefault(name, {}).setdefault(str(family), [])
        for kind in (kind for kind in kinds if family in kind.networks):
            network = kind.networks[family] or ipaddress.ip_network(self.pool[family])
            size = kind.blocks[family] or BLOCK_BITS[network.version]
            found = self._blocks(network, size, len(speaking) + len(beyond), taken)
            for name in speaking:
                block = next(found)
                self.blocks[name][family].append(block)
                self.origins[block] = kind.name(name, family)
                self.pods.setdefault((name, family), _first(block))
            for name in beyond:
                block = next(found)
                self.prefixes.setdefault(name, []).append(block)
                self.origins[block] = kind.name(name, family)
                self.outside.setdefault(kind.name(name, family), {})[family] = block
                self.pods.setdefault((name, family), _first(block))
        for pool in _others(state, version, family):
            network = ipaddress.ip_network(pool.cidr, strict=False)
            size = pool.block_size or BLOCK_BITS[network.version]
            for name, block in zip(speaking, self._blocks(network, size, len(speaking), taken), strict=False):
                self.blocks[name][family].append(block)
        pools = [pool.cidr.partition("/")[0] for pool in state.others_of(IPPool).values()]
        free = ipaddress.ip_network(_free(BEYOND[family], [*taken, *pools]))
        for name, address in zip(beyond, free.hosts(), strict=False):
            prefix = f"{address}/{free.max_prefixlen}"
            self.prefixes.setdefault(name, []).append(prefix)
            self.origins[prefix] = beyond_pools(name)
            self.outside.setdefault(beyond_pools(name), {})[family] = prefix
            self.outside.setdefault(name, {})

    def _blocks(self, pool: Network, size: int, count: int, taken: Collection[str]) -> Iterator[str]:
        """So many blocks of a pool; smaller ones than in the cluster where there is no room for these."""
        within = {address for text in taken if (address := ipaddress.ip_address(text)) in pool}
        bits = max(size, pool.prefixlen)
        needed = count + len(within)
        while 1 << (bits - pool.prefixlen) < needed:
            bits += 1
            if bits > pool.max_prefixlen:
                text = f"the pool {pool} has no room for blocks of {count} speakers"
                raise PreflightError([text], hint="rehearse fewer nodes: `--nodes`")
        if bits != size:
            self.left_out.append(f"blocks of the pool {pool} have the length {bits}, not {size}: it is small")
        free = (block for block in pool.subnets(new_prefix=bits) if not any(address in block for address in within))
        return (str(block) for block in free)


def _others(state: ClusterState, version: CalicoVersion, family: Family) -> Iterator[IPPool]:
    """One pool of each sort for which nothing is owed."""
    reasons = {left.why: left.pool for left in Announced.of(state, version).left_out if left.family is family}
    by_name = state.others_of(IPPool)
    yield from (by_name[name] for name in reasons.values())


def _free(candidates: Sequence[str], taken: Iterable[str]) -> str:
    """The first in which no address lies; the last where there is one in each."""
    addresses = [ipaddress.ip_address(text) for text in taken]
    return next(
        (text for text in candidates if not any(address in ipaddress.ip_network(text) for address in addresses)),
        candidates[-1],
    )


def _first(block: str) -> str:
    network = ipaddress.ip_network(block)
    return str(network[1] if network.num_addresses > 1 else network[0])
