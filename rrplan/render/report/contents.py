"""What a report says of a plan, from the facts of the plan and the sentences that other forms have too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rrplan.ids import StepId
from rrplan.planning.picture import Picture
from rrplan.plans.cost import duration, waiting
from rrplan.plans.plan import Exposure, Plan, Step, StepProof, Tolerance
from rrplan.render.checks import finding_text
from rrplan.render.detail import Detail
from rrplan.render.folding import folded
from rrplan.render.overview import NO_HOOK, hook_text, left_behind, overview, plan_digest, span, step_reasons
from rrplan.render.proof import NOT_PROVED, check_text, outside_line, outside_lines, proof_lines, violation_text
from rrplan.render.report.document import Listing, Report, RunPart, Section, StepRow
from rrplan.render.report.fields import change_rows, way_back
from rrplan.render.report.halfway import stopped_after
from rrplan.render.report.happened import rehearsal_part
from rrplan.render.report.order import order_picture, stages_of
from rrplan.render.report.questions import questions
from rrplan.render.report.topology import TopologyPicture, topology_picture
from rrplan.render.words import gate_text, notices, observed_lines, totals, ungated_text
from rrplan.text import and_alike

ACCEPTED = {
    Tolerance.DRAINED: "they end at a node that is drained, so no pod needs them",
    Tolerance.DOWN: "they end at a node that is down",
    Tolerance.BRIEF: "the spec accepts exposure as brief as this",
    Tolerance.NOT_REQUIRED: "the spec does not require that session",
    Tolerance.BY_ROUTES: "the routes that it carries are proved pair by pair",
    Tolerance.NOT: "the spec does not accept it",
}
MOST_EXPOSED = 6
"""Sentences about the exposure of steps that stand in one row."""
OWN_ROWS = ("hook", "hooks", "stays", "digest")
"""Rows of the overview that have a place of their own in a report."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a report is made of, beside the plan; None for what is not there."""

    picture: Picture | None = None
    run: RunPart | None = None
    made_by: str = ""


def stops(plan: Plan) -> list[StepId]:
    """The last step of each row of a report: where its pictures may stand still."""
    place, ends = 0, []
    for _, count in folded(plan.steps):
        place += count
        ends.append(plan.steps[place - 1].id)
    return ends


def report(plan: Plan, told: Told) -> Report:
    """The whole document."""
    takes = duration(plan)
    back = waiting([gate for step in plan.steps for gate in step.undo_gates])
    items = [*folded(plan.steps)]
    stages = stages_of(plan)
    topology = _topology(plan, told.picture)
    rows = tuple(_rows(plan, items, stages, told.picture, topology))
    numbers = {step.id: row.numbers for (step, _), row in zip(items, rows, strict=True)}
    exposing = frozenset(proof.step for proof in plan.proof.steps if proof.exposures)
    proof = [violation_text(violation) for violation in plan.proof.violations]
    proof += proof_lines(plan, outside_lines(plan)) if plan.steps else ["there is nothing to do, so nothing to prove"]
    return Report(
        title=plan.name,
        total=totals(plan),
        verdict=_verdict(plan),
        proved=not plan.proof.violations,
        digest=plan_digest(plan),
        overview=tuple(row for row in overview(plan, Detail.ALL) if row[0] not in OWN_ROWS),
        questions=questions(plan, topology, max(stages.values(), default=0)),
        topology=topology,
        order=order_picture(plan, items, numbers, stages, exposing) if plan.steps else None,
        steps=rows,
        proof=Listing.of(proof),
        not_proved=NOT_PROVED,
        resilience=Listing.of([check_text(check) for check in plan.proof.final]),
        expected=span(takes.expected),
        worst=span(takes.worst),
        back_expected=span(back.expected),
        sections=tuple(_sections(plan)),
        hooks=tuple(hook_text(hook) for hook in plan.hooks) or (NO_HOOK,),
        rehearsal=rehearsal_part(plan.rehearsal) if plan.rehearsal else None,
        run=told.run,
        made_by=told.made_by,
    )


def _verdict(plan: Plan) -> str:
    if not plan.steps:
        return "Nothing to do: the cluster is as the spec says."
    if plan.proof.violations:
        return "Refused: the proof found a counterexample."
    return "Proved: no step takes a route away for good, and what is exposed meanwhile is accepted by the spec."


def _topology(plan: Plan, picture: Picture | None) -> TopologyPicture | None:
    if picture is None or not picture.groups:
        return None
    return topology_picture(plan, picture, {step.id: step.summary for step in plan.steps})


# --- steps ----------------------------------------------------------------------------------------


def _rows(
    plan: Plan,
    items: Sequence[tuple[Step, int]],
    stages: Mapping[StepId, int],
    picture: Picture | None,
    topology: TopologyPicture | None,
) -> Iterator[StepRow]:
    reasons = step_reasons(plan)
    proofs = {proof.step: proof for proof in plan.proof.steps}
    stopped = stopped_after(plan, stops(plan))
    frame_of = {name: frame for frame, name in enumerate(picture.after, 1)} if picture else {}
    frame = place = 0
    for step, count in items:
        run = plan.steps[place : place + count]
        moved = run[-1].id in frame_of
        frame = frame_of.get(run[-1].id, frame)
        movement = topology.frames[frame].movement if topology and moved else None
        own = reasons.get(step.id, [])
        exposure = [text for each in run if each.id in proofs for text in _exposed(proofs[each.id])]
        if len(exposure) > MOST_EXPOSED:
            exposure = [*exposure[:MOST_EXPOSED], f"and {len(exposure) - MOST_EXPOSED} more in the same way"]
        pairs = sum(exposure.pairs for each in run if each.id in proofs for exposure in proofs[each.id].exposures)
        takes = waiting([gate for each in run for gate in each.gates])
        back = waiting([gate for each in run for gate in each.undo_gates])
        gates = [gate_text(gate).removeprefix("gate: ") for gate in step.gates]
        ungated = ungated_text(step)
        undo_gates = [gate_text(gate).removeprefix("gate: ") for gate in step.undo_gates]
        yield StepRow(
            number=place + 1,
            last=place + count,
            id=step.id,
            action=str(step.action),
            summary=f"{step.summary}{and_alike(count)}",
            stage=stages[step.id],
            phase=str(step.phase),
            reasons=tuple(own),
            gates=(*gates, ungated) if ungated else tuple(gates),
            changes=tuple(change_rows(step, run[1:])),
            exposure=tuple(exposure),
            pairs=pairs,
            expected=takes.expected,
            worst=takes.worst,
            undo=tuple(way_back(step)) or ("nothing to take back",),
            undo_gates=(*undo_gates, f"no gate: {step.undo_ungated}") if step.undo_ungated else tuple(undo_gates),
            undo_expected=back.expected,
            stopped=stopped[run[-1].id],
            frame=frame,
            come=movement.come if movement else (),
            go=movement.go if movement else (),
            others=Listing.of([each.summary for each in run[1:]]),
        )
        place += count


def _exposed(proof: StepProof) -> Iterator[str]:
    """What is exposed while a step takes effect: the example of each kind, how many, how long, and why it may be."""
    by_reason = groupby(
        sorted(proof.exposures, key=lambda each: (each.tolerated, each.lasting, each.family)),
        key=lambda each: (each.tolerated, each.lasting),
    )
    for _, group in by_reason:
        yield _exposure([*group])
    yield from (text for effect in proof.outside if (text := outside_line(proof, effect)))


def _exposure(alike: Sequence[Exposure]) -> str:
    first = alike[0]
    pairs, seconds = sum(each.pairs for each in alike), max(each.seconds for each in alike)
    how_long = "until a later step ends it" if first.lasting else f"for up to {seconds} s"
    which = "1 ordered pair has" if pairs == 1 else f"{pairs:,} ordered pairs have"
    return (
        f"{which} no path {how_long}, such as {first.at} to {first.origin}; accepted: {ACCEPTED[first.tolerated]}"
        if first.tolerated
        else f"{which} no path {how_long}, such as {first.at} to {first.origin}; {ACCEPTED[first.tolerated]}"
    )


# --- the rest -------------------------------------------------------------------------------------


def _sections(plan: Plan) -> Iterator[Section]:
    parts = (
        ("checks", "Checks", [finding_text(finding) for finding in plan.findings], "No check had anything to say."),
        ("notices", "Notices", notices(plan), "Nothing to notice."),
        ("sessions-now", "Sessions when it was planned", observed_lines(plan), "No node was asked for its sessions."),
        ("reflectors", "Why these reflectors", [*plan.reasons], ""),
        ("stays", "What stays when all is done", left_behind(plan, Detail.ALL), ""),
    )
    for name, title, lines, without in parts:
        if lines or without:
            yield Section(name, title, Listing.of(lines), "" if lines else without)
