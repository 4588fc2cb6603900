"""What stands against beginning a plan, as values."""

from __future__ import annotations

from dataclasses import dataclass

from rrplan.ids import NodeName
from rrplan.plans.plan import SessionDown


@dataclass(frozen=True, slots=True)
class Unready:
    """Nodes and sessions that a plan counts on and that are down now.

    `down` are nodes that were not down when the plan was made, `silent` those that do not answer, in the order of
    their names.
    """

    down: tuple[NodeName, ...] = ()
    silent: tuple[NodeName, ...] = ()
    sessions: tuple[SessionDown, ...] = ()
