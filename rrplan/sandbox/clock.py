"""Simulated time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from rrplan.sandbox.store import Store

EPOCH = 1_700_000_000.0


class SandboxClock:
    """Implements the port Clock with simulated time; `pace` is called with every wait, for those who want to watch."""

    def __init__(self, store: Store, pace: Callable[[float], None]) -> None:
        self._store = store
        self._pace = pace
        self._now = float(store.meta("clock", str(EPOCH)))

    def now(self) -> float:
        """Simulated seconds; they are kept with the cluster."""
        return self._now

    def wall(self) -> datetime:
        """The real date: runs on an embedded cluster are listed for real people."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self._now += seconds
        self._store.set_meta("clock", str(self._now))
        self._pace(seconds)


def no_pace(_seconds: float) -> None:
    """Nobody watches: time passes at once."""
