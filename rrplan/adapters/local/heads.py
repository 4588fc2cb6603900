"""How far a journal was written, kept apart from it, so that a journal that was cut shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from rrplan.errors import JournalError

LOST = (
    "nothing was done, because nobody knows what the missing lines announced; restore the journal from a copy, or make "
    "a new plan from the cluster as it is with `rrplan plan`"
)


@dataclass(frozen=True, slots=True)
class Head:
    """Lines that were written, and a digest of the last one; "" while there is none."""

    lines: int = 0
    digest: str = ""

    def after(self, line: bytes) -> Head:
        """The head once one more line was written."""
        return Head(self.lines + 1, _digest(line))

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))

    def check(self, lines: Sequence[bytes], place: str) -> None:
        """Raise JournalError unless the lines go at least as far; a crash may keep the head back by some lines."""
        if len(lines) < self.lines:
            raise JournalError(f"{place} has {len(lines)} lines, and {self.lines} were written", hint=LOST)
        if self.lines and _digest(lines[self.lines - 1]) != self.digest:
            raise JournalError(f"{place}:{self.lines}: the line is not the one that was written", hint=LOST)


def read_head(text: str, place: str) -> Head:
    """The head of the journal at `place` as it was kept; raises JournalError for anything else."""
    try:
        kept = json.loads(text)
        head = Head(kept["lines"], kept["digest"])
        if type(head.lines) is int and head.lines >= 0 and isinstance(head.digest, str):
            return head
    except (RecursionError, ValueError, KeyError, TypeError):
        pass
    raise JournalError(f"nobody knows how far {place} was written: its head is missing or damaged", hint=LOST)


def _digest(line: bytes) -> str:
    return sha256(line.rstrip(b"\n")).hexdigest()
