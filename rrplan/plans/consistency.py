"""What a plan says against itself and its spec, as far as that can be judged without the cluster.

A digest shows an accident, not an intent: whoever edits a plan can give it a new one. So a plan that is read must hold
together; `rrplan.planning.reproof` compares it with the cluster too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rrplan.ids import ActionName, StepId
from rrplan.plans.change import Change, ChangeAction
from rrplan.plans.diff import FieldPath, flat
from rrplan.plans.gate import Gate, GateKind
from rrplan.plans.plan import Plan, Step, Tolerance
from rrplan.resources import DecodeProblem, ResourceKey, key_of
from rrplan.resources.documents import Document
from rrplan.specs import Spec

DELETED_WITH_A_NODE = frozenset({"BGPPeer", "BGPConfiguration", "FelixConfiguration", "HostEndpoint"})
"""The kinds that Calico's client deletes together with a Node (`rrplan.resources.cascade`)."""
_NODE = frozenset({"Node"})
_PEER = frozenset({"BGPPeer"})
_MESH = frozenset({"BGPConfiguration"})
_DAEMONSET = frozenset({"DaemonSet"})
KINDS: Mapping[ActionName, frozenset[str]] = {
    ActionName.DRAIN_NODE: _NODE,
    ActionName.UNCORDON_NODE: _NODE,
    ActionName.TAINT_NODE: _NODE,
    ActionName.UNTAINT_NODE: _NODE,
    ActionName.CREATE_PEER: _PEER,
    ActionName.UPDATE_PEER: _PEER,
    ActionName.DELETE_PEER: _PEER,
    ActionName.PROMOTE_REFLECTOR: _NODE,
    ActionName.DEMOTE_REFLECTOR: _NODE,
    ActionName.CHANGE_AS_NUMBER: _NODE,
    ActionName.RENEW_SESSIONS: _NODE,
    ActionName.UNLABEL_REFLECTOR: _NODE,
    ActionName.LABEL_CLIENT: _NODE,
    ActionName.UNLABEL_CLIENT: _NODE,
    ActionName.UNLABEL_NODE: _NODE,
    ActionName.CONFINE_CALICO_NODE: _DAEMONSET,
    ActionName.RELEASE_HOST: _NODE,
    ActionName.DELETE_CALICO_NODE: DELETED_WITH_A_NODE | {"CalicoNode"},
    ActionName.LABEL_REFLECTOR: _NODE,
    ActionName.DEPLOY_REFLECTORS: _DAEMONSET,
    ActionName.RETIRE_REFLECTORS: _DAEMONSET,
    ActionName.FILL_FALLBACK: frozenset(),
    ActionName.REMOVE_FALLBACK: frozenset(),
    ActionName.AWAIT: frozenset(),
    ActionName.BAKE: frozenset(),
    ActionName.DISABLE_MESH: _MESH,
    ActionName.ENABLE_MESH: _MESH,
}
"""The kinds that each action may change."""
_GONE = GateKind.NO_FALLBACK
_CARRIED = Tolerance.CARRIED
CHANGEABLE = frozenset(kind for kinds in KINDS.values() for kind in kinds)
"""The kinds that a plan may change; a plan file that changes another one is refused."""


def inconsistencies(plan: Plan) -> list[str]:
    """What does not hold together, in words; empty for every plan that rrplan made."""
    return [
        *_refused(plan),
        *_against_spec(plan),
        *(fault for step in plan.steps for fault in _of_step(step, plan.spec)),
        *_sets(plan),
        *_chains(plan),
        *_ends(plan),
        *_carried(plan),
    ]


def _refused(plan: Plan) -> Iterator[str]:
    if plan.steps and plan.proof.violations:
        count = len(plan.proof.violations)
        yield f"it was refused when it was made, with {count} violation{'' if count == 1 else 's'} in its proof"


# --- against the spec -----------------------------------------------------------------------------


def _against_spec(plan: Plan) -> Iterator[str]:
    spec = plan.spec
    if plan.name != spec.name:
        yield f"the plan is called `{plan.name}`, its spec `{spec.name}`"
    if plan.on_failure is not spec.on_failure:
        yield f"`on_failure` is `{plan.on_failure}`, and its spec says `{spec.on_failure}`"
    for hook in plan.hooks:
        if hook not in spec.hooks:
            yield f"hook `{hook.name}` (`{' '.join(hook.command)}`) is not in its spec"
    for hook in spec.hooks:
        if hook not in plan.hooks:
            yield f"hook `{hook.name}` of its spec is missing"


def _gate(gate: Gate, spec: Spec) -> Iterator[str]:
    """Where a gate asks for less than the spec does; one that waits longer asks for no less."""
    asked = spec.gates
    patience = {
        GateKind.DRAINED: asked.drain,
        GateKind.ROLLOUT: asked.sessions,
        GateKind.UPLINKS: asked.sessions,
        GateKind.MESH: asked.sessions,
        GateKind.FALLBACK: asked.sessions,
        GateKind.NO_FALLBACK: asked.sessions,
        GateKind.ROUTES: asked.routes,
    }[gate.kind]
    if gate.timeout < patience:
        yield f"waits {gate.timeout} s, its spec says {patience} s"
    if gate.kind is GateKind.DRAINED:
        if gate.eviction is not None and gate.eviction != spec.eviction:
            yield "evicts pods otherwise than its spec says"
    elif gate.kind in (GateKind.FALLBACK, GateKind.NO_FALLBACK):
        if gate.fraction < 100:
            yield f"asks {gate.fraction}% of the nodes, and every node needs its table"
        if not gate.expectations:
            yield "expects nothing"
    elif gate.kind is not GateKind.ROLLOUT:
        if gate.stable < asked.stable:
            yield f"is held for {gate.stable} s, its spec says {asked.stable} s"
        if gate.fraction < asked.fraction:
            yield f"asks {gate.fraction}% of the nodes, its spec says {asked.fraction}%"
        if not gate.expectations:
            yield "expects nothing"


# --- steps by themselves --------------------------------------------------------------------------


def _of_step(step: Step, spec: Spec) -> Iterator[str]:
    for change in step.changes:
        yield from (f"step `{step.id}`: {fault}" for fault in _of_change(step.action, change))
    for way, gates, reason in (("", step.gates, step.ungated), ("undo ", step.undo_gates, step.undo_ungated)):
        for gate in gates:
            yield from (f"step `{step.id}`: its {way}gate `{gate.title}` {fault}" for fault in _gate(gate, spec))
        if step.topology and step.changes and not gates and not reason:
            yield f"step `{step.id}` changes sessions, and has no {way}gate and no reason why"
    if step.action is ActionName.DRAIN_NODE and not any(gate.kind is GateKind.DRAINED for gate in step.gates):
        yield f"step `{step.id}` drains a node, and no gate waits for its pods"
    for action, kind in ((ActionName.FILL_FALLBACK, GateKind.FALLBACK), (ActionName.REMOVE_FALLBACK, _GONE)):
        if step.action is action and not any(gate.kind is kind for gate in step.gates):
            yield f"step `{step.id}` is about fallback tables, and no gate asks for them"


def _of_change(action: ActionName, change: Change) -> Iterator[str]:
    if change.key.kind not in CHANGEABLE:
        yield f"change of {change.key}: no kind that a plan may change"
    elif change.key.kind not in KINDS[action]:
        yield f"change of {change.key}: no kind that `{action}` changes"
    for document in (change.before, change.after):
        if change.action is not ChangeAction.UPDATE and document is not None and _named(document) != change.key:
            yield f"change of {change.key}: its document is of {_named(document)}"
        elif change.action is ChangeAction.UPDATE and document is not None and not document.keys() <= _PARTS:
            other = ", ".join(sorted(document.keys() - _PARTS))
            yield f"change of {change.key}: a plan may not change `{other}`"


_PARTS = frozenset({"metadata", "spec"})
"""The parts of a document that a plan changes."""


def _named(document: Document) -> ResourceKey:
    try:
        key = key_of(document)
    except DecodeProblem:
        return ResourceKey("nothing", "")
    return key if key.kind == "DaemonSet" else ResourceKey(key.kind, key.name)


# --- steps together -------------------------------------------------------------------------------


def _sets(plan: Plan) -> Iterator[str]:
    """Every node set that a gate names must have nodes."""
    named = {
        name
        for step in plan.steps
        for gate in (*step.gates, *step.undo_gates)
        for expectation in gate.expectations
        for name in (expectation.nodes, expectation.without)
        if name
    }
    for name in sorted(named):
        if not plan.node_sets.get(name):
            yield f"a gate names node set `{name}`, which has no nodes"


def _chains(plan: Plan) -> Iterator[str]:
    """Of each field the next change begins where the last one ended, so that the way back fits too."""
    last: dict[tuple[ResourceKey, FieldPath], tuple[StepId, object]] = {}
    for step, change in plan.writes:
        for path, before, after in _fields(change):
            known = last.get((change.key, path))
            if known is not None and known[1] != before:
                where = ".".join(path) or "whether it exists"
                yield f"step `{step.id}`: its change of {change.key} does not begin where `{known[0]}` ends ({where})"
            last[change.key, path] = step.id, after


def _fields(change: Change) -> Iterator[tuple[FieldPath, object, object]]:
    if change.action is not ChangeAction.UPDATE:
        yield (), change.before is not None, change.after is not None
        return
    before, after = flat(change.before), flat(change.after)
    for path in sorted(before.keys() | after.keys()):
        yield path, before.get(path), after.get(path)


def _ends(plan: Plan) -> Iterator[str]:
    """What is changed for the way only must be put back by a later step."""
    place = {step.id: number for number, step in enumerate(plan.steps)}
    for step in plan.steps:
        if step.until is not None and place.get(step.until, -1) <= place[step.id]:
            yield f"step `{step.id}`: no later step `{step.until}` puts back what it changes"


def _carried(plan: Plan) -> Iterator[str]:
    """What is carried by fallback tables needs them: filled before, and removed only later."""
    carrying = {proof.step for proof in plan.proof.steps for each in proof.exposures if each.tolerated is _CARRIED}
    filled = False
    for step in plan.steps:
        filled = (filled or step.action is ActionName.FILL_FALLBACK) and step.action is not ActionName.REMOVE_FALLBACK
        if step.id in carrying and not filled:
            yield f"step `{step.id}`: fallback tables carry what it exposes, and none are filled before"
    if filled:
        yield "fallback tables are filled, and no step takes them away"
