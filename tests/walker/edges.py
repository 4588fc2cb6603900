"""Sessions in doubt: what each of them may be in one state, and the worlds that this leaves open for two states."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations, product
from math import prod
from typing import NamedTuple, TypeVar

from tests.walker.messages import Side, Way, Ways, held
from tests.walker.reading import Cluster, Filtering, Part, Pool
from tests.walker.sessions import Block, Rendering, Table, identity, outcomes, stays, table

Key = tuple[str, str]
"""Two nodes, or a node and `@address` of a speaker outside."""
Identity = tuple[str, str, tuple[object, ...]]

LIMIT = 64
"""Worlds that are looked at for one question; where there are more, a sample with the extremes in it."""


class Outcome(NamedTuple):
    """A session that is up: its blocks; the far one is None where that is no node."""

    near: Block
    far: Block | None

    def link(self) -> Link:
        """What it means for routes."""
        far = Side(self.far.client, self.far.cluster_id, self.far.allowed) if self.far else Side()
        near = Side(self.near.client, self.near.cluster_id, self.near.allowed)
        filters = self.near.filters, self.far.filters if self.far else ()
        return Link(self.near.internal, near, far, self.near.remote_as, filters)


class Link(NamedTuple):
    """A session as routes see it, from the first of its two speakers; `remote_as` tells speakers outside apart."""

    internal: bool
    near: Side
    far: Side
    remote_as: int
    filters: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """BGPFilters of the first speaker, and of the second."""


Up = Mapping[Key, Link]


@dataclass(frozen=True)
class Edge:
    """One session: what both ends render, and all that may come of it."""

    ends: tuple[Rendering, Rendering]
    outcomes: frozenset[Outcome | None]

    @property
    def links(self) -> frozenset[Link | None]:
        """The different things that it may mean for routes."""
        return frozenset(one and one.link() for one in self.outcomes)


NOWHERE = Edge(((), ()), frozenset([None]))


@dataclass(frozen=True)
class Moment:
    """One state in one family."""

    table: Table
    edges: Mapping[Key, Edge]
    as_of: Mapping[str, int]
    leaves: frozenset[str]
    filtering: Filtering
    cluster: Cluster

    def part(self, address: str, remote_as: int) -> Part | None:
        """What is known of the speaker outside `@address`."""
        return self.cluster.part(address.removeprefix("@"), remote_as)

    def edge(self, key: Key) -> Edge:
        """What is rendered there."""
        return self.edges.get(key, NOWHERE)


def moment(cluster: Cluster, family: str, trusted: frozenset[Identity] | None) -> Moment:
    """Read a state; an uplink that is not `trusted` may be refused by the other side (None: all are trusted)."""
    here = table(cluster, family)
    edges = {}
    for one, other in here.pairs():
        ends = here.towards(one, other), here.towards(other, one)
        found = frozenset(live and Outcome(*live) for live in outcomes(*ends))
        edges[one, other] = Edge(ends, found)
    for node, address, protocol in here.uplinks():
        found = frozenset(Outcome(block, None) for block in protocol)
        unsure = trusted is not None and any((node, address, identity(block)) not in trusted for block in protocol)
        edges[node, f"@{address}"] = Edge(((protocol,), ()), found | {None} if unsure else found)
    as_of = {name: cluster.members[name].as_number for name in here.address_of}
    leaves = frozenset(name for name in here.address_of if cluster.members[name].down)
    return Moment(here, edges, as_of, leaves, cluster.filtering, cluster)


def identities(one: Moment) -> frozenset[Identity]:
    """Every uplink that there may be."""
    return frozenset(
        (node, address, identity(block)) for node, address, protocol in one.table.uplinks() for block in protocol
    )


Choice = TypeVar("Choice")


def worlds(options: Mapping[Key, Sequence[Choice]], seed: int = 0) -> Iterator[dict[Key, Choice]]:
    """One choice for each session: all combinations, or a sample in which each option of each session comes up."""
    keys = sorted(options)
    lists = [options[key] for key in keys]
    if prod(len(one) for one in lists) <= LIMIT:
        for chosen in product(*lists):
            yield dict(zip(keys, chosen, strict=True))
        return
    draw = random.Random(seed)
    longest = max(len(one) for one in lists)
    for place in range(longest):
        base = [one[min(place, len(one) - 1)] for one in lists]
        yield dict(zip(keys, base, strict=True))
        doubtful = [position for position, one in enumerate(lists) if len(one) > 1]
        for position in draw.sample(doubtful, min(len(doubtful), 8)):
            for other in lists[position]:
                yield dict(zip(keys, [*base[:position], other, *base[position + 1 :]], strict=True))
    for _ in range(LIMIT // 2):
        yield {key: draw.choice(one) for key, one in zip(keys, lists, strict=True)}


Before = Link | None
After = Link | None


def passages(before: Moment, after: Moment, same: frozenset[Key]) -> dict[Key, list[tuple[Before, After]]]:
    """What each session may be in both states; one in `same` has the same doubt, and so the same outcome.

    Otherwise a doubt is held against the plan on both sides: there was a session before if there may have been one,
    there is none after if there may be none. (More sessions never make fewer routes: only flags have to be tried.)
    """
    found = {}
    for key in before.edges.keys() | after.edges.keys():
        old, new = before.edge(key).links, after.edge(key).links
        if key in same:
            found[key] = [(one, one) for one in _sorted(old)]
        else:
            was = _sorted(old - {None}) or [None]
            becomes = [None] if None in new else _sorted(new)
            found[key] = list(product(was, becomes))
    return found


class Reload(NamedTuple):
    """A session in the state before, and what a reload of its first or second end does to it.

    `near` and `far` are the BGPFilters that an end has then; None where the reload takes the session down.
    """

    link: Link | None
    near: tuple[str, ...] | None = ()
    far: tuple[str, ...] | None = ()

    def left(self, key: Key, reloaded: frozenset[str]) -> Link | None:
        """What it is once these nodes have reloaded."""
        if self.link is None:
            return None
        near, far = self.link.filters
        near_then = self.near if key[0] in reloaded else near
        far_then = self.far if key[1] in reloaded else far
        if near_then is None or far_then is None:
            return None
        return self.link._replace(filters=(near_then, far_then))


def reloads(chain: Sequence[Moment]) -> dict[Key, list[Reload]]:
    """What each session of the first state may be, and what the way to the last one does to it."""
    first = chain[0]
    found = {}
    for key, edge in first.edges.items():
        options: set[Reload] = set()
        for one in edge.outcomes:
            if one is None:
                options.add(Reload(None))
                continue
            near = _filters_then(one.near, [at.edge(key).ends[0] for at in chain])
            far = _filters_then(one.far, [at.edge(key).ends[1] for at in chain]) if one.far else {()}
            options |= {Reload(one.link(), *filters) for filters in product(near or [None], far or [None])}
        found[key] = _sorted(options)
    return found


def _filters_then(block: Block, chain: Sequence[Rendering]) -> set[tuple[str, ...]]:
    """The BGPFilters that a protocol may have after reloads that leave it alone; none where one takes it down."""
    if not all(stays(block, before, after) for before, after in pairwise(chain)):
        return set()
    return {one.filters for protocol in chain[-1] for one in protocol if one._replace(filters=block.filters) == block}


Sortable = TypeVar("Sortable")


def _sorted(found: Iterable[Sortable]) -> list[Sortable]:
    return sorted(found, key=repr, reverse=True)


class Routes:
    """Who holds what over given sessions; remembers answers."""

    def __init__(self) -> None:
        self._known: dict[object, frozenset[tuple[str, str]]] = {}

    def gone(
        self, before: Moment, was: Mapping[Key, Link], after: Moment, becomes: Mapping[Key, Link], *, handed_on: bool
    ) -> frozenset[tuple[str, str]]:
        """The pairs that lose the routes of some pool; what a speaker outside announces may be of none, too."""
        lost: set[tuple[str, str]] = set()
        for pool in (*before.filtering.owed(before.table.family), None):
            missing = self.over(before, was, handed_on=handed_on, pool=pool) - self.over(
                after, becomes, handed_on=handed_on, pool=pool
            )
            lost |= missing if pool else {pair for pair in missing if pair[1].startswith("@")}
        if None in before.filtering.owed(before.table.family):
            lost |= self.over(before, was, handed_on=handed_on) - self.over(after, becomes, handed_on=handed_on)
        return frozenset(lost)

    def over(
        self, at: Moment, up: Mapping[Key, Link], *, handed_on: bool, pool: Pool | None = None
    ) -> frozenset[tuple[str, str]]:
        """Pairs (holder, origin), for the routes of one pool where BGPFilters matter.

        `handed_on` says whether nodes pass on what speakers outside announce.
        """
        key = (frozenset(up.items()), frozenset(at.as_of.items()), at.leaves, handed_on, pool)
        if key not in self._known:
            self._known[key] = self._found(at, up, handed_on=handed_on, pool=pool)
        return self._known[key]

    def _found(
        self, at: Moment, up: Mapping[Key, Link], *, handed_on: bool, pool: Pool | None
    ) -> frozenset[tuple[str, str]]:
        ways: dict[str, list[Way]] = {name: [] for name in at.as_of}
        as_of = dict(at.as_of)
        leaves = set(at.leaves)
        silent = set()
        fabrics: dict[str, str] = {}
        for (one, other), link in up.items():
            if other.startswith("@"):
                part = at.part(other, link.remote_as)
                other = f"{other}#{link.remote_as}"
                as_of[other] = link.remote_as
                if part is None or not part.passes:
                    leaves.add(other)
                elif part.cluster_id and link.internal:
                    # A reflector outside has every node of its AS for a client.
                    link = link._replace(far=Side(client=True, cluster_id=part.cluster_id))
                if part is not None and not part.owed:
                    silent.add(other)
                if part is not None and part.fabric:
                    fabrics[other] = part.fabric
            near, far = link.filters
            passes = at.filtering.passes
            there = passes(near, "export", pool) and passes(far, "import", pool)
            back = passes(far, "export", pool) and passes(near, "import", pool)
            ways[one].append(Way(other, link.internal, link.near, link.far, there))
            ways.setdefault(other, []).append(Way(one, link.internal, link.far, link.near, back))
        for one, other in permutations(fabrics, 2):
            if fabrics[one] == fabrics[other]:
                # Nothing is added to the path, and nothing that came this way goes on this way.
                ways[one].append(Way(other, True, Side(), Side()))

        def heard(leaves: Iterable[str]) -> frozenset[tuple[str, str]]:
            # What one speaker outside hears of another is between them.
            return frozenset(
                pair
                for pair in held(_frozen(ways), as_of, frozenset(leaves))
                if not (pair[0].startswith("@") and pair[1].startswith("@")) and silent.isdisjoint(pair)
            )

        found = heard(leaves)
        if handed_on:
            return found
        # What speakers outside announce is handed on by speakers outside alone.
        direct = {pair for pair in heard({*leaves, *at.as_of}) if pair[1].startswith("@")}
        return frozenset(direct | {pair for pair in found if not pair[1].startswith("@")})


def _frozen(ways: Mapping[str, list[Way]]) -> Ways:
    return {name: tuple(told) for name, told in ways.items()}
