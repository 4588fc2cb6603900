"""What the command line ends with; docs/guide.md has the same table for operators."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Each means the same for every verb."""

    DONE = 0
    """Done, or nothing to do."""
    ERROR = 1
    """Nothing was changed."""
    DIFFERENT = 2
    """The cluster is not as asked about: `plan --detailed-exitcode`, `status`, `verify`, `routes`."""
    UNDONE = 3
    """A run failed and took everything back."""
    PARTIAL = 4
    """A run stopped between two states and can be resumed; or a rehearsal is inconclusive."""
    STALE = 5
    """The cluster or a file is not what it was when the plan was made."""
    LOCKED = 6
    """Another run holds the cluster."""
    REFUSED = 7
    """Unsafe, or against the spec's policy."""
    PREFLIGHT = 8
    """A check before the first write failed."""
    USAGE = 64
    """The words on the command line do not fit together (sysexits.h, EX_USAGE)."""
    INTERRUPTED = 130
    """By Ctrl-C: 128 and the number of SIGINT, as shells say it."""
