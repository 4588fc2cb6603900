"""The journal survives a cut, and refuses what was edited."""

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.errors import JournalError, JournalUnwritable
from rrplan.ids import StepId
from rrplan.reports.entry import JournalEvent
from rrplan.runs import Journal, Status, replay


def at(seconds: float) -> datetime:
    """A moment, counted from 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def written(path: Path) -> Path:
    """A journal of three entries."""
    journal = Journal.open(FileLog(path / "journal.jsonl"), "digest")
    for event in (JournalEvent.STARTED, JournalEvent.APPLIED, JournalEvent.SETTLED):
        journal.append("a", event, at(1.5))
    journal.close()
    return path / "journal.jsonl"


def test_replay(tmp_path: Path) -> None:
    """What was written is read back as statuses."""
    journal = Journal.open(FileLog(written(tmp_path)), "digest")

    assert {StepId("a"): Status.SETTLED} == replay(journal.entries)


def test_cut_line_is_dropped(tmp_path: Path) -> None:
    """A crash in the middle of a line loses that line only."""
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])

    assert {StepId("a"): Status.APPLIED} == replay(Journal.open(FileLog(path), "digest").entries)


@pytest.mark.parametrize(
    ("old", "new"), [("applied", "settled"), ('"seq":2', '"seq":3'), ('"time":1500', '"time":1501'), ("{", "x")]
)
def test_edited_journal_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Any edit breaks the chain, and the error names the line."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new, 2))

    with pytest.raises(JournalError, match=r"journal\.jsonl:[12]: "):
        Journal.open(FileLog(path), "digest")


def test_other_plan_is_refused(tmp_path: Path) -> None:
    """The chain begins with the plan's digest."""
    with pytest.raises(JournalError, match="does not follow"):
        Journal.open(FileLog(written(tmp_path)), "another")


def test_impossible_history_is_refused(tmp_path: Path) -> None:
    """Writing and replaying use one table."""
    journal = Journal.open(FileLog(tmp_path / "j"), "digest")
    journal.append("a", JournalEvent.SETTLED, at(1.0))

    with pytest.raises(JournalError, match="step `a` is pending, so it cannot become settled"):
        replay(journal.entries)


def test_full_disk() -> None:
    """The run stops before the write that it could not announce: exit code 4, and how to go on."""
    journal = Journal(FileLog(Path("/dev/full")), [], "digest")

    with pytest.raises(JournalUnwritable) as error:
        journal.append("a", JournalEvent.STARTED, at(1.0))
    assert str(error.value) == "cannot write /dev/full: No space left on device"
    assert error.value.hint.endswith("make room, then `rrplan resume`")
    assert error.value.exit_code == 4
    assert journal.entries == []


def test_half_a_line_is_taken_back(tmp_path: Path) -> None:
    """What did not fit is cut off again, so that the journal stays readable."""
    journal = Journal.open(FileLog(tmp_path / "j"), "digest")
    journal.append("a", JournalEvent.STARTED, at(1.0))
    before = (tmp_path / "j").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
    try:
        with pytest.raises(JournalUnwritable, match="File too large"):
            journal.append("a", JournalEvent.APPLIED, at(2.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / "j").read_bytes() == before
    assert len(Journal.open(FileLog(tmp_path / "j"), "digest").entries) == 1
