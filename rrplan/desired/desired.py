"""What is wanted, as the compilers of a spec make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rrplan.desired.peers import is_ours
from rrplan.desired.placement import Placed
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState


@dataclass(frozen=True, slots=True)
class Desired:
    """The target state, who reflects, and the reasons in words.

    `drained` are the nodes that the spec wants empty while they change their role.
    """

    state: ClusterState
    placed: tuple[Placed, ...]
    drained: frozenset[NodeName]
    reasons: tuple[str, ...]
    notices: tuple[str, ...]


def wanted_and_others(state: ClusterState, wanted: tuple[BGPPeer, ...]) -> Mapping[str, BGPPeer]:
    """The wanted BGPPeers and those that are not ours; what is there already stays the same value."""
    peers = {name: peer for name, peer in state.peers.items() if not is_ours(peer)}
    for peer in wanted:
        present = state.peers.get(peer.name)
        same = present is not None and _meaning(present) == _meaning(peer)
        peers[peer.name] = present if present is not None and same else peer
    return peers


def _meaning(peer: BGPPeer) -> tuple[object, ...]:
    return peer.node_selector, peer.peer_selector, peer.peer_ip, peer.as_number


def mesh_set(state: ClusterState, *, mesh: bool) -> Mapping[str, BGPConfiguration]:
    """The configurations with the mesh on or off; off removes what validation forbids beside it (v3.23+)."""
    default = state.configurations.get("default")
    enabled = default is None or default.mesh_enabled is not False
    if enabled == mesh:
        return state.configurations
    spec = dict(default.spec) if default else {}
    spec["nodeToNodeMeshEnabled"] = mesh
    if not mesh:
        spec.pop("nodeMeshPassword", None)
        spec.pop("nodeMeshMaxRestartTime", None)
    changed = replace(default or BGPConfiguration("default"), mesh_enabled=mesh, spec=spec)
    return {**state.configurations, "default": changed}
