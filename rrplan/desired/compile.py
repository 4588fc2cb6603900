"""Spec and snapshot to the target state."""

from __future__ import annotations

from dataclasses import replace

from rrplan.bgp.speaker import Settings, is_down
from rrplan.desired.desired import Desired, mesh_set, wanted_and_others
from rrplan.desired.peers import wanted_peers
from rrplan.desired.placement import Placed, place
from rrplan.desired.standalone import compile_standalone, without_containers
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node, Taint
from rrplan.specs import Flavor, Spec, Topology


def compile_desired(spec: Spec, state: ClusterState) -> Desired:
    """The target of a spec on what is there; raises PolicyRefusal where it cannot be had."""
    if spec.flavor is Flavor.STANDALONE:
        return compile_standalone(spec, state)
    placed = place(spec, state)
    peers, notes = wanted_peers(spec, state)
    by_name = {one.node: one for one in placed}
    nodes = dict(state.nodes)
    changing: set[NodeName] = set()
    notices = list(notes)
    settings = Settings.of(state)
    for name, node in state.nodes.items():
        wanted = _node(spec, node, by_name.get(name))
        # Nobody can evict the pods of a node that is down, and its gate would never pass.
        if (wanted.cluster_id, wanted.labels) != (node.cluster_id, node.labels) and not is_down(node, settings):
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
        peers=wanted_and_others(state, peers),
        others=without_containers(state, notices),
        configurations=mesh_set(state, mesh=spec.topology is Topology.FULL_MESH),
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
