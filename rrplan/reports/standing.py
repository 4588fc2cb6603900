"""Sessions expected against sessions seen, as values."""

from __future__ import annotations

from dataclasses import dataclass

from rrplan.reports.gates import NodeShort


@dataclass(frozen=True, slots=True)
class Standing:
    """The sessions of one reflector, or ("") of the mesh, in one family: how many nodes should have them, and do.

    `short` is the first node that does not have them; None where all do.
    """

    reflector: str
    family: str
    expected: int
    complete: int
    short: NodeShort | None = None
