"""Listeners of runs: one that remembers, one that acts."""

from collections.abc import Callable
from typing import TypeVar

from rrplan.reports.events import RunEvent

E = TypeVar("E", bound=RunEvent)


class Remembering:
    """A listener that remembers every event."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def report(self, event: RunEvent) -> None:
        """Remember it."""
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Acting(Remembering):
    """A listener that does something when an event comes."""

    def __init__(self, act: Callable[[RunEvent], None]) -> None:
        super().__init__()
        self._act = act

    def report(self, event: RunEvent) -> None:
        """Remember, act."""
        super().report(event)
        self._act(event)
