"""How much the model does for a plan, counted and not timed: ends of pairs of nodes, and copies of routes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import Any

from rrplan.bgp import bulk, connections
from rrplan.bgp.profile import calico_versions
from rrplan.planning import draft_plan
from rrplan.plans.plan import SnapshotReference
from tests.bench.shapes import CALICO, Shape


@dataclass
class Work:
    """What one plan took."""

    pairs: int = 0
    copies: int = 0

    def exponents(self, before: Work, times: float) -> tuple[float, float]:
        """The powers by which work has grown since `before`, with a size that is so many times the other."""
        grown = ((self.pairs, before.pairs), (self.copies, before.copies))
        return tuple(log(max(now, 1) / max(then, 1)) / log(times) for now, then in grown)  # type: ignore[return-value]


def work(shape: Shape) -> Work:
    """Plan and prove a shape, and count."""
    counted = Work()

    def pair() -> None:
        counted.pairs += 1

    def copy() -> None:
        counted.copies += 1

    with (
        counting(connections, "protocols", pair),
        counting(bulk._Spreading, "deliver", copy),
    ):
        state = shape.snapshot.state
        draft_plan(shape.spec, state, calico_versions(state, CALICO), SnapshotReference("", None, CALICO))
    return counted


@contextmanager
def counting(place: Any, name: str, count: Callable[[], None]) -> Iterator[None]:
    """Count the calls of a function of a module or class."""
    whole = getattr(place, name)

    def counted(*args: Any, **named: Any) -> Any:
        count()
        return whole(*args, **named)

    setattr(place, name, counted)
    try:
        yield
    finally:
        setattr(place, name, whole)
