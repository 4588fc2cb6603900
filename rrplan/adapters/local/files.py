"""Files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from rrplan.errors import RRPlanError


def write_atomically(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old one or the new one; raises RRPlanError where it cannot be."""
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


def read_bytes(path: Path) -> bytes:
    """A file's content; raises RRPlanError with the reason in words."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RRPlanError(f"cannot read {path}: {error.strerror}", hint="check the name and its rights") from error
