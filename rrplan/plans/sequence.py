"""The steps between two states, in the order that keeps routes; gates and proof come afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.desired import Desired
from rrplan.desired.ownership import is_ours
from rrplan.desired.peers import WAVE_LABEL
from rrplan.ids import ActionName, NodeName, StepId
from rrplan.plans import action
from rrplan.plans.plan import Step
from rrplan.plans.standalone import retirement, standalone_sequence
from rrplan.resources import ClusterState, Node
from rrplan.specs import Flavor, Spec

HELD_AGAIN = StepId("await/drained")
"""The step that waits until nodes may be uncordoned."""


def sequence(spec: Spec, state: ClusterState, desired: Desired) -> list[Step]:
    """All steps: preparation of nodes, the chain of topology steps, and what comes after it."""
    if spec.flavor is Flavor.STANDALONE:
        return standalone_sequence(spec, state, desired)
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
    steps += _chain(spec, state, desired, roles)
    steps += retirement(state, desired.state)
    again = [
        node
        for node in drained
        if not node.unschedulable and not (spec.dedicated is not None and desired.state.nodes[node.name].cluster_id)
    ]
    if again:
        steps.append(Step(HELD_AGAIN, ActionName.AWAIT, "wait until the drained nodes hold every route again"))
    steps += [action.taint(old, new) for old, new in tainted if len(new.taints) < len(old.taints)]
    return [*steps, *(action.uncordon(node.name) for node in again)]


def _role(spec: Spec, node: Node) -> tuple[str, str | None, str | None]:
    return node.cluster_id, node.labels.get(spec.label_key), node.calico_labels.get(spec.label_key)


def _chain(spec: Spec, state: ClusterState, desired: Desired, roles: list[tuple[Node, Node]]) -> Iterator[Step]:
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
        yield from (
            action.peer(state.peers.get(one.name), one) for one in desired.waves if one != state.peers.get(one.name)
        )
    yield from (action.peer(old, new) for old, new in new_peers if (old, new) not in general)
    yield from promotions
    yield from demotions
    for number, names in enumerate(waves, 1):
        for name in names:
            what = f"wave {number}: {name} gets sessions to the reflectors"
            present = state.nodes[name].labels.get(WAVE_LABEL)
            if present != "in":
                yield action.node_label(name, WAVE_LABEL, present, "in", f"wave-{number}", what)
        what = f"wave {number} of {len(waves)}: wait for its {len(names)} client{'' if len(names) == 1 else 's'}"
        yield Step(StepId(f"await/wave-{number}"), ActionName.AWAIT, what)
    yield from (action.peer(old, new) for old, new in general)
    if mesh_is is not mesh_was and mesh_is is not None and not turns_on:
        yield Step(
            StepId("await/clients"),
            ActionName.AWAIT,
            "wait until every client holds every route through reflectors alone",
        )
        yield action.mesh(mesh_was, mesh_is)
        if spec.rollout.bake:
            yield Step(StepId("bake"), ActionName.BAKE, f"watch the new topology for {spec.rollout.bake} s")
    yield from (action.peer(one, None) for one in gone)
    if waves:
        yield from (action.peer(one, None) for one in desired.waves)
        merges = not state.in_etcd
        for name in (name for names in waves for name in names):
            what = f"remove the wave label of {name}"
            yield action.without_label(state.nodes[name], WAVE_LABEL, "in", "unlabel", what, merges=merges)


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
