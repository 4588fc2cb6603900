"""The machine's clock: the only place that sleeps or asks for the date."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Implements the port Clock with real time."""

    def now(self) -> float:
        """Seconds since some moment; they go on evenly when somebody sets the date."""
        return time.monotonic()

    def wall(self) -> datetime:
        """Date and time, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Block this thread for that many seconds."""
        time.sleep(seconds)


def timestamp(at: datetime) -> str:
    """A moment as RFC 3339, in seconds; Kubernetes writes it so."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
