"""What somebody else changed, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class DriftKind(StrEnum):
    """How a resource is not as it should be."""

    NEW = "new"
    """It was not there when the plan was made."""
    GONE = "gone"
    """It was there when the plan was made."""
    CHANGED = "changed"
    """Something in it that the plan relied on is different."""
    MADE_AGAIN = "made-again"
    """The run removed it, and it is there."""
    REMOVED = "removed"
    """The run made or changed it, and it is gone."""
    OVERWRITTEN = "overwritten"
    """The run wrote the value `written` at `path`, and `found` is there."""
    NOT_RESTORED = "not-restored"
    """It is deleted with the Calico Node `node`, and the plan does not restore it."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One resource that somebody else changed; `key` is its resource key as text, such as `BGPPeer/tor`.

    `path`, with dots, and the JSON values `found` and `written` (None: no value) belong to OVERWRITTEN alone, `node`
    to NOT_RESTORED alone.
    """

    key: str
    kind: DriftKind
    path: str = ""
    found: object = field(default=None, hash=False)
    written: object = field(default=None, hash=False)
    node: str = ""
