"""Sentences about a run that is kept: how it is, what it did, what would be taken back."""

from __future__ import annotations

from datetime import UTC, datetime

from rrplan.ids import StepId
from rrplan.plans import Plan
from rrplan.plans.plan import Tolerance
from rrplan.ports import KeptRun
from rrplan.render.detail import Detail
from rrplan.render.folding import and_alike_folded, folded
from rrplan.render.proof import lasting_from_to
from rrplan.render.run import lack_text
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import RunState
from rrplan.reports.gates import GateFailed
from rrplan.reports.record import Moment, RunRecord, StepAt
from rrplan.text import duration_text, wrapped

WHY: dict[str, str] = {
    JournalEvent.RUN_INTERRUPTED: "the operator asked it to stop",
    JournalEvent.RUN_STOPPED: "",
    JournalEvent.RUN_DONE: "",
    JournalEvent.RUN_UNDONE: "",
}
"""By the last line about a run: why it is as it is; "" where its note says so."""


SHORT = len("sha256:") + 12
"""Of a digest, so much tells plans apart for people; `rrplan runs RUN -o json` has all of it."""
MOMENTS = {
    Moment.WRITING: "being written",
    Moment.WAITING: "waiting for its gates",
    Moment.FAILED: "failed",
    Moment.UNDOING: "being taken back",
    Moment.UNDO_FAILED: "could not be taken back",
}


def heading(record: RunRecord) -> str:
    """Which run it is, and how it is: `run R of plan `p` is stopped`."""
    return f"run {record.kept.run} of plan `{record.plan.name}` is {record.state}"


def why_text(record: RunRecord) -> str:
    """Why a run is as it is; "" where nothing is to be said."""
    if record.state is RunState.RUNNING:
        return ""
    return WHY.get(record.kept.last, "its process ended without a word") or record.note


def unfinished_text(run: KeptRun) -> str:
    """That a run is stopped, and what goes first."""
    stopped = f"run {run.run} of plan `{run.plan}` is stopped"
    return f"{stopped}: `rrplan resume` goes on with it, `rrplan rollback` takes it back"


def over_text(record: RunRecord, meaning: str) -> str:
    """That a run is over, and what that means for the verb."""
    return f"{heading(record)}: {meaning}"


def record_text(
    record: RunRecord,
    waiting: GateFailed | None,
    cluster: str,
    where: str,
    now: datetime | None = None,
    width: int = 80,
) -> str:
    """What is going on: the run, whose it is, where it is and why, what is exposed, and what can be done.

    `waiting` is the gate that it waits for; `where` are the words that name the cluster to a verb. With `now` it is
    said how much time is left of what a run that goes on usually takes.
    """
    why = why_text(record)
    lines = wrapped(f"cluster {cluster}: {heading(record)}{': ' if why else ''}{why}", width, "", 2)
    who = f"by {described_holder(record)}" if record.holder else f"begun by {record.kept.who}, {record.kept.since}"
    lines += wrapped(f"{who}; digest {record.digest[:SHORT]}", width, "  ", 2)
    if record.at is not None:
        at, total = record.at, len(record.plan.steps)
        place = f"step {at.number} of {total}, {MOMENTS[at.moment]} since {at.since:%Y-%m-%d %H:%M:%S} UTC"
        lines += wrapped(f"{place}: {at.step.summary}", width, "  ", 2)
        left = left_seconds(record, now)
        if left is not None:
            lines.append(f"  left: {left_text(left)}")
    if waiting is not None:
        lines += wrapped(f"waiting for: {waiting.gate}: {lack_text(waiting.lack)}", width, "  ", 2)
    if record.state in (RunState.RUNNING, RunState.STOPPED):
        count = len(record.landed)
        last = f", the last one `{record.landed[-1].id}`" if record.landed else ""
        lines += wrapped(f"landed: {count} of {len(record.plan.steps)} steps{last}", width, "  ", 2)
        lines += wrapped(f"exposed now: {exposed_text(record)}", width, "  ", 2)
    # A command stands on a line of its own, uncut, so that it can be copied.
    for what, command in next_commands(record, where):
        lines += [f"  {what}:", f"    {command}"]
    return "\n".join(lines)


def left_seconds(record: RunRecord, now: datetime | None) -> int | None:
    """Seconds that a run usually still takes: None where it does not go on, 0 or less where it takes longer."""
    if now is None or record.at is None or record.state is not RunState.RUNNING or not record.left:
        return None
    return record.left - round((now - record.at.since).total_seconds())


def left_text(left: int) -> str:
    """The same in words."""
    return f"about {duration_text(left)}" if left > 0 else "not known, because this step takes longer than usual"


def described_holder(record: RunRecord) -> str:
    """Who runs it, where, since when, and as what."""
    holder = record.holder
    return f"{holder.get('who')} on {holder.get('where')} since {holder.get('since')} ({holder.get('why')})"


def exposed_text(record: RunRecord) -> str:
    """Which pairs may be without a route at this moment, by the proof of the step that the run is at."""
    at = record.at
    if at is None or at.moment is Moment.FAILED:
        return "nothing: no step is under way"
    exposures = [each for proof in record.plan.proof.steps if proof.step == at.step.id for each in proof.exposures]
    lasting = _lasting_text(record.plan, at.step.id)
    if not exposures:
        return lasting or "nothing: every pair keeps a route while this step takes effect"
    pairs, seconds = sum(each.pairs for each in exposures), max(each.seconds for each in exposures)
    carried = ", carried by fallback tables" if {each.tolerated for each in exposures} == {Tolerance.CARRIED} else ""
    text = f"{pairs} ordered pair{'' if pairs == 1 else 's'}, for up to {seconds} s after the write{carried}"
    return f"{text}; {lasting}" if lasting else text


def _lasting_text(plan: Plan, at: StepId) -> str:
    """Which pairs of drained nodes stay without a route after earlier steps, or this one; "" where none do."""
    order = {step.id: place for place, step in enumerate(plan.steps)}
    begun = [proof for proof in plan.proof.steps if order[proof.step] <= order[at]]
    pairs = sum(each.pairs for proof in begun for each in proof.exposures if each.lasting)
    if not pairs:
        return ""
    first, until = lasting_from_to(plan)
    if order[at] > order[until]:
        return ""
    return f"up to {pairs} pairs of drained nodes have no route from `{first}` on, until `{until}` at the latest"


def next_commands(record: RunRecord, where: str) -> list[tuple[str, str]]:
    """What can be done, and the command that does it; the first is what most will want."""
    run = record.kept.run
    match record.state:
        case RunState.RUNNING:
            return [
                ("to follow it", f"rrplan status {where} --watch"),
                ("to stop it after the step in flight", "Ctrl-C where it runs"),
            ]
        case RunState.STOPPED:
            return [
                ("to go on, once the reason is gone", f"rrplan resume {where}"),
                ("to take everything back", f"rrplan rollback {where}"),
            ]
        case RunState.DONE:
            return [
                ("to see what a spec would change now", f"rrplan plan SPEC {where}"),
                ("to take this run back", f"rrplan rollback {run} {where}"),
            ]
        case RunState.UNDONE:
            return [
                ("to see what happened", f"rrplan runs {run} {where}"),
                ("to plan again", f"rrplan plan SPEC {where}"),
            ]


def record_json(record: RunRecord, waiting: GateFailed | None, now: datetime | None = None) -> dict[str, object]:
    """The same as JSON has it."""
    return {
        "run": record.kept.run,
        "plan": record.plan.name,
        "digest": record.digest,
        "state": record.state.value,
        "why": why_text(record),
        "who": record.kept.who,
        "since": record.kept.since,
        "holder": dict(record.holder),
        "back": record.back,
        "steps": len(record.plan.steps),
        "landed": [step.id for step in record.landed],
        "at": _at_json(record.at) if record.at is not None else None,
        "left_seconds": left_seconds(record, now),
        "waiting": None if waiting is None else {"gate": waiting.gate, "lack": lack_text(waiting.lack)},
    }


def _at_json(at: StepAt) -> dict[str, object]:
    since = f"{at.since:%Y-%m-%dT%H:%M:%SZ}"
    return {"step": at.step.id, "number": at.number, "moment": at.moment.value, "since": since}


def journal_text(record: RunRecord, width: int = 80) -> str:
    """The journal in words: what happened when, and how long each step took."""
    lines: list[str] = []
    begun: dict[str, int] = {}
    for entry in record.entries:
        at = datetime.fromtimestamp(entry.time / 1000, UTC)
        word = EVENTS.get(entry.event, entry.event)
        if entry.event in (JournalEvent.STARTED, JournalEvent.UNDO_STARTED):
            begun[entry.step] = entry.time
        took = ""
        if entry.step and entry.event in ENDS:
            took = f" after {round((entry.time - begun.get(entry.step, entry.time)) / 1000)} s"
        note = f": {entry.note}" if entry.note else ""
        subject = entry.step or "run"
        lines += wrapped(f"{subject} {word}{took}{note}", width, f"{at:%H:%M:%S}  ", 2)
    return "\n".join(lines)


EVENTS: dict[str, str] = {
    JournalEvent.STARTED: "begins",
    JournalEvent.APPLIED: "is written",
    JournalEvent.SETTLED: "is done",
    JournalEvent.APPLY_FAILED: "was not written",
    JournalEvent.SETTLE_FAILED: "failed",
    JournalEvent.UNDO_STARTED: "is being taken back",
    JournalEvent.UNDONE: "is taken back",
    JournalEvent.UNDO_FAILED: "could not be taken back",
    JournalEvent.RUN_STARTED: "starts",
    JournalEvent.RUN_RESUMED: "goes on",
    JournalEvent.ROLLBACK_STARTED: "is being taken back",
    JournalEvent.RUN_DONE: "done",
    JournalEvent.RUN_UNDONE: "undone",
    JournalEvent.RUN_STOPPED: "stopped",
    JournalEvent.RUN_INTERRUPTED: "stopped: the operator asked it to",
}
"""What a line of a journal says, after the step or `run`."""
ENDS = (JournalEvent.SETTLED, JournalEvent.SETTLE_FAILED, JournalEvent.UNDONE, JournalEvent.UNDO_FAILED)


def way_back_text(record: RunRecord, cluster: str, detail: Detail = Detail.FOLDED, width: int = 80) -> str:
    """What taking a run back does to a cluster, step by step, the last one first."""
    landed = record.landed[::-1]
    why = why_text(record)
    lines = wrapped(f"cluster {cluster}: {heading(record)}{': ' if why else ''}{why}", width)
    if not landed:
        return "\n".join([*lines, "none of its steps landed: nothing will be changed"])
    lines += [f"{len(landed)} of {len(record.plan.steps)} steps will be taken back, in this order:"]
    number = 1
    for step, count in folded(landed, detail):
        lines += wrapped(f"undo {step.id}: {step.summary}{and_alike_folded(count)}", width, f"{number:>4}. ")
        number += count
    return "\n".join(lines)
