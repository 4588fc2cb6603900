"""The steps between two states; `ordering` says which must come before which, and gates and proof come afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rrplan.desired import Desired
from rrplan.desired.ownership import is_ours
from rrplan.desired.peers import WAVE_LABEL
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.plans import action
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.plans.standalone import retirement, standalone_steps
from rrplan.resources import ClusterState, Node
from rrplan.specs import Flavor, Spec

IN_WAVE = "in"
"""The value of the label of the waves."""


def steps_between(spec: Spec, state: ClusterState, desired: Desired) -> list[Step]:
    """All steps, in no order that matters; each says in `phase` what part of the way it belongs to."""
    if spec.flavor is Flavor.STANDALONE:
        return standalone_steps(spec, state, desired)
    changed = [
        (node, desired.state.nodes[name])
        for name, node in sorted(state.nodes.items())
        if desired.state.nodes[name] != node
    ]
    roles = [(old, new) for old, new in changed if _role(spec, old) != _role(spec, new)]
    drained = [old for old, _ in roles if old.name in desired.drained]
    tainted = [(old, new) for old, new in changed if old.taints != new.taints]
    steps = [action.drain(node) for node in drained]
    steps += [action.taint(old, new) for old, new in tainted if len(new.taints) > len(old.taints)]
    steps += _session_steps(spec, state, desired, roles)
    steps += retirement(state, desired.state)
    again = [node for node in drained if not desired.state.nodes[node.name].unschedulable]
    if again:
        steps.append(action.held_again())
    steps += [action.taint(old, new) for old, new in tainted if len(new.taints) < len(old.taints)]
    return [*steps, *(action.uncordon(node.name) for node in again)]


def end_of(state: ClusterState, desired: Desired, steps: Iterable[Step]) -> ClusterState:
    """Where the steps must end: what is desired, less the temporary objects of waves, whoever left them there."""
    target = desired.state
    if not any(step.phase is Phase.END_OF_WAVES for step in steps):
        return target
    nodes = {name: _outside_waves(node, merges=not state.in_etcd) for name, node in target.nodes.items()}
    temporary = {peer.name for peer in desired.waves}
    peers = {name: peer for name, peer in target.peers.items() if name not in temporary}
    return replace(target, nodes=nodes, peers=peers)


def _check_label_of_waves(state: ClusterState) -> None:
    """Raise PolicyRefusal where others read the label: then the states between two labels of a wave are not proved."""
    for name, peer in sorted(state.peers.items()):
        if not is_ours(peer) and WAVE_LABEL in f"{peer.node_selector} {peer.peer_selector}":
            raise PolicyRefusal(
                f"BGPPeer `{name}` selects by the label {WAVE_LABEL}, which waves set and remove",
                hint="let it select by something else, or leave `rollout.waves` out",
            )


def _outside_waves(node: Node, *, merges: bool) -> Node:
    if node.labels.get(WAVE_LABEL) != IN_WAVE and WAVE_LABEL not in node.calico_labels:
        return node
    labels, own = (
        {name: value for name, value in labels.items() if name != WAVE_LABEL}
        for labels in (node.labels, node.calico_labels)
    )
    return replace(node, labels=labels, calico_labels=own if merges else node.calico_labels)


def _role(spec: Spec, node: Node) -> tuple[str, str | None, str | None]:
    return node.cluster_id, node.labels.get(spec.label_key), node.calico_labels.get(spec.label_key)


def _session_steps(spec: Spec, state: ClusterState, desired: Desired, roles: list[tuple[Node, Node]]) -> Iterator[Step]:
    target = desired.state
    mesh_was, mesh_is = state.configurations.get("default"), target.configurations.get("default")
    new_peers = [
        (state.peers.get(name), wanted)
        for name, wanted in sorted(target.peers.items())
        if state.peers.get(name) != wanted
    ]
    groups = {one.node: one.group.name for one in desired.placed}
    promotions = [
        action.role(old, new, spec.label_key, groups.get(old.name, "")) for old, new in roles if new.cluster_id
    ]
    demotions = [action.role(old, new, spec.label_key) for old, new in roles if not new.cluster_id]
    waves = _waves(spec, state, desired) if promotions and mesh_is is not mesh_was else []
    kept = target.peers.keys() | ({one.name for one in desired.waves} if waves else set())
    gone = [found for name, found in sorted(state.peers.items()) if name not in kept and is_ours(found)]
    turns_on = mesh_is is not mesh_was and mesh_is is not None and mesh_is.mesh_enabled is not False
    if turns_on and mesh_is is not None:
        yield action.mesh(mesh_was, mesh_is)
    general = [(old, new) for old, new in new_peers if new.name in desired.general and waves]
    if waves:
        _check_label_of_waves(state)
        yield from (
            action.peer(state.peers.get(one.name), one, Phase.WAVE_PEERS)
            for one in desired.waves
            if one != state.peers.get(one.name)
        )
    for old, new in new_peers:
        yield action.peer(old, new, Phase.GENERAL_PEERS if (old, new) in general else Phase.PEERS)
    yield from promotions
    yield from demotions
    for number, names in enumerate(waves, 1):
        yield action.wave(number, [state.nodes[name] for name in names], WAVE_LABEL, IN_WAVE, len(waves))
    if mesh_is is not mesh_was and mesh_is is not None and not turns_on:
        yield action.through_reflectors()
        yield action.mesh(mesh_was, mesh_is)
        if spec.rollout.bake:
            yield action.bake(spec.rollout.bake)
    yield from (action.peer(one, None, Phase.OLD_PEERS) for one in gone)
    if waves:
        yield from (action.peer(one, None, Phase.END_OF_WAVES) for one in desired.waves)
        moved = [state.nodes[name] for names in waves for name in names]
        yield action.end_of_waves(moved, WAVE_LABEL, IN_WAVE, merges=not state.in_etcd)


def _waves(spec: Spec, state: ClusterState, desired: Desired) -> list[list[NodeName]]:
    if not spec.rollout.waves:
        return []
    reflectors = {one.node for one in desired.placed}
    # Nodes that are down come last: a first wave of them alone would try nothing.
    clients = sorted(state.nodes.keys() - reflectors, key=lambda name: (state.nodes[name].ready is False, name))
    waves: list[list[NodeName]] = []
    for size in spec.rollout.waves:
        taken = sum(len(wave) for wave in waves)
        waves.append(clients[taken : taken + size.of(len(clients))])
    rest = clients[sum(len(wave) for wave in waves) :]
    return [wave for wave in [*waves, rest] if wave]
