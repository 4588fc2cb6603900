"""A command is run to its end, or ended with everything that it started."""

import os
import time
from pathlib import Path

import pytest

from rrplan.adapters.local.command import CommandTimeout, Finished, run_command


def gone(file: Path) -> bool:
    """Whether the process whose number is in the file has ended."""
    number = int(file.read_text())
    for _ in range(50):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_to_its_end() -> None:
    """Exit code and both outputs; what it reads is what was given."""
    finished = run_command(["sh", "-c", "cat; echo no >&2; exit 3"], "yes", 5)
    assert finished == Finished(3, "yes", "no\n")


def test_children_of_a_wrapper_end_with_it(tmp_path: Path) -> None:
    """A shell that waits for a child: both are gone, so nothing is written later."""
    wrapper = f"sleep 30 & echo $! > {tmp_path}/child; wait"
    with pytest.raises(CommandTimeout):
        run_command(["bash", "-c", wrapper], "", 0.3)
    assert gone(tmp_path / "child")


def test_a_child_that_does_not_want_to_end(tmp_path: Path) -> None:
    """It is asked first, so that `docker run` can pass it on, and then made to."""
    wrapper = f"(trap '' TERM; sh -c 'echo $PPID > {tmp_path}/child'; while :; do sleep 0.1; done) & wait"
    with pytest.raises(CommandTimeout):
        run_command(["bash", "-c", wrapper], "", 0.5, grace=0.3)
    assert gone(tmp_path / "child")


def test_it_is_asked_before_it_is_made_to(tmp_path: Path) -> None:
    """SIGTERM first: what the command does then still happens."""
    script = f"trap 'echo asked > {tmp_path}/asked; exit 0' TERM; while :; do sleep 0.05; done"
    with pytest.raises(CommandTimeout):
        run_command(["bash", "-c", script], "", 0.3)
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    """It has a process group of its own: what the terminal sends to ours leaves a write alone."""
    finished = run_command(["sh", "-c", "ps -o pgid= -p $$"], "", 5)
    assert int(finished.stdout) != os.getpgrp()
