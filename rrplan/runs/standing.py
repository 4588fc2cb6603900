"""Sessions expected against sessions seen, now: nobody waits, nothing is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rrplan.ids import NodeName
from rrplan.plans.gate import Expectation
from rrplan.ports import Probe
from rrplan.runs.gates import judged


@dataclass(frozen=True, slots=True)
class Standing:
    """The sessions of one reflector, or ("") of the mesh, in one family: how many nodes should have them, and do.

    `why` is the first complaint.
    """

    reflector: str
    family: str
    expected: int
    complete: int
    why: str = ""


def standings(
    expectations: Sequence[Expectation], node_sets: Mapping[str, tuple[NodeName, ...]], probe: Probe
) -> list[Standing]:
    """One line for each reflector and family, the mesh last; asks every node of the expectations once."""
    found: dict[tuple[str, str], list[str]] = {}
    for one, name, _, complaint in judged(expectations, node_sets, probe):
        found.setdefault((one.peer or "", one.family), []).append(f"{name}: {complaint}" if complaint else "")
    return [
        Standing(peer, family, len(told), told.count(""), next((text for text in told if text), ""))
        for (peer, family), told in sorted(found.items(), key=lambda item: (item[0][0] == "", item[0]))
    ]
