"""A run while it happens: one line per step, or one JSON object per event."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from textwrap import shorten
from typing import Any, TextIO, TypeAlias, get_args

from rrplan.ids import StepId
from rrplan.render.facts import fields_json, schema_json
from rrplan.render.run import ending_text, hook_ending, lack_text, reason_text
from rrplan.reports import events
from rrplan.reports.events import Result, RunState
from rrplan.reports.gates import Sweeping
from rrplan.reports.reasons import Reason
from rrplan.text import Paint, duration_text, one_line, wrapped

SWEEP_SECONDS = 30
"""Between two lines about how far a look is, where lines stay."""


class TextProgress:
    """Plain lines; on a terminal the line of the step in flight is rewritten while a gate waits.

    `lead` stands before every line of what is no run on a cluster; nothing is advised there.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        live: bool,
        width: int = 80,
        paint: Paint = lambda text, _colour: text,
        lead: str = "",
    ) -> None:
        self._stream = stream
        self._live = live
        self._lead = lead
        self._width = width - len(lead)
        self._paint = paint
        self._left = 0
        """Seconds that the step in flight and those after it usually take."""
        self._heads: dict[StepId, str] = {}
        """By step, because several may be under way: its place and what it does."""
        self._places: dict[StepId, str] = {}
        """By step: where it stands in the plan, or `undo`."""
        self._waited_for: dict[StepId, str] = {}
        """By step: what it waited for when that was last said."""
        self._next_word: dict[StepId, int] = {}
        """By step: after how many seconds it is said again how far a look is."""
        self._last = ""
        self._reasons: set[str] = set()
        """Why steps failed, as far as it was said."""

    def report(self, event: events.RunEvent) -> None:
        """Print a line for what happened, or rewrite the one of the step in flight."""
        match event:
            case events.RunStarted():
                verb = "goes on" if event.resumed else "starts"
                self._line(f"run {event.run_id} {verb}: {event.steps} steps")
            case events.StepStarted():
                self._places[event.step] = f"[{event.index}/{event.total}]"
                self._heads[event.step] = f"{self._places[event.step]} {event.summary}"
                self._last = f"step {event.index} of {event.total}"
                self._left = event.left
                self._waited_for.pop(event.step, None)
                self._rewrite(f"{self._heads[event.step]} ...")
            case events.GateWaiting():
                self._waiting(event)
            case events.StepSettled():
                self._done(event)
            case events.StepFailed():
                self._line(f"{event.step}: failed: {self._reason(event.why)}", ": failed:", "red")
            case events.UndoStarted():
                self._places[event.step] = "undo"
                self._heads[event.step] = self._last = f"undo {event.step}"
                self._waited_for.pop(event.step, None)
                self._rewrite(f"{self._last} ...")
            case events.StepUndone():
                self._done(event)
            case events.UndoFailed():
                self._line(f"{event.step}: cannot be undone: {self._reason(event.why)}", ": cannot be undone:", "red")
            case events.Retrying():
                self._line(f"    {reason_text(event.why)}; again in {event.delay} s")
            case events.HookRan():
                self._line(f"hook {event.name} ({event.point}) {hook_ending(event.code)}")
            case events.RunFinished():
                for text in map(reason_text, event.why):
                    if text not in self._reasons:
                        self._line(f"stopped: {text}" if event.result.state is RunState.STOPPED else text)
                more, state = "" if self._lead else ending_text(event), f"run {event.result.state}"
                text = f"{self._ending(event)} after {event.seconds} s" + (f"; {more}" if more else "")
                self._line(text, state, "green" if event.result is Result.DONE else "yellow")

    def _done(self, event: events.StepSettled | events.StepUndone) -> None:
        took = f" after {event.seconds} s" if event.seconds else ""
        self._line(f"{self._head(event.step)}: done{took}", ": done", "green")

    def _reason(self, why: Reason) -> str:
        text = reason_text(why)
        self._reasons.add(text)
        return text

    def _head(self, step: StepId) -> str:
        return self._heads.get(step, step)

    def _ending(self, event: events.RunFinished) -> str:
        where = f" at {self._last}" if self._last else ""
        endings = {Result.STOPPED: f"run stopped{where}", Result.INTERRUPTED: f"run stopped{where}, as you asked,"}
        return endings.get(event.result, f"run {event.result}")

    def _waiting(self, event: events.GateWaiting) -> None:
        missing = lack_text(event.lack)
        if self._live:
            place = self._places.get(event.step, "")
            left = self._left - event.waited
            more = f", about {duration_text(left)} left" if left > event.expected else ""
            self._rewrite(f"{place} {event.step} {event.waited}/{event.expected} s{more}: {missing}".lstrip())
        elif isinstance(event.lack, Sweeping):
            if event.waited >= self._next_word.get(event.step, SWEEP_SECONDS):
                self._next_word[event.step] = event.waited + SWEEP_SECONDS
                self._line(f"    {missing} after {event.waited} s")
        elif event.step not in self._waited_for and not event.holding:
            self._waited_for[event.step] = missing
            self._line(f"    waiting (usually {event.expected} s): {missing}")

    def _rewrite(self, text: str) -> None:
        if self._live:
            text = shorten(one_line(text), self._width - 1, placeholder=" ...")
            head, colon, rest = text.partition(": ")
            self._stream.write(f"\r\x1b[K{self._lead}{head}{colon}{self._paint(rest, 'yellow') if rest else ''}")
            self._stream.flush()

    def _line(self, text: str, marked: str = "", colour: str = "") -> None:
        """A line that stays; the word in it that is `marked` gets a colour."""
        lead = " " * (len(text) - len(text.lstrip()))
        text = "\n".join(wrapped(text.strip(), self._width, lead, hanging=4))
        if marked:
            text = text.replace(marked, self._paint(marked, colour), 1)
        text = "".join(f"{self._lead}{line}\n" for line in text.split("\n"))
        self._stream.write(("\r\x1b[K" if self._live else "") + text)
        self._stream.flush()


Derived: TypeAlias = Mapping[str, Callable[[Any], object]]
_DERIVED: dict[type, Derived] = {
    events.GateWaiting: {"missing": lambda event: lack_text(event.lack), "holding": lambda event: event.holding},
    events.StepFailed: {"reason": lambda event: reason_text(event.why)},
    events.UndoFailed: {"reason": lambda event: reason_text(event.why)},
    events.Retrying: {"reason": lambda event: reason_text(event.why)},
    events.RunFinished: {
        "state": lambda event: event.result.state,
        "reason": lambda event: "; ".join(map(reason_text, event.why)),
        "hint": ending_text,
    },
}
"""What `-o json` says of an event beside its fields: the facts in sentences, for people and for older readers."""
MEANINGS = {
    "event": "Which event it is.",
    "time": "When, by a clock that may jump.",
    "run": 'The name of the run; "" before it has one.',
    "missing": "`lack` as a sentence.",
    "holding": "Whether nothing is missing but time: the gate must go on holding.",
    "reason": '`why` as a sentence; "" for nothing.',
    "state": "How the run is now.",
    "hint": 'What may be done now, or how the cluster is; "" for nothing.',
}
"""What the fields mean that every line has, and those beside the fields of an event."""


class JsonProgress:
    """One JSON object per event, with the time (RFC 3339) that `wall` tells, and the run."""

    def __init__(self, stream: TextIO, wall: Callable[[], datetime]) -> None:
        self._stream = stream
        self._wall = wall
        self._run = ""

    def report(self, event: events.RunEvent) -> None:
        """Write the event as a line."""
        if isinstance(event, events.RunStarted):
            self._run = event.run_id
        derived = {name: value(event) for name, value in _DERIVED.get(type(event), {}).items()}
        plain = fields_json(event)
        facts = {name: plain.pop(name) for name in list(plain) if isinstance(plain[name], dict)}
        about = {"event": type(event).__name__, "time": f"{self._wall():%Y-%m-%dT%H:%M:%S.%fZ}", "run": self._run}
        line = {**about, **plain, **derived, **facts}
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._stream.flush()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line of `-o json`: the event's name, its fields, and the facts in sentences."""
    kinds: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for kind in get_args(events.RunEvent):
        schema, definitions = schema_json(kind)
        facts |= definitions
        beside: dict[str, dict[str, str]] = {
            "event": {"const": kind.__name__},
            "time": {"type": "string", "format": "date-time"},
            "run": {"type": "string"},
            **{name: {"type": "boolean" if name == "holding" else "string"} for name in _DERIVED.get(kind, {})},
        }
        told = {name: {**field, "description": MEANINGS[name]} for name, field in beside.items()}
        schema["properties"] = {**told, **schema["properties"]}
        schema["required"] = list(schema["properties"])
        kinds[kind.__name__] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/report.schema.json",
        "title": "Report",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in kinds],
        "$defs": {**kinds, **dict(sorted(facts.items()))},
    }
