"""What somebody sees who looks at a cluster for the first time, as facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class Reflection:
    """Nodes with one cluster ID; `label` is what they carry, and nobody else does, as key and value ("" if nothing)."""

    cluster_id: str
    nodes: tuple[NodeName, ...]
    label: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A speaker outside: the nodes that have a session to it, and whether it has their AS number."""

    address: str
    as_number: int
    at: frozenset[NodeName]
    internal: bool
    peers: tuple[str, ...] = ()
    """The BGPPeers that say so."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there, before anybody wants anything.

    `zones` counts nodes by the well-known label ("" for those without), `inside` are the BGPPeers between nodes of the
    cluster that rrplan did not make.
    """

    nodes: int
    down: tuple[NodeName, ...]
    silent: tuple[NodeName, ...]
    """Nodes that speak no BGP: Windows, or without an address."""
    zones: Mapping[str, int] = field(hash=False)
    versions: tuple[str, ...] = ()
    assumed: bool = False
    """Nothing in the cluster tells Calico's version."""
    families: tuple[str, ...] = ()
    as_numbers: Mapping[int, int] = field(default_factory=dict, hash=False)
    """How many nodes have which AS number."""
    mesh: bool = True
    mesh_nodes: int = 0
    sessions: int = 0
    """In the whole cluster, each counted once."""
    reflections: tuple[Reflection, ...] = ()
    standalone: tuple[NodeName, ...] = ()
    """Hosts of containers that reflect (calico/routereflector)."""
    inside: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    outside: tuple[Neighbour, ...] = ()
    local: tuple[str, ...] = ()
    """BGPPeers with workloads on the node itself."""
    plain: tuple[str, ...] = ()
    """IPPools whose traffic goes by BGP's routes alone."""
    tunnels: tuple[str, ...] = ()
    """IPPools whose traffic goes through tunnels, with their mode."""
    services: tuple[str, ...] = ()
    """Fields of BGPConfiguration by which addresses of services are announced."""
    fragile: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Labels that BGPPeers select by and that may change or are gone, and why."""
    options: tuple[str, ...] = ()
    """What the mesh's sessions have: a password, a restart time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A spec that was tried on this cluster: its text, what it plans to, and what is not decided.

    `outcome` says in words what `rrplan plan` makes of it; `steps` is their number.
    """

    text: str
    outcome: str
    steps: int = 0
    plans: bool = True
    questions: Sequence[str] = ()
