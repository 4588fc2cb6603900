"""A rehearsal for people: for the terminal, and as Markdown for change tickets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rrplan.plans.gate import LONGEST_SECONDS
from rrplan.plans.rehearsal import Count, Rehearsal, SampledKind, StepMeasure, Traffic, Verdict
from rrplan.render.escaping import cell, code, prose
from rrplan.text import listed, wrapped

INDENT = "  "


def rehearsal_text(rehearsal: Rehearsal, *, width: int = 80) -> str:
    """The whole rehearsal as text."""
    lines = [*wrapped(headline(rehearsal), width)]
    lines += [line for text in _sample(rehearsal) for line in wrapped(text, width, "  - ")]
    for title, back in (("There:", False), ("Back:", True)):
        steps = [step for step in rehearsal.steps if step.back is back]
        if steps:
            lines += ["", title, ""]
            for alike in _folded(steps):
                name = " to ".join(dict.fromkeys(_name(step) for step in (alike[0], alike[-1])))
                rows = [row for row in alike[0].traffic if _lossy(row)]
                quiet = "" if rows else "; nothing lost"
                lines += wrapped(f"{name}: {_took(alike[0])}{quiet}", width, INDENT)
                lines += [line for row in rows for line in wrapped(f"{row.kind}: {_traffic(row)}", width, "      ")]
    lines += ["", "Result:", ""]
    lines += [line for text in result_lines(rehearsal) for line in wrapped(text, width, "  - ")]
    return "\n".join(lines) + "\n"


def rehearsal_markdown(rehearsal: Rehearsal) -> str:
    """The whole rehearsal as Markdown."""
    lines = ["# rrplan: rehearsal", "", prose(headline(rehearsal)), ""]
    lines += [f"- {prose(text)}" for text in _sample(rehearsal)]
    lines += [
        "",
        "## Steps",
        "",
        "| step | took | pairs | exposed | routes away | probes lost |",
        "|---|---|---|---|---|---|",
    ]
    for names, *measured in measured_rows(rehearsal):
        cells = [" to ".join(cell(code(name)) for name in names), *map(str, measured)]
        lines.append("".join(f"| {text} " if text else "| " for text in cells) + "|")
    lines += ["", "## Result", "", *(f"- {prose(text)}" for text in result_lines(rehearsal))]
    return "\n".join(lines) + "\n"


def measured_rows(rehearsal: Rehearsal) -> Iterator[tuple[tuple[str, ...], str, str, str, str, str]]:
    """A table: the first and the last step, how long, which pairs, how many exposed, routes away, probes lost."""
    for alike in _folded(rehearsal.steps):
        names = tuple(dict.fromkeys(_name(step) for step in (alike[0], alike[-1])))
        took = _took(alike[0])
        rows = [row for row in alike[0].traffic if _lossy(row)]
        if not rows:
            yield names, took, "", "", "none", "none"
        for row in rows:
            away = f"{row.routes}, up to {_seconds(row.away_ms)}" if row.routes else "none"
            lost = f"{row.lost} of {row.sent}, up to {_seconds(row.silence_ms)}" if row.lost else "none"
            yield names, took, row.kind, f"{row.exposed} of {row.pairs}", away, lost


def headline(rehearsal: Rehearsal) -> str:
    """What was rehearsed, how."""
    whole = sum(kept.of for kept in rehearsal.kept)
    text = (
        f"Rehearsal of plan {rehearsal.subject.plan[:19]} on real BIRD speakers: {rehearsal.nodes} of {whole} nodes, "
        f"seed {rehearsal.seed}"
    )
    if not rehearsal.flows:
        return text
    return f"{text}, {rehearsal.flows} pairs of pods, a probe every {rehearsal.probe_every_ms} ms"


def verdict_line(rehearsal: Rehearsal) -> str:
    """What follows from it, and from how many repetitions."""
    verdict = rehearsal.verdict
    if not rehearsal.others:
        if verdict is Verdict.MATCHES:
            return f"{verdict}: one run; give `--repeat 2` before you trust the first verdict of a plan"
        return str(verdict)
    runs = [(rehearsal.seed, rehearsal.own_verdict), *((other.seed, other.verdict) for other in rehearsal.others)]
    told = ", ".join(f"seed {seed} {_outcome(each)}" for seed, each in sorted(runs))
    differ = "the repetitions differ: " if len({each for _, each in runs}) > 1 else ""
    return f"{verdict}: {differ}{told}"


def _outcome(verdict: Verdict) -> str:
    return "is inconclusive" if verdict is Verdict.INCONCLUSIVE else str(verdict)


def result_lines(rehearsal: Rehearsal) -> list[str]:
    """What follows, first of all, and then why, in sentences."""
    lines = [verdict_line(rehearsal)]
    lines += [f"contradicts the plan: {text}" for text in rehearsal.contradictions]
    lines += [f"not declared by the plan: {text}" for text in rehearsal.differences]
    lines += [f"inconclusive: {text}" for text in rehearsal.unsettled]
    if not rehearsal.there:
        return lines
    ends = f"the plan was {rehearsal.there}"
    if rehearsal.back:
        ends += f", and the rollback was {rehearsal.back}" if rehearsal.back != "undone" else " and then undone"
    lines += [ends, f"pairs while they are not exposed: {_counted(rehearsal.owed, rehearsal.seen_ms)}"]
    if rehearsal.exposed.sent or rehearsal.exposed.routes:
        lines.append(
            f"pairs while the proof says they are exposed (plans say for up to {LONGEST_SECONDS} s): "
            f"{_counted(rehearsal.exposed, rehearsal.seen_ms)}"
        )
    lines += [f"on the way through a node that changes: {text}" for text in rehearsal.transit]
    lines += [f"longer than ever measured: {text}" for text in rehearsal.longer]
    lines += [f"not exercised: {text}" for text in rehearsal.subject.not_exercised]
    return lines


def _counted(count: Count, seen_ms: int) -> str:
    lost = f"{count.lost} of {count.sent} probes lost"
    if count.lost:
        lost += f", for up to {_seconds(count.silence_ms)}"
    away = (
        f"{count.routes} routes away for up to {_seconds(count.away_ms)}"
        if count.routes
        else f"no route away for over {seen_ms} ms"
    )
    return f"{lost}; {away}"


def _sample(rehearsal: Rehearsal) -> Iterator[str]:
    subject = rehearsal.subject
    yield f"spec {subject.spec[:19]}, snapshot {subject.snapshot[:19]}"
    if subject.families:
        filters = f"BGPFilter {listed(subject.filters)}" if subject.filters else "no BGPFilters"
        families = " and ".join({"ipv4": "IPv4", "ipv6": "IPv6"}[family] for family in subject.families)
        first, last = subject.sessions
        yield f"{families}; {first} sessions at the start, {last} at the end of the plan; {filters}"
    kinds: dict[str, list[SampledKind]] = {}
    for kept in rehearsal.kept:
        kinds.setdefault(kept.kind, []).append(kept)
    for kind, sample in kinds.items():
        some, every = sum(kept.nodes for kept in sample), sum(kept.of for kept in sample)
        classes = f" in {len(sample)} classes" if len(sample) > 1 else ""
        yield f"{some} of {every} {kind}{classes}, such as {sample[0].example}"
    yield from (f"not as in the cluster: {text}" for text in rehearsal.left_out)


def _folded(steps: Sequence[StepMeasure]) -> Iterator[list[StepMeasure]]:
    """Steps that took no time and lost nothing, told together with their neighbours of that kind."""

    def nothing(step: StepMeasure) -> bool:
        return step.seconds == 0 and not any(_lossy(row) for row in step.traffic)

    for (_, quiet), alike in groupby(steps, lambda step: (step.back, nothing(step))):
        run = list(alike)
        yield from [run] if quiet else [[step] for step in run]


def _name(step: StepMeasure) -> str:
    return f"undo {step.step}" if step.back else step.step


def _took(step: StepMeasure) -> str:
    usually = f" (usually {step.usually} s)" if step.usually and step.seconds else ""
    return f"{step.seconds} s{usually}"


def _lossy(row: Traffic) -> bool:
    return bool(row.lost or row.routes)


def _traffic(row: Traffic) -> str:
    parts = [f"{row.exposed} of {row.pairs} pairs exposed"]
    if row.routes:
        parts.append(f"{row.routes} routes away for up to {_seconds(row.away_ms)}")
    if row.lost:
        parts.append(f"{row.lost} of {row.sent} probes lost, for up to {_seconds(row.silence_ms)}")
    return ", ".join(parts)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"
