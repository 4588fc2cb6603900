"""Spec and snapshot to the target state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rrplan.bgp.profile import Versions
from rrplan.bgp.speaker import Settings, is_down
from rrplan.desired.adoption import Adopted, adopted_by, left_by_others, not_kept
from rrplan.desired.desired import Desired, mesh_off, mesh_on
from rrplan.desired.labelling import DOMAIN, Labelling, check_read, labelling, recorded
from rrplan.desired.options import restored, worded
from rrplan.desired.outside_peers import check_outside
from rrplan.desired.peers import Peers, wanted_and_others, wanted_peers
from rrplan.desired.placement import Placed, place
from rrplan.desired.shares import shared_out
from rrplan.desired.standalone import compile_standalone, without_containers
from rrplan.desired.systems import numbered
from rrplan.desired.unchanged import same_sessions
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, Node, Taint
from rrplan.specs import Flavor, Spec, Topology

SHOWN = 10
"""Nodes that a notice names."""


def compile_desired(spec: Spec, state: ClusterState, versions: Versions) -> Desired:
    """The target of a spec on what is there; raises PolicyRefusal where it cannot be had."""
    if spec.flavor is Flavor.STANDALONE:
        return compile_standalone(spec, state, versions)
    check_outside(spec, state)
    mesh = spec.topology is Topology.FULL_MESH
    placed = place(spec, state)
    by_name = {reflector.node: reflector for reflector in placed}
    groups = {reflector.node: reflector.group for reflector in placed}
    labels = recorded(spec, state) if mesh else labelling(spec, state, groups)
    merges = not state.in_etcd
    adopted = adopted_by(spec, state, by_name)
    roles = {
        name: _node(spec, labels, node, by_name.get(name), adopted, merges=merges) for name, node in state.nodes.items()
    }
    nodes = {name: adopted.without_labels(node, merges=merges) for name, node in roles.items()}
    check_read(spec, state.nodes, nodes)
    roles, nodes = shared_out(spec, state, roles), shared_out(spec, state, nodes)
    roles, nodes = numbered(spec, state, roles), numbered(spec, state, nodes)
    nobody = Peers((), frozenset(), (), ())
    peers = nobody if mesh else wanted_peers(spec, state, roles, placed, labels, versions, adopted.peers, nodes)
    notices = [*_names(state), *adopted.notices, *peers.notes]
    target = replace(
        state,
        nodes=nodes,
        peers=wanted_and_others(state, peers.wanted, adopted.peers),
        others=without_containers(state, notices),
        configurations=mesh_off(state),
    )
    if mesh:
        options = restored(spec, adopted.claimed(state), versions)
        notices += [
            f"kept from {source}: {worded(options_kept)}; on the mesh"
            for source, options_kept in options.sources.items()
        ]
        target = replace(target, configurations=mesh_on(state, options.options))
    notices += not_kept(adopted, state, target)
    drained = _drained(spec, state, target, versions) if spec.drain else frozenset[NodeName]()
    return Desired(
        state=target,
        placed=placed,
        drained=drained,
        reasons=tuple(
            f"{reflector.node} reflects for group {reflector.group.name}: {reflector.reason}" for reflector in placed
        ),
        notices=tuple(notices),
        general=peers.general,
        waves=peers.waves,
        adopted=adopted,
        left=left_by_others(spec, state, target, peers.instead),
    )


def _names(state: ClusterState) -> list[str]:
    """Nodes that Kubernetes and Calico call differently."""
    renamed = [
        f"{name} is `{node.calico_name}` in Calico" for name, node in sorted(state.nodes.items()) if node.calico_name
    ]
    if not renamed:
        return []
    return [
        f"names differ, Kubernetes' are used here: {', '.join(renamed[:SHOWN])}" + (", ..." if renamed[SHOWN:] else "")
    ]


def _drained(spec: Spec, state: ClusterState, target: ClusterState, versions: Versions) -> frozenset[NodeName]:
    """The nodes that are cut off while they change; one whose sessions stay the same is not."""
    settings = Settings.of(state)
    changing = {
        name
        for name, node in state.nodes.items()
        if _role(spec, target.nodes[name]) != _role(spec, node)
        # Nobody can evict the pods of a node that is down, and its gate would never pass.
        and not is_down(node, settings)
    }
    return frozenset(changing - same_sessions(state, target, changing, versions))


def _role(spec: Spec, node: Node) -> tuple[str, str | None]:
    """What makes a node a reflector; no session rests any more on a label that is taken over when it goes."""
    return node.cluster_id, node.effective_labels.get(spec.label_key)


def _node(spec: Spec, labels: Labelling, node: Node, placed: Placed | None, adopted: Adopted, *, merges: bool) -> Node:
    """The node as it shall be; `merges` says that Calico adds labels of its own annotation to Kubernetes'.

    There a label is taken away at both places, and set in Kubernetes alone, whose labels win (libcalico-go
    lib/backend/k8s/resources/node.go mergeCalicoAndK8sLabels, v3.5 to v3.32).
    """
    if placed is not None:
        value = labels.values[placed.group.name]
        there = merges and node.effective_labels.get(spec.label_key) == value
        taints = node.taints
        if spec.dedicated is not None:
            taint = Taint(spec.dedicated.key, spec.dedicated.value, spec.dedicated.effect)
            taints = taints if taint in taints else (*taints, taint)
        wanted = replace(
            node,
            cluster_id=spec.cluster_id_of(placed.group),
            labels=node.labels if there else {**node.labels, spec.label_key: value},
            taints=taints,
        )
        return node if wanted == node else wanted
    ours = labels.is_ours(spec, node)
    stops = spec.topology is Topology.FULL_MESH or node.name in adopted.reflectors
    if not ours and not (stops and node.cluster_id):
        return node
    removed = spec.label_key if ours else ""
    return replace(
        node,
        cluster_id="",
        labels=_without(node.labels, removed),
        calico_labels=_without(node.calico_labels, removed) if merges else node.calico_labels,
        taints=tuple(taint for taint in node.taints if not _is_our_taint(spec, taint)),
    )


def _without(labels: Mapping[str, str], removed: str) -> Mapping[str, str]:
    return {name: value for name, value in labels.items() if name != removed}


def _is_our_taint(spec: Spec, taint: Taint) -> bool:
    """Whether rrplan set it: nobody else has its domain, and the spec names the taint of dedicated nodes."""
    dedicated = spec.dedicated
    named = dedicated is not None and taint == Taint(dedicated.key, dedicated.value, dedicated.effect)
    return named or taint.key.startswith(DOMAIN)
