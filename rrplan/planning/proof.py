"""The proof: every state in between and every way into it, then what the final state can bear.

What is proved: *converged*, nobody loses a route for good; *surviving*, who has no path over sessions that are
left alone while a step takes effect (the exposure). Both relations are symmetric, so undo is proved with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from rrplan.bgp.model import Model
from rrplan.bgp.outside import Fate
from rrplan.bgp.paths import paths_in
from rrplan.bgp.population import Signature
from rrplan.bgp.prefixes import not_held
from rrplan.bgp.roles import OutsideRole, role_at
from rrplan.bgp.routes import NoRoute, Obstacle, route
from rrplan.bgp.speaker import FAMILIES, as_configured
from rrplan.bgp.transition import Loss, OutsideSession, Transition
from rrplan.bgp.view import Mark
from rrplan.ids import NodeName, StepId
from rrplan.plans.gate import LONGEST_SECONDS
from rrplan.plans.plan import (
    FINAL_STATE,
    Exposure,
    FinalCheck,
    Invariant,
    OutsideEffect,
    Step,
    StepProof,
    Tolerance,
    Violation,
)
from rrplan.resources import ClusterState
from rrplan.specs import ExposureLevel, Spec


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
        self, step: Step, state: ClusterState, touched: Collection[NodeName], known: Iterable[Violation]
    ) -> list[Violation]:
        """Go on to `state`; what is lost there, and is not among what is `known` of the world that was seen."""
        lost = self._model.advance(as_configured(state), touched).lost
        return self._violations(step.id, [loss for loss in lost if not _drained(self._spec, loss)], known)

    def final(self, known: Iterable[Violation]) -> list[Violation]:
        """The same of the whole chain."""
        return self._violations(FINAL_STATE, self._model.lost_since(self._first), known)

    def _violations(self, step: StepId, lost: Iterable[Loss], known: Iterable[Violation]) -> list[Violation]:
        seen = {
            (violation.family, violation.at, violation.origin)
            for violation in known
            if violation.invariant is Invariant.CONVERGED
        }
        return [
            replace(_lost(self._model, step, loss), every_node_alive=True) for loss in lost if _ends(loss) not in seen
        ]


def judge(
    spec: Spec, step: Step, cost: Transition, model: Model, *, carried: bool = False
) -> tuple[StepProof, list[Violation]]:
    """What one step costs under the spec's policy; the model stands at the state after it.

    `carried` says that every node has a copy of the routes that it held before.
    """
    # Nobody needs the routes of a drained node on the way; that it has them back in the end is checked there.
    violations = [_lost(model, step.id, loss) for loss in cost.lost if not _drained(spec, loss)]
    effects = tuple(_effect(spec, session) for session in cost.outside)
    violations += [
        _of_session(step, effect) for effect in effects if effect.fate is not Fate.GAINED and not effect.tolerated
    ]
    restarted = {(effect.family, effect.node, effect.speaker) for effect in effects if effect.fate is Fate.RESTARTED}
    gone = {_ends(loss) for loss in cost.lost}
    exposures = []
    for loss in cost.exposed:
        if _ends(loss) in gone and not loss.marked:
            continue
        # A speaker outside has no fallback table, nor is one of a node right for what comes from outside.
        tolerated = _tolerated(spec, marked=loss.marked, down=loss.down, carried=carried and not loss.outside)
        lasting = _ends(loss) in gone
        exposures.append(
            Exposure(str(loss.family), loss.at, loss.origin, loss.pairs, LONGEST_SECONDS, tolerated, lasting)
        )
        if not tolerated and _ends(loss) not in restarted:
            violations.append(_of_pairs(Invariant.SURVIVING, step.id, loss, seconds=LONGEST_SECONDS))
    return StepProof(step.id, tuple(exposures), effects), violations


def _drained(spec: Spec, loss: Loss) -> bool:
    return loss.marked and spec.policy.exposure.level is not ExposureLevel.NONE


def _effect(spec: Spec, session: OutsideSession) -> OutsideEffect:
    outside = session.outside
    role = role_at(spec.roles, outside.address, outside.as_number)
    tolerated = _of_role(role, session.fate, down=session.down)
    if not tolerated and session.fate is not Fate.LOST:
        # What a node's session to the outside carries is for the whole cluster: no drain makes up for its loss.
        tolerated = _tolerated(spec, marked=session.marked, down=session.down)
    seconds = LONGEST_SECONDS if session.fate is Fate.RESTARTED else 0
    return OutsideEffect(
        session.node, session.nodes, outside.name, str(outside.family), session.fate, seconds, tolerated
    )


def _of_role(role: OutsideRole | None, fate: Fate, *, down: bool) -> Tolerance:
    """What the part that a speaker outside plays says of its sessions."""
    if role is None:
        return Tolerance.NOT
    if not role.required:
        return Tolerance.NOT_REQUIRED
    if fate is Fate.GAINED:
        return Tolerance.BY_ROUTES if role.passes_on and not down else Tolerance.NOT
    return Tolerance.NOT if role.owed else Tolerance.BY_ROUTES


def _of_session(step: Step, effect: OutsideEffect) -> Violation:
    return Violation(
        Invariant.OUTSIDE,
        step.id,
        effect.family,
        effect.node,
        effect.speaker,
        effect.nodes,
        seconds=effect.seconds,
        fate=effect.fate,
    )


def _lost(model: Model, step: StepId, loss: Loss) -> Violation:
    """Of pairs that hold no route at the state where the model stands."""
    return _of_pairs(Invariant.CONVERGED, step, loss, reason=_why(model, loss))


def _of_pairs(
    invariant: Invariant, step: StepId, loss: Loss, *, seconds: int = 0, reason: NoRoute | None = None
) -> Violation:
    return Violation(
        invariant, step, str(loss.family), loss.at, loss.origin, loss.pairs, seconds=seconds, reason=reason
    )


def _why(model: Model, loss: Loss) -> NoRoute | None:
    if loss.outside:
        return NoRoute(Obstacle.UNCERTAIN)
    return route(model, loss.origin, loss.at, loss.family).reason


def _ends(loss: Loss) -> tuple[str, NodeName, NodeName]:
    return str(loss.family), loss.at, loss.origin


def _tolerated(spec: Spec, *, marked: bool, down: bool, carried: bool = False) -> Tolerance:
    exposure = spec.policy.exposure
    if down:
        return Tolerance.DOWN
    if exposure.level is not ExposureLevel.NONE and marked:
        return Tolerance.DRAINED
    if carried:
        return Tolerance.CARRIED
    if exposure.level is ExposureLevel.BRIEF and exposure.maximum >= LONGEST_SECONDS:
        return Tolerance.BRIEF
    return Tolerance.NOT


FEW_PATHS = 100_000
"""Altogether on a node: so many are no harm, however few routes they are of."""
TOLD_PATHS = 10
"""Of a route: so many are told in the proof, though the policy allows them."""


class PathCount:
    """Whether the paths of routes fill the memory of nodes; where they did so before, a plan may go on from there.

    It is counted where a phase ends, because it takes time, and sessions come in one phase and go in another.
    """

    def __init__(self, spec: Spec, model: Model) -> None:
        """The model stands at the first state."""
        self._limit = spec.policy.max_paths_per_route
        self._told = bool(self.check(FINAL_STATE, model)[1])

    def check(self, step: StepId, model: Model) -> tuple[list[FinalCheck], list[Violation]]:
        """What holds where the model stands now, or that it does not."""
        most = max(FEW_PATHS, self._limit * len(model.state.nodes))
        paths, node = paths_in(model, most)
        if paths.paths > most:
            count = Violation(Invariant.PATHS_PER_ROUTE, step, at=node, count=paths.each, wanted=self._limit)
            return [], [count]
        return [FinalCheck(Invariant.PATHS_PER_ROUTE, paths.each)] if paths.each > TOLD_PATHS else [], []

    def after(self, step: StepId, model: Model) -> list[Violation]:
        """The same, told once: what follows has it from there."""
        violations = [] if self._told else self.check(step, model)[1]
        self._told = self._told or bool(violations)
        return violations


def final_checks(spec: Spec, model: Model, first: Mark) -> tuple[list[FinalCheck], list[Violation]]:
    """What must be true in the final state: what is, and counterexamples for what is not.

    Every pair that held a route in the first state holds it in the last, drained or not.
    """
    checks: list[FinalCheck] = []
    lost = model.lost_since(first)
    violations = [_lost(model, FINAL_STATE, loss) for loss in lost]
    if not lost:
        missing = sum(loss.pairs for loss in model.missing())
        checks.append(FinalCheck(Invariant.CONVERGED, missing if model.owes() else 0, owed=model.owes()))
    for result in (*_counts(spec, model), *_resilience(spec, model), *_announced(model)):
        if isinstance(result, Violation):
            violations.append(result)
        else:
            checks.append(result)
    return checks, violations


def _counts(spec: Spec, model: Model) -> Iterator[FinalCheck | Violation]:
    view = model.view()
    classes = model.population.classes
    if model.rules.settings.mesh or not any(signature.cluster_id for signature in classes):
        return
    fewest: tuple[int, NodeName] | None = None
    most: tuple[int, NodeName] | None = None
    for family in FAMILIES:
        holdings = view.holdings[family]
        for here in sorted(holdings.present):
            signature = view.signatures[here]
            name = next(iter(classes[signature]))
            # How many clients a reflector outside can bear is not ours to say.
            if signature.down or signature.outside:
                continue
            linked = [there for there in holdings.linked(here) if not view.signatures[there].down]
            if signature.cluster_id:
                clients = sum(
                    len(classes[view.signatures[there]])
                    for there in linked
                    if not (view.signatures[there].cluster_id or view.signatures[there].outside)
                )
                most = max(most or (clients, name), (clients, name))
            else:
                reflectors = sum(
                    len(classes[view.signatures[there]]) for there in linked if view.signatures[there].cluster_id
                )
                fewest = min(fewest or (reflectors, name), (reflectors, name))
    if fewest is not None:
        wanted = spec.policy.min_reflectors_per_client
        yield _counted(Invariant.REFLECTORS_PER_CLIENT, *fewest, wanted, good=fewest[0] >= wanted)
    limit = spec.policy.max_clients_per_reflector
    if most is not None and limit is not None:
        yield _counted(Invariant.CLIENTS_PER_REFLECTOR, *most, limit, good=most[0] <= limit)


def _counted(invariant: Invariant, count: int, node: NodeName, wanted: int, *, good: bool) -> FinalCheck | Violation:
    if good:
        return FinalCheck(invariant, count)
    return Violation(invariant, FINAL_STATE, at=node, count=count, wanted=wanted)


def _announced(model: Model) -> Iterator[FinalCheck | Violation]:
    prefixes = {prefix for role in model.rules.roles for prefix in role.announces}
    missing = list(not_held(model))
    for lack in missing:
        yield Violation(
            Invariant.ANNOUNCED, FINAL_STATE, str(lack.family), lack.nodes[0], lack.origin, pairs=len(lack.nodes)
        )
    if prefixes and not missing:
        yield FinalCheck(Invariant.ANNOUNCED, len(prefixes))


def _resilience(spec: Spec, model: Model) -> Iterator[FinalCheck | Violation]:
    classes = model.population.classes
    reflecting = [signature for signature in classes if signature.cluster_id and not signature.down]
    if model.rules.settings.mesh or not reflecting or spec.policy.min_reflectors_per_client < 2:
        return
    needed = next((signature for signature in reflecting if _loses(model, {signature: 1})), None)
    if needed is not None:
        yield Violation(Invariant.RESILIENCE, FINAL_STATE, at=next(iter(classes[needed])))
    else:
        down = sum(len(members) for signature, members in classes.items() if signature.cluster_id and signature.down)
        yield FinalCheck(Invariant.RESILIENCE, down)
    if spec.policy.zone_resilience:
        zones: dict[str, dict[Signature, int]] = {}
        for signature, members in classes.items():
            if signature.zone:
                zones.setdefault(signature.zone, {})[signature] = len(members)
        zone = next((zone for zone in sorted(zones) if _loses(model, zones[zone])), "")
        if zone or not zones:
            yield Violation(Invariant.ZONE_RESILIENCE, FINAL_STATE, zone=zone)
        else:
            yield FinalCheck(Invariant.ZONE_RESILIENCE, len(zones))


def _loses(model: Model, without: dict[Signature, int]) -> bool:
    view = model.view(without)
    base = model.view()
    for family, holdings in view.holdings.items():
        known = {(base.signatures[a], base.signatures[b]) for a, b in base.holdings[family].missing}
        lost = {(view.signatures[a], view.signatures[b]) for a, b in holdings.missing}
        if lost - known:
            return True
    return False
