"""rrplan as an operator runs it: processes of its own, whose events are read while they come."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from rrplan.ids import NodeName, StepId
from rrplan.rehearsal.judging import Window

Event: TypeAlias = Mapping[str, Any]
BEGINNINGS = {"StepStarted": False, "UndoStarted": True}
"""Events that begin a step, and whether it is undone."""
SECONDS = 900
"""That a verb may take."""


class Operator:
    """Runs verbs on the cluster that `where` leads to; remembers which step was under way when.

    `waits` tells how long each BIRD has waited for the processor so far.
    """

    def __init__(self, folder: Path, where: Sequence[str], waits: Callable[[], Mapping[NodeName, float]]) -> None:
        self._folder = folder
        self._where = where
        self._waits = waits
        self._waited: Mapping[NodeName, float] = {}
        self.windows: list[Window] = []
        self.events: list[Event] = []

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A verb, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "rrplan", *words, *self._where],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def follow(self, *words: str, hear: Callable[[Event, Process], None]) -> tuple[int, str]:
        """A verb whose events `hear` hears at once; exit code, and what it said on standard error."""
        process = subprocess.Popen(
            [sys.executable, "-m", "rrplan", *words, *self._where, "-o", "json"],
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said: list[str] = []
        talk = threading.Thread(target=lambda: said.append(process.stderr.read()), daemon=True)  # type: ignore[union-attr]
        talk.start()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"event"'):
                event = json.loads(line)
                self._remember(event)
                hear(event, process)
            else:
                said.append(line)
        code = process.wait(SECONDS)
        talk.join()
        return code, "".join(said)

    @property
    def last_run(self) -> str:
        """The ID of the run that the last verb was about."""
        return str(self.events[-1]["run"])

    def _remember(self, event: Event) -> None:
        self.events.append(event)
        if event["event"] in BEGINNINGS:
            began = monotonic(event["time"])
            self.close(began)
            self._waited = self._waits()
            self.windows.append(Window(StepId(event["step"]), BEGINNINGS[event["event"]], began))

    def close(self, moment: float) -> None:
        """The last step has ended at a moment of the monotonic clock."""
        if self.windows and not self.windows[-1].ended:
            self.windows[-1].ended = moment
            waits = self._waits().items()
            # A BIRD that was started again counts from its beginning.
            self.windows[-1].waited = max(
                (now - min(now, self._waited.get(bird, 0.0)) for bird, now in waits), default=0.0
            )


Process: TypeAlias = "subprocess.Popen[str]"


def monotonic(date: str) -> float:
    """A date of a moment ago, by the monotonic clock of this machine."""
    return time.monotonic() - (time.time() - datetime.fromisoformat(date).timestamp())
