"""The steps between two states; `ordering` says which must come before which, and gates and proof come afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from rrplan.desired import Desired
from rrplan.desired.adoption import Adopted
from rrplan.desired.options import options_of
from rrplan.ids import NodeName
from rrplan.planning import actions
from rrplan.planning.fallback import fallback_steps
from rrplan.planning.renewal import Renewal, renewal_steps, renewals
from rrplan.planning.shares import share_steps
from rrplan.planning.standalone import retirement, standalone_steps
from rrplan.planning.waves import end_of_left_waves, wave_steps, waves_of
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Node
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Flavor, Spec


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
    again = [node for node in drained if not desired.state.nodes[node.name].unschedulable]
    steps = [actions.drain(node, stays=node not in again) for node in drained]
    steps += [actions.taint(old, new) for old, new in tainted if len(new.taints) > len(old.taints)]
    steps += _session_steps(spec, state, desired, roles)
    steps += fallback_steps(spec, state, [old.name for old, _ in roles if old.name not in desired.drained])
    steps += retirement(state, desired.state)
    if again:
        steps.append(actions.held_again())
    steps += [actions.taint(old, new) for old, new in tainted if len(new.taints) < len(old.taints)]
    return [*steps, *(actions.uncordon(node.name) for node in again)]


def _role(spec: Spec, node: Node) -> tuple[str, str | None, str | None]:
    return node.cluster_id, node.labels.get(spec.label_key), node.calico_labels.get(spec.label_key)


def _session_steps(spec: Spec, state: ClusterState, desired: Desired, roles: list[tuple[Node, Node]]) -> Iterator[Step]:
    """Everything that changes sessions, or waits for them."""
    groups = {placed.node: placed.group.name for placed in desired.placed}
    phases = _moves(spec, roles)
    for old, new in roles:
        if new.cluster_id:
            step = actions.role(old, _labelled(old, new, desired.adopted), [spec.label_key], groups.get(old.name, ""))
            # As long as not all reflectors have the label, those that lack it count as clients of those that have it.
            known = old.cluster_id == new.cluster_id and old.name not in desired.drained
            yield replace(step, phase=Phase.KNOWN if known else phases.get(old.name, step.phase))
        else:
            yield actions.role(old, new, [spec.label_key, *sorted(desired.adopted.labels)])
    for name, node in sorted(state.nodes.items()):
        if node.as_number != desired.state.nodes[name].as_number:
            yield actions.change_as_number(node, desired.state.nodes[name])
    before, after = state.configurations.get("default"), desired.state.configurations.get("default")
    changes_mesh = after is not None and after is not before
    waves: list[list[NodeName]] = []
    reflects_outside = any(group.outside for group in spec.groups)
    if changes_mesh and (reflects_outside or any(new.cluster_id for _, new in roles)):
        waves = waves_of(spec, state, desired)
    if waves:
        yield from wave_steps(state, desired, waves)
    else:
        yield from end_of_left_waves(state)
    changing = renewals(state, desired)
    yield from renewal_steps(state, changing)
    yield from _peer_steps(state, desired, changing, waved=bool(waves))
    yield from share_steps(state, desired)
    if changes_mesh and after is not None:
        yield from _mesh_steps(spec, before, after)
    elif spec.groups and desired.adopted.peers:
        yield actions.through_reflectors()
    stop = {old.name for old, new in roles if not new.cluster_id}
    yield from _unlabelling(state, desired, stop)


def _moves(spec: Spec, roles: Sequence[tuple[Node, Node]]) -> dict[NodeName, Phase]:
    """When reflectors go over to another group: whom they serve they leave, so one for each group goes first.

    That is one whose own group keeps the most reflectors meanwhile.
    """
    moving = {
        new.name: (value, new.effective_labels[spec.label_key])
        for old, new in roles
        if new.cluster_id and old.cluster_id and (value := old.effective_labels.get(spec.label_key)) is not None
    }
    left = Counter(before for before, _ in moving.values())
    waiting: dict[str, list[NodeName]] = {}
    for name, (_, after) in moving.items():
        waiting.setdefault(after, []).append(name)
    phases = dict.fromkeys(moving, Phase.MOVE)
    for _, names in sorted(waiting.items()):
        first = max(names, key=lambda name: left[moving[name][0]])
        left[moving[first][0]] -= 1
        phases[first] = Phase.MOVE_FIRST
    return phases


def _peer_steps(state: ClusterState, desired: Desired, changing: Sequence[Renewal], *, waved: bool) -> Iterator[Step]:
    """BGPPeers that come, change or go; with waves, those that serve all clients come after the last one."""
    renewed = {renewal.wanted.name for renewal in changing}
    for name, wanted in sorted(desired.state.peers.items()):
        if name not in renewed and state.peers.get(name) != wanted:
            phase = Phase.GENERAL_PEERS if waved and name in desired.general else Phase.PEERS
            present = state.peers.get(name)
            if phase is Phase.PEERS and present is not None and options_of(present) == options_of(wanted):
                if _narrows(present, wanted, desired.state.nodes.values()):
                    phase = Phase.NARROWER_PEERS
                elif not _narrows(wanted, present, state.nodes.values()):
                    # Whom it leaves have other sessions only once every BGPPeer has the nodes that come to it.
                    widened = _widened(present, wanted)
                    yield actions.widened_peer(present, widened)
                    present, phase = widened, Phase.NARROWER_PEERS
            yield actions.peer(present, wanted, phase)
    temporary = {peer.name for peer in desired.waves} if waved else set()
    temporary |= {renewal.temporary.name for renewal in changing}
    alike: dict[str, list[BGPPeer]] = {}
    for name, present in sorted(state.peers.items()):
        if name not in desired.state.peers and name not in temporary:
            per_node = name in desired.adopted.peers and present.node and not present.node_selector
            alike.setdefault((present.peer_selector or present.peer_ip) if per_node else f" {name}", []).append(present)
    for who, peers in alike.items():
        yield actions.peer(peers[0], None, Phase.OLD_PEERS) if len(peers) == 1 else actions.retired(who, peers)


def _labelled(old: Node, new: Node, adopted: Adopted) -> Node:
    """The node as it shall be, with the labels of others that it has until their BGPPeers are gone."""
    if adopted.labels.isdisjoint(old.effective_labels):
        return new
    labels, own = (
        {**after, **{name: value for name, value in before.items() if name in adopted.labels}}
        for before, after in ((old.labels, new.labels), (old.calico_labels, new.calico_labels))
    )
    return replace(new, labels=labels, calico_labels=own)


def _unlabelling(state: ClusterState, desired: Desired, done: Collection[NodeName]) -> Iterator[Step]:
    """Labels of others go from all nodes that still have them: those of `done` lose them with their role."""
    adopted = desired.adopted
    nodes = [
        (_labelled(node, desired.state.nodes[name], adopted), desired.state.nodes[name])
        for name, node in sorted(state.nodes.items())
        if name not in done and not adopted.labels.isdisjoint(node.effective_labels)
    ]
    changing = [(node, wanted) for node, wanted in nodes if node != wanted]
    if changing:
        yield actions.unlabel(changing, sorted(adopted.labels))


def _narrows(before: BGPPeer, after: BGPPeer, nodes: Collection[Node]) -> bool:
    """Whether an update only takes sessions away: of the nodes that are there, it selects no other ones."""
    for old, new in ((before.node_selector, after.node_selector), (before.peer_selector, after.peer_selector)):
        try:
            wide, narrow = parse(old), parse(new)
        except SelectorSyntaxError:
            return False
        if not (old and new) or any(
            narrow.matches(node.effective_labels) and not wide.matches(node.effective_labels) for node in nodes
        ):
            return False
    return True


def _widened(before: BGPPeer, after: BGPPeer) -> BGPPeer:
    """The BGPPeer with what it selects before and after."""
    near, far = (
        old if old == new else f"({old}) || ({new})"
        for old, new in ((before.node_selector, after.node_selector), (before.peer_selector, after.peer_selector))
    )
    return replace(
        before,
        node_selector=near,
        peer_selector=far,
        spec={**before.spec, "nodeSelector": near, "peerSelector": far},
    )


def _mesh_steps(spec: Spec, before: BGPConfiguration | None, after: BGPConfiguration) -> Iterator[Step]:
    """The mesh comes first and goes last."""
    if after.mesh_enabled is not False:
        yield actions.mesh(before, after)
        return
    yield actions.through_reflectors()
    yield actions.mesh(before, after)
    if spec.rollout.bake:
        yield actions.bake(spec.rollout.bake)
