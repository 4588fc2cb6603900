"""The steps to standalone reflectors, in the order that keeps routes.

The documented order turns the mesh off before the BGPPeers exist, and deletes calico-node last. Here each host is
emptied of pods, then of calico-node, then of its Calico Node; containers, BGPPeers and sessions come next, and the mesh
goes last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rrplan.desired import Desired
from rrplan.desired.ownership import is_ours
from rrplan.desired.standalone import AWAY
from rrplan.ids import ActionName, StepId
from rrplan.planning import actions
from rrplan.plans.change import Change
from rrplan.plans.diff import between, change_of
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, DaemonSet, Node, Resource, ResourceKey, encode, original
from rrplan.resources.cascade import deleted_objects
from rrplan.resources.documents import partial
from rrplan.specs import Spec


def standalone_steps(spec: Spec, state: ClusterState, desired: Desired) -> list[Step]:
    """All steps, in no order that matters."""
    target = desired.state
    hosts = [(state.nodes[name], target.nodes[name]) for name in sorted(desired.drained)]
    steps = [actions.drain(old, stays=new.unschedulable) for old, new in hosts]
    steps += [actions.taint(old, new) for old, new in hosts if old.taints != new.taints]
    steps += _confinement(state, target)
    steps += [_label(old, AWAY, ActionName.RELEASE_HOST, "release", "keep calico-node away from") for old, _ in hosts]
    steps += [_deletion(state, old, desired.cascades[old.name]) for old, _ in hosts if old.name in desired.cascades]
    key = spec.standalone.label_key, "true"
    steps += [_label(old, key, ActionName.LABEL_REFLECTOR, "label", "label the reflector's node") for old, _ in hosts]
    steps += _deployment(spec, state, target)
    steps += _peers(state, target)
    before, after = state.configurations.get("default"), target.configurations.get("default")
    if after is not None and after is not before:
        steps += [actions.through_reflectors(), actions.mesh(before, after)]
        if spec.rollout.bake:
            steps.append(actions.bake(spec.rollout.bake))
    destroyed = deleted_objects(desired.cascades.values())
    gone = [
        peer
        for name, peer in sorted(state.peers.items())
        if name not in target.peers and is_ours(peer) and peer.key not in destroyed
    ]
    return [*steps, *(actions.peer(peer, None, Phase.OLD_PEERS) for peer in gone)]


def _confinement(state: ClusterState, target: ClusterState) -> Iterator[Step]:
    for key, new in sorted(target.others.items()):
        old = state.others.get(key)
        if isinstance(new, DaemonSet) and isinstance(old, DaemonSet) and new != old:
            change = between(key, encode(old), encode(new))
            what = f"make DaemonSet {new.name} keep away from {AWAY[0]}={AWAY[1]}, without restarting its pods"
            step = StepId(f"confine/{new.name}")
            yield Step(step, ActionName.CONFINE_CALICO_NODE, what, (change,), phase=Phase.RELEASE)


def _label(node: Node, label: tuple[str, str], name: ActionName, step: str, what: str) -> Step:
    path = ("metadata", "labels", label[0])
    change = Change.update(
        ResourceKey("Node", node.name),
        partial({path: node.labels.get(label[0])}),
        partial({path: label[1]}),
    )
    reflects = name is ActionName.LABEL_REFLECTOR
    return Step(
        StepId(f"{step}/{node.name}"),
        name,
        f"{what} {node.name}",
        (change,),
        topology=reflects,
        node=node.name,
        phase=Phase.HOSTS if reflects else Phase.RELEASE,
    )


def _deletion(state: ClusterState, node: Node, cascade: Sequence[Resource]) -> Step:
    """The Calico Node goes last, so that no client finds anything to delete with it; its undo makes it first."""
    key = ResourceKey("CalicoNode", node.name)
    calico_node = state.get(key)
    assert calico_node is not None
    what = f"delete the Calico Node of {node.name}, so that nobody meshes with it any more"
    if cascade:
        what += f", and what Calico deletes with it: {', '.join(str(resource.key) for resource in cascade)}"
    return Step(
        StepId(f"delete-calico-node/{node.name}"),
        ActionName.DELETE_CALICO_NODE,
        what,
        (
            *(Change.delete(resource.key, original(resource)) for resource in cascade),
            Change.delete(key, original(calico_node)),
        ),
        topology=True,
        node=node.name,
        phase=Phase.CALICO_NODES,
    )


def _deployment(spec: Spec, state: ClusterState, target: ClusterState) -> Iterator[Step]:
    key = ResourceKey("DaemonSet", "calico-rr", spec.standalone.namespace)
    if state.get(key) is None:
        what = f"run {spec.standalone.image} on the labelled nodes (DaemonSet {key.namespace}/{key.name})"
        change = change_of(key, None, target.get(key))
        step = StepId("deploy/calico-rr")
        yield Step(step, ActionName.DEPLOY_REFLECTORS, what, (change,), topology=True, phase=Phase.CONTAINERS)


def retirement(state: ClusterState, target: ClusterState) -> Iterator[Step]:
    """The end of containers that nobody points at any more."""
    for key, old in sorted(state.others.items()):
        if isinstance(old, DaemonSet) and old.reflector and key not in target.others:
            what = f"end the standalone reflectors (DaemonSet {key.namespace}/{key.name})"
            change = Change.delete(key, encode(old))
            step = StepId(f"retire/{key.name}")
            yield Step(step, ActionName.RETIRE_REFLECTORS, what, (change,), topology=True, phase=Phase.RETIRE)


def _peers(state: ClusterState, target: ClusterState) -> Iterator[Step]:
    for name, new in sorted(target.peers.items()):
        old = state.peers.get(name)
        if old != new:
            yield actions.peer(old, new, Phase.PEERS)
