"""The lock file, against the kernel's locks."""

import subprocess
import sys
from pathlib import Path

import pytest

from rrplan.adapters.local.lock import FileLock, described
from rrplan.errors import LockHeldError

HOLDER = {"who": "ada", "where": "bastion (pid 7)", "since": "2026-01-01 03:00:00 UTC", "why": "apply", "run": "r1"}


def test_lock_says_who_holds_it(tmp_path: Path) -> None:
    """The second one is told who, where, since when and why, with exit code 6."""
    held = FileLock(tmp_path / "lock")
    held.acquire(HOLDER)
    with pytest.raises(LockHeldError) as error:
        FileLock(tmp_path / "lock").acquire({})
    assert str(error.value) == "locked: ada on bastion (pid 7) since 2026-01-01 03:00:00 UTC, apply (run r1)"
    assert error.value.hint == "wait for it to end; `rrplan unlock` shows the holder"
    assert error.value.exit_code == 6
    with pytest.raises(LockHeldError):
        FileLock(tmp_path / "lock").forget()
    held.release()
    FileLock(tmp_path / "lock").acquire({})


def test_lock_of_a_dead_process_blocks_nobody(tmp_path: Path) -> None:
    """The kernel lets go with the process; what it left is shown once."""
    path = tmp_path / "lock"
    script = (
        "import os, sys; from pathlib import Path; from rrplan.adapters.local.lock import FileLock;"
        f"FileLock(Path({str(path)!r})).acquire({HOLDER!r}); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    assert described(FileLock(path).holder()).startswith("ada on bastion")
    assert not FileLock(path).alive()
    FileLock(path).forget()
    assert FileLock(path).holder() == {}


def test_lock_taken_away_is_noticed(tmp_path: Path) -> None:
    """A run whose lock file was removed or replaced stops before its next write."""
    lock = FileLock(tmp_path / "lock")
    lock.acquire(HOLDER)
    lock.confirm()
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").touch()
    with pytest.raises(LockHeldError, match="the lock was taken away from this run"):
        lock.confirm()
