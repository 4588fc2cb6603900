"""How many paths of one route a node holds, with `add paths` as Calico has it (RFC 7911).

Reflectors of different cluster IDs treat one another as clients, and only a cluster ID ends a path. Where they all
peer, a route takes every way through their clusters: five clusters of two reflectors make some 700 paths of each route
on every node (real BIRD 1.6.8, 510 bytes each), and every further one ten times as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rrplan.bgp.cluster_ids import as_bird_reads
from rrplan.bgp.holdings import Holdings
from rrplan.bgp.model import Model
from rrplan.bgp.reflection import Copy, LinkGraph, first_copy, passes
from rrplan.ids import NodeName

BYTES = 510
"""Memory that BIRD 1.6.8 takes for a path, its attributes included; measured with five clusters of two reflectors."""


class Paths(NamedTuple):
    """How many paths a node of class `holder` holds of the routes of all nodes together, and how many nodes these are.

    No class has more. Where groups that are alike differ in size, it has some less; where the limit is passed, it may
    have many more.
    """

    paths: int
    holder: int
    nodes: int

    @property
    def each(self) -> int:
        """Paths of one route, on average, rounded up."""
        return -(-self.paths // self.nodes) if self.nodes else 0

    @property
    def megabytes(self) -> int:
        """Memory that BIRD takes for all of them, rounded up; with one block of addresses on each node."""
        return -(-self.paths * BYTES // 1_000_000)


def most_paths(holdings: Holdings, sizes: Sequence[int], cluster_ids: Sequence[str], limit: int) -> Paths:
    """The most paths that any node holds in one family; by class, `sizes` are numbers of nodes.

    The search ends where some node has more than `limit` altogether, so it costs no more where paths are many.
    """
    return _Search(holdings, sizes, cluster_ids, limit).most()


class _Search:
    """Ways of routes over blocks of nodes, each with the number of ways over single nodes that it stands for."""

    def __init__(self, holdings: Holdings, sizes: Sequence[int], cluster_ids: Sequence[str], limit: int) -> None:
        within = holdings.blocks.within
        self._within = within
        self._roles = holdings.blocks.cells.role
        self._sizes = [sum(sizes[index] for index in classes) for classes in within]
        self._nodes = sum(self._sizes)
        # Blocks of one role may differ in size, from ENOUGH nodes on: the largest stands for all, so none has more.
        largest: dict[int, int] = {}
        for block, size in enumerate(self._sizes):
            largest[self._roles[block]] = max(size, largest.get(self._roles[block], 0))
        self._sizes = [size and largest[self._roles[block]] for block, size in enumerate(self._sizes)]
        self._most = limit
        self._groups = [
            replace(holdings.group(block), cluster_id=cluster_ids[classes[0]]) for block, classes in enumerate(within)
        ]
        self._graph: LinkGraph = holdings.graph
        present = [block for block, size in enumerate(self._sizes) if size]
        self._linked = {
            here: [(there, links[0]) for there in present if (links := holdings.links(here, there))] for here in present
        }
        self._alike = Counter(self._roles[block] for block in present)
        """By role: how many blocks have it."""
        self._totals: dict[int, int] = {}
        """By role: paths that one node of each of its blocks holds, together, of all routes."""

    def most(self) -> Paths:
        """Routes of one block of each role are followed: those of others come to others of a role alike."""
        followed: set[int] = set()
        for origin in self._linked:
            role = self._roles[origin]
            if role not in followed:
                followed.add(role)
                if self._follow(origin):
                    break
        totals = {role: total // self._alike[role] for role, total in self._totals.items()}
        holder = max(totals, key=lambda role: totals[role], default=None)
        if holder is None:
            return Paths(0, 0, self._nodes)
        return Paths(totals[holder], self._within[holder][0], self._nodes)

    def _follow(self, origin: int) -> bool:
        """Count the paths of the routes of a block at all others; whether some node has too many of them."""
        waiting: list[tuple[int, Copy, int, tuple[int, ...]]] = []
        for there, link in self._linked[origin]:
            if self._sizes[there] > (there == origin):
                first = first_copy(self._graph, self._groups[origin], self._groups[there], link)
                if isinstance(first, Copy):
                    waiting.append((there, first, 1, (origin,)))
        while waiting:
            here, copy, ways, way = waiting.pop()
            role = self._roles[here]
            # Each block of the origin's role does to some block of this one what the origin does.
            routes = (self._sizes[origin] - (here == origin)) * self._alike[self._roles[origin]]
            self._totals[role] = self._totals.get(role, 0) + ways * routes
            if self._totals[role] > self._most * self._alike[role]:
                return True
            if self._groups[here].leaf:
                continue
            through = (*way, here)
            # Any node of this block that the way has not been through may be the one that passes it on.
            free = self._sizes[here] - way.count(here)
            for there, link in self._linked[here]:
                senders = free - (there == here)
                if senders < 1 or self._sizes[there] <= through.count(there):
                    continue
                passed = passes(self._graph, self._groups[here], self._groups[there], here, link, copy)
                if isinstance(passed, Copy):
                    waiting.append((there, passed, ways * senders, through))
        return False


def paths_in(model: Model, limit: int) -> tuple[Paths, NodeName]:
    """The most paths that a node holds where a model stands, and such a node; cut off above so many altogether.

    A session that may be up counts.
    """
    view, classes = model.view(), model.population.classes
    cluster_ids = [as_bird_reads(signature.cluster_id) for signature in view.signatures]
    tables = [most_paths(table, model.living(view), cluster_ids, limit) for table in view.possible.values()]
    most = max(tables, key=lambda paths: paths.paths)
    return most, next(iter(classes[view.signatures[most.holder]])) if most.paths else NodeName("")
