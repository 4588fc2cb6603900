"""Clocks of tests."""

from datetime import UTC, datetime, timedelta


class JumpingClock:
    """Time that passes when somebody waits; with each wait the date jumps an hour, forth and back."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._now = 1000.0

    def now(self) -> float:
        """Seconds, evenly."""
        return self._now

    def wall(self) -> datetime:
        """The date: an hour late after every second wait."""
        hours = len(self.waits) % 2
        return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=self._now, hours=hours)

    def sleep(self, seconds: float) -> None:
        """Time passes, the date jumps."""
        assert len(self.waits) < 5000, "somebody waits for ever"
        self.waits.append(seconds)
        self._now += seconds
