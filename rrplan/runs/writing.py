"""One write, with every answer that a datastore can give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.plans.change import Change
from rrplan.ports import Clock, Datastore, Stored

GIVE_UP_SECONDS = 300
CONFLICTS = 5

T = TypeVar("T")


class Outcome(StrEnum):
    """How a write ended; always definite."""

    LANDED = "landed"
    REFUSED = "refused"
    DRIFTED = "drifted"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome, and why in words."""

    outcome: Outcome
    reason: str = ""


class Away(Exception):
    """The datastore did not come back in time; nothing is known to have failed."""


class Writer:
    """Makes changes; `retrying` hears of every delay."""

    def __init__(self, datastore: Datastore, clock: Clock, retrying: Callable[[str, int], None]) -> None:
        self._datastore = datastore
        self._clock = clock
        self._retrying = retrying

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask until there is an answer: delays 1, 2, 4 ... 30 s. Raises Away after five minutes."""
        began, delay = self._clock.now(), 1
        while True:
            try:
                return ask()
            except (DatastoreUnreachable, DatastoreTimeout) as error:
                if self._clock.now() - began >= GIVE_UP_SECONDS:
                    raise Away(str(error)) from error
                self._retrying(str(error), delay)
                self._clock.sleep(delay)
                delay = min(delay * 2, 30)

    def landed(self, change: Change) -> bool | None:
        """Read back: True landed, False not, None neither before nor after (drifted)."""
        stored = self.patiently(lambda: self._datastore.get(change.key))
        document = stored.document if stored else None
        if change.landed(document):
            return True
        return None if change.conflicts(document) else False

    def write(self, change: Change, seen: Stored | None = None) -> Written:
        """Make a change under its precondition; only a definite answer comes back.

        What was `seen` before need not be read first: the write says which version it follows.
        """
        conflict = ""
        for _ in range(CONFLICTS):
            try:
                stored = seen or self.patiently(lambda: self._datastore.get(change.key))
                seen = None
                conflicts = change.conflicts(stored.document if stored else None)
                if conflicts:
                    return Written(Outcome.DRIFTED, f"{change.key} is not as the plan expects: {', '.join(conflicts)}")
                self._send(change, stored.version if stored else "")
                return Written(Outcome.LANDED)
            except DatastoreConflict as error:
                conflict = str(error)
            except DatastoreRefused as error:
                return Written(Outcome.REFUSED, str(error))
            except Away as error:
                return Written(Outcome.AWAY, str(error))
        return Written(Outcome.REFUSED, f"{CONFLICTS} conflicts one after the other: {conflict}")

    def _send(self, change: Change, version: str) -> None:
        """One write, retried only after a definite "not processed"; after silence the resource is read back."""

        def send() -> None:
            try:
                if change.after is None:
                    self._datastore.delete(change.key, version)
                elif change.before is None:
                    self._datastore.create(change.key, change.after)
                else:
                    self._datastore.patch(change.key, change.after, version)
            except DatastoreTimeout:
                if not self.landed(change):
                    raise

        self.patiently(send)
