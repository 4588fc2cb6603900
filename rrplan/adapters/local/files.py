"""Files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from rrplan.errors import RRPlanError


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old one or the new one; raises RRPlanError where it cannot be.

    A device or a pipe is written to as it is: to put a file in its place would take it from everybody. What a link
    names is written, and the link stays.
    """
    if path.exists() and not path.is_file():
        _write_to(path, data)
        return
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RRPlanError(
            f"cannot write {path}: {error.strerror}", hint="check the directory and its rights"
        ) from error


def _write_to(path: Path, data: bytes) -> None:
    try:
        with path.open("wb") as file:
            file.write(data)
    except OSError as error:
        raise RRPlanError(f"cannot write {path}: {error.strerror}", hint="check the name and its rights") from error


def read_bytes(path: Path) -> bytes:
    """A file's content; raises RRPlanError with the reason in words."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RRPlanError(f"cannot read {path}: {error.strerror}", hint="check the name and its rights") from error
