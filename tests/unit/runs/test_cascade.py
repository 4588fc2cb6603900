"""A step of several writes: some land, others are refused, somebody else meddles; no record says what is not so."""

import json
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.errors import DatastoreRefused, DatastoreUnreachable
from rrplan.ids import StepId
from rrplan.ports import Document
from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.reasons import Drifted, MayStillLand, NeitherState, NotWritten, Outcome
from rrplan.resources import CalicoVersion, ResourceKey
from rrplan.runs import Journal, Result
from rrplan.runs.writing import GIVE_UP_SECONDS
from rrplan.sandbox import Sandbox
from tests.support import Bench
from tests.support.cascade import HOST, STEP, cluster
from tests.support.specs import STANDALONE

NEW = CalicoVersion(3, 18, 0)
PEER = ResourceKey("BGPPeer", f"backup-{HOST}")
FELIX = ResourceKey("FelixConfiguration", f"node.{HOST}")
BGP = ResourceKey("BGPConfiguration", f"node.{HOST}")
ENDPOINT = ResourceKey("HostEndpoint", f"{HOST}-eth0")
NODE = ResourceKey("CalicoNode", HOST)
OBJECTS = (PEER, FELIX, BGP, ENDPOINT, NODE)


class Stubborn(Sandbox):
    """A sandbox that refuses to delete one object, or to make one."""

    refused: ResourceKey | None = None
    refused_again: ResourceKey | None = None
    away: ResourceKey | None = None
    late_seconds = 0

    def delete(self, key: ResourceKey, version: str) -> None:
        """Or not."""
        if key == self.refused:
            raise DatastoreRefused(f"{key} belongs to somebody else")
        if key == self.away:
            raise DatastoreUnreachable("etcd is away")
        super().delete(key, version)

    def create(self, key: ResourceKey, document: Document) -> None:
        """Or not."""
        if key == self.refused_again:
            raise DatastoreRefused(f"{key} is not wanted")
        super().create(key, document)


def bench(path: Path, spec: str = STANDALONE) -> tuple[Bench, Stubborn]:
    """A cluster whose Calico deletes HostEndpoints too."""
    made = Bench(path, spec, documents=cluster(NEW))
    made.sandbox.close()
    sandbox = Stubborn.open(path / "cluster")
    assert isinstance(sandbox, Stubborn)
    made.sandbox = sandbox
    return made, sandbox


def kept(made: Bench) -> list[Document]:
    """All of Calico's own objects, as the datastore has them."""
    version = "projectcalico.org/v3"
    return [one for one in made.documents() if one["apiVersion"] == version and one["kind"] != "BlockAffinity"]


def there(made: Bench) -> set[ResourceKey]:
    """Which objects of the host are there."""
    return {key for key in OBJECTS if made.sandbox.get(key) is not None}


def said(made: Bench) -> list[str]:
    """What the journal says of the step."""
    lines = (made.path / "journal.jsonl").read_text().splitlines()
    return [entry["event"] for entry in map(json.loads, lines) if entry["step"] == STEP]


def test_there_and_back(tmp_path: Path) -> None:
    """Everything that went with the Node comes back with it, uid, time and status included."""
    made, _ = bench(tmp_path)
    before = kept(made)
    assert made.runner().apply() is Result.DONE, made.listener.events[-3:]
    assert there(made) == set()
    assert made.left() == ()
    assert made.runner().rollback() is Result.UNDONE, made.listener.events[-3:]
    assert kept(made) == before


@pytest.mark.parametrize("refused", OBJECTS, ids=str)
def test_what_landed_is_taken_back(refused: ResourceKey, tmp_path: Path) -> None:
    """A refusal in the middle: never `apply-failed` while a part of the step landed."""
    made, sandbox = bench(tmp_path)
    before = kept(made)
    sandbox.refused = refused
    assert made.runner().apply() is Result.UNDONE, made.listener.events[-3:]
    assert kept(made) == before
    part = ["started", "undo-started", "undone"]
    assert said(made) == (["started", "apply-failed"] if refused == PEER else part)
    failed = made.listener.of(events.StepFailed)[0]
    assert failed.why == NotWritten(Outcome.REFUSED, f"{refused} belongs to somebody else")


def test_halted_in_the_middle(tmp_path: Path) -> None:
    """With `onFailure: halt` the step stays begun: a resume does the rest, a rollback takes back what landed."""
    for name, goes_on in (("on", True), ("back", False)):
        made, sandbox = bench(tmp_path / name, STANDALONE + "  onFailure: halt\n")
        before = kept(made)
        sandbox.refused = BGP
        assert made.runner().apply() is Result.STOPPED
        assert there(made) == {BGP, ENDPOINT, NODE}
        assert said(made) == ["started"]
        sandbox.refused = None
        if goes_on:
            assert made.runner().apply() is Result.DONE, made.listener.events[-3:]
            assert there(made) == set()
        assert made.runner().rollback() is Result.UNDONE, made.listener.events[-3:]
        assert kept(made) == before


def test_away_in_the_middle(tmp_path: Path) -> None:
    """Where the datastore does not come back in time, nothing is known to have failed: the step stays begun."""
    made, sandbox = bench(tmp_path)
    before = kept(made)
    sandbox.away = BGP
    began = sandbox.clock.now()
    assert made.runner().apply() is Result.STOPPED
    assert sandbox.clock.now() - began >= GIVE_UP_SECONDS
    assert said(made) == ["started"]
    sandbox.away = None
    assert made.runner().rollback() is Result.UNDONE, made.listener.events[-3:]
    assert kept(made) == before


def test_somebody_meddles_with_the_rest(tmp_path: Path) -> None:
    """An object that is neither there nor as it was stops both ways, and is not deleted."""
    made, sandbox = bench(tmp_path, STANDALONE + "  onFailure: halt\n")
    sandbox.refused = BGP
    assert made.runner().apply() is Result.STOPPED
    sandbox.refused = None
    stored = sandbox.get(BGP)
    assert stored is not None
    sandbox.patch(BGP, {"spec": {"logSeverityScreen": "Fatal"}}, stored.version)
    assert made.runner().apply() is Result.STOPPED
    why = f"{BGP} is neither as before nor as after `{STEP}`"
    assert made.listener.of(events.StepFailed)[-1].why == NotWritten(Outcome.DRIFTED, why)
    assert made.runner().rollback() is Result.STOPPED
    assert made.listener.of(events.UndoFailed)[-1].why == NeitherState(str(BGP), StepId(STEP))
    assert there(made) == {BGP, ENDPOINT, NODE}
    assert "apply-failed" not in said(made)


def test_somebody_makes_one_of_them_again(tmp_path: Path) -> None:
    """What the run removed and is there again is named, and nothing more is written."""
    made, sandbox = bench(tmp_path)
    step = next(one for one in made.plan.steps if one.id == STEP)
    felix = next(change.before for change in step.changes[:-1] if change.key == FELIX)
    assert felix is not None
    stopped = iter([False] * 8 + [True])
    assert made.runner(stop=lambda: next(stopped)).apply() is Result.INTERRUPTED
    assert said(made)[-1] == "settled"
    sandbox.create(FELIX, felix)
    assert made.runner().apply() is Result.STOPPED
    why = made.listener.of(events.StepFailed)[-1].why
    assert why == Drifted((Drift(str(FELIX), DriftKind.MADE_AGAIN),))


def test_an_undo_that_is_refused_in_the_middle(tmp_path: Path) -> None:
    """What is back already is not made twice when the rollback is asked for again."""
    made, sandbox = bench(tmp_path)
    before = kept(made)
    assert made.runner().apply() is Result.DONE
    sandbox.refused_again = FELIX
    assert made.runner().rollback() is Result.STOPPED
    assert said(made)[-1] == "undo-failed"
    assert there(made) == {NODE, ENDPOINT, BGP}
    sandbox.refused_again = None
    assert made.runner().rollback() is Result.UNDONE, made.listener.events[-3:]
    assert kept(made) == before


def test_the_node_comes_back_first(tmp_path: Path) -> None:
    """At no moment there is something of a host whose Calico Node is not there."""
    made, sandbox = bench(tmp_path)
    seen: list[set[ResourceKey]] = []

    class Watching(Stubborn):
        def _write(self, key: ResourceKey, document: Document | None, version: int) -> None:
            super()._write(key, document, version)
            seen.append({one for one in OBJECTS if self._store.get(one) is not None})

    sandbox.close()
    made.sandbox = Watching.open(tmp_path / "cluster")
    assert made.runner().apply() is Result.DONE
    assert made.runner().rollback() is Result.UNDONE
    assert all(NODE in now or not now for now in seen)
    assert set() in seen


def test_a_journal_that_says_so_is_read(tmp_path: Path) -> None:
    """`undo-started` may follow `started`."""
    made, sandbox = bench(tmp_path)
    sandbox.refused = BGP
    assert made.runner().apply() is Result.UNDONE
    notes = {
        entry.event: entry.note
        for entry in Journal.open(FileLog(tmp_path / "journal.jsonl"), "digest").entries
        if entry.step == STEP
    }
    assert notes["undo-started"] == "landed in part"


def half_done(tmp_path: Path) -> tuple[Bench, Stubborn]:
    """A run that stopped after the first write of the step, with the second one announced and without an answer."""
    made, sandbox = bench(tmp_path)
    sandbox.away = FELIX
    assert made.runner().apply() is Result.STOPPED
    sandbox.away = None
    assert there(made) == set(OBJECTS) - {PEER}
    return made, sandbox


def test_one_write_alone_may_land_late(tmp_path: Path) -> None:
    """Before a part is taken back, the run waits once, for the first write that did not land."""
    made, sandbox = half_done(tmp_path)
    sandbox.late_seconds = 60
    waits = len(made.listener.of(events.Retrying))
    assert made.runner().rollback() is Result.UNDONE, made.listener.events[-3:]
    assert [event.why for event in made.listener.of(events.Retrying)[waits:]] == [MayStillLand(str(FELIX))]
    assert said(made) == ["started", "undo-started", "undone"]


@pytest.mark.parametrize(("refused", "result"), [(FELIX, Result.STOPPED), (BGP, Result.UNDONE)])
def test_a_refusal_after_a_crash(refused: ResourceKey, result: Result, tmp_path: Path) -> None:
    """Of the write that may have been under way it proves nothing; the later ones were never sent."""
    made, sandbox = half_done(tmp_path)
    sandbox.refused = refused
    assert made.runner().apply() is result, made.listener.events[-3:]
    assert said(made) == (["started"] if result is Result.STOPPED else ["started", "undo-started", "undone"])
