"""docs/events.md: the events of a run, the facts in them, and the lines of the journal."""

import io
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from rrplan.ids import NodeName, StepId
from rrplan.plans.gate import GateKind
from rrplan.render.facts import fact_json
from rrplan.render.progress import MEANINGS, JsonProgress
from rrplan.render.schemas import schema_of
from rrplan.reports import events, gates, reasons
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.entry import Entry, JournalEvent
from rrplan.resources.eviction import EvictionRefusal
from rrplan.runs.journal import Journal
from tests.references.reading import doc, field_docs, paragraph, table

EVENTS: tuple[type, ...] = typing.get_args(events.RunEvent)
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
RUN = "20260102t120000-0000001a"
PROMOTE = StepId("promote/rr-1")
SHORT = gates.NodeShort(NodeName("node-001"), gates.Shortfall.ROUTES, "ipv4", "rr-1", 6, 7)
LACK = gates.NodesShort(3, 7, SHORT)
TITLE = "every neighbour of rr-1 holds the routes it reflects"
FAILED = gates.GateFailed(GateKind.ROUTES, TITLE, LACK, 120)
AWAY = reasons.DatastoreFailed("the API server refuses connections")
OVERWRITTEN = Drift("Node/rr-1", DriftKind.OVERWRITTEN, "metadata.labels.role", "worker", "rr")
EXAMPLES: tuple[Any, ...] = (
    events.RunStarted(RUN, 11, resumed=False),
    events.StepStarted(PROMOTE, 5, 11, "promote rr-1 to reflector of group main (cluster ID 224.0.0.1)", 120),
    events.GateWaiting(PROMOTE, TITLE, LACK, 5, 24, 120),
    events.StepSettled(PROMOTE, 24),
    events.StepFailed(PROMOTE, FAILED),
    events.UndoStarted(PROMOTE),
    events.StepUndone(PROMOTE, 16),
    events.UndoFailed(PROMOTE, AWAY),
    events.Retrying(PROMOTE, AWAY, 4),
    events.HookRan("smoke", "after-step", 0),
    events.RunFinished(events.Result.UNDONE, 171, None, (FAILED,)),
)
FACTS: tuple[Any, ...] = (
    FAILED,
    reasons.Drifted((OVERWRITTEN,)),
    AWAY,
    reasons.HookObjected("freeze", 1, "no changes this week"),
    reasons.NotWritten(reasons.Outcome.REFUSED, "admission webhook denied the request"),
    reasons.NeitherState("Node/rr-1", PROMOTE),
    reasons.MayStillLand("Node/rr-1"),
    LACK,
    SHORT,
    gates.PodsLeft((gates.PodLeft("default", "web-0", gates.PodState.HELD),)),
    gates.PodLeft("default", "web-0", gates.PodState.HELD),
    gates.PodsKept((gates.PodKept("default", "job", NodeName("rr-1"), EvictionRefusal.NO_CONTROLLER),)),
    gates.PodKept("default", "job", NodeName("rr-1"), EvictionRefusal.NO_CONTROLLER),
    gates.RolloutShort("DaemonSet/kube-system/calico-rr", gates.RolloutLack.PODS, "numberAvailable", 1, 2),
    gates.GateUnknown("the API server refuses connections"),
    gates.StillHolding(10),
    gates.Sweeping(3120, 5000),
    OVERWRITTEN,
)
WORDS = (
    events.Result,
    events.RunState,
    GateKind,
    gates.Shortfall,
    gates.PodState,
    EvictionRefusal,
    gates.RolloutLack,
    reasons.Outcome,
    DriftKind,
)
SETS: dict[Any, str] = {reasons.Reason: "[reason](#reasons)", gates.Lack: "[lack](#what-gates-lack)"}
PLAIN: dict[Any, str] = {str: "text", int: "whole number", bool: "`true` or `false`", object: "any JSON value"}
INTRODUCTION = """\
# Events

Made from the code by `python -m tests.references`.

A run tells every listener the same events. `rrplan apply`, `resume` and `rollback` print each as a line of JSON with
`-o json`; in Python a `Control` with a listener of yours hears the values themselves, with None for `null`
([Python API](python.md#runevent)). The journal has [lines of its own](#journal). `rrplan schema report` and `rrplan
schema journal` print the JSON Schemas.

Every line has these fields, and an event always has all of its own. A later version may add fields and events, so
ignore what you do not know. Facts are for programs. The sentences beside them (`summary`, `reason`, `missing`, `hint`)
are for people, and may change.
"""


def events_page() -> str:
    """The page as text."""
    assert {type(event) for event in EXAMPLES} == set(EVENTS), "an event has no example"
    seen = {kind for event in EVENTS for kind in _facts(event)}
    assert {type(fact) for fact in FACTS} == seen, "a fact has no example"
    lines = [INTRODUCTION, *table(("field", "type", ""), [_beside(name) for name in ("event", "time", "run")])]
    lines += table(("event", "when"), [(f"[`{kind.__name__}`](#{_slug(kind)})", _first(kind)) for kind in EVENTS])
    for event in EXAMPLES:
        lines += _event(event)
    lines += [
        "## Reasons",
        "",
        "Why a step does not begin, fails, or is not taken back; a request that is tried again.",
        "",
    ]
    reason = {*typing.get_args(reasons.Reason), reasons.MayStillLand}
    lines += [line for fact in FACTS if type(fact) in reason for line in _fact(fact)]
    lines += [
        "## What gates lack",
        "",
        "What a gate waits for, or lacked when it failed, and what these consist of.",
        "",
    ]
    lines += [line for fact in FACTS if type(fact) not in reason for line in _fact(fact)]
    lines += ["## Words", "", "Fields with these types have one of these texts.", ""]
    for words in WORDS:
        docs = field_docs(words)
        lines += [f"### {words.__name__}", "", doc(words), ""]
        lines += table(("word", ""), [(f"`{word.value}`", docs.get(word.name, "")) for word in words])
    return "\n".join([*lines, *_journal()]).rstrip() + "\n"


def _slug(kind: type) -> str:
    return kind.__name__.lower()


def _first(kind: type) -> str:
    return paragraph(doc(kind).split("\n\n")[0])


def _beside(name: str) -> tuple[str, str, str]:
    kind = {"time": "text (RFC 3339)", "holding": PLAIN[bool]}.get(name, "text")
    return f"`{name}`", kind, MEANINGS[name]


def _event(event: Any) -> list[str]:
    kind = type(event)
    listed = schema_of("report")["$defs"]
    assert isinstance(listed, dict)
    own = {field.name for field in fields(kind)}
    beside = [name for name in listed[kind.__name__]["properties"] if name in MEANINGS and name not in own]
    docs = field_docs(kind)
    assert own <= set(docs), f"{kind.__name__}: a field has no docstring"
    rows = [*_rows(kind), *(_beside(name) for name in beside if name not in ("event", "time", "run"))]
    stream = io.StringIO()
    progress = JsonProgress(stream, lambda: NOON)
    if not isinstance(event, events.RunStarted):
        progress.report(EXAMPLES[0])
        stream.truncate(stream.seek(0))
    progress.report(event)
    return [f"## {kind.__name__}", "", doc(kind), "", *table(("field", "type", ""), rows), *_code(stream.getvalue())]


def _fact(fact: Any) -> list[str]:
    kind = type(fact)
    example = json.dumps(fact_json(fact), ensure_ascii=False)
    return [f"### {kind.__name__}", "", doc(kind), "", *table(("field", "type", ""), _rows(kind)), *_code(example)]


def _code(text: str) -> list[str]:
    return ["```json", text.rstrip(), "```", ""]


def _rows(kind: type) -> Iterator[tuple[str, str, str]]:
    docs, hints = field_docs(kind), typing.get_type_hints(kind)
    for field in fields(kind):
        yield f"`{field.name}`", type_text(hints[field.name]), docs.get(field.name, "")


def type_text(hint: Any) -> str:
    """A type in the words of JSON."""
    hint = getattr(hint, "__supertype__", hint)
    if hint in SETS:
        return SETS[hint]
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is type(None):
        return "null"
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for whole, text in SETS.items():
            rest = [each for each in arguments if each not in typing.get_args(whole)]
            if len(rest) + len(typing.get_args(whole)) == len(arguments):
                return _either([text, *map(type_text, rest)])
        return _either([*map(type_text, arguments)])
    if typing.get_origin(hint) is tuple:
        return f"list of {type_text(arguments[0])}"
    assert is_dataclass(hint) or issubclass(hint, Enum), hint
    return f"[{hint.__name__}](#{hint.__name__.lower()})"


def _either(texts: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _facts(kind: type) -> set[type]:
    """The facts that are in a value of a type, or in one of those."""
    seen: set[type] = set()
    left = [*typing.get_type_hints(kind).values()]
    while left:
        hint = left.pop()
        left += typing.get_args(hint)
        if isinstance(hint, type) and is_dataclass(hint) and hint not in seen:
            seen.add(hint)
            left += typing.get_type_hints(hint).values()
    return seen


class _Lines:
    """A log in memory; implements Log."""

    place = "journal.jsonl"

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def lines(self) -> Sequence[bytes]:
        """What was written."""
        return self.written

    def append(self, line: bytes, *, durable: bool) -> None:
        """Keep the line."""
        self.written.append(line)

    def close(self) -> None:
        """Nothing is open."""


def _journal() -> list[str]:
    log = _Lines()
    digest = "sha256:" + "1f" * 32
    journal = Journal.open(log, digest)
    told: Mapping[JournalEvent, str] = {JournalEvent.SETTLE_FAILED: "gate timed out after 120 s"}
    order = (JournalEvent.RUN_STARTED, JournalEvent.STARTED, JournalEvent.APPLIED, JournalEvent.SETTLE_FAILED)
    for event in order:
        journal.append("" if event is JournalEvent.RUN_STARTED else PROMOTE, event, NOON, told.get(event, ""))
    assert [*asdict(journal.entries[0])] == [field.name for field in fields(Entry)]
    docs = field_docs(JournalEvent)
    lines = [
        "## Journal",
        "",
        "A run keeps its journal in ConfigMaps of the cluster, or in the directory of the sandbox",
        "(`runs/RUN/journal.jsonl`): one JSON object per line. Each line is chained to the one before, so a line that",
        "was edited, removed or added shows. `rrplan runs RUN` tells it in words.",
        "",
        *table(("field", "type", ""), _rows(Entry)),
        *table(("`event`", ""), [(f"`{event.value}`", docs.get(event.name, "")) for event in JournalEvent]),
    ]
    return [*lines, *_code(b"".join(log.written).decode())]
