"""Sessions expected against sessions seen, now: nobody waits, nothing is decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rrplan.ids import NodeName
from rrplan.plans.gate import Expectation
from rrplan.ports import Probe
from rrplan.reports.gates import NodeShort
from rrplan.reports.standing import Standing
from rrplan.runs.gates import judged


def standings(
    expectations: Sequence[Expectation], node_sets: Mapping[str, tuple[NodeName, ...]], probe: Probe
) -> list[Standing]:
    """One line for each reflector and family, the mesh last; asks every node of the expectations once."""
    by_session: dict[tuple[str, str], list[NodeShort | None]] = {}
    for expectation, _, short in judged(expectations, node_sets, probe):
        by_session.setdefault((expectation.peer or "", expectation.family), []).append(short)
    return [
        Standing(peer, family, len(shorts), shorts.count(None), next((short for short in shorts if short), None))
        for (peer, family), shorts in sorted(by_session.items(), key=lambda item: (item[0][0] == "", item[0]))
    ]
