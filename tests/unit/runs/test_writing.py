"""A write that got no answer and lands after it was given up: `docker run` and `ssh` leave calicoctl behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout
from rrplan.ports import Document
from rrplan.reports import events
from rrplan.reports.reasons import MayStillLand
from rrplan.resources import ResourceKey
from rrplan.runs import Journal, Result
from rrplan.sandbox import Sandbox
from tests.support import Bench
from tests.support.dying import Crash, crash

PEERS = "BGPPeer"


class Late:
    """A sandbox whose first write to a kind gets no answer and lands `seconds` later, at the version it named."""

    def __init__(self, sandbox: Sandbox, kind: str, seconds: float) -> None:
        self._sandbox = sandbox
        self._kind = kind
        self._seconds = seconds
        self._pending: list[tuple[float, Callable[[], None]]] = []
        self._used = False
        self.conflicts = 0
        self.on_silence: Callable[[], None] = lambda: None
        self.refusing = 0
        self.late_seconds = 10
        self.overtaking = False

    def __getattr__(self, name: str) -> object:
        self._land()
        return getattr(self._sandbox, name)

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make it, or lose the answer."""
        self._send(key, lambda: self._sandbox.create(key, document))

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """Change it, or lose the answer."""
        self._send(key, lambda: self._sandbox.patch(key, patch, version))

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove it, or lose the answer."""
        self._send(key, lambda: self._sandbox.delete(key, version))

    def _send(self, key: ResourceKey, write: Callable[[], None]) -> None:
        if self.overtaking:
            self._pending = [(0.0, pending) for _, pending in self._pending]
        self._land()
        if key.kind == self._kind and self._used and self.refusing:
            self.refusing -= 1
            raise DatastoreRefused("permission denied")
        if key.kind != self._kind or self._used:
            write()
            return
        self._used = True
        self._pending.append((self._sandbox.clock.now() + self._seconds, write))
        self.on_silence()
        raise DatastoreTimeout(f"{key}: `ssh` did not end within 60 s")

    def _land(self) -> None:
        for due, write in [*self._pending]:
            if due <= self._sandbox.clock.now():
                self._pending.remove((due, write))
                try:
                    write()
                except DatastoreConflict:
                    self.conflicts += 1


def late(bench: Bench, kind: str, seconds: float) -> Late:
    """The datastore of a bench, from now on."""
    bench.sandbox = store = Late(bench.sandbox, kind, seconds)  # type: ignore[assignment]
    return store


@pytest.mark.parametrize("kind", ["BGPPeer", "BGPConfiguration", "Node"])
@pytest.mark.parametrize("seconds", [0.5, 30])
def test_writing_again_is_safe(kind: str, seconds: float, tmp_path: Path) -> None:
    """Of the late write and the second one, the first to arrive lands and the other conflicts; there and back."""
    bench = Bench(tmp_path)
    store = late(bench, kind, seconds)
    assert bench.runner().apply() is Result.DONE
    bench.sandbox.clock.sleep(60)
    assert not bench.left()
    assert store.conflicts == (0 if seconds < 1 else 1)
    assert bench.runner().rollback() is Result.UNDONE
    assert bench.objects() == bench.before


@pytest.mark.parametrize("seconds", [1, 8])
def test_absent_now_is_not_never_landed(seconds: float, tmp_path: Path) -> None:
    """The run died while it wrote; a rollback waits for a create that may still land, and takes it back."""
    bench = Bench(tmp_path)
    store = late(bench, PEERS, seconds)
    store.on_silence = crash
    with pytest.raises(Crash):
        bench.runner().apply()
    assert not bench.sandbox.state.peers
    assert bench.runner().rollback() is Result.UNDONE
    bench.sandbox.clock.sleep(60)
    assert bench.objects() == bench.before
    assert isinstance(bench.listener.of(events.Retrying)[0].why, MayStillLand)


def test_overtaken_by_the_late_write(tmp_path: Path) -> None:
    """It lands between the look of a resumed run and its own write, which then conflicts with itself."""
    bench = Bench(tmp_path)
    store = late(bench, PEERS, 1e9)
    store.on_silence = crash
    with pytest.raises(Crash):
        bench.runner().apply()
    store.overtaking = True
    assert bench.runner().apply() is Result.DONE
    assert not bench.left()


def test_what_never_lands_is_waited_for_once(tmp_path: Path) -> None:
    """As long as the datastore says, no longer; then nothing is there to be undone."""
    bench = Bench(tmp_path)
    store = late(bench, PEERS, 1e9)
    store.on_silence = crash
    with pytest.raises(Crash):
        bench.runner().apply()
    before = bench.sandbox.clock.now()
    assert bench.runner().rollback() is Result.UNDONE
    waits = [event.delay for event in bench.listener.of(events.Retrying)]
    assert waits == [10]
    assert bench.sandbox.clock.now() - before >= 10
    assert bench.objects() == bench.before


def test_a_refusal_after_silence_settles_nothing(tmp_path: Path) -> None:
    """The second try was refused, the first may be under way: the step stays open, and a resume finds out."""
    bench = Bench(tmp_path)
    store = late(bench, PEERS, 20)
    store.refusing = 1
    assert bench.runner().apply() is Result.STOPPED
    entries = Journal.open(FileLog(tmp_path / "journal.jsonl"), "digest").entries
    assert not [entry for entry in entries if entry.event == "apply-failed"]
    bench.sandbox.clock.sleep(30)
    assert bench.runner().apply() is Result.DONE
    assert not bench.left()
