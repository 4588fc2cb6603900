"""Files against a real file system."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.cli.output import write_own
from rrplan.errors import RRPlanError, UsageProblem
from rrplan.plans import is_plan


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    """A file that cannot be written leaves nothing behind, and says why."""
    write_atomically(tmp_path / "a", b"one")
    write_atomically(tmp_path / "a", b"two", 0o600)
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(RRPlanError, match=r"cannot write .*nowhere/b: No such file or directory"):
        write_atomically(tmp_path / "nowhere" / "b", b"x")
    with pytest.raises(RRPlanError, match="Is a directory"):
        read_bytes(tmp_path)


def test_a_device_or_a_pipe_stays_one(tmp_path: Path) -> None:
    """Nothing takes its place: whoever runs as root would take `/dev/null` from everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    # An end that reads and waits for nobody, so that the write finds it.
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomically(pipe, b"one")
        assert stat.S_ISFIFO(pipe.stat().st_mode)
        assert os.read(reader, 10) == b"one"
        # The files of verbs go the same way, and what is in the pipe is not read.
        written = threading.Thread(target=write_own, args=(str(pipe), b"two", "plan", is_plan), daemon=True)
        written.start()
        written.join(10)
        assert not written.is_alive()
        assert os.read(reader, 10) == b"two"
    finally:
        os.close(reader)


def test_what_cannot_be_written_to(tmp_path: Path) -> None:
    """The reason, in words; a socket here, because a test that fails shall leave no device broken."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        with pytest.raises(RRPlanError, match=r"cannot write .*socket: No such device or address"):
            write_atomically(tmp_path / "socket", b"x")


def test_a_link_stays_one(tmp_path: Path) -> None:
    """What it names is written."""
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "link").symlink_to("a")
    write_atomically(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"two"


def test_the_name_of_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-` becomes no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageProblem, match="`--out -` names no file"):
        write_own("-", b"x", "plan", is_plan)
    assert not list(tmp_path.iterdir())
