"""The one loop that tries again: after which errors, how often or for how long, and what is raised in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol, TypeVar

from rrplan.ports import Clock

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class Limit(Protocol):
    """How often something is tried, or for how long."""

    def begin(self) -> Iterator[float]:
        """The first try begins now; the seconds to wait before each further try, as long as there shall be one."""
        ...

    def wait(self, seconds: float) -> None:
        """Let that many seconds pass before the next try."""
        ...


@dataclass(frozen=True, slots=True)
class Tries:
    """So many tries in all, without a wait: for errors that say that something was out of date."""

    number: int

    def begin(self) -> Iterator[float]:
        """A zero for each try but the first."""
        return repeat(0.0, self.number - 1)

    def wait(self, seconds: float) -> None:
        """There is nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries until `seconds` have passed since the first one began: for errors that may pass.

    The waits between them are `first` seconds, then twice as long each time, up to `longest`.
    """

    clock: Clock
    seconds: float
    first: float
    longest: float

    def begin(self) -> Iterator[float]:
        """The waits, while time is left when a try has failed."""
        return self._waits(self.clock.now())

    def _waits(self, began: float) -> Iterator[float]:
        delay = self.first
        while self.clock.now() - began < self.seconds:
            yield delay
            delay = min(delay * 2, self.longest)

    def wait(self, seconds: float) -> None:
        """Let them pass by the clock."""
        self.clock.sleep(seconds)


def retry(
    attempt: Callable[[], T],
    errors: type[E] | tuple[type[E], ...],
    limit: Limit,
    give_up: Callable[[E], Exception] | None = None,
    retrying: Callable[[E, float], None] = lambda _error, _seconds: None,
) -> T:
    """The first answer of `attempt`; `errors` are worth another try, every other error is raised at once.

    `retrying` hears of each of them and of the seconds until the next try. Where the limit is reached, the last error
    is raised, or what `give_up` makes of it.
    """
    waits = limit.begin()
    while True:
        try:
            return attempt()
        except errors as error:
            seconds = next(waits, None)
            if seconds is None:
                if give_up is None:
                    raise
                raise give_up(error) from error
            retrying(error, seconds)
        limit.wait(seconds)
