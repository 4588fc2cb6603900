"""A real `kill -9` of the real process after every journal entry of a real plan, then resume, or rollback."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.processes import end, prepared, rrplan

ENTRIES = 32
"""Journal entries of an unbroken run: 10 steps of three, a first and a last line."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    """The cluster before and after a run that nothing interrupted."""
    cluster, spec = prepared(tmp_path_factory.mktemp("unbroken"))
    before = end(cluster)
    done = rrplan("apply", str(spec), "--sandbox", str(cluster), "--auto-approve")
    assert done.returncode == 0, done.stderr
    journal = next((cluster / "runs").glob("*/journal.jsonl"))
    assert len(journal.read_text().splitlines()) == ENTRIES
    assert oct(os.stat(journal).st_mode & 0o777) == "0o600"
    return before, end(cluster)


@pytest.mark.parametrize("entry", range(1, ENTRIES))
def test_killed_then_resumed_or_rolled_back(
    entry: int, tmp_path: Path, unbroken: tuple[dict[str, object], dict[str, object]]
) -> None:
    """A run that dies after any entry ends, resumed, where an unbroken run ends; and rolled back, where it began."""
    before, after = unbroken
    cluster, spec = prepared(tmp_path)
    killed = rrplan(
        "apply", str(spec), "--sandbox", str(cluster), "--auto-approve", "--fault", f"kill-after-entry={entry}"
    )
    assert killed.returncode == -9
    twin = tmp_path / "twin"
    shutil.copytree(cluster, twin)

    _finished("resume", cluster, code=0)
    assert end(cluster) == after
    _finished("rollback", twin, code=3)
    assert end(twin) == before


def _finished(verb: str, cluster: Path, code: int) -> None:
    done = rrplan(verb, "--sandbox", str(cluster), "-o", "json")
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "RunFinished"
