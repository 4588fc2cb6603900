"""BIRD asked directly, both families at once; in a live cluster by `birdcl` in the calico-node pod of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rrplan.adapters.nodes.bird_output import BirdOutputProblem, BirdProtocol, BirdRoute, protocols, routes
from rrplan.adapters.nodes.ends import DEVICE, End, SeenSession
from rrplan.ids import NodeName

FAMILIES = ("ipv4", "ipv6")
PROTOCOLS = "show protocols all"
ROUTES = "show route"
OWN_ROUTES = "show route where source != RTS_BGP"
"""Routes that came over no BGP session: a few, where the whole table has one for each node (filter language, BIRD 1.6).
"""


class Wanted(StrEnum):
    """What a node is asked for, beside its sessions."""

    SESSIONS = "sessions"
    """Nothing else."""
    OWN = "own"
    """The routes that it has itself."""
    TABLE = "table"
    """All its routes."""


@dataclass(frozen=True, slots=True)
class Question:
    """Words for the BIRD of a family."""

    family: str
    words: str


class Way(Protocol):
    """How nodes are asked."""

    def look(self, *, anew: bool) -> None:
        """A look begins; with `anew`, nothing that was found for an earlier one is used."""
        ...

    def ask(self, node: NodeName, questions: Sequence[Question]) -> Sequence[str]:
        """What is said to each question; DatastoreRefused or DatastoreTimeout where a node cannot be asked."""
        ...


class OneByOne:
    """Implements Way where a question costs nothing: `say` answers for the BIRD of a node and family."""

    def __init__(self, say: Callable[[NodeName, str, str], str]) -> None:
        self._say = say

    def look(self, *, anew: bool) -> None:
        """There is nothing to find."""

    def ask(self, node: NodeName, questions: Sequence[Question]) -> Sequence[str]:
        """One after the other."""
        return [self._say(node, question.family, question.words) for question in questions]


class Birds:
    """The BIRDs of a cluster, by whatever way they are asked."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def look(self, *, anew: bool) -> None:
        """A look begins; with `anew`, nothing that was found for an earlier one is used."""
        self._way.look(anew=anew)

    def ask(self, node: NodeName, wanted: Wanted) -> Mapping[str, End]:
        """What BIRD says, by family; raises as `Way.ask` does."""
        more = {Wanted.SESSIONS: (), Wanted.OWN: (OWN_ROUTES,), Wanted.TABLE: (ROUTES,)}[wanted]
        ends: dict[str, End] = {}
        for family, (shown, *tables) in self._answers(node, (PROTOCOLS, *more)):
            try:
                ends[family] = _end(protocols(shown), wanted, [route for table in tables for route in routes(table)])
            except BirdOutputProblem:
                # No BIRD for this family: the node does not speak it.
                continue
        return ends

    def own(self, node: NodeName) -> Mapping[str, Mapping[str, str]]:
        """The routes without next hop that a node has itself, see `End.own`, by family; raises as `Way.ask` does."""
        own: dict[str, Mapping[str, str]] = {}
        for family, (table,) in self._answers(node, (OWN_ROUTES,)):
            try:
                own[family] = _own(routes(table))
            except BirdOutputProblem:
                continue
        return own

    def _answers(self, node: NodeName, words: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
        """What the BIRD of each family says to the same words."""
        answers = self._way.ask(node, [Question(family, each) for family in FAMILIES for each in words])
        for number, family in enumerate(FAMILIES):
            yield family, answers[number * len(words) : (number + 1) * len(words)]


def _end(shown: tuple[BirdProtocol, ...], wanted: Wanted, table: Sequence[BirdRoute]) -> End:
    sessions: dict[str, SeenSession] = {}
    mesh: dict[str, SeenSession] = {}
    neighbor: dict[str, str] = {}
    for protocol in shown:
        if protocol.proto == "BGP":
            session = SeenSession(protocol.established, f"{protocol.state} {protocol.info}".strip(), protocol.imported)
            (mesh if protocol.name.startswith("Mesh_") else sessions)[protocol.neighbor] = session
            neighbor[protocol.name] = protocol.neighbor
    recovering = any(protocol.recovering for protocol in shown)
    if wanted is Wanted.SESSIONS:
        return End(recovering, sessions, mesh)
    own = _own(route for route in table if route.protocol not in neighbor)
    if wanted is Wanted.OWN:
        return End(recovering, sessions, mesh, own=own)
    over: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for route in table:
        over[neighbor.get(route.protocol, "")][route.prefix] = route.via
    return End(recovering, sessions, mesh, dict(over), own)


def _own(table: Iterable[BirdRoute]) -> dict[str, str]:
    """Where routes without a next hop lead; one that leads nowhere (a block) before one to an interface."""
    targets: dict[str, str] = {}
    for route in table:
        if not route.via and targets.get(route.prefix, DEVICE) == DEVICE:
            targets[route.prefix] = route.target
    return targets
