"""One run at a time on a directory: a lock file that says who holds it, since when and why.

The kernel lock ends with the process, so a crashed run blocks nobody; what the file says stays for the reader.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rrplan.adapters.local.login import login
from rrplan.errors import LockHeldError

UNLOCK = "wait for it to end; `rrplan unlock` shows the holder"


class FileLock:
    """Implements the Lock port with flock(2)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def acquire(self, holder: Mapping[str, str]) -> None:
        """Take the lock; raises LockHeldError while another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise LockHeldError(described(self.holder()), hint=UNLOCK) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(dict(holder)).encode(), 0)
        self._descriptor = descriptor

    def confirm(self) -> None:
        """Still ours, and the file still the one we locked?"""
        held = self._descriptor >= 0
        if not held or not self._path.exists() or os.fstat(self._descriptor).st_ino != self._path.stat().st_ino:
            raise LockHeldError("the lock was taken away from this run", hint="`rrplan resume` goes on with it")

    def release(self) -> None:
        """Give it back; the file stays empty."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def holder(self) -> Mapping[str, str]:
        """Who holds it; {} for nobody."""
        try:
            return read_holder(self._path.read_text(errors="replace"))
        except OSError:
            return {}

    def alive(self) -> bool:
        """Whether another process holds the kernel's lock."""
        if not self._path.exists():
            return False
        with self._path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def forget(self) -> None:
        """Clear what a dead run left; raises LockHeldError while the holder lives."""
        self.acquire({})
        self.release()


def read_holder(text: str) -> dict[str, str]:
    """A holder as it was kept; {} for nobody, or for a text that names none."""
    try:
        holder = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return {str(name): str(value) for name, value in holder.items()} if isinstance(holder, dict) else {}


def holder_of(run: str, why: str, digest: str, since: datetime) -> dict[str, str]:
    """This process as a holder: who runs it, where, since when, for which run of which plan, and `why` (the verb)."""
    return {
        "who": login(),
        "where": f"{socket.gethostname()} (pid {os.getpid()})",
        "since": since.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "why": why,
        "run": run,
        "plan": digest,
    }


def described(holder: Mapping[str, str]) -> str:
    """A holder in words; "somebody" where it does not say who."""
    if not holder.get("who"):
        return holder.get("where") or "somebody who does not say who"
    place = f"{holder['who']} on {holder.get('where')} since {holder.get('since')}"
    return f"{place}, {holder.get('why')} (run {holder.get('run')})"
