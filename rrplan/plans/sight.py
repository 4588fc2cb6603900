"""What a preflight check sees, and what it answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rrplan.bgp.profile import Versions
from rrplan.desired import Desired
from rrplan.plans.plan import Severity
from rrplan.resources import ClusterState
from rrplan.specs import Spec

T = TypeVar("T")
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Sight:
    """What a check may look at."""

    spec: Spec
    state: ClusterState
    desired: Desired
    versions: Versions

    def of(self, kind: type[T]) -> Iterator[T]:
        """The other resources of one kind."""
        return (one for one in self.state.others.values() if isinstance(one, kind))


Told = Iterator[tuple[Severity, str]]


def some(names: Iterable[object]) -> str:
    """The first few names, and how many more."""
    found = sorted(str(name) for name in names)
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
