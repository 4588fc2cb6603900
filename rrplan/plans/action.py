"""Actions: the named intents, and the one change that each performs."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans.change import Change
from rrplan.plans.diff import between, whole
from rrplan.plans.plan import Step
from rrplan.resources import BGPConfiguration, BGPPeer, Node, ResourceKey, encode
from rrplan.resources.documents import partial
from rrplan.resources.node_codec import CLUSTER_ID_ANNOTATION, LABELS_ANNOTATION, labels_annotation

_Paths: TypeAlias = dict[tuple[str, ...], tuple[str | None, str | None]]
"""What each path of a document has before and after."""


def drain(node: Node) -> Step:
    """Cordon the node; its gate waits for the last evicted pod."""
    change = None if node.unschedulable else _cordon(node.name, before=None, after=True)
    return Step(StepId(f"drain/{node.name}"), ActionName.DRAIN_NODE, f"cordon and drain node {node.name}", change)


def uncordon(name: NodeName) -> Step:
    """Let pods come again."""
    change = _cordon(name, before=True, after=None)
    return Step(StepId(f"uncordon/{name}"), ActionName.UNCORDON_NODE, f"uncordon node {name}", change)


def _cordon(name: NodeName, *, before: bool | None, after: bool | None) -> Change:
    path = ("spec", "unschedulable")
    return Change(ResourceKey("Node", name), partial({path: before}), partial({path: after}))


def taint(node: Node, wanted: Node) -> Step:
    """Set or remove the taint of dedicated reflector nodes; taints are one list, changed as a whole."""
    adds = len(wanted.taints) > len(node.taints)
    action = ActionName.TAINT_NODE if adds else ActionName.UNTAINT_NODE
    change = Change(
        ResourceKey("Node", node.name),
        partial({("spec", "taints"): [one.document() for one in node.taints] or None}),
        partial({("spec", "taints"): [one.document() for one in wanted.taints] or None}),
    )
    verb = "taint" if adds else "untaint"
    return Step(StepId(f"{verb}/{node.name}"), action, f"{verb} node {node.name}", change)


def role(node: Node, wanted: Node, label: str, group: str = "") -> Step:
    """Make a node a reflector, or a plain node again: label and cluster ID in one patch, so that every confd
    sees both in one event (libcalico-go node.go; upstream's end-to-end tests do the same)."""
    paths: _Paths = {
        ("metadata", "labels", label): (node.labels.get(label), wanted.labels.get(label)),
        ("metadata", "annotations", CLUSTER_ID_ANNOTATION): (node.cluster_id or None, wanted.cluster_id or None),
    }
    paths |= _own_labels(node, wanted)
    touched = {path: pair for path, pair in paths.items() if pair[0] != pair[1]}
    change = Change(
        ResourceKey("Node", node.name),
        partial({path: pair[0] for path, pair in touched.items()}),
        partial({path: pair[1] for path, pair in touched.items()}),
    )
    if wanted.cluster_id:
        what = f"promote {node.name} to reflector of group {group} (cluster ID {wanted.cluster_id})"
        return Step(StepId(f"promote/{node.name}"), ActionName.PROMOTE_REFLECTOR, what, change, topology=True)
    what = f"demote {node.name} from reflector to client"
    return Step(StepId(f"demote/{node.name}"), ActionName.DEMOTE_REFLECTOR, what, change, topology=True)


def _own_labels(node: Node, wanted: Node) -> dict[tuple[str, ...], tuple[str | None, str | None]]:
    """The annotation in which Calico keeps labels of its own, where it changes."""
    if node.calico_labels == wanted.calico_labels:
        return {}
    return {
        ("metadata", "annotations", LABELS_ANNOTATION): (labels_annotation(node), labels_annotation(wanted) or None)
    }


def node_label(name: NodeName, label: str, before: str | None, after: str, step: str, what: str) -> Step:
    """Set the label that selects a client."""
    path = ("metadata", "labels", label)
    change = Change(ResourceKey("Node", name), partial({path: before}), partial({path: after}))
    return Step(StepId(f"{step}/{name}"), ActionName.LABEL_CLIENT, what, change, topology=True)


def without_label(node: Node, label: str, before: str, step: str, what: str, *, merges: bool) -> Step:
    """Remove the label that selects a client; where Calico `merges` labels of its own, from these too."""
    kept = {name: value for name, value in node.calico_labels.items() if name != label}
    wanted = replace(node, calico_labels=kept) if merges else node
    paths: _Paths = {("metadata", "labels", label): (before, None), **_own_labels(node, wanted)}
    change = Change(
        ResourceKey("Node", node.name),
        partial({path: pair[0] for path, pair in paths.items()}),
        partial({path: pair[1] for path, pair in paths.items()}),
    )
    return Step(StepId(f"{step}/{node.name}"), ActionName.UNLABEL_CLIENT, what, change, topology=True)


def peer(before: BGPPeer | None, after: BGPPeer | None) -> Step:
    """Create, update or delete a BGPPeer."""
    one = after or before
    assert one is not None
    change = whole(one.key, before, after)
    verb, action = {
        "create": ("create-peer", ActionName.CREATE_PEER),
        "update": ("update-peer", ActionName.UPDATE_PEER),
        "delete": ("delete-peer", ActionName.DELETE_PEER),
    }[change.verb]
    return Step(StepId(f"{verb}/{one.name}"), action, f"{change.verb} BGPPeer {one.name}", change, topology=True)


def mesh(before: BGPConfiguration | None, after: BGPConfiguration) -> Step:
    """Turn the mesh on or off; what validation forbids beside it goes in the same write."""
    change = (
        Change(after.key, None, encode(after)) if before is None else between(after.key, encode(before), encode(after))
    )
    was_on = before is None or before.mesh_enabled is not False
    on = after.mesh_enabled is not False
    if on and was_on:
        what = "change the options of the node-to-node mesh"
        return Step(StepId("mesh-options"), ActionName.ENABLE_MESH, what, change, topology=True)
    if on:
        return Step(StepId("mesh-on"), ActionName.ENABLE_MESH, "turn the node-to-node mesh on", change, topology=True)
    return Step(StepId("mesh-off"), ActionName.DISABLE_MESH, "turn the node-to-node mesh off", change, topology=True)
