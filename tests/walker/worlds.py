"""All clusters of two to four nodes over a small vocabulary, each up to renaming once, and all small specs for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement, product
from typing import Any, NamedTuple

from tests.walker.draws import OURS, SWITCH, Case, configuration, group, node, peer, spec
from tests.walker.reading import Document

HAS = f"has({OURS})"
ONE, TWO = "10.0.0.1", "10.0.0.2"
ADDRESS_OF_FIRST = "10.0.0.8"


class Kind(NamedTuple):
    """All that tells two nodes apart: two nodes of one kind can change places."""

    cluster_id: str
    other_as: bool
    down: bool


KINDS = [Kind(*one) for one in product(("", ONE, TWO), (False, True), (False, True))]

OURS_FOR_CLIENTS = {"ours": True, "nodeSelector": f"!{HAS}", "peerSelector": f'{OURS} == "main"'}
OURS_AMONG = {"ours": True, "nodeSelector": HAS, "peerSelector": HAS}
PEERS: dict[str, dict[str, dict[str, Any]]] = {
    "": {},
    "clients": {"rrplan-main-clients": OURS_FOR_CLIENTS},
    "ours": {"rrplan-main-clients": OURS_FOR_CLIENTS, "rrplan-reflectors": OURS_AMONG},
}
BESIDE: dict[str, dict[str, Any]] = {
    "": {},
    "hand": {"nodeSelector": "all()", "peerSelector": HAS},
    "differs": {"nodeSelector": "all()", "peerSelector": HAS, "maxRestartTime": "60s"},
    "to-first": {"peerIP": ADDRESS_OF_FIRST, "asNumber": 64512},
    "wrong-as": {"peerIP": ADDRESS_OF_FIRST, "asNumber": 65001},
}
OUTSIDE: dict[str, dict[str, Any]] = {
    "": {},
    "on-all": {"peerIP": SWITCH, "asNumber": 65000},
    "on-reflectors": {"nodeSelector": HAS, "peerIP": SWITCH, "asNumber": 65000},
    "on-clients": {"nodeSelector": f"!{HAS}", "peerIP": SWITCH, "asNumber": 65000},
    "on-first": {"node": "n1", "peerIP": SWITCH, "asNumber": 65000},
    "ibgp": {"nodeSelector": HAS, "peerIP": SWITCH, "asNumber": 64512},
}
CASES = {2: 49_140, 3: 47_280, 4: 59_904}
"""How many cases there are of each size."""
NAMING = {"to-first", "wrong-as", "on-first"}
"""What means the first node, and nobody else."""


@dataclass(frozen=True)
class World:
    """One small cluster; the first of its nodes is another than the rest where some BGPPeer names it."""

    kinds: tuple[Kind, ...]
    mesh: bool
    peers: str
    beside: str
    outside: str

    @property
    def named(self) -> bool:
        """Whether the first node cannot change places with others of its kind."""
        return bool(NAMING & {self.beside, self.outside})

    def documents(self) -> tuple[Document, ...]:
        """The cluster as documents."""
        found: list[Document] = [
            node(
                f"n{place}",
                place + 7,
                labels={OURS: "main"} if kind.cluster_id else None,
                cluster_id=kind.cluster_id,
                as_number=65001 if kind.other_as else None,
                ready=False if kind.down else None,
            )
            for place, kind in enumerate(self.kinds, 1)
        ]
        found.append(configuration(mesh=self.mesh))
        found += [peer(name, **told) for name, told in PEERS[self.peers].items()]
        if self.beside:
            found.append(peer(self.beside, **BESIDE[self.beside]))
        if self.outside:
            found.append(peer("switch", **OUTSIDE[self.outside]))
        return tuple(found)

    def specs(self) -> Iterator[tuple[str, Document]]:
        """The mesh, and one or two reflectors; of nodes that can change places only the first ones."""
        ways: list[tuple[str, dict[str, Any]]] = [
            ("drain", {"drain": True}),
            ("brief", {"policy": {"exposure": {"brief": "25s"}}}),
        ]
        for told, body in ways:
            policy = {"minReflectorsPerClient": 1, **body.get("policy", {})}
            rest = {**body, "policy": policy}
            yield f"mesh {told}", spec(topology="full-mesh", **rest)
            for chosen in self._choices():
                names = [f"n{place + 1}" for place in chosen]
                yield (
                    f"{'+'.join(names)} {told}",
                    spec(topology="route-reflectors", clusterID=ONE, groups=[group("main", names)], **rest),
                )

    def _choices(self) -> Iterator[tuple[int, ...]]:
        seen = set()
        places = range(len(self.kinds))
        for chosen in (*combinations(places, 1), *combinations(places, 2)):
            key = tuple(sorted((self.kinds[place], self.named and place == 0) for place in chosen))
            if key not in seen:
                seen.add(key)
                yield chosen


def worlds(size: int) -> Iterator[World]:
    """Every cluster of that many nodes; nodes that nothing names are in the order of their kinds."""
    for mesh, peers, beside, outside in product((True, False), PEERS, BESIDE, OUTSIDE):
        if beside and outside and size > 2:
            continue
        named = bool(NAMING & {beside, outside})
        for rest in combinations_with_replacement(KINDS, size - named):
            for first in KINDS if named else [None]:
                kinds = (first, *rest) if first else rest
                if _small(kinds):
                    yield World(kinds, mesh, peers, beside, outside)


def _small(kinds: tuple[Kind, ...]) -> bool:
    """One node down at most, or one of another AS; no such AS among four."""
    down, other = (sum(getattr(kind, what) for kind in kinds) for what in ("down", "other_as"))
    return down + other <= 1 and (len(kinds) < 4 or not other)


def cases(size: int) -> Iterator[Case]:
    """Every cluster with every spec."""
    for world in worlds(size):
        documents = world.documents()
        where = f"{'mesh ' if world.mesh else ''}{world.peers} {world.beside} {world.outside}"
        about = " ".join(f"{one.cluster_id or '-'}{'*' * one.other_as}{'!' * one.down}" for one in world.kinds)
        for told, wanted in world.specs():
            yield Case(documents, wanted, f"{about} | {where} | {told}")
