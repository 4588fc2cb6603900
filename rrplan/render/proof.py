"""Sentences about a proof: what holds, what does not, and what is exposed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from rrplan.bgp.outside import Fate
from rrplan.fallback import MAIN_PRIORITY, MAIN_RULE_PRIORITY, TABLE
from rrplan.ids import ActionName, StepId
from rrplan.plans.phase import Phase
from rrplan.plans.plan import (
    FINAL_STATE,
    Exposure,
    FinalCheck,
    Invariant,
    OutsideEffect,
    Plan,
    StepProof,
    Tolerance,
    Violation,
)
from rrplan.render.routes import no_route_text
from rrplan.text import and_more

NOT_PROVED = (
    "Not covered by the proof: BIRD bugs, missed reloads, nodes that fail later, TCP reachability, and what speakers "
    "outside the cluster do with routes; gates watch for these."
)
EXCEPTED = (Tolerance.DRAINED, Tolerance.DOWN)
"""Why pairs may be exposed that end at nodes which need no routes at the time."""


# --- counterexamples ------------------------------------------------------------------------------


def violation_text(violation: Violation) -> str:
    """A counterexample in a sentence."""
    lead = "with every node alive, " if violation.every_node_alive else ""
    return lead + _violated(violation)


def _violated(violation: Violation) -> str:
    step, at = violation.step, violation.at
    match violation.invariant:
        case Invariant.CONVERGED:
            return f"{_without_routes(violation)} ({_pairs(violation)}){_reason(violation)}"
        case Invariant.SURVIVING:
            return (
                f"while `{step}` takes effect, {at} is without the routes of {violation.origin} for up to "
                f"{violation.seconds} s ({_pairs(violation)}): no path between them is left over sessions that stay up"
            )
        case Invariant.OUTSIDE:
            who, speaker = _nodes(at, violation.pairs), violation.origin
            if violation.fate is Fate.LOST:
                return f"`{step}` takes away the session of {who} to {speaker}, and with it the routes that it carries"
            return f"`{step}` restarts a session to the outside: {who} to {speaker}"
        case Invariant.GATED:
            what = f"undoing `{step}`" if violation.undo else f"`{step}`"
            return f"{what} changes sessions, and no gate can tell when they are up"
        case Invariant.REFLECTORS_PER_CLIENT:
            reflectors = f"{violation.count} reflector{'' if violation.count == 1 else 's'}"
            return f"{at} has {reflectors}, the policy wants {violation.wanted}"
        case Invariant.CLIENTS_PER_REFLECTOR:
            return f"{at} has {violation.count} clients, the policy allows {violation.wanted}"
        case Invariant.PATHS_PER_ROUTE:
            return (
                f"{at} would hold more than {violation.wanted} paths of each route, which fill the memory of BIRD: "
                "reflectors of different cluster IDs pass it to one another over every way there is"
            )
        case Invariant.RESILIENCE:
            return f"the loss of {at} alone would lose routes"
        case Invariant.ANNOUNCED:
            more = f", and {violation.pairs - 1} more nodes do not" if violation.pairs > 1 else ""
            return f"in the end {at} does not hold {violation.origin}{more} ({violation.family})"
        case Invariant.ZONE_RESILIENCE:
            zone = violation.zone
            return f"the loss of zone {zone} would lose routes of other zones" if zone else "no node has a zone label"


def _without_routes(violation: Violation) -> str:
    if violation.step == FINAL_STATE:
        return f"in the end {violation.at} does not hold the routes of {violation.origin}"
    return f"after `{violation.step}`, {violation.at} no longer holds the routes of {violation.origin}"


def _pairs(violation: Violation) -> str:
    pairs = violation.pairs
    return f"{violation.family}, {pairs} ordered pairs alike" if pairs > 1 else f"{violation.family}, 1 ordered pair"


def _reason(violation: Violation) -> str:
    if violation.reason is None:
        return ""
    return f": {no_route_text(violation.reason, violation.at, violation.origin, violation.family)}"


def _nodes(node: str, nodes: int) -> str:
    return f"{node}{and_more(nodes, what='more nodes')}"


# --- what holds -----------------------------------------------------------------------------------


def check_text(check: FinalCheck) -> str:
    """What was checked in the final state and holds, in a sentence."""
    count = check.count
    match check.invariant:
        case Invariant.CONVERGED if not check.owed:
            return "nodes owe one another no route: BIRD programs none of the pools of this cluster"
        case Invariant.CONVERGED if count:
            return f"in the end every pair that held a route holds it; {count} ordered pairs hold none, as before"
        case Invariant.CONVERGED:
            return "in the end every node holds the routes of every other node"
        case Invariant.REFLECTORS_PER_CLIENT:
            return f"every client has at least {count} reflectors"
        case Invariant.CLIENTS_PER_REFLECTOR:
            return f"no reflector has more than {count} clients"
        case Invariant.PATHS_PER_ROUTE:
            return f"no node holds more than {count} paths of a route, on average"
        case Invariant.RESILIENCE if count:
            return f"with {count} reflector{'s' if count > 1 else ''} down, the loss of any other one keeps all routes"
        case Invariant.RESILIENCE:
            return "the loss of any one reflector keeps all routes"
        case Invariant.ZONE_RESILIENCE:
            return f"the loss of any one of {count} zones keeps all routes of the others"
        case Invariant.ANNOUNCED:
            prefixes = "the prefix" if count == 1 else f"all {count} prefixes"
            return f"in the end every node holds {prefixes} that speakers outside announce"
        case Invariant.SURVIVING | Invariant.OUTSIDE | Invariant.GATED:
            raise AssertionError(f"{check.invariant} speaks of steps, not of the final state")


def proof_lines(plan: Plan, outside: Sequence[str]) -> list[str]:
    """The proof in three lines: after every step, during every step, in the end; `outside` says what else happens."""
    exposed = exposures(plan)
    count = len(plan.proof.steps)
    after = f"each of the {count} steps that touch" if count > 1 else "the one step that touches"
    both = ", in both families" if len(_families(plan)) > 1 else ""
    lasting = sum(exposure.pairs for exposure in exposed if exposure.lasting)
    but = ", but for those that are drained (below)" if lasting else ""
    lines = [f"after {after} sessions: no node loses a route{both}{but}"]
    if not count:
        lines = ["no step touches a session"]
    elif exposed:
        rest, carried = _apart(exposed)
        lines += [_without_path(rest)] if rest else []
        if lasting:
            first, until = lasting_from_to(plan)
            lines.append(
                f"for longer: {lasting} of these pairs, from `{first}` until `{until}` at the latest; nobody needs the "
                f"routes of a drained node meanwhile"
            )
        lines += [_without_bgp(carried)] if carried else []
    else:
        lines.append("while a step takes effect: every pair keeps a path over sessions that are left alone")
    lines += fallback_lines(plan)
    lines += outside
    return [*lines, "; ".join(check_text(check) for check in plan.proof.final)] if plan.proof.final else lines


def lasting_from_to(plan: Plan) -> tuple[StepId, StepId]:
    """The first step after which pairs stay without a route, and the one that waits until all of them have it."""
    first = next(proof.step for proof in plan.proof.steps if any(each.lasting for each in proof.exposures))
    last = [step.id for step in plan.steps if step.phase is Phase.HELD_AGAIN] or [plan.proof.steps[-1].step]
    return first, last[-1]


def _without_path(exposed: Sequence[Exposure]) -> str:
    which = "accepted by the spec"
    kinds = {exposure.tolerated for exposure in exposed}
    if _at_excepted_nodes(kinds):
        which = f"all end at a node that is {' or '.join(kind for kind in EXCEPTED if kind in kinds)}"
    return f"while a step takes effect: {_counted(exposed)} without a path for up to {_longest(exposed)} s, {which}"


def _without_bgp(exposed: Sequence[Exposure]) -> str:
    lead = f"while a step takes effect: {_counted(exposed)} without a route of BGP for up to {_longest(exposed)} s"
    return f"{lead}, carried by the fallback tables of the nodes"


def fallback_lines(plan: Plan) -> list[str]:
    """What fallback tables do not carry, and what they need; nothing where a plan has none."""
    if not any(step.action is ActionName.FILL_FALLBACK for step in plan.steps):
        return []
    limits = (
        "fallback tables carry what a node held before the step: nothing from or to speakers outside, and no address "
        "block that is new, or moves to another node, while the step takes effect"
    )
    needs = (
        f"fallback tables need commands in every calico-node pod (pods/exec), table {TABLE} for themselves, and no "
        f"rule of others with a priority from {MAIN_PRIORITY} to {MAIN_RULE_PRIORITY - 1}; a node that starts again "
        "has none until the next gate"
    )
    return [limits, needs]


def _apart(exposed: Sequence[Exposure]) -> tuple[list[Exposure], list[Exposure]]:
    """Those without any path, and those that fallback tables carry."""
    return (
        [exposure for exposure in exposed if exposure.tolerated is not Tolerance.CARRIED],
        [exposure for exposure in exposed if exposure.tolerated is Tolerance.CARRIED],
    )


def _counted(exposed: Sequence[Exposure]) -> str:
    pairs = sum(exposure.pairs for exposure in exposed)
    return f"{pairs:,} ordered pair{'' if pairs == 1 else 's'}"


def _longest(exposed: Sequence[Exposure]) -> int:
    return max(exposure.seconds for exposure in exposed)


def _families(plan: Plan) -> set[str]:
    """The address families that the gates of a plan ask about, and in which something is exposed."""
    gates = [gate for step in plan.steps for gate in (*step.gates, *step.undo_gates)]
    asked = {expectation.family for gate in gates for expectation in gate.expectations}
    return asked | {exposure.family for exposure in exposures(plan)}


# --- what is exposed meanwhile --------------------------------------------------------------------


def exposures(plan: Plan) -> list[Exposure]:
    """All exposures of all steps."""
    return [exposure for proof in plan.proof.steps for exposure in proof.exposures]


def exposure(plan: Plan) -> str:
    """The exposure of a whole plan in a few words."""
    exposed = exposures(plan)
    if not exposed:
        return "none"
    rest, carried = _apart(exposed)
    texts: list[str] = []
    kinds = {exposure.tolerated for exposure in rest}
    if rest and _at_excepted_nodes(kinds):
        texts.append(f"{' and '.join(kind for kind in EXCEPTED if kind in kinds)} nodes only")
    elif rest:
        texts.append(f"{_counted(rest)}, up to {_longest(rest)} s each")
    if carried:
        texts.append(f"{_counted(carried)} carried by fallback tables")
    return "; ".join(texts)


def _at_excepted_nodes(kinds: set[Tolerance]) -> bool:
    return kinds <= {*EXCEPTED}


def outside_lines(plan: Plan) -> list[str]:
    """The sessions to the outside that a plan restarts, or adds."""
    return [text for proof in plan.proof.steps for effect in proof.outside if (text := outside_line(proof, effect))]


def outside_line(proof: StepProof, effect: OutsideEffect) -> str:
    """What a step does to a session to the outside, in a sentence; "" where another sentence says it."""
    who = _nodes(effect.node, effect.nodes)
    match effect.fate:
        case Fate.RESTARTED:
            return (
                f"while `{proof.step}` takes effect: the session of {who} to {effect.speaker} restarts, for up to "
                f"{effect.seconds} s"
            )
        case Fate.GAINED if effect.tolerated is Tolerance.BY_ROUTES:
            return f"`{proof.step}` gives {who} a session to {effect.speaker}; a gate waits until its routes are there"
        case Fate.GAINED if effect.tolerated is Tolerance.DOWN:
            return (
                f"`{proof.step}` gives {who} a session to {effect.speaker}, and no gate waits for a node that is down"
            )
        case Fate.GAINED:
            return (
                f"`{proof.step}` gives {who} a session to {effect.speaker}; whether the other side accepts it is not "
                "known, and nothing rests on it"
            )
        case Fate.LOST if effect.tolerated is Tolerance.NOT_REQUIRED:
            return f"`{proof.step}` takes away the session of {who} to {effect.speaker}, which is not required"
        case Fate.LOST if effect.tolerated is Tolerance.BY_ROUTES:
            return f"`{proof.step}` takes away the session of {who} to {effect.speaker}; every route stays another way"
        case Fate.LOST:
            return ""


def restarts(proof: StepProof) -> list[str]:
    """The sessions to the outside that a step restarts, one by one."""
    return [
        f"{_nodes(effect.node, effect.nodes)}: the session to {effect.speaker} restarts"
        for effect in proof.outside
        if effect.fate is Fate.RESTARTED
    ]
