"""Actions: the named intents, and the changes that each performs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans.change import Change, ChangeAction
from rrplan.plans.diff import change_of
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import BGPConfiguration, BGPPeer, Node, ResourceKey
from rrplan.resources.documents import partial
from rrplan.resources.node_codec import AS_ANNOTATION, CLUSTER_ID_ANNOTATION, LABELS_ANNOTATION, labels_annotation

_Paths: TypeAlias = dict[tuple[str, ...], tuple[str | None, str | None]]
"""What each path of a document has before and after."""
END_OF_WAVES = StepId("unlabel/waves")
END_OF_RENEWAL = StepId("unlabel/renewed")
NAMED = 3
"""Clients of a wave that its summary names."""


def drain(node: Node, *, stays: bool = False) -> Step:
    """Cordon the node; its gate waits for the last evicted pod. `stays` says that no step uncordons it."""
    changes = () if node.unschedulable else (_cordon(node.name, before=None, after=True),)
    what = f"cordon and drain node {node.name}"
    until = None if stays or not changes else uncordon(node.name).id
    return Step(StepId(f"drain/{node.name}"), ActionName.DRAIN_NODE, what, changes, node=node.name, until=until)


def uncordon(name: NodeName) -> Step:
    """Let pods come again."""
    return Step(
        StepId(f"uncordon/{name}"),
        ActionName.UNCORDON_NODE,
        f"uncordon node {name}",
        (_cordon(name, before=True, after=None),),
        node=name,
        phase=Phase.FINISH,
    )


def _cordon(name: NodeName, *, before: bool | None, after: bool | None) -> Change:
    path = ("spec", "unschedulable")
    return Change.update(ResourceKey("Node", name), partial({path: before}), partial({path: after}))


def taint(node: Node, wanted: Node) -> Step:
    """Set or remove the taint of dedicated reflector nodes; taints are one list, changed as a whole."""
    adds = len(wanted.taints) > len(node.taints)
    action = ActionName.TAINT_NODE if adds else ActionName.UNTAINT_NODE
    change = Change.update(
        ResourceKey("Node", node.name),
        partial({("spec", "taints"): [taint.document() for taint in node.taints] or None}),
        partial({("spec", "taints"): [taint.document() for taint in wanted.taints] or None}),
    )
    verb = "taint" if adds else "untaint"
    phase = Phase.PREPARE if adds else Phase.FINISH
    what = f"{verb} node {node.name}"
    return Step(StepId(f"{verb}/{node.name}"), action, what, (change,), node=node.name, phase=phase)


def role(node: Node, wanted: Node, labels: list[str], group: str = "") -> Step:
    """Make a node a reflector, or a plain node again: labels and cluster ID in one patch, so that every confd
    sees both in one event (libcalico-go node.go; upstream's end-to-end tests do the same)."""
    paths: _Paths = {
        **{("metadata", "labels", label): (node.labels.get(label), wanted.labels.get(label)) for label in labels},
        ("metadata", "annotations", CLUSTER_ID_ANNOTATION): (node.cluster_id or None, wanted.cluster_id or None),
    }
    paths |= _own_labels(node, wanted)
    touched = {path: pair for path, pair in paths.items() if pair[0] != pair[1]}
    change = _paths_change(node.name, touched)
    if wanted.cluster_id:
        what = f"promote {node.name} to reflector of group {group} (cluster ID {wanted.cluster_id})"
        return _on_node("promote", ActionName.PROMOTE_REFLECTOR, what, change, node, Phase.PROMOTE)
    what = f"demote {node.name} from reflector to client"
    return _on_node("demote", ActionName.DEMOTE_REFLECTOR, what, change, node, Phase.DEMOTE)


def change_as_number(node: Node, wanted: Node) -> Step:
    """Give a node another AS number."""
    before, after = (str(each.as_number) if each.as_number else None for each in (node, wanted))
    change = _paths_change(node.name, {("metadata", "annotations", AS_ANNOTATION): (before, after)})
    what = f"change the AS number of {node.name} from {before or 'that of the cluster'} to {after}"
    return _on_node("change-as", ActionName.CHANGE_AS_NUMBER, what, change, node, Phase.AS_NUMBERS)


def _on_node(verb: str, name: ActionName, what: str, change: Change, node: Node, phase: Phase) -> Step:
    step = StepId(f"{verb}/{node.name}")
    return Step(step, name, what, (change,), topology=True, node=node.name, phase=phase)


def _own_labels(node: Node, wanted: Node) -> dict[tuple[str, ...], tuple[str | None, str | None]]:
    """The annotation in which Calico keeps labels of its own, where it changes."""
    if node.calico_labels == wanted.calico_labels:
        return {}
    return {
        ("metadata", "annotations", LABELS_ANNOTATION): (labels_annotation(node), labels_annotation(wanted) or None)
    }


def wave(number: int, nodes: Sequence[Node], label: str, value: str, total: int) -> Step:
    """Label the clients of one wave, all in one step: sessions come up in any order, and each part of it is proved."""
    changes = [_label_change(node, label, value) for node in nodes if node.labels.get(label) != value]
    clients = ", ".join(node.name for node in nodes) if len(nodes) <= NAMED else f"{len(nodes)} clients"
    what = f"wave {number} of {total}: {clients} get{'s' if len(nodes) == 1 else ''} sessions to the reflectors"
    step = StepId(f"wave/{number}")
    return Step(
        step,
        ActionName.LABEL_CLIENT,
        what,
        tuple(changes),
        topology=True,
        phase=Phase.WAVES,
        wave=number,
        unordered=True,
        until=END_OF_WAVES,
    )


def end_of_waves(nodes: Sequence[Node], label: str, *, merges: bool) -> Step:
    """Remove the label of the waves from nodes as they are by then; where Calico `merges` its own, there too."""
    what = f"remove the wave label of {len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    changes = _unlabelled(nodes, label, merges=merges)
    return _unlabel(END_OF_WAVES, ActionName.UNLABEL_CLIENT, what, changes, Phase.END_OF_WAVES)


def renewed(node: Node, label: str, value: str, general: str) -> Step:
    """Give the sessions of one reflector the new options: the label moves it from one BGPPeer to another."""
    what = f"renew the sessions of {node.name} with its clients: the new options of BGPPeer {general}"
    change = _label_change(node, label, value)
    step = _on_node("renew", ActionName.RENEW_SESSIONS, what, change, node, Phase.RENEWAL)
    return replace(step, until=END_OF_RENEWAL)


def end_of_renewal(nodes: Sequence[Node], label: str, *, merges: bool) -> Step:
    """Remove the label of reflectors whose sessions were renewed, as `end_of_waves` does."""
    what = f"remove the label of the renewal from {len(nodes)} reflector{'' if len(nodes) == 1 else 's'}"
    changes = _unlabelled(nodes, label, merges=merges)
    return _unlabel(END_OF_RENEWAL, ActionName.UNLABEL_REFLECTOR, what, changes, Phase.END_OF_RENEWAL)


def _unlabelled(nodes: Sequence[Node], label: str, *, merges: bool) -> tuple[Change, ...]:
    changes = []
    for node in nodes:
        kept = {name: text for name, text in node.calico_labels.items() if name != label}
        wanted = replace(node, calico_labels=kept) if merges else node
        paths: _Paths = _own_labels(node, wanted)
        if label in node.labels:
            paths = {("metadata", "labels", label): (node.labels[label], None), **paths}
        changes.append(_paths_change(node.name, paths))
    return tuple(changes)


def _unlabel(step: StepId, action: ActionName, what: str, changes: tuple[Change, ...], phase: Phase) -> Step:
    return Step(step, action, what, changes, topology=True, phase=phase, unordered=True)


def labelled(node: Node, label: str, value: str) -> Node:
    """The node once it has a label."""
    return replace(node, labels={**node.labels, label: value})


def share(nodes: Mapping[NodeName, tuple[str | None, str | None]], label: str, phase: Phase) -> Step:
    """Label clients with the shares of reflectors that serve them."""
    return _shares(
        StepId("share/clients"), ActionName.LABEL_CLIENT, nodes, label, ("gets", "get"), "a share of reflectors", phase
    )


def unshare(nodes: Mapping[NodeName, tuple[str | None, str | None]], label: str, phase: Phase) -> Step:
    """Take the label of a share away: for good, or until another one comes."""
    if phase is Phase.END_OF_SHARES:
        step, verbs, what = "unshare/clients", ("belongs", "belong"), "to no share of reflectors any more"
    else:
        step, verbs, what = "free/clients", ("is", "are"), "served by every share of reflectors until another one comes"
    return _shares(StepId(step), ActionName.UNLABEL_CLIENT, nodes, label, verbs, what, phase)


def _shares(
    step: StepId,
    name: ActionName,
    nodes: Mapping[NodeName, tuple[str | None, str | None]],
    label: str,
    verbs: tuple[str, str],
    what: str,
    phase: Phase,
) -> Step:
    changes = tuple(_paths_change(node, {("metadata", "labels", label): pair}) for node, pair in nodes.items())
    who = ", ".join(nodes) if len(nodes) <= NAMED else f"{len(nodes)} clients"
    return Step(
        step, name, f"{who} {verbs[len(nodes) > 1]} {what}", changes, topology=True, phase=phase, unordered=True
    )


def unlabel(nodes: Sequence[tuple[Node, Node]], labels: Sequence[str]) -> Step:
    """Remove labels that others left, once no BGPPeer selects them; of each node, as it is and as it shall be."""
    changes = []
    for node, wanted in nodes:
        paths: _Paths = {
            ("metadata", "labels", label): (node.labels[label], None) for label in labels if label in node.labels
        }
        changes.append(_paths_change(node.name, paths | _own_labels(node, wanted)))
    keys = " and ".join(f"`{label}`" for label in labels)
    what = f"remove label {keys} from {len(nodes)} node{'' if len(nodes) == 1 else 's'}"
    return Step(
        StepId("unlabel/adopted"),
        ActionName.UNLABEL_NODE,
        what,
        tuple(changes),
        topology=True,
        phase=Phase.UNLABEL,
        unordered=True,
    )


def _label_change(node: Node, label: str, value: str) -> Change:
    return _paths_change(node.name, {("metadata", "labels", label): (node.labels.get(label), value)})


def _paths_change(name: NodeName, paths: _Paths) -> Change:
    return Change.update(
        ResourceKey("Node", name),
        partial({path: pair[0] for path, pair in paths.items()}),
        partial({path: pair[1] for path, pair in paths.items()}),
    )


def temporary_peer(before: BGPPeer | None, after: BGPPeer, phase: Phase, end: Phase) -> Step:
    """Create or update a BGPPeer that exists for the way only, until it is deleted in phase `end`."""
    return replace(peer(before, after, phase), until=peer(after, None, end).id)


def narrowed_peer(before: BGPPeer, after: BGPPeer) -> Step:
    """Let a BGPPeer select fewer nodes for the way, until it is updated."""
    step = peer(before, after, Phase.NARROWED)
    what = f"{step.summary}: reflectors with the new options are served by another one"
    return replace(step, id=StepId(f"narrow-peer/{after.name}"), summary=what, until=step.id)


def widened_peer(before: BGPPeer, after: BGPPeer) -> Step:
    """Let a BGPPeer select more nodes for the way, until it is updated."""
    step = peer(before, after, Phase.PEERS)
    what = f"{step.summary}: it serves the nodes that come to it beside those that leave it"
    return replace(step, id=StepId(f"widen-peer/{after.name}"), summary=what, until=step.id)


def peer(before: BGPPeer | None, after: BGPPeer | None, phase: Phase) -> Step:
    """Create, update or delete a BGPPeer."""
    present = after or before
    assert present is not None
    change = change_of(present.key, before, after)
    verb, action = {
        ChangeAction.CREATE: ("create-peer", ActionName.CREATE_PEER),
        ChangeAction.UPDATE: ("update-peer", ActionName.UPDATE_PEER),
        ChangeAction.DELETE: ("delete-peer", ActionName.DELETE_PEER),
    }[change.action]
    what = f"{change.action} BGPPeer {present.name}"
    return Step(StepId(f"{verb}/{present.name}"), action, what, (change,), topology=True, phase=phase)


def retired(name: str, peers: Sequence[BGPPeer]) -> Step:
    """Delete BGPPeers that say the same for one node each: in any order, because sessions only go meanwhile."""
    changes = tuple(change_of(peer.key, peer, None) for peer in peers)
    what = f"delete {len(peers)} BGPPeers that name {name}, such as {peers[0].name}"
    step = StepId(f"delete-peers/{name}")
    return Step(step, ActionName.DELETE_PEER, what, changes, topology=True, phase=Phase.OLD_PEERS, unordered=True)


def mesh(before: BGPConfiguration | None, after: BGPConfiguration) -> Step:
    """Turn the mesh on or off; what validation forbids beside it goes in the same write."""
    change = change_of(after.key, before, after)
    was_on = before is None or before.mesh_enabled is not False
    on = after.mesh_enabled is not False
    if on and was_on:
        what = "change the options of the node-to-node mesh"
        return _mesh("mesh-options", ActionName.ENABLE_MESH, what, change, Phase.MESH_ON)
    if on:
        return _mesh("mesh-on", ActionName.ENABLE_MESH, "turn the node-to-node mesh on", change, Phase.MESH_ON)
    return _mesh("mesh-off", ActionName.DISABLE_MESH, "turn the node-to-node mesh off", change, Phase.MESH_OFF)


def _mesh(step: str, name: ActionName, what: str, change: Change, phase: Phase) -> Step:
    return Step(StepId(step), name, what, (change,), topology=True, phase=phase)


def through_reflectors() -> Step:
    """Wait until nobody needs the mesh."""
    what = "wait until every client holds every route through reflectors alone"
    return Step(StepId("await/clients"), ActionName.AWAIT, what, phase=Phase.CLIENTS)


def bake(seconds: int) -> Step:
    """Watch the new topology before anything that could bring the old one back goes."""
    return Step(StepId("bake"), ActionName.BAKE, f"watch the new topology for {seconds} s", phase=Phase.BAKE)


def held_again() -> Step:
    """Wait until nodes may be uncordoned."""
    what = "wait until the drained nodes hold every route again"
    return Step(StepId("await/drained"), ActionName.AWAIT, what, phase=Phase.HELD_AGAIN)
