"""What a step leads from and to, and which of its pairs rest on sessions that it touches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rrplan.bgp.alike import NodeClass
from rrplan.bgp.cells import Pair
from rrplan.bgp.connections import converged
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.outside import Outside
from rrplan.bgp.peering import Rules
from rrplan.bgp.speaker import Family
from rrplan.bgp.transition import Ends


@dataclass(frozen=True, slots=True)
class Sides:
    """What a step leads from and to in one family, with the index of each kind there.

    `silent` are the kinds that have no routes of their own after it.
    """

    ends: Ends
    here: Sequence[int]
    old: Holdings
    there: Sequence[int]
    new: Holdings
    silent: frozenset[int]


def touched(pairs: set[Pair], ends: Ends, marked: Holdings) -> set[Pair]:
    """Those that may hold a route over a session that a change touches."""
    own = [*range(len(ends.kinds))]
    return {pair for pair in pairs if any(ends.touched(pair, own, table) for table in marked.tables)}


def without(
    rules: Rules, node_classes: Sequence[NodeClass], family: Family, gained: frozenset[tuple[int, Outside]]
) -> Holdings:
    """Who holds what for certain without those sessions to the outside."""
    return converged(rules, node_classes, family, without=gained).certain
