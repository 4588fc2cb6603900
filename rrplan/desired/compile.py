"""Spec and snapshot to the target state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rrplan.desired.peers import is_ours, wanted_peers
from rrplan.desired.placement import Placed, place
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Node, Taint
from rrplan.specs import Spec, Topology


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


def compile_desired(spec: Spec, state: ClusterState) -> Desired:
    """The target of a spec on what is there; raises PolicyRefusal where it cannot be had."""
    placed = place(spec, state)
    peers, notes = wanted_peers(spec, state)
    by_name = {one.node: one for one in placed}
    nodes = dict(state.nodes)
    changing: set[NodeName] = set()
    notices = list(notes)
    for name, node in state.nodes.items():
        wanted = _node(spec, node, by_name.get(name))
        if (wanted.cluster_id, wanted.labels) != (node.cluster_id, node.labels):
            changing.add(name)
        if wanted != node:
            nodes[name] = wanted
        elif wanted.cluster_id and name not in by_name:
            notices.append(
                f"node `{name}` has cluster ID {wanted.cluster_id} and is in no group; "
                "it is not ours and stays a reflector"
            )
    target = replace(
        state,
        nodes=nodes,
        peers=_peers(state, peers),
        configurations=_configurations(state, mesh=spec.topology is Topology.FULL_MESH),
    )
    return Desired(
        state=target,
        placed=placed,
        drained=frozenset(changing) if spec.drain else frozenset(),
        reasons=tuple(f"{one.node} reflects for group {one.group.name}: {one.reason}" for one in placed),
        notices=tuple(notices),
    )


def _node(spec: Spec, node: Node, placed: Placed | None) -> Node:
    if placed is not None:
        taints = node.taints
        if spec.dedicated is not None:
            taint = Taint(spec.dedicated.key, spec.dedicated.value, spec.dedicated.effect)
            taints = taints if taint in taints else (*taints, taint)
        return replace(
            node,
            cluster_id=spec.cluster_id_of(placed.group),
            labels={**node.labels, spec.label_key: placed.group.name},
            taints=taints,
        )
    ours = spec.label_key in node.labels
    leaves = ours or (spec.topology is Topology.FULL_MESH and bool(node.cluster_id))
    if not leaves:
        return node
    return replace(
        node,
        cluster_id="",
        labels={name: value for name, value in node.labels.items() if name != spec.label_key},
        taints=tuple(taint for taint in node.taints if taint.key != spec.label_key),
    )


def _peers(state: ClusterState, wanted: tuple[BGPPeer, ...]) -> Mapping[str, BGPPeer]:
    peers = {name: peer for name, peer in state.peers.items() if not is_ours(peer)}
    for peer in wanted:
        present = state.peers.get(peer.name)
        same = present is not None and (present.node_selector, present.peer_selector) == (
            peer.node_selector,
            peer.peer_selector,
        )
        peers[peer.name] = present if present is not None and same else peer
    return peers


def _configurations(state: ClusterState, *, mesh: bool) -> Mapping[str, BGPConfiguration]:
    """Mesh off removes the fields that Calico's validation forbids beside it (validator v3, v3.23+)."""
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
