"""One command of the operator's, run to its end or ended with everything that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

GRACE_SECONDS = 3.0
"""From SIGTERM to SIGKILL: `docker run` passes SIGTERM on to the container, and SIGKILL reaches only `docker`."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


class CommandTimeout(Exception):
    """The command did not end in time, and was ended; what runs on another machine may go on."""


def run_command(words: Sequence[str], text: str, seconds: float, grace: float = GRACE_SECONDS) -> Finished:
    """Run a command with `text` on stdin; raises CommandTimeout after `seconds`, and OSError if it cannot start.

    It gets a process group of its own, so a wrapper (`bash -c`, `sudo`, `docker run`) is ended together with its
    children, and Ctrl-C in the terminal does not cut off a write.
    """
    process = subprocess.Popen(
        list(words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    )
    try:
        stdout, stderr = process.communicate(text, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise CommandTimeout from error
    finally:
        if process.returncode is None:
            _end(process, grace)
    return Finished(process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[str], grace: float) -> None:
    """Ask the whole group to end, then make it; a child that has left the group is beyond reach."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        # A child that ignores SIGTERM may keep the pipes open after the wrapper is gone.
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=grace)
            if number == signal.SIGKILL or not _alive(process.pid):
                return
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
