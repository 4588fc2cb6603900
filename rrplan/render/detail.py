"""How much a reader wants to see."""

from __future__ import annotations

from enum import StrEnum


class Detail(StrEnum):
    """How much a reader wants to see."""

    FOLDED = "folded"
    ALL = "all"
    """Everything by itself, however alike it is."""
