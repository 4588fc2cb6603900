"""Which pairs of nodes miss routes in one state, by the walker's own speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tests.walker.edges import Routes, moment, worlds
from tests.walker.reading import FAMILIES, Document, Part, cluster_of, objects_of


class Pair(NamedTuple):
    """`holder` does not have the routes of `origin` in some world."""

    family: str
    holder: str
    origin: str


def without_routes(
    documents: Sequence[Document], *, as_configured: bool, parts: tuple[Part, ...] = ()
) -> frozenset[Pair]:
    """The pairs of nodes that lack a route in some world that a doubt leaves open.

    As configured, every node is alive; otherwise nodes that are down pass nothing on, and pairs that end at one of them
    are not looked at. `parts` is what is known of speakers outside.
    """
    cluster = cluster_of(objects_of(documents), parts)
    if as_configured:
        alive = {name: replace(one, down=False) for name, one in cluster.members.items()}
        cluster = replace(cluster, members=alive)
    routes = Routes()
    found: set[Pair] = set()
    for family in FAMILIES:
        at = moment(cluster, family, None)
        asked = {name for name in at.as_of if name not in at.leaves}
        every = {(one, other) for one in asked for other in asked if one != other}
        options = {key: sorted(edge.links, key=repr) for key, edge in at.edges.items()}
        for world in worlds(options):
            up = {key: link for key, link in world.items() if link is not None}
            found |= {Pair(family, *pair) for pair in every - routes.over(at, up, handed_on=True)}
    return frozenset(found)
