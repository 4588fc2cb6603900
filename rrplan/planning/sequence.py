"""The steps between two states; `ordering` says which must come before which, and gates and proof come afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.desired import Desired
from rrplan.desired.ownership import is_ours
from rrplan.ids import NodeName
from rrplan.planning import actions
from rrplan.planning.standalone import retirement, standalone_steps
from rrplan.planning.waves import wave_steps, waves_of
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import BGPConfiguration, ClusterState, Node
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
    for old, new in roles:
        yield actions.role(old, new, spec.label_key, groups.get(old.name, "") if new.cluster_id else "")
    before, after = state.configurations.get("default"), desired.state.configurations.get("default")
    changes_mesh = after is not None and after is not before
    waves: list[list[NodeName]] = []
    reflects_outside = any(group.outside for group in spec.groups)
    if changes_mesh and (reflects_outside or any(new.cluster_id for _, new in roles)):
        waves = waves_of(spec, state, desired)
    if waves:
        yield from wave_steps(state, desired, waves)
    yield from _peer_steps(state, desired, waved=bool(waves))
    if changes_mesh and after is not None:
        yield from _mesh_steps(spec, before, after)


def _peer_steps(state: ClusterState, desired: Desired, *, waved: bool) -> Iterator[Step]:
    """BGPPeers that come, change or go; with waves, those that serve all clients come after the last one."""
    for name, wanted in sorted(desired.state.peers.items()):
        if state.peers.get(name) != wanted:
            general = waved and name in desired.general
            yield actions.peer(state.peers.get(name), wanted, Phase.GENERAL_PEERS if general else Phase.PEERS)
    temporary = {peer.name for peer in desired.waves} if waved else set()
    for name, present in sorted(state.peers.items()):
        if name not in desired.state.peers and name not in temporary and is_ours(present):
            yield actions.peer(present, None, Phase.OLD_PEERS)


def _mesh_steps(spec: Spec, before: BGPConfiguration | None, after: BGPConfiguration) -> Iterator[Step]:
    """The mesh comes first and goes last."""
    if after.mesh_enabled is not False:
        yield actions.mesh(before, after)
        return
    yield actions.through_reflectors()
    yield actions.mesh(before, after)
    if spec.rollout.bake:
        yield actions.bake(spec.rollout.bake)
