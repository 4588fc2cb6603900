"""The journal survives a cut, and refuses what was edited."""

from pathlib import Path

import pytest

from rrplan.errors import JournalError
from rrplan.ids import StepId
from rrplan.runs import FileJournal, Status, replay


def written(path: Path) -> Path:
    """A journal of three entries."""
    journal = FileJournal.create(path / "journal.jsonl", "digest")
    for event in ("started", "applied", "settled"):
        journal.append("a", event, 1.5)
    journal.close()
    return path / "journal.jsonl"


def test_replay(tmp_path: Path) -> None:
    """What was written is read back as statuses."""
    journal = FileJournal.open(written(tmp_path), "digest")

    assert {StepId("a"): Status.SETTLED} == replay(journal.entries)


def test_cut_line_is_dropped(tmp_path: Path) -> None:
    """A crash in the middle of a line loses that line only."""
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])

    assert {StepId("a"): Status.APPLIED} == replay(FileJournal.open(path, "digest").entries)


@pytest.mark.parametrize(
    ("old", "new"), [("applied", "settled"), ('"seq":2', '"seq":3'), ('"time":1500', '"time":1501'), ("{", "x")]
)
def test_edited_journal_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Any edit breaks the chain, and the error names the line."""
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new, 2))

    with pytest.raises(JournalError, match=r"journal\.jsonl:[12]: "):
        FileJournal.open(path, "digest")


def test_other_plan_is_refused(tmp_path: Path) -> None:
    """The chain begins with the plan's digest."""
    with pytest.raises(JournalError, match="does not follow"):
        FileJournal.open(written(tmp_path), "another")


def test_impossible_history_is_refused(tmp_path: Path) -> None:
    """Writing and replaying use one table."""
    journal = FileJournal.create(tmp_path / "j", "digest")
    journal.append("a", "settled", 1.0)

    with pytest.raises(JournalError, match="step `a` is pending, so it cannot become settled"):
        replay(journal.entries)
