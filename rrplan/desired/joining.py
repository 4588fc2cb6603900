"""Which nodes BGPPeers join, as sets of nodes and without a look at every pair of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import NamedTuple, TypeAlias

from rrplan.bgp.endpoint import endpoint_of
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, Node
from rrplan.resources.selector import Equal, SelectorSyntaxError, parse

Members: TypeAlias = frozenset[NodeName]
NOBODY: Members = frozenset()
MANY_KINDS = 1_500
"""Beyond so many kinds of nodes the rest is not counted."""


class Sides(NamedTuple):
    """The nodes that a BGPPeer is configured on, and those that it means."""

    near: Members
    far: Members


@dataclass(frozen=True, slots=True)
class PairCount:
    """Pairs of nodes: joined `twice`, by others and by the mesh or BGPPeers of ours, or by others `alone`.

    Not `whole`: there are more than were counted.
    """

    twice: int = 0
    alone: int = 0
    whole: bool = True


class Joining:
    """What BGPPeers select among nodes; nodes without an address for BGP are left out."""

    def __init__(self, nodes: Mapping[NodeName, Node]) -> None:
        self._nodes = {name: node for name, node in nodes.items() if node.ipv4 or node.ipv6}
        self._all = frozenset(self._nodes)
        self._at = {
            address: name for name, node in self._nodes.items() for address in (node.ipv4, node.ipv6) if address
        }
        self._known = {node.known_as: name for name, node in self._nodes.items()}
        self._members: dict[str, Members] = {}
        self._by_value: dict[str, dict[str, set[NodeName]]] = {}

    def inside(self, peer: BGPPeer) -> bool:
        """Whether all sessions that a BGPPeer gives are between nodes of the cluster."""
        if peer.local_workload_selector:
            return False
        return bool(peer.peer_selector or self._addressed(peer))

    def sides(self, peer: BGPPeer) -> Sides:
        """Whom it brings together."""
        near = self._all
        if peer.node_selector:
            near = self._selected(peer.node_selector)
        elif peer.node:
            name = self._known.get(NodeName(peer.node))
            near = frozenset([name]) if name else NOBODY
        return Sides(near, self._selected(peer.peer_selector) if peer.peer_selector else self._addressed(peer))

    def carriers(self, key: str) -> Members:
        """The nodes that carry a label, whatever its value."""
        return frozenset(name for names in self._values(key).values() for name in names)

    def _addressed(self, peer: BGPPeer) -> Members:
        endpoint = endpoint_of(peer.peer_ip)
        name = self._at.get(endpoint.address) if endpoint else None
        return frozenset([name]) if name else NOBODY

    def _selected(self, text: str) -> Members:
        if text not in self._members:
            self._members[text] = self._found(text)
        return self._members[text]

    def _found(self, text: str) -> Members:
        try:
            selector = parse(text)
        except SelectorSyntaxError:
            return NOBODY
        expression = selector.expression
        if isinstance(expression, Equal):
            # Tools write one such selector for each node.
            return frozenset(self._values(expression.label).get(expression.value, ()))
        return frozenset(name for name, node in self._nodes.items() if selector.matches(node.effective_labels))

    def _values(self, key: str) -> Mapping[str, set[NodeName]]:
        if key not in self._by_value:
            values = self._by_value.setdefault(key, {})
            for name, node in self._nodes.items():
                value = node.effective_labels.get(key)
                if value is not None:
                    values.setdefault(value, set()).add(name)
        return self._by_value[key]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What BGPPeers make of a node: bit n of `near` says that the n-th one is configured there."""

    near: int = 0
    far: int = 0
    meshed: bool = field(default=False)


def count_pairs(theirs: Iterable[Sides], ours: Iterable[Sides], meshed: Members) -> PairCount:
    """The pairs of nodes that `theirs` join; `meshed` are the nodes of the node-to-node mesh."""
    foreign, own = _merged(theirs), _merged(ours)
    of_theirs = (1 << len(foreign)) - 1
    near: Counter[NodeName] = Counter()
    far: Counter[NodeName] = Counter()
    for place, sides in enumerate((*foreign, *own)):
        for names, bits in ((sides.near, near), (sides.far, far)):
            for name in names:
                bits[name] += 1 << place
    kinds = Counter(_Kind(near[name], far[name], name in meshed) for name in near.keys() | far.keys())
    kept = list(kinds.items())[:MANY_KINDS]
    twice = alone = 0
    for (kind, size), (other, others) in combinations_with_replacement(kept, 2):
        joined = kind.near & other.far | kind.far & other.near
        if joined & of_theirs:
            pairs = size * (size - 1) // 2 if kind is other else size * others
            if joined & ~of_theirs or (kind.meshed and other.meshed):
                twice += pairs
            else:
                alone += pairs
    return PairCount(twice, alone, len(kept) == len(kinds))


def _merged(all_sides: Iterable[Sides]) -> Sequence[Sides]:
    """The same pairs by fewer: BGPPeers that differ in one of their sides alone become one."""
    nears: dict[Members, set[NodeName]] = {}
    for sides in all_sides:
        nears.setdefault(sides.far, set()).update(sides.near)
    fars: dict[Members, set[NodeName]] = {}
    for far, near in nears.items():
        fars.setdefault(frozenset(near), set()).update(far)
    return [Sides(near, frozenset(far)) for near, far in fars.items() if near and far]
