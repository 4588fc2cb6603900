"""A real `kill -9` of the real process after journal entries of every kind, then resume, or rollback.

After every single entry the process dies in a simulation: what stays on disk is the same, and it takes no second.
"""

import json
import os
import shutil
from pathlib import Path

import pytest

from rrplan.adapters.local.runs import FileLog
from rrplan.runs import Journal, Result
from tests.support import SPEC, Bench
from tests.support.dying import Crash, DyingLog, after
from tests.support.entries import ENTRIES, KILLED, about, is_usual
from tests.support.processes import end, prepared, rrplan

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sandbox to copy, and a spec."""
    return prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="module")
def unbroken(
    place: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, object], dict[str, object]]:
    """The cluster before and after a run that nothing interrupted."""
    cluster = tmp_path_factory.mktemp("unbroken") / "cluster"
    shutil.copytree(place[0], cluster)
    before = end(cluster)
    done = rrplan("apply", str(place[1]), "--sandbox", str(cluster), "--auto-approve")
    assert done.returncode == 0, done.stderr
    journal = next((cluster / "runs").glob("*/journal.jsonl"))
    assert len(journal.read_text().splitlines()) == ENTRIES
    assert oct(os.stat(journal).st_mode & 0o777) == "0o600"
    return before, end(cluster)


@pytest.mark.parametrize("entry", KILLED)
def test_killed_then_resumed_or_rolled_back(
    entry: int,
    place: tuple[Path, Path],
    tmp_path: Path,
    unbroken: tuple[dict[str, object], dict[str, object]],
) -> None:
    """A process that dies by a signal ends, resumed, where an unbroken run ends; and rolled back, where it began."""
    before, after = unbroken
    cluster, twin = tmp_path / "cluster", tmp_path / "twin"
    shutil.copytree(place[0], cluster)
    words = ["--sandbox", str(cluster), "--auto-approve", "--fault", f"kill-after-entry={entry}"]
    killed = rrplan("apply", str(place[1]), *words)
    assert killed.returncode == -9
    assert tell(cluster) == about(entry)
    shutil.copytree(cluster, twin)

    _finished("resume", cluster)
    assert end(cluster) == after
    _finished("rollback", twin, "--auto-approve")
    assert end(twin) == before


def tell(cluster: Path) -> tuple[str, str]:
    """Event and kind of action of the last line of the journal."""
    run = next((cluster / "runs").iterdir())
    last = json.loads((run / "journal.jsonl").read_text().splitlines()[-1])
    steps = json.loads((run / "plan.json").read_text())["steps"]
    return last["event"], next((step["action"] for step in steps if step["id"] == last["step"]), "")


def _finished(verb: str, cluster: Path, *words: str) -> None:
    done = rrplan(verb, "--sandbox", str(cluster), "-o", "json", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "RunFinished"


def died(path: Path, entry: int) -> Bench:
    """A run that died after an entry, as another process finds it."""
    bench = Bench(path, SPEC, nodes=12)
    assert is_usual(bench.plan)
    log = FileLog(path / "journal.jsonl")
    with pytest.raises(Crash):
        bench.runner(journal=Journal.open(DyingLog(log, after(entry)), "digest")).apply()
    log.close()
    bench.reopen()
    return bench


@pytest.mark.parametrize("entry", range(1, ENTRIES))
def test_died_then_resumed_or_rolled_back(entry: int, tmp_path: Path) -> None:
    """After any entry the run can be resumed to its end and then taken back, or taken back at once."""
    resumed, back = died(tmp_path / "resumed", entry), died(tmp_path / "back", entry)
    assert resumed.runner().apply() is Result.DONE, resumed.listener.events[-3:]
    assert not resumed.left()
    assert resumed.runner().rollback() is Result.UNDONE, resumed.listener.events[-3:]
    assert resumed.objects() == resumed.before
    assert back.runner().rollback() is Result.UNDONE, back.listener.events[-3:]
    assert back.objects() == back.before
