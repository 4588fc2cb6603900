"""One write, with every answer that a datastore can give."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.plans.change import Change
from rrplan.ports import Clock, Datastore, Stored
from rrplan.reports.reasons import MayStillLand, Outcome
from rrplan.resources import ResourceKey, key_of
from rrplan.retry import Patience, Tries, retry

GIVE_UP_SECONDS = 300
FIRST_DELAY, LONGEST_DELAY = 1, 30
CONFLICTS = 5
BATCH = 100
"""Writes that may be made at once between two looks at the lock."""
MANY = 20
"""Resources beyond which one listing is cheaper than a request for each."""
LOOK_SECONDS = 2
"""Between two looks whether a late write has landed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome, and why in words; `part` says that of several writes some landed all the same."""

    outcome: Outcome
    reason: str = ""
    part: bool = False


class GaveUp(Exception):
    """The datastore did not come back in time; nothing is known to have failed."""


class Writer:
    """Makes changes; `retrying` hears of every delay, and `go_on` raises where nothing may be asked or written more."""

    def __init__(
        self,
        datastore: Datastore,
        clock: Clock,
        retrying: Callable[[str | MayStillLand, int], None],
        go_on: Callable[[], None] = lambda: None,
    ) -> None:
        self._datastore = datastore
        self._clock = clock
        self._retrying = retrying
        self._go_on = go_on

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask until there is an answer: delays 1, 2, 4 ... 30 s. Raises GaveUp after five minutes."""

        def attempt() -> T:
            self._go_on()
            return ask()

        return retry(
            attempt,
            (DatastoreUnreachable, DatastoreTimeout),
            Patience(self._clock, GIVE_UP_SECONDS, FIRST_DELAY, LONGEST_DELAY),
            lambda error: GaveUp(str(error)),
            lambda error, seconds: self._retrying(str(error), round(seconds)),
        )

    def read(self, key: ResourceKey) -> Stored | None:
        """One resource as it is now; raises GaveUp."""
        return self.patiently(lambda: self._datastore.get(key))

    def landed(self, change: Change) -> bool | None:
        """Read back: True landed, False not, None neither before nor after (drifted)."""
        return _landed(change, self.read(change.key))

    def landed_late(self, changes: Sequence[Change]) -> list[bool | None]:
        """Read back as `landed` does, but say False only when a write without an answer can land no more."""
        landed = self._which_landed(changes)
        late, began = self._datastore.late_seconds, self._clock.now()
        if False in landed and None not in landed and late:
            self._retrying(MayStillLand(str(changes[landed.index(False)].key)), late)
        # No retry: each look is an answer, and the last one counts when the time is over.
        while False in landed and None not in landed and self._clock.now() - began < late:
            self._clock.sleep(LOOK_SECONDS)
            landed = self._which_landed(changes)
        return landed

    def _which_landed(self, changes: Sequence[Change]) -> list[bool | None]:
        """Read back one by one, or many with one listing."""
        if len(changes) <= MANY:
            return [self.landed(change) for change in changes]
        listed = self.listed()
        return [_landed(change, listed.get(change.key)) for change in changes]

    def listed(self) -> dict[ResourceKey, Stored]:
        """Everything as it is now; raises GaveUp."""
        return {key_of(stored.document): stored for stored in self.patiently(self._datastore.everything)}

    def write(self, change: Change, seen: Stored | None = None, *, doubtful: bool = False) -> Written:
        """Make a change under its precondition; only a definite answer comes back.

        What was `seen` before need not be read first: the write says which version it follows. `doubtful` says that
        an earlier try got no answer. To write again is safe then: only one of the two fits the version.
        """
        attempt = _Attempt(self, change, seen, doubtful)
        try:
            return retry(attempt.make, DatastoreConflict, Tries(CONFLICTS))
        except GaveUp as error:
            return Written(Outcome.AWAY, str(error))
        except DatastoreConflict as error:
            reason = f"{CONFLICTS} conflicts one after the other: {error}"
        except DatastoreRefused as error:
            reason = str(error)
        # A definite no speaks for the last try alone; an earlier one may have been taken.
        return Written(Outcome.AWAY if attempt.doubtful else Outcome.REFUSED, reason)

    def write_all(self, changes: Sequence[Change], step: str, *, again: bool = False) -> Written:
        """Make the changes of a step one after the other; `again` after a crash: what landed is not sent twice."""
        landed = [self.landed(change) if again else False for change in changes]
        if None in landed:
            drifted = changes[landed.index(None)]
            reason = f"{drifted.key} is neither as before nor as after `{step}`"
            return Written(Outcome.DRIFTED, reason, part=True in landed)
        # They are sent one after the other, so one alone, the first that did not land, can have been under way.
        in_doubt = landed.index(False) if again and False in landed else None
        for place, change in enumerate(changes):
            written = Written(Outcome.LANDED) if landed[place] else self.write(change, doubtful=place == in_doubt)
            if written.outcome is not Outcome.LANDED:
                return replace(written, part=place > 0 or True in landed)
        return Written(Outcome.LANDED)

    def write_at_once(
        self, changes: Sequence[Change], step: str, unlocked: Callable[[], str | None], *, again: bool = False
    ) -> Written:
        """Make changes in any order, several at a time; `unlocked` says, now and then, why the lock is not ours.

        All are read before with one listing, so each write follows the version that was read. Raises GaveUp.
        """
        listed = self.listed()
        landed = False
        for start in range(0, len(changes), BATCH):
            reason = unlocked()
            if reason:
                return Written(Outcome.AWAY, reason)
            outcomes = self._at_once(changes[start : start + BATCH], listed, again=again)
            landed = landed or any(written.outcome is Outcome.LANDED for written in outcomes)
            failed = [written for written in outcomes if written.outcome is not Outcome.LANDED]
            if failed:
                # A definite failure counts before one that the next try may mend.
                first = next((written for written in failed if written.outcome is not Outcome.AWAY), failed[0])
                return replace(first, reason=f"{first.reason} (in `{step}`)", part=landed)
        return Written(Outcome.LANDED)

    def _at_once(
        self, changes: Sequence[Change], listed: Mapping[ResourceKey, Stored], *, again: bool
    ) -> list[Written]:
        def write(change: Change) -> Written:
            stored = listed.get(change.key)
            if again and change.landed(stored.document if stored else None):
                return Written(Outcome.LANDED)
            return self.write(change, stored, doubtful=again)

        if self._datastore.at_once < 2:
            return [write(change) for change in changes]
        with ThreadPoolExecutor(self._datastore.at_once) as pool:
            return list(pool.map(write, changes))

    def put(self, change: Change, version: str) -> None:
        """One write at a version."""
        if change.after is None:
            self._datastore.delete(change.key, version)
        elif change.before is None:
            self._datastore.create(change.key, change.after)
        else:
            self._datastore.patch(change.key, change.after, version)


def _landed(change: Change, stored: Stored | None) -> bool | None:
    document = stored.document if stored else None
    if change.landed(document):
        return True
    return None if change.conflicts(document) else False


@dataclass(slots=True)
class _Attempt:
    """One write: read what is there, compare it, send; `doubtful` once a try got no answer."""

    writer: Writer
    change: Change
    seen: Stored | None
    doubtful: bool

    def make(self) -> Written:
        """Make the write at the version that is there now; raises DatastoreConflict where somebody was quicker."""
        stored = self.seen or self.writer.read(self.change.key)
        self.seen = None
        document = stored.document if stored else None
        conflicts = self.change.conflicts(document)
        if conflicts and self.doubtful and self.change.landed(document):
            return Written(Outcome.LANDED)
        if conflicts:
            return Written(Outcome.DRIFTED, f"{self.change.key} is not as the plan expects: {', '.join(conflicts)}")
        self.writer.patiently(lambda: self._send(stored.version if stored else ""))
        return Written(Outcome.LANDED)

    def _send(self, version: str) -> None:
        """Try once; after silence the resource is read back, so that the next try sends nothing that landed."""
        try:
            self.writer.put(self.change, version)
        except DatastoreTimeout:
            self.doubtful = True
            if not self.writer.landed(self.change):
                raise
