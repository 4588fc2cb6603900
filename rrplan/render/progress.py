"""A run while it happens: one line per step, or one JSON object per event."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TextIO, get_args

from pydantic import TypeAdapter

from rrplan.ids import StepId
from rrplan.runs import events
from rrplan.text import wrapped


class TextProgress:
    """Plain lines; on a terminal the line of the step in flight is rewritten while a gate waits."""

    def __init__(self, stream: TextIO, *, live: bool, width: int = 80) -> None:
        self._stream = stream
        self._live = live
        self._width = width
        self._heads: dict[StepId, str] = {}
        """By step, because several may be under way: its place and what it does."""
        self._places: dict[StepId, str] = {}
        """By step: where it stands in the plan, or `undo`."""
        self._told: dict[StepId, str] = {}
        """By step: what it waited for when that was last said."""
        self._last = ""

    def report(self, event: events.RunEvent) -> None:
        """Say what happened."""
        match event:
            case events.RunStarted():
                verb = "goes on" if event.resumed else "starts"
                self._line(f"run {event.run_id} {verb}: {event.steps} steps")
            case events.StepStarted():
                self._places[event.step] = f"[{event.index}/{event.total}]"
                self._heads[event.step] = f"{self._places[event.step]} {event.summary}"
                self._last = f"step {event.index} of {event.total}"
                self._told.pop(event.step, None)
                self._rewrite(f"{self._heads[event.step]} ...")
            case events.GateWaiting():
                self._waiting(event)
            case events.StepSettled():
                self._line(f"{self._head(event.step)}: done" + (f" after {event.seconds} s" if event.seconds else ""))
            case events.StepFailed():
                self._line(f"{event.step}: failed: {event.reason}")
            case events.UndoStarted():
                self._places[event.step] = "undo"
                self._heads[event.step] = self._last = f"undo {event.step}"
                self._told.pop(event.step, None)
                self._rewrite(f"{self._last} ...")
            case events.StepUndone():
                self._line(f"{self._head(event.step)}: done" + (f" after {event.seconds} s" if event.seconds else ""))
            case events.UndoFailed():
                self._line(f"{event.step}: cannot be undone: {event.reason}")
            case events.Retrying():
                self._line(f"    {event.reason}; again in {event.delay} s")
            case events.HookRan():
                how = "did not end in time" if event.code is None else f"ended with {event.code}"
                self._line(f"hook {event.name} ({event.point}) {how}")
            case events.RunFinished():
                self._line(f"{self._ending(event)} after {event.seconds} s" + (f"; {event.hint}" if event.hint else ""))

    def _head(self, step: StepId) -> str:
        return self._heads.get(step, step)

    def _ending(self, event: events.RunFinished) -> str:
        where = f" at {self._last}" if self._last else ""
        endings = {"partial": f"run stopped{where}", "interrupted": f"run interrupted{where}"}
        return endings.get(event.result, f"run {event.result}")

    def _waiting(self, event: events.GateWaiting) -> None:
        if self._live:
            place = self._places.get(event.step, "")
            self._rewrite(f"{place} {event.step} {event.waited}/{event.expected} s: {event.missing}".lstrip())
        elif event.step not in self._told and not event.holding:
            self._told[event.step] = event.missing
            self._line(f"    waiting (usually {event.expected} s): {event.missing}")

    def _rewrite(self, text: str) -> None:
        if self._live:
            self._stream.write("\r\x1b[K" + text[: self._width - 1])
            self._stream.flush()

    def _line(self, text: str) -> None:
        lead = " " * (len(text) - len(text.lstrip()))
        text = "\n".join(wrapped(text.strip(), self._width, lead, hanging=4))
        self._stream.write(("\r\x1b[K" if self._live else "") + text + "\n")
        self._stream.flush()


class JsonProgress:
    """One JSON object per event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def report(self, event: events.RunEvent) -> None:
        """Write the event as a line."""
        self._stream.write(json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False) + "\n")
        self._stream.flush()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line of `-o json`: the event's name and its fields."""
    definitions: dict[str, Any] = {}
    for kind in get_args(events.RunEvent):
        schema = TypeAdapter(kind).json_schema()
        schema["properties"] = {"event": {"const": kind.__name__}, **schema["properties"]}
        schema["required"] = ["event", *schema["required"]]
        definitions[kind.__name__] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/report.schema.json",
        "title": "Report",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in definitions],
        "$defs": definitions,
    }
