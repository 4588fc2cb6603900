"""Runs as files: reading them changes nothing."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.local.runs import FileLog, RunDirectory
from rrplan.errors import FileFormatError, JournalUnwritable, PreflightError
from rrplan.ports import KeptRun, Log
from rrplan.runs import Journal, Result
from rrplan.sandbox import Sandbox, demo_cluster
from rrplan.snapshots import capture
from rrplan.specs import load
from tests.support import SPEC, Remembering, processes

NOBODY = 65534


def files(path: Path) -> dict[str, tuple[int, int]]:
    """Every file below a path: size and time of its last change."""
    found = [(file, file.stat()) for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): (status.st_size, status.st_mtime_ns) for file, status in found}


def opened(path: Path) -> list[str]:
    """What this process holds open below a path."""
    links = []
    for number in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # the descriptor of the listing itself
            continue
    return [link for link in links if link.startswith(str(path))]


def begun(run: str) -> KeptRun:
    """A run as it begins."""
    return KeptRun(run, "plan", "ada", "2026-01-01T00:00:00Z")


def cluster(path: Path) -> api.Cluster:
    """An embedded cluster of a few nodes, with its runs."""
    return api.embedded(Sandbox.make(path, demo_cluster(6, 2)), path)


def applied(there: api.Cluster, control: api.Control | None = None, spec: str = SPEC) -> Result:
    """A run of the plan of a spec."""
    made = api.plan(load(spec.encode(), "spec.yaml"), capture(there.datastore))
    return api.apply(made, there, control or api.Control(Remembering()))


def rrplan(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return processes.rrplan(*words)


def test_listing_runs_changes_nothing(tmp_path: Path) -> None:
    """Twenty runs without a journal, and one whose last line was cut off: the same files after listing, none open."""
    store = RunDirectory(tmp_path)
    for number in range(20):
        store.begin(begun(f"r{number:02}"), b"{}")
    cut = b'{"step": "", "event": "run-started"}\n{"step": "", "ev'
    (tmp_path / "runs" / "r19" / "journal.jsonl").write_bytes(cut)
    before = files(tmp_path)

    runs = store.runs()

    assert files(tmp_path) == before
    assert opened(tmp_path) == []
    assert [run.last for run in runs[-2:]] == ["", "run-started"]


def test_only_a_writer_drops_a_cut_line(tmp_path: Path) -> None:
    """The line that a crash cut off stays until the run goes on."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"one\ntwo\nthr")
    log = FileLog(path)

    assert log.lines() == [b"one", b"two"]
    assert path.read_bytes() == b"one\ntwo\nthr"
    log.append(b"three\n", durable=True)
    log.close()
    log.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert opened(tmp_path) == []


def test_missing_journal_is_not_made(tmp_path: Path) -> None:
    """A run that died before its first line has no journal, and reading makes none."""
    assert Journal.open(FileLog(tmp_path / "journal.jsonl"), "digest").entries == []
    assert files(tmp_path) == {}


def test_verbs_that_read(tmp_path: Path) -> None:
    """`rrplan runs`, `status` and `snapshot` leave every file as it is."""
    path = tmp_path / "cluster"
    there = cluster(path)
    assert applied(there) is Result.DONE
    assert isinstance(there.datastore, Sandbox)
    there.datastore.close()
    journal = next(path.glob("runs/*/journal.jsonl"))
    journal.write_bytes(journal.read_bytes() + b'{"cut')
    before = files(tmp_path)

    for verb, code in (("runs", 0), ("status", 0), ("snapshot", 0), ("unlock", 0)):
        done = rrplan(verb, "--sandbox", str(path))
        assert (done.returncode, done.stderr) == (code, "")
        assert files(tmp_path) == before, verb


def test_status_in_this_process(tmp_path: Path) -> None:
    """Asking for sessions writes nothing and opens nothing more."""
    there = cluster(tmp_path)
    before, held = files(tmp_path), opened(tmp_path)

    api.standings(there)

    assert (files(tmp_path), opened(tmp_path)) == (before, held)


@contextmanager
def reader(path: Path) -> Iterator[None]:
    """Within, this process may read below a path and write nothing there."""
    for file in path.rglob("*"):
        file.chmod(0o555 if file.is_dir() else 0o444)
    path.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for file in [path, *path.rglob("*")]:
            file.chmod(0o755 if file.is_dir() else 0o644)


def test_directory_that_only_others_may_write() -> None:
    """Whoever may read a directory can list its runs and ask its sessions; writing is refused in words."""
    # The folders of pytest are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        path = Path(name) / "cluster"
        there = cluster(path)
        assert applied(there) is Result.DONE
        assert isinstance(there.datastore, Sandbox)
        there.datastore.close()
        before = files(path)
        with reader(path):
            seen = api.embedded(Sandbox.open(path), path)
            runs = seen.runs.runs()
            assert [run.last for run in runs] == ["run-done"]
            assert api.standings(seen)
            log = seen.runs.log(runs[0].run)
            assert log.lines()
            with pytest.raises(JournalUnwritable, match="Permission denied"):
                log.append(b"x\n", durable=True)
            assert isinstance(seen.datastore, Sandbox)
            seen.datastore.close()
        assert files(path) == before


class Broken(FileLog):
    """A log whose disk is full after some lines."""

    left = 0

    def append(self, line: bytes, *, durable: bool) -> None:
        """Write, or fail."""
        self.left -= 1
        if self.left < 0:
            raise JournalUnwritable("cannot write: No space left on device")
        super().append(line, durable=durable)


def breaking(path: Path, left: int) -> Log:
    """A log that breaks."""
    log = Broken(path)
    log.left = left
    return log


def test_runs_close_their_journal(tmp_path: Path) -> None:
    """Apply, rollback and a run that fails in the middle hold no journal open afterwards."""
    there = cluster(tmp_path)
    held = opened(tmp_path)
    assert applied(there) is Result.DONE
    assert opened(tmp_path) == held
    assert api.rollback(there, api.Control(Remembering())) is Result.UNDONE
    assert opened(tmp_path) == held

    def wrap(log: Log) -> Log:
        return breaking(Path(log.place), 5)

    with pytest.raises(JournalUnwritable):
        applied(there, api.Control(Remembering(), wrap=wrap))
    assert opened(tmp_path) == held
    assert api.resume(there, api.Control(Remembering())) is Result.DONE
    assert opened(tmp_path) == held


def test_runs_are_listed_in_the_order_they_began(tmp_path: Path) -> None:
    """Numbers decide, not names, which hold dates; runs of versions without numbers came before, by name."""
    store = RunDirectory(tmp_path)
    for run in ("20260101t1100", "20260101t1000"):
        store.begin(begun(run), b"{}")
        file = tmp_path / "runs" / run / "run.json"
        old = {name: value for name, value in json.loads(file.read_bytes()).items() if name != "number"}
        file.write_text(json.dumps(old))
    for run in ("20260101t1200", "20260101t0900", "20260101t1030"):
        store.begin(begun(run), b"{}")

    found = [(run.run, run.number) for run in store.runs()]

    assert found == [
        ("20260101t1000", 0),
        ("20260101t1100", 0),
        ("20260101t1200", 1),
        ("20260101t0900", 2),
        ("20260101t1030", 3),
    ]


def test_description_that_is_damaged(tmp_path: Path) -> None:
    """A sentence and not a traceback."""
    store = RunDirectory(tmp_path)
    store.begin(begun("r1"), b"{}")
    damaged = (
        "{",
        "[]",
        '{"plan": "p"}',
        '{"plan": 1, "who": "w", "since": "s"}',
        '{"plan": "p", "who": "w"',
        "[" * 9999,
    )
    for text in damaged:
        (tmp_path / "runs" / "r1" / "run.json").write_text(text)
        with pytest.raises(FileFormatError, match=r"run\.json does not describe a run"):
            store.runs()


MOVED = SPEC.replace("[rr-1, rr-2]", "[rr-1, rr-2, node-001]")


def test_newest_run_of_a_clock_that_was_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run began an hour before the first, by its clock: it is the one that a rollback takes back."""
    there = cluster(tmp_path)
    monkeypatch.setattr(there.clock, "wall", lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert applied(there) is Result.DONE
    between = capture(there.datastore).state.peers
    monkeypatch.setattr(there.clock, "wall", lambda: datetime(2026, 1, 1, 11, tzinfo=UTC))
    assert applied(there, spec=MOVED) is Result.DONE
    first, second = there.runs.runs()

    assert (first.since, second.since) == ("2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z")
    assert api.last_run(there) == second.run
    with pytest.raises(PreflightError, match=f"run {second.run} of plan `test` came after run {first.run}"):
        api.rollback(there, api.Control(Remembering()), first.run)
    assert api.rollback(there, api.Control(Remembering())) is Result.UNDONE
    assert [run.last for run in there.runs.runs()] == ["run-done", "run-undone"]
    assert capture(there.datastore).state.peers == between
    listed = rrplan("runs", "--sandbox", str(tmp_path), "-o", "json")
    assert [run["run"] for run in json.loads(listed.stdout)["runs"]] == [first.run, second.run]
