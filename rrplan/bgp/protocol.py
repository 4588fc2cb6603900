"""One BGP protocol block that Calico renders into a node's BIRD configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rrplan.bgp.speaker import BGP_PORT, Family
from rrplan.ids import NodeName

_NOT_IN_NAMES = re.compile(r"[.:]")


class ProtocolKind(StrEnum):
    """Where a protocol comes from; the value is what `rrplan sessions` prints."""

    MESH = "mesh"
    GLOBAL = "global"
    NODE = "node"
    LOCAL_WORKLOAD = "local_workload"


PREFIX = {
    ProtocolKind.MESH: "Mesh_",
    ProtocolKind.GLOBAL: "Global_",
    ProtocolKind.NODE: "Node_",
    ProtocolKind.LOCAL_WORKLOAD: "Local_Workload_",
}


def joined_names(names: Sequence[str]) -> str:
    """`p`, `p and q`, `p, q and r`."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A rendered BGP protocol, as far as it decides about the session.

    `port` None means that no port is rendered. `options` are further rendered settings of which any change
    restarts the session (BIRD `bgp_reconfigure` compares the block with memcmp). `peers` names the BGPPeers
    that ask for this very block. Where others ask for one with different attributes, `alternatives` are the blocks
    that Calico may render in its place: which one wins is random on every recomputation, because confd iterates over a
    Go map.
    """

    node: NodeName
    family: Family
    kind: ProtocolKind
    local_address: str
    local_as: int
    peer_address: str
    port: int | None
    peer_as: int
    peer_node: NodeName | None
    passive: bool
    source_address: str | None
    reflector_client: bool
    cluster_id: str | None
    options: tuple[tuple[str, str], ...] = ()
    filters: tuple[str, ...] = ()
    """BGPFilters of the session; another one makes BIRD read routes again, and restarts nothing."""
    allowed_local_as: int = 0
    """How often the own AS number may stand in the path of a route that is taken (`allow local as`)."""
    peers: tuple[str, ...] = ()
    alternatives: tuple[Protocol, ...] = ()

    @property
    def variants(self) -> tuple[Protocol, ...]:
        """Everything that Calico may render here: this block, and its alternatives."""
        return (self, *self.alternatives)

    @property
    def askers(self) -> tuple[str, ...]:
        """The BGPPeers that ask for any of the variants, by name."""
        return tuple(sorted({name for variant in self.variants for name in variant.peers}))

    @property
    def dispute(self) -> str:
        """In words, that BGPPeers disagree about the block; "" where they agree."""
        if not self.disputed:
            return ""
        return (
            f"BGPPeers {joined_names(self.askers)} give this session different attributes, and which one wins is random"
        )

    @property
    def disputed(self) -> bool:
        """Whether BGPPeers disagree about the block."""
        return bool(self.alternatives)

    @property
    def name(self) -> str:
        """The name Calico gives it; mesh protocols never carry a port (confd bird.cfg.template)."""
        name = PREFIX[self.kind] + _NOT_IN_NAMES.sub("_", self.peer_address)
        if self.port is not None and self.kind is not ProtocolKind.MESH:
            return f"{name}_port_{self.port}"
        return name

    @property
    def peer_port(self) -> int:
        """The TCP port it connects to."""
        return self.port or BGP_PORT

    @property
    def internal(self) -> bool:
        """Whether the session is iBGP."""
        return self.local_as == self.peer_as

    @property
    def blocks(self) -> frozenset[tuple[object, ...]]:
        """The blocks of all variants."""
        return frozenset(variant.block for variant in self.variants)

    @property
    def block(self) -> tuple[object, ...]:
        """All that BIRD compares on a reconfiguration: equal blocks mean that the session is left alone."""
        return (
            self.kind,
            self.local_address,
            self.local_as,
            self.peer_address,
            self.port,
            self.peer_as,
            self.passive,
            self.source_address,
            self.reflector_client,
            self.cluster_id,
            self.options,
            self.allowed_local_as,
        )
