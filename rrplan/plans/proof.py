"""The proof: every state in between and every way into it, then what the final state can bear.

What is proved: *converged*, nobody loses a route for good; *surviving*, who has no path over sessions that are
left alone while a step takes effect (the exposure). Both relations are symmetric, so undo is proved with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rrplan.bgp.model import Mark, Model
from rrplan.bgp.outside import Fate
from rrplan.bgp.population import Signature
from rrplan.bgp.routes import route
from rrplan.bgp.speaker import FAMILIES, as_configured
from rrplan.bgp.transition import Loss, OutsideSession, Transition
from rrplan.ids import NodeName, StepId
from rrplan.plans.gate import LONGEST_SECONDS
from rrplan.plans.plan import Exposure, OutsideEffect, Step, StepProof, Violation
from rrplan.resources import ClusterState
from rrplan.specs import ExposureLevel, Spec
from rrplan.text import and_more

LAST = StepId("final state")
WITH_EVERY_NODE_ALIVE = "with every node alive"


class Alive:
    """The same chain with every node alive: a node that is not Ready may serve routes all the same.

    What is lost for good in this world is refused too; what is exposed for seconds is told of the world that was seen.
    """

    def __init__(self, spec: Spec, model: Model) -> None:
        """The model stands at the first state, as configured."""
        self._spec = spec
        self._model = model
        self._first = model.mark()

    def advance(
        self, step: Step, state: ClusterState, touched: Collection[NodeName], told: Iterable[Violation]
    ) -> list[Violation]:
        """Go on to `state`; what is lost there beyond what was `told` of the world that was seen."""
        lost = self._model.advance(as_configured(state), touched).lost
        after = f"after `{step.id}`, {{}} no longer holds the routes of {{}}"
        return self._violations(step.id, after, [one for one in lost if not _drained(self._spec, one)], told)

    def final(self, told: Iterable[Violation]) -> list[Violation]:
        """The same of the whole chain."""
        return self._violations(
            LAST, "in the end {} does not hold the routes of {}", self._model.since(self._first).lost, told
        )

    def _violations(self, step: StepId, text: str, lost: Iterable[Loss], told: Iterable[Violation]) -> list[Violation]:
        known = {(one.family, one.at, one.origin) for one in told if one.invariant == "converged"}
        found: list[Violation] = []
        for loss in lost:
            if _ends(loss) not in known:
                what = f"{text.format(loss.at, loss.origin)} ({_pairs(loss)}): {why(self._model, loss)}"
                found.append(_violation("converged", step, f"{WITH_EVERY_NODE_ALIVE}, {what}", loss))
        return found


def judge(spec: Spec, step: Step, cost: Transition, model: Model) -> tuple[StepProof, list[Violation]]:
    """What one step costs under the spec's policy; the model stands at the state after it."""
    violations: list[Violation] = []
    for loss in cost.lost:
        # Nobody needs the routes of a drained node on the way; that it has them back in the end is checked there.
        if not _drained(spec, loss):
            text = f"after `{step.id}`, {loss.at} no longer holds the routes of {loss.origin}"
            violations.append(_violation("converged", step.id, f"{text} ({_pairs(loss)}): {why(model, loss)}", loss))
    effects = tuple(_effect(spec, one) for one in cost.outside)
    violations += [_outside(step, effect) for effect in effects if effect.fate != Fate.GAINED and not effect.tolerated]
    restarted = {(one.family, one.node, one.speaker) for one in effects if one.fate == Fate.RESTARTED}
    gone = {_ends(loss) for loss in cost.lost}
    exposures = []
    for loss in cost.exposed:
        if _ends(loss) in gone and not loss.marked:
            continue
        tolerated = _tolerated(spec, marked=loss.marked, down=loss.down)
        exposure = Exposure(
            str(loss.family), loss.at, loss.origin, loss.pairs, LONGEST_SECONDS, tolerated, lasting=_ends(loss) in gone
        )
        exposures.append(exposure)
        if not tolerated and _ends(loss) not in restarted:
            text = (
                f"while `{step.id}` takes effect, {loss.at} is without the routes of {loss.origin} for up to "
                f"{exposure.seconds} s ({_pairs(loss)}): no path between them is left over sessions that stay up"
            )
            violations.append(_violation("surviving", step.id, text, loss))
    restarts = tuple(_restart(one) for one in effects if one.fate == Fate.RESTARTED)
    return StepProof(step.id, tuple(exposures), restarts, effects), violations


def _drained(spec: Spec, loss: Loss) -> bool:
    return loss.marked and spec.policy.exposure.level is not ExposureLevel.NONE


def _effect(spec: Spec, one: OutsideSession) -> OutsideEffect:
    lost = one.fate is Fate.LOST
    # What a node's session to the outside carries is for the whole cluster: no drain makes up for its loss.
    tolerated = "" if lost else _tolerated(spec, marked=one.marked, down=one.down)
    seconds = LONGEST_SECONDS if one.fate is Fate.RESTARTED else 0
    return OutsideEffect(
        one.node, one.nodes, one.outside.name, str(one.outside.family), one.fate.value, seconds, tolerated
    )


def _outside(step: Step, effect: OutsideEffect) -> Violation:
    who = f"{effect.node}{and_more(effect.nodes, what='more nodes')}"
    if effect.fate == Fate.LOST:
        text = (
            f"`{step.id}` takes away the session of {who} to {effect.speaker}, and with it the routes that it carries"
        )
    else:
        text = f"`{step.id}` restarts a session to the outside: {who} to {effect.speaker}"
    return Violation("outside", step.id, text, effect.family, effect.node, NodeName(effect.speaker), effect.nodes)


def _restart(effect: OutsideEffect) -> str:
    who = f"{effect.node}{and_more(effect.nodes, what='more nodes')}"
    return f"{who}: the session to {effect.speaker} restarts"


def _violation(invariant: str, step: StepId, text: str, loss: Loss) -> Violation:
    return Violation(invariant, step, text, str(loss.family), loss.at, loss.origin, loss.pairs)


def why(model: Model, loss: Loss) -> str:
    """Why a pair holds no route at the model's present state, in words."""
    if loss.outside:
        return "no path between them is certain to be there"
    return str(route(model, loss.origin, loss.at, loss.family))


def _ends(loss: Loss) -> tuple[str, NodeName, NodeName]:
    return str(loss.family), loss.at, loss.origin


def _pairs(loss: Loss) -> str:
    return f"{loss.family}, {loss.pairs} ordered pairs alike" if loss.pairs > 1 else f"{loss.family}, 1 ordered pair"


def _tolerated(spec: Spec, *, marked: bool, down: bool) -> str:
    exposure = spec.policy.exposure
    if down:
        return "down"
    if exposure.level is not ExposureLevel.NONE and marked:
        return "drained"
    if exposure.level is ExposureLevel.BRIEF and exposure.maximum >= LONGEST_SECONDS:
        return f"brief: {exposure.maximum} s"
    return ""


def final_checks(spec: Spec, model: Model, first: Mark) -> tuple[list[str], list[Violation]]:
    """What must be true at the end: sentences for what is, counterexamples for what is not.

    Every pair that held a route in the first state holds it in the last, drained or not.
    """
    checks: list[str] = []
    violations: list[Violation] = []
    whole = model.since(first)
    for loss in whole.lost:
        text = f"in the end {loss.at} does not hold the routes of {loss.origin} ({_pairs(loss)}): {why(model, loss)}"
        violations.append(_violation("converged", LAST, text, loss))
    if not whole.lost:
        missing = sum(loss.pairs for loss in model.missing())
        checks.append(
            "no route is owed: BGP carries none of the pools of this cluster"
            if not model.owes()
            else f"in the end every pair that held a route holds it; {missing} ordered pairs hold none, as before"
            if missing
            else "in the end every node holds the routes of every other node"
        )
    for text, invariant, bad in (*_counts(spec, model), *_resilience(spec, model)):
        if bad:
            violations.append(Violation(invariant, LAST, text))
        else:
            checks.append(text)
    return checks, violations


def _counts(spec: Spec, model: Model) -> Iterator[tuple[str, str, bool]]:
    view = model.view()
    classes = model.population.classes
    if model.rules.settings.mesh or not any(signature.cluster_id for signature in classes):
        return
    fewest: tuple[int, NodeName] | None = None
    most: tuple[int, NodeName] | None = None
    for family in FAMILIES:
        holdings = view.holdings[family]
        neighbours = holdings.graph.neighbours()
        for here in holdings.present:
            signature = view.signatures[here]
            name = next(iter(classes[signature]))
            if signature.down:
                continue
            linked = [
                there
                for there, _ in neighbours[here]
                if there < len(view.signatures) and not view.signatures[there].down
            ]
            if signature.cluster_id:
                clients = sum(
                    len(classes[view.signatures[there]]) for there in linked if not view.signatures[there].cluster_id
                )
                most = max(most or (clients, name), (clients, name))
            else:
                reflectors = sum(
                    len(classes[view.signatures[there]]) for there in linked if view.signatures[there].cluster_id
                )
                fewest = min(fewest or (reflectors, name), (reflectors, name))
    wanted = spec.policy.min_reflectors_per_client
    if fewest is not None:
        text = f"every client has at least {fewest[0]} reflectors"
        if fewest[0] < wanted:
            some = f"{fewest[0]} reflector{'' if fewest[0] == 1 else 's'}"
            text = f"{fewest[1]} has {some}, the policy wants {wanted}"
        yield text, "reflectors-per-client", fewest[0] < wanted
    limit = spec.policy.max_clients_per_reflector
    if most is not None and limit is not None:
        text = f"no reflector has more than {most[0]} clients"
        if most[0] > limit:
            text = f"{most[1]} has {most[0]} clients, the policy allows {limit}"
        yield text, "clients-per-reflector", most[0] > limit


def _resilience(spec: Spec, model: Model) -> Iterator[tuple[str, str, bool]]:
    classes = model.population.classes
    reflecting = [signature for signature in classes if signature.cluster_id and not signature.down]
    if model.rules.settings.mesh or not reflecting or spec.policy.min_reflectors_per_client < 2:
        return
    broken = next((signature for signature in reflecting if _loses(model, {signature: 1})), None)
    away = sum(len(members) for signature, members in classes.items() if signature.cluster_id and signature.down)
    text = "the loss of any one reflector keeps all routes"
    if away:
        text = f"with {away} reflector{'s' if away > 1 else ''} down, the loss of any other one keeps all routes"
    if broken is not None:
        text = f"the loss of {next(iter(classes[broken]))} alone would lose routes"
    yield text, "resilience", broken is not None
    if spec.policy.zone_resilience:
        zones: dict[str, dict[Signature, int]] = {}
        for signature, members in classes.items():
            if signature.zone:
                zones.setdefault(signature.zone, {})[signature] = len(members)
        bad = next((zone for zone in sorted(zones) if _loses(model, zones[zone])), None)
        text = f"the loss of any one of {len(zones)} zones keeps all routes of the others"
        if bad is not None or not zones:
            text = f"the loss of zone {bad} would lose routes of other zones" if bad else "no node has a zone label"
        yield text, "zone-resilience", bad is not None or not zones


def _loses(model: Model, without: dict[Signature, int]) -> bool:
    view = model.view(without)
    base = model.view()
    for family, holdings in view.holdings.items():
        known = {(base.signatures[a], base.signatures[b]) for a, b in base.holdings[family].missing}
        lost = {(view.signatures[a], view.signatures[b]) for a, b in holdings.missing}
        if lost - known:
            return True
    return False
