"""Files against a real file system."""

from pathlib import Path

import pytest

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.errors import RRPlanError


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
