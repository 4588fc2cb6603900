"""The proof: every state in between and every way into it, then what the final state can bear.

What is proved: *converged*, nobody loses a route for good; *surviving*, who has no path over sessions that are
left alone while a step takes effect (the exposure). Both relations are symmetric, so undo is proved with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.bgp.model import Model, Transition
from rrplan.bgp.peering import external_protocols
from rrplan.bgp.population import Signature
from rrplan.bgp.routes import route
from rrplan.bgp.speaker import FAMILIES, Speaker
from rrplan.ids import NodeName, StepId
from rrplan.plans.gate import LONGEST_SECONDS
from rrplan.plans.plan import Exposure, Step, StepProof, Violation
from rrplan.specs import ExposureLevel, Spec


def judge(
    spec: Spec, step: Step, cost: Transition, restarts: tuple[str, ...], model: Model
) -> tuple[StepProof, list[Violation]]:
    """What one step costs under the spec's policy; the model stands at the state after it."""
    violations: list[Violation] = []
    for loss in cost.lost:
        # Nobody needs the routes of a drained node; that they are back in the end is checked there.
        if not (loss.marked and spec.policy.exposure.level is not ExposureLevel.NONE):
            reason = route(model, loss.origin, loss.at, loss.family)
            violations.append(
                Violation(
                    "converged",
                    step.id,
                    f"after `{step.id}`, {loss.at} no longer holds the routes of {loss.origin} "
                    f"({_pairs(str(loss.family), loss.pairs)}): {reason}",
                )
            )
    gone = {(loss.family, loss.at, loss.origin) for loss in cost.lost}
    exposures = tuple(
        Exposure(
            str(loss.family),
            loss.at,
            loss.origin,
            loss.pairs,
            LONGEST_SECONDS,
            _tolerated(spec, marked=loss.marked),
            lasting=(loss.family, loss.at, loss.origin) in gone,
        )
        for loss in cost.exposed
        if (loss.family, loss.at, loss.origin) not in gone or loss.marked
    )
    for exposure in exposures:
        if not exposure.tolerated:
            violations.append(
                Violation(
                    "surviving",
                    step.id,
                    f"while `{step.id}` takes effect, {exposure.at} is without the routes of {exposure.origin} "
                    f"for up to {exposure.seconds} s ({_pairs(exposure.family, exposure.pairs)}): "
                    f"no session between them is left alone",
                )
            )
    for text in restarts:
        name = NodeName(text.partition(":")[0])
        signature = model.population.signature_of[name]
        if not _tolerated(spec, marked=signature.marked):
            violations.append(Violation("external", step.id, f"`{step.id}` restarts a session to the outside: {text}"))
    return StepProof(step.id, exposures, restarts), violations


def _pairs(family: str, count: int) -> str:
    return f"{family}, {count} ordered pairs alike" if count > 1 else f"{family}, 1 ordered pair"


def _tolerated(spec: Spec, *, marked: bool) -> str:
    exposure = spec.policy.exposure
    if exposure.level is not ExposureLevel.NONE and marked:
        return "drained"
    if exposure.level is ExposureLevel.BRIEF and exposure.maximum >= LONGEST_SECONDS:
        return f"brief: {exposure.maximum} s"
    return ""


def restarted(before: dict[NodeName, tuple[object, ...]], model: Model) -> tuple[str, ...]:
    """The external sessions of these nodes that are not what they were."""
    found: list[str] = []
    for name, old in before.items():
        new = external_blocks(model, model.population.speakers[name])
        if old != new:
            found.append(f"{name}: its sessions to peers outside the cluster are configured anew")
    return tuple(found)


def external_blocks(model: Model, speaker: Speaker) -> tuple[object, ...]:
    """What BIRD compares of a node's sessions to the outside."""
    return tuple(protocol.block for family in FAMILIES for protocol in external_protocols(model.rules, speaker, family))


LAST = StepId("final state")


def final_checks(spec: Spec, model: Model, missing_before: int) -> tuple[list[str], list[Violation]]:
    """What must be true at the end: sentences for what is, counterexamples for what is not."""
    checks: list[str] = []
    violations: list[Violation] = []
    losses = model.missing()
    missing = sum(loss.pairs for loss in losses)
    if missing > missing_before:
        loss = losses[0]
        reason = route(model, loss.origin, loss.at, loss.family)
        violations.append(
            Violation("converged", LAST, f"in the end {loss.at} does not hold the routes of {loss.origin}: {reason}")
        )
    else:
        checks.append(
            "in the end every node holds the routes of every other node"
            if not missing
            else "in the end no pair is worse off than before"
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
        for here in holdings.present:
            signature = view.signatures[here]
            name = next(iter(classes[signature]))
            linked = [there for there, _ in holdings.web.neighbours()[here]]
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
            text = f"{fewest[1]} has {fewest[0]} reflectors, the policy wants {wanted}"
        yield text, "reflectors-per-client", fewest[0] < wanted
    limit = spec.policy.max_clients_per_reflector
    if most is not None and limit is not None:
        text = f"no reflector has more than {most[0]} clients"
        if most[0] > limit:
            text = f"{most[1]} has {most[0]} clients, the policy allows {limit}"
        yield text, "clients-per-reflector", most[0] > limit


def _resilience(spec: Spec, model: Model) -> Iterator[tuple[str, str, bool]]:
    classes = model.population.classes
    reflecting = [signature for signature in classes if signature.cluster_id]
    if model.rules.settings.mesh or not reflecting or spec.policy.min_reflectors_per_client < 2:
        return
    broken = next((signature for signature in reflecting if _loses(model, {signature: 1})), None)
    text = "the loss of any one reflector keeps all routes"
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
