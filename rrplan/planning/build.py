"""Spec and snapshot to a proved plan: one walk along the chain of states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from rrplan.bgp.model import Model
from rrplan.bgp.profile import NEWEST, Versions, check_planned
from rrplan.bgp.speaker import Settings, StandalonePlacement, as_configured
from rrplan.bgp.transition import Transition
from rrplan.checks.agreement import disputes, peers_agree
from rrplan.checks.bgp import findings, id_of
from rrplan.checks.context import CheckContext
from rrplan.checks.finding import Severity
from rrplan.checks.surroundings import ADD, kubernetes_given
from rrplan.desired import Desired, compile_desired
from rrplan.errors import ChecksFailed, UnsafePlanError
from rrplan.ids import ActionName, NodeName
from rrplan.planning.closure import check_closed
from rrplan.planning.fallback import carries, with_fallback_gates
from rrplan.planning.gates import GateMaker
from rrplan.planning.loose_gates import loosened
from rrplan.planning.node_sets import NodeSets
from rrplan.planning.ordering import edges
from rrplan.planning.proof import Alive, PathCount, final_checks, judge
from rrplan.planning.remedy import remedies
from rrplan.planning.sequence import steps_between
from rrplan.planning.services import services_handed_on
from rrplan.planning.waves import end_of
from rrplan.plans.change import changed
from rrplan.plans.fingerprint import deleted_nodes, fingerprints
from rrplan.plans.gate import Gate
from rrplan.plans.graph import ActionGraph
from rrplan.plans.phase import Phase
from rrplan.plans.plan import FINAL_STATE, Invariant, Plan, Proof, SnapshotReference, Step, StepProof, Violation
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, Pod
from rrplan.specs import Flavor, Spec, Topology
from rrplan.specs.model import ZONE_LABEL
from rrplan.specs.shares import with_shares
from rrplan.text import listed

CONFD_STAYS = CalicoVersion(3, 3)
"""Before, confd watched other keys with the mesh than without it, and ended for that (calico/node v3.0 to v3.2)."""
TIMERS_SET = CalicoVersion(3, 4)
"""Since then `connect delay time 2; connect retry time 5; error wait time 5,30` (confd bird.cfg.template)."""
SHOWN = 10
"""Nodes that a notice names."""
_UNCORDON = ActionName.UNCORDON_NODE
TOGGLES = (ActionName.ENABLE_MESH, ActionName.DISABLE_MESH)


def build_plan(spec: Spec, state: ClusterState, versions: Versions, snapshot: SnapshotReference) -> Plan:
    """The plan from `state` to what `spec` wants; raises PolicyRefusal, ChecksFailed, or UnsafePlanError with
    counterexamples.

    `snapshot` says where the state came from.
    """
    plan = draft_plan(spec, state, versions, snapshot)
    if plan.proof.violations and plan.steps:
        findings = disputes(plan.findings)
        raise UnsafePlanError(plan.proof.violations, findings=findings, hints=remedies(spec, plan), plan=plan)
    return plan


def draft_plan(spec: Spec, state: ClusterState, versions: Versions, snapshot: SnapshotReference) -> Plan:
    """The same, where it is only looked at: an unsafe plan keeps its counterexamples in its proof."""
    whole, spec = spec, with_shares(spec)
    reflecting = any(node.cluster_id for node in state.nodes.values())
    if spec.flavor is Flavor.IN_CLUSTER and (spec.groups or reflecting):
        check_planned(versions, meshed=False)
    desired = compile_desired(spec, state, versions)
    if spec.flavor is Flavor.IN_CLUSTER and (desired.placed or reflecting):
        # Reflectors outside the cluster are in no mesh, whatever the version: no session waits for a lock.
        check_planned(versions, meshed=Settings.of(state).mesh or spec.topology is Topology.FULL_MESH)
    results = findings(CheckContext(spec, state, desired, versions))
    plain = steps_between(spec, state, desired)
    errors = [finding for finding in results if finding.severity is Severity.ERROR]
    if errors and plain:
        lacking = any(finding.check == id_of(kubernetes_given) for finding in errors)
        hint = ADD if lacking else f"correct this first; `rrplan explain {errors[0].check}` tells more"
        raise ChecksFailed(errors, [finding.check for finding in errors], hint=hint)
    reasons = edges(plain)
    ordered = ActionGraph(plain, reasons).order()
    empty = _empty(state)
    steps, proof, sets, model, down = _walk(spec, state, versions, desired, ordered, desired.drained | empty)
    agree = peers_agree(model, _fresh(state, desired.state))
    disagree = [finding for finding in agree if finding.severity is Severity.ERROR]
    if disagree and steps and not proof.violations:
        hint = "delete the BGPPeers that the spec takes the place of, or let them say the same as the spec"
        raise ChecksFailed(disagree, [finding.check for finding in disagree], hint=hint)
    notices = list(desired.notices)
    if versions.assumed:
        notices.append(f"the Calico version is {versions.source} ({versions.default}); say it with `--calico-version`")
    newest = max({versions.default, *versions.by_node.values()})
    if (newest.major, newest.minor) > (NEWEST.major, NEWEST.minor):
        notices.append(
            f"Calico {newest} is newer than {NEWEST}, the newest release whose session rules rrplan knows; the plan "
            "rests on the rules of that release"
        )
    if steps and empty - desired.drained:
        notices.append(
            f"cordoned, and as far as the pods that were given say, without evictable pods: "
            f"{listed(sorted(empty - desired.drained), SHOWN)}; these nodes are treated as drained"
        )
    if steps and down:
        notices.append(
            f"down (not Ready): {listed(down, SHOWN)}; no step drains {_them(down)}, no gate waits for {_them(down)}, "
            "and no route of others goes through"
        )
    if steps:
        if any(gate.expectations for step in steps for gate in step.gates):
            notices += loosened(spec.gates)
        notices += model.not_owed()
        if model.owed() and model.not_owed():
            notices.append(f"the proof speaks of routes of IPPool {', '.join(model.owed())} alone")
        notices += services_handed_on(state, desired.state, newest)
    oldest = versions.oldest
    if oldest < CONFD_STAYS and any(step.action in TOGGLES for step in steps):
        notices.append(
            f"Calico {oldest}: confd ends on every node when the mesh is turned on or off, and is started again; "
            "BIRD and its sessions stay"
        )
    if oldest < TIMERS_SET and any(step.topology for step in steps):
        notices.append(
            f"Calico {oldest} leaves BIRD its own timers (until v3.4.0): where sessions restart, they may be away for "
            "minutes, longer than this plan says"
        )
    return Plan(
        name=spec.name,
        steps=steps,
        edges=reasons,
        proof=proof,
        node_sets=sets.table(),
        fingerprints=fingerprints(spec, state, versions, deleted_nodes(steps)),
        spec=whole,
        snapshot=snapshot,
        notices=tuple(notices),
        findings=(*results, *agree),
        reasons=desired.reasons,
        down=tuple(down),
        on_failure=spec.on_failure,
        hooks=spec.hooks,
    )


def _walk(
    spec: Spec,
    state: ClusterState,
    versions: Versions,
    desired: Desired,
    ordered: tuple[Step, ...],
    marked: frozenset[NodeName],
) -> tuple[tuple[Step, ...], Proof, NodeSets, Model, list[NodeName]]:
    """The steps with their gates, what is proved, the model at the last state, and the nodes down at the first."""
    peers = [*desired.state.peers.values(), *_peers_on_the_way(ordered)]

    numbers = [node.as_number for node in desired.state.nodes.values()]

    def modelled(at: ClusterState) -> Model:
        zone_label = ZONE_LABEL if spec.policy.zone_resilience else ""
        return Model(at, versions, peers=peers, zone_label=zone_label, marked=marked, roles=spec.roles, numbers=numbers)

    model = modelled(state)
    down = model.down()
    alive = Alive(spec, modelled(as_configured(state))) if down else None
    sets = NodeSets()
    maker = GateMaker(spec, sets)
    first = model.mark()
    present = state
    proofs: list[StepProof] = []
    violations: list[Violation] = []
    gated: list[Step] = []
    again = tuple(step.node for step in ordered if step.action is _UNCORDON and step.node)
    path_count = PathCount(spec, model)
    for step, following in zip_longest(ordered, ordered[1:]):
        undo_gates = maker.undone(step, model)
        cost: Transition | None = None
        before = present
        for change in step.changes:
            present = changed(present, change)
        if step.topology and step.changes:
            nodes = touched(model, present, step)
            cost = model.advance(present, nodes)
            proved, bad = judge(spec, step, cost, model, carried=carries(step, ordered))
            proofs.append(proved)
            violations += bad
            if alive is not None:
                violations += alive.advance(step, present, nodes, bad)
        if step.topology and (following is None or following.phase is not step.phase):
            violations += path_count.after(step.id, model)
        gates = maker.after(step, model, again if step.phase is Phase.HELD_AGAIN else _moved(step))
        if cost is not None:
            again_up = maker.uplinks(model, cost.outside)
            gates += maker.passed_on(model, cost.outside, gates)
            gates, reason = _gates(gates, partial(maker.settled, model), step, cost, comes=cost.begins)
            undo_gates, undo_reason = _gates(
                undo_gates, partial(_settled, maker, modelled, before), step, cost, comes=cost.ends
            )
            step = replace(step, ungated=reason, undo_ungated=undo_reason)
            violations += [
                Violation(Invariant.GATED, step.id, undo=undo)
                for undo, kept, why in ((False, gates, reason), (True, undo_gates, undo_reason))
                if not kept and not why
            ]
            gates, undo_gates = gates + again_up, undo_gates + again_up
        gated.append(replace(step, gates=gates, undo_gates=undo_gates))
    check_closed(state, present, end_of(state, desired, ordered), ordered)
    checks, bad = final_checks(spec, model, first)
    checks += path_count.check(FINAL_STATE, model)[0]
    if alive is not None:
        bad += alive.final(bad)
    proof = Proof(tuple(proofs), tuple(checks), (*violations, *bad))
    return with_fallback_gates(spec, gated, proof, sets, model), proof, sets, model, down


def _settled(maker: GateMaker, modelled: Callable[[ClusterState], Model], state: ClusterState) -> tuple[Gate, ...]:
    return maker.settled(modelled(state))


def _gates(
    own_gates: tuple[Gate, ...], general: Callable[[], tuple[Gate, ...]], step: Step, cost: Transition, *, comes: bool
) -> tuple[tuple[Gate, ...], str]:
    """The gates of one direction of a step; or none, and the reason why none is needed."""
    if own_gates:
        return own_gates, ""
    if not comes:
        return (), "no session comes up, and no pair rests on one that goes down"
    if cost.idle:
        return (), "only sessions of nodes that are down are changed, and nobody waits for these"
    return general(), ""


def touched(model: Model, after: ClusterState, step: Step) -> list[NodeName]:
    """The nodes whose speakers a step concerns: those it changes, or those on which containers start or end."""
    nodes = {NodeName(change.key.name): None for change in step.changes if change.key.kind in ("Node", "CalicoNode")}
    if any(change.key.kind == "DaemonSet" for change in step.changes):
        places = [place for state in (model.state, after) if (place := StandalonePlacement.of(state))]
        nodes |= {name: None for name, node in after.nodes.items() if any(place.runs_on(node) for place in places)}
    return list(nodes)


def _moved(step: Step) -> tuple[NodeName, ...]:
    """The clients of a wave."""
    return tuple(NodeName(change.key.name) for change in step.changes) if step.wave else ()


def _them(names: list[NodeName]) -> str:
    return "it" if len(names) == 1 else "them"


def _fresh(state: ClusterState, desired: ClusterState) -> set[str]:
    """The BGPPeers that a plan creates or changes."""
    return {name for name, peer in desired.peers.items() if state.peers.get(name) != peer}


def _peers_on_the_way(steps: tuple[Step, ...]) -> list[BGPPeer]:
    """BGPPeers that exist in between only, so that the model tells apart what they select."""
    peers: list[BGPPeer] = []
    empty = ClusterState()
    for step in steps:
        if step.action is ActionName.CREATE_PEER:
            peers += [peer for change in step.changes for peer in changed(empty, change).peers.values()]
    return peers


def _empty(state: ClusterState) -> frozenset[NodeName]:
    """Cordoned nodes of which pods are known (calico-node at least), and none of them is one that a drain evicts."""
    known: dict[NodeName, bool] = {}
    for pod in state.others.values():
        if isinstance(pod, Pod):
            known[pod.node] = known.get(pod.node, False) or pod.drains
    return frozenset(name for name, node in state.nodes.items() if node.unschedulable and known.get(name) is False)
