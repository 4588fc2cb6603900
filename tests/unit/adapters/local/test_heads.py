"""How far a journal was written, kept apart from it."""

from pathlib import Path

import pytest

from rrplan.adapters.local.heads import Head, read_head
from rrplan.adapters.local.runs import FileLog, RunDirectory
from rrplan.errors import JournalError
from rrplan.exit_codes import ExitCode
from rrplan.ports import KeptRun

LINES = [b'{"seq": 1}', b'{"seq": 2}', b'{"seq": 3}']


def log(path: Path) -> FileLog:
    """The log of a run that was just begun in a directory."""
    store = RunDirectory(path)
    if not (path / "runs").exists():
        store.begin(KeptRun("r1", "plan", "ada", "2026-01-01T00:00:00Z"), b"{}")
    return store.log("r1")


def written(path: Path) -> Path:
    """A journal of three lines."""
    lines = log(path)
    for line in LINES:
        lines.append(line + b"\n", durable=True)
    lines.close()
    return path / "runs" / "r1" / "journal.jsonl"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'{"seq": 1}\n{"seq": 2}\n', "journal.jsonl has 2 lines, and 3 were written"),
        (b'{"seq": 1}\n{"seq": 2}\n{"seq":', "journal.jsonl has 2 lines, and 3 were written"),
        (b"", "journal.jsonl has 0 lines, and 3 were written"),
        (None, "journal.jsonl has 0 lines, and 3 were written"),
        (b'{"seq": 1}\n{"seq": 2}\n{"seq": 9}\n', "journal.jsonl:3: the line is not the one that was written"),
    ],
)
def test_a_journal_that_was_cut(content: bytes | None, text: str, tmp_path: Path) -> None:
    """Shortened, emptied, removed or edited at its end: exit code 4, and what to do."""
    file = written(tmp_path)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(JournalError) as error:
        log(tmp_path).lines()
    assert str(error.value).endswith(text)
    assert error.value.exit_code == ExitCode.PARTIAL
    assert error.value.hint.startswith("nothing was done, because nobody knows what the missing lines announced")
    [run] = RunDirectory(tmp_path).runs()
    assert run.problem.endswith(text)


@pytest.mark.parametrize("head", [None, b"", b"{", b'{"lines": -1, "digest": ""}', b'{"lines": "3", "digest": ""}'])
def test_a_head_that_is_missing_or_damaged(head: bytes | None, tmp_path: Path) -> None:
    """Nobody knows how far the journal was written."""
    file = written(tmp_path).parent / "head"
    file.unlink()
    if head is not None:
        file.write_bytes(head)
    with pytest.raises(JournalError, match=r"nobody knows how far .*journal\.jsonl was written: its head is missing"):
        log(tmp_path).lines()


def test_a_journal_may_be_longer_than_its_head(tmp_path: Path) -> None:
    """After a loss of power the head may lag."""
    file = written(tmp_path)
    (file.parent / "head").write_text(Head().after(LINES[0]).text())
    assert log(tmp_path).lines() == LINES


def test_two_writers(tmp_path: Path) -> None:
    """Whoever removed the lock of the cluster cannot write to the journal of a run that goes on."""
    first, second = log(tmp_path), log(tmp_path)
    assert second.lines() == []
    first.append(b"1\n", durable=True)
    with pytest.raises(JournalError, match="is being written by another process") as error:
        second.append(b"2\n", durable=True)
    assert "`rrplan resume` goes on once that one ended" in error.value.hint
    first.close()
    with pytest.raises(JournalError, match="was written by somebody else in the meantime"):
        second.append(b"2\n", durable=True)
    assert second.lines() == [b"1"]


def test_a_foreign_tail(tmp_path: Path) -> None:
    """Lines that somebody appends, or a file in place of ours, end the run."""
    lines = log(tmp_path)
    lines.append(b"1\n", durable=True)
    file = tmp_path / "runs" / "r1" / "journal.jsonl"
    with file.open("ab") as other:
        other.write(b"2\n")
    with pytest.raises(JournalError, match="was written by somebody else in the meantime"):
        lines.append(b"3\n", durable=True)
    file.unlink()
    with pytest.raises(JournalError, match="was removed or replaced while the run went on"):
        lines.append(b"3\n", durable=True)


def test_read_head() -> None:
    """What was kept is read back."""
    head = Head().after(b"a\n").after(b"b")
    assert read_head(head.text(), "here") == head == Head().after(b"x").after(b"b\n")
