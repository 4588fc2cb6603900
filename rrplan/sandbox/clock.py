"""Simulated time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rrplan.sandbox.store import Store

EPOCH = 1_700_000_000.0


class SandboxClock:
    """Implements the port Clock with simulated time; `pace` is called with every wait, for those who want to watch."""

    def __init__(self, store: Store, pace: Callable[[float], None]) -> None:
        self._store = store
        self._pace = pace
        self._now = self._began = float(store.meta("clock", str(EPOCH)))
        last = store.meta("date")
        self._date = max(datetime.now(UTC), datetime.fromisoformat(last)) if last else datetime.now(UTC)

    def now(self) -> float:
        """Simulated seconds; they are kept with the cluster."""
        return self._now

    def wall(self) -> datetime:
        """The real date, or a later one while simulated time is ahead: so runs are listed for real people, and what a
        journal says of how long a step took is what the run said.
        """
        return max(datetime.now(UTC), self._date + timedelta(seconds=self._now - self._began))

    def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self._now += seconds
        self._store.set_meta("clock", str(self._now))
        self._store.set_meta("date", self.wall().isoformat())
        self._pace(seconds)


def no_pace(_seconds: float) -> None:
    """Nobody watches: time passes at once."""
