"""Whose routes these are: by the owners of address blocks or, where nobody says them, by next hop and own tables.

Calico's IPAM keeps the owner of each block (BlockAffinity); with host-local IPAM (`USE_POD_CIDR`) a node's blocks are
the podCIDRs of its Kubernetes Node. calicoctl shows neither. Then a route belongs to the node that is its next hop, and
what a node announces itself, which has no next hop in its own BIRD, is read there.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from rrplan.adapters.nodes.ends import DEVICE, End
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Directory, Whereabouts

BY_TABLE = "routes are counted by next hop, and a node's own by the table of its BIRD"
BY_POD_CIDR = (
    "calico-node has USE_POD_CIDR: the podCIDRs of a Kubernetes Node are its address blocks, and routes are counted by "
    "these"
)


class Origins:
    """Which node a route belongs to; `say` is told once how that is known.

    `own` asks nodes for their `End.own` by family; a node that does not answer is left out.
    """

    def __init__(
        self,
        directory: Directory,
        own: Callable[[Collection[NodeName]], Mapping[NodeName, Mapping[str, Mapping[str, str]]]],
        say: Callable[[str, str], None],
    ) -> None:
        self._directory = directory
        self._own = own
        self._say = say
        self._refused = False
        self._addresses: Mapping[NodeName, Mapping[str, str]] = {}
        self._by_address: Mapping[str, NodeName] = {}
        self._pod_cidrs: Mapping[str, NodeName] = {}
        self._pools: list[ipaddress.IPv4Network | ipaddress.IPv6Network] | None = None
        self._owner: Mapping[str, NodeName] | None = None
        """Which node owns which address block; None where that is not said."""
        self._announces: dict[tuple[NodeName, str], bool | None] = {}
        """Whether a node has routes of its own in a family; None where it did not answer."""
        self._held: dict[str, set[NodeName]] = {}
        """By family, the nodes whose routes some reflector has."""

    # --- what there is -------------------------------------------------------------------------

    def begin(self, whereabouts: Whereabouts) -> None:
        """These are the nodes now; what was known of them is read anew."""
        self._addresses = whereabouts.addresses
        self._by_address = {text: node for node, own in self._addresses.items() for text in own.values()}
        self._pod_cidrs = whereabouts.pod_cidrs
        self._pools = None
        self._announces = {}

    def look(self) -> None:
        """Read the owners of this moment; raises DatastoreError where they can be read and are not."""
        self._held = {}
        # Blocks come and go: who had none may have one now.
        self._announces = {key: announces for key, announces in self._announces.items() if announces is not False}
        self._owner = self._owners()
        if self._owner is None and self._pools is None:
            self._pools = self._announced_pools()

    def _owners(self) -> Mapping[str, NodeName] | None:
        if self._pod_cidrs:
            # calico-node looks at no BlockAffinity then (libcalico-go, bgpsyncer.go): what there is, is left over.
            self._say("podCIDR", BY_POD_CIDR)
            return self._pod_cidrs
        if self._refused:
            return None
        try:
            owners = self._directory.owners()
        except DatastoreRefused as error:
            self._refused = True
            self._say("BlockAffinity", f"not known which node owns which address block: {error}; {BY_TABLE}")
            return None
        if not owners:
            self._say("BlockAffinity", f"no node owns an address block here; {BY_TABLE}")
        return owners or None

    def _announced_pools(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """The pools whose routes leave a node (export filter of bird_ipam.cfg); empty where they cannot be read."""
        try:
            return [ipaddress.ip_network(text, strict=False) for text in self._directory.announced_pools()]
        except (DatastoreRefused, ValueError):
            return []

    @property
    def by_table(self) -> bool:
        """Whether what nodes announce is read in their own tables."""
        return self._owner is None

    # --- whose routes --------------------------------------------------------------------------

    def table(self, node: NodeName, family: str, end: End) -> Counter[NodeName]:
        """How many prefixes of each node a reflector holds, its own included."""
        assert end.routes is not None
        held = {prefix: hop for table in end.routes.values() for prefix, hop in table.items()}
        nodes = {prefix: self._node_of(prefix, hop) for prefix, hop in held.items()}
        if self._owner is None:
            nodes |= dict.fromkeys(self.announced(end.own or {}), node)
        counts = Counter(node for node in nodes.values() if node is not None)
        self._held.setdefault(family, set()).update(counts)
        return counts

    def came(self, node: NodeName, end: End, address: str) -> int:
        """How many other nodes' routes a node has over its session with an address; its whole table is known."""
        assert end.routes is not None
        origins = {self._node_of(prefix, hop) for prefix, hop in end.routes.get(address, {}).items()}
        return len(origins - {None, node})

    def _node_of(self, prefix: str, hop: str) -> NodeName | None:
        return self._owner.get(prefix) if self._owner is not None else self._by_address.get(hop)

    def announced(self, own: Mapping[str, str]) -> list[str]:
        """What a node announces of the routes that it has itself: in a pool, and within no block of its own.

        Where pools are not known, a route to an interface may be that of the host's own network, and is left out.
        Source: confd/etc/calico/confd/templates/bird_aggr.cfg.template, bird_ipam.cfg.template (v3.30).
        """
        kept = {prefix: ipaddress.ip_network(prefix, strict=False) for prefix in own}
        if self._pools:
            kept = {prefix: network for prefix, network in kept.items() if _within(network, self._pools)}
        else:
            kept = {prefix: network for prefix, network in kept.items() if own[prefix] != DEVICE}
        blocks = [network for prefix, network in kept.items() if own[prefix] != DEVICE]
        return [prefix for prefix, network in kept.items() if own[prefix] != DEVICE or not _within(network, blocks)]

    # --- who announces nothing -----------------------------------------------------------------

    def note(self, node: NodeName, family: str, end: End) -> None:
        """Keep whether a node announces anything, if it was asked for its own routes."""
        if self._owner is None and end.own is not None:
            self._announces[node, family] = bool(self.announced(end.own))

    def quiet(self, family: str) -> frozenset[NodeName]:
        """The nodes that announce no route in a family.

        Where no owners are said, the nodes whose routes no reflector has are asked for their own.
        """
        speaking = [node for node, addresses in self._addresses.items() if family in addresses]
        if self._owner is not None:
            having = {node for prefix, node in self._owner.items() if (":" in prefix) is (family == "ipv6")}
            return frozenset(node for node in speaking if node not in having)
        held = self._held.get(family, set())
        missing = [node for node in speaking if node not in held]
        asked = [node for node in missing if (node, family) not in self._announces]
        answers = self._own(asked) if asked else {}
        for node in asked:
            for each in {family, *self._addresses[node]}:
                own = answers.get(node, {}).get(each)
                self._announces[node, each] = None if own is None else bool(self.announced(own))
        return frozenset(node for node in missing if self._announces[node, family] is False)


def _within(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    others: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> bool:
    return any(
        network.version == other.version and network.prefixlen >= other.prefixlen and network.network_address in other
        for other in others
    )
