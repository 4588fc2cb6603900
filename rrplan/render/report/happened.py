"""What happened: of a run its timeline and its gates beside what was expected, of a rehearsal its probes."""

from __future__ import annotations

from datetime import UTC, datetime

from rrplan.plans.cost import waiting
from rrplan.plans.rehearsal import Rehearsal, Verdict
from rrplan.render.record import ENDS, EVENTS, exposed_text, heading, next_commands, why_text
from rrplan.render.rehearsal import headline, measured_rows, result_lines, verdict_line
from rrplan.render.report.document import Moment, Probes, RehearsalPart, RunPart, Took
from rrplan.reports.entry import JournalEvent
from rrplan.reports.events import RunState
from rrplan.reports.record import RunRecord
from rrplan.text import duration_text

MOST_MOMENTS = 600
BAD = {
    JournalEvent.APPLY_FAILED,
    JournalEvent.SETTLE_FAILED,
    JournalEvent.UNDO_FAILED,
    JournalEvent.RUN_STOPPED,
    JournalEvent.RUN_INTERRUPTED,
}
UNDO = {JournalEvent.UNDO_STARTED, JournalEvent.UNDONE, JournalEvent.ROLLBACK_STARTED, JournalEvent.RUN_UNDONE}


def run_part(record: RunRecord, where: str) -> RunPart:
    """Of one run; `where` are the words that name its cluster to a verb."""
    why = why_text(record)
    landed = f"{len(record.landed):,} of {len(record.plan.steps):,} steps"
    facts = [
        ("run", record.kept.run),
        ("state", f"{record.state}{': ' if why else ''}{why}"),
        ("begun", f"{record.kept.since} by {record.kept.who}"),
        ("landed", landed),
        ("plan carried out", record.digest),
    ]
    if record.entries:
        seconds = (record.entries[-1].time - record.entries[0].time) // 1000
        facts.append(("from the first line of the journal to the last", duration_text(seconds)))
    halted = ""
    if record.at is not None:
        place = f"step {record.at.number}, {record.at.step.summary}"
        halted = f"It is at {place}. Exposed now: {exposed_text(record)}."
    moments = [_moment(entry.step, entry.event, entry.time, entry.note) for entry in record.entries]
    return RunPart(
        heading(record),
        record.state is RunState.DONE,
        tuple(facts),
        tuple(next_commands(record, where)),
        tuple(moments[:MOST_MOMENTS]),
        max(0, len(moments) - MOST_MOMENTS),
        tuple(_took(record)),
        halted,
    )


def _moment(step: str, event: str, time: int, note: str) -> Moment:
    at = datetime.fromtimestamp(time / 1000, UTC)
    kind = "bad" if event in BAD else "undo" if event in UNDO else "step" if step else "run"
    text = f"{step or 'the run'} {EVENTS.get(event, event)}{': ' if note else ''}{note}"
    return Moment(f"{at:%Y-%m-%d %H:%M:%S}", text, kind)


def _took(record: RunRecord) -> list[Took]:
    """How long each step with gates waited for them, beside what was expected."""
    steps = {str(step.id): (number, step) for number, step in enumerate(record.plan.steps, 1)}
    applied: dict[str, int] = {}
    waits: list[tuple[str, bool, int, str]] = []
    back = {JournalEvent.UNDONE, JournalEvent.UNDO_FAILED}
    for entry in record.entries:
        if entry.event in (JournalEvent.STARTED, JournalEvent.APPLIED, JournalEvent.UNDO_STARTED):
            applied[entry.step] = entry.time
        elif entry.step in applied and entry.event in ENDS:
            seconds = round((entry.time - applied[entry.step]) / 1000)
            waits.append((entry.step, entry.event in back, seconds, EVENTS.get(entry.event, entry.event)))
    rows = []
    for name, undone, seconds, word in waits:
        if name not in steps:
            continue
        number, step = steps[name]
        gates = step.undo_gates if undone else step.gates
        if gates:
            expected = waiting(gates)
            rows.append((number, step.summary, seconds, expected.expected, expected.worst, word))
    longest = max((max(row[2], row[3]) for row in rows), default=1) or 1
    return [
        Took(*row, share=round(1000 * row[2] / longest), expected_share=round(1000 * row[3] / longest)) for row in rows
    ]


def rehearsal_part(rehearsal: Rehearsal) -> RehearsalPart:
    """What was measured on real BIRD speakers."""
    rows = tuple(
        Probes(" to ".join(names), took, kind or "all", exposed, away, lost)
        for names, took, kind, exposed, away, lost in measured_rows(rehearsal)
    )
    good = rehearsal.verdict is Verdict.MATCHES
    return RehearsalPart(verdict_line(rehearsal), good, headline(rehearsal), tuple(result_lines(rehearsal)[1:]), rows)
