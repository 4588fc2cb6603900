"""What to do about a plan that is refused, by what its proof lacks."""

from __future__ import annotations

from dataclasses import replace

from rrplan.bgp.outside import Fate
from rrplan.bgp.routes import Obstacle
from rrplan.checks.agreement import PEERS_AGREE, disputes
from rrplan.desired.peers import AMONG_REFLECTORS
from rrplan.ids import ActionName
from rrplan.plans.plan import Invariant, Plan, Violation
from rrplan.specs import Flavor, Spec

_RESTARTING = (ActionName.UPDATE_PEER, ActionName.RENEW_SESSIONS)
"""Actions that give running sessions other options."""


def remedies(spec: Spec, plan: Plan) -> list[str]:
    """A hint for each kind of what is lacking, each once; what to do first is the first."""
    kinds: dict[tuple[Invariant, Fate | None], list[Violation]] = {}
    for violation in plan.proof.violations:
        kinds.setdefault((violation.invariant, violation.fate), []).append(violation)
    apart = [replace(plan, proof=replace(plan.proof, violations=tuple(kind))) for kind in kinds.values()]
    hints = [remedy(spec, plan), *(remedy(spec, part) for part in apart)]
    if any(group.outside for group in spec.groups):
        hints.append("`rrplan outside SPEC` prints what the reflectors outside must have configured")
    return list(dict.fromkeys(hints))


def remedy(spec: Spec, plan: Plan) -> str:
    """The hint of a refusal; where several things are lacking, what to do first."""
    violations = plan.proof.violations
    kinds = {violation.invariant for violation in violations}
    if hint := _first(plan):
        return hint
    if kinds & {Invariant.SURVIVING, Invariant.OUTSIDE} and spec.policy.in_use:
        return (
            "fallback tables carry the routes of nodes while roles change: accept what other steps restart, and "
            "sessions to the outside, with `policy: {exposure: {brief: 25s}}`, or set `drain: true` instead of `inUse`"
        )
    if kinds & {Invariant.SURVIVING, Invariant.OUTSIDE} and not spec.drain:
        changed = {step.action for step in plan.steps} & {ActionName.PROMOTE_REFLECTOR, ActionName.DEMOTE_REFLECTOR}
        tables = changed and kinds == {Invariant.SURVIVING} and spec.flavor is Flavor.IN_CLUSTER
        return (
            "set `drain: true` so that no pod is on a node while its role changes, "
            + ("let fallback tables carry the routes meanwhile (`policy: {inUse: fallback-table}`), " if tables else "")
            + "or accept it with `policy: {exposure: {brief: 25s}}`"
        )
    if any(violation.reason and violation.reason.obstacle is Obstacle.FILTERED for violation in violations):
        return "let the BGPFilters that are named accept the pool, or take them off the BGPPeers that shall carry it"
    if hint := _restarting(plan):
        return hint
    if kinds == {Invariant.GATED} and plan.down:
        return "a gate asks nodes that are up: bring the nodes up first that have the other ends of these sessions"
    if kinds == {Invariant.GATED}:
        return (
            "gates ask for sessions of the node-to-node mesh and with reflectors alone, and these are neither: replace "
            "the BGPPeers of these sessions by the mesh first; no plan of rrplan proves that step"
        )
    if kinds == {Invariant.ANNOUNCED}:
        return (
            "give every node a session to a speaker that announces it, or let BGPFilters accept it on the sessions "
            "of reflectors; nodes pass on by themselves only what lies in a pool"
        )
    if kinds & {Invariant.RESILIENCE, Invariant.REFLECTORS_PER_CLIENT}:
        return "add reflectors, or lower `policy: {minReflectorsPerClient: N}`"
    if kinds == {Invariant.CLIENTS_PER_REFLECTOR}:
        return "add reflectors, or raise `policy: {maxClientsPerReflector: N}`"
    if kinds == {Invariant.PATHS_PER_ROUTE}:
        return (
            "give the groups a `parent`, so that their reflectors do not peer with one another; where nodes have the "
            "memory, raise `policy: {maxPathsPerRoute: N}`"
        )
    if kinds == {Invariant.ZONE_RESILIENCE}:
        return "spread the reflectors over zones with labels, or leave `policy: {zoneResilience: true}` out"
    if Invariant.CONVERGED in kinds and spec.rollout.waves and not spec.drain:
        return "waves need reflectors whose own routes nobody needs: set `drain: true`, or move all clients at once"
    return (
        "give every client a session to every reflector of a cluster ID, or each group a cluster ID of its own; "
        "correct or remove BGPPeers that are named above"
    )


def _first(plan: Plan) -> str:
    """What goes first, whatever else is lacking; "" for nothing."""
    violations = plan.proof.violations
    if disputes(plan.findings):
        # Nothing rests on a session whose block is drawn by lot, and no gate asks for it: first of all this goes.
        return (
            f"let the BGPPeers that {PEERS_AGREE} names say the same, or delete all but one of them; a plan that is "
            "refused for another reason too says so then"
        )
    if any(violation.fate is Fate.LOST for violation in violations):
        return (
            "a session to the outside serves the whole cluster: let its BGPPeer select what stays as it is (another "
            "label, or nodes by name), or keep the label that it selects"
        )
    if all(violation.every_node_alive for violation in violations):
        return (
            "a node that is not Ready may serve routes all the same: keep what rests on it, or bring it back first "
            "and give its BGPPeers to others"
        )
    steps = {step.id: step.action for step in plan.steps}
    if any(steps.get(violation.step) is ActionName.CHANGE_AS_NUMBER for violation in violations):
        return (
            "all sessions of a node restart with its AS number, one node at a time, and no node is drained for that: "
            "accept it with `policy: {exposure: {brief: 25s}}`; what is lost for good needs peers that know the new one"
        )
    return ""


def _restarting(plan: Plan) -> str:
    """The hint where sessions restart although their two ends stay; "" where others do."""
    violations = plan.proof.violations
    steps = {step.id: step.action for step in plan.steps}
    exposed = {violation.step for violation in violations if violation.invariant is Invariant.SURVIVING}
    changed = {steps.get(step) for step in exposed}
    if exposed and all(step.startswith(f"update-peer/{AMONG_REFLECTORS}") for step in exposed):
        return (
            "sessions restart when their options change, and reflectors have one with each other alone: give the "
            "option to the clients in `peering` of each group, or accept it with `policy: {exposure: {brief: 25s}}`"
        )
    if changed & set(_RESTARTING):
        return "sessions restart when their options change: accept it with `policy: {exposure: {brief: 25s}}`"
    if ActionName.DELETE_PEER in changed:
        return (
            "sessions restart when the mesh or another BGPPeer takes them over: accept it with "
            "`policy: {exposure: {brief: 25s}}`"
        )
    return ""
