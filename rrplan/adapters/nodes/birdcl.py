"""BIRD asked directly, both families at once; in a live cluster by `birdcl` in the calico-node pod of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Protocol

from rrplan.adapters.nodes.bird_output import (
    BirdOutputProblem,
    BirdRoute,
    established,
    protocols,
    recovering,
    routes,
)
from rrplan.adapters.nodes.ends import DEVICE, End, SeenSession
from rrplan.ids import NodeName

FAMILIES = ("ipv4", "ipv6")
STATUS = "show status"
PROTOCOLS = "show protocols all"
EXPLICIT = ('show protocols all "Node_*"', 'show protocols all "Global_*"')
"""What BGPPeers make. BIRD wants its patterns quoted, and has none for all names but those of the mesh."""
MESH = 'show protocols "Mesh_*"'
"""A line for each session, where `all` gives twenty: every node of a mesh has one with every other node."""
ROUTES = "show route"
OWN_ROUTES = "show route where source != RTS_BGP"
"""Routes that came over no BGP session: a few, where the whole table has one for each node (filter language, BIRD 1.6).
"""


class Wanted(Flag):
    """What a node is asked for, beside whether its BIRD is in graceful-restart recovery."""

    NOTHING = 0
    EXPLICIT = auto()
    """Sessions of BGPPeers."""
    MESH = auto()
    """How many sessions of the mesh are established."""
    SESSIONS = auto()
    """All sessions, each by itself, those of the mesh among them."""
    OWN = auto()
    """The routes that it has itself."""
    TABLE = auto()
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
        questions = _questions(wanted)
        ends: dict[str, End] = {}
        for family, answers in self._answers(node, questions):
            try:
                ends[family] = _end(dict(zip(questions, answers, strict=True)), wanted)
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


def _questions(wanted: Wanted) -> tuple[str, ...]:
    # All protocols in detail say by themselves that a recovery is in progress.
    words = [PROTOCOLS] if Wanted.SESSIONS in wanted else [STATUS]
    if Wanted.EXPLICIT in wanted and Wanted.SESSIONS not in wanted:
        words += EXPLICIT
    if Wanted.MESH in wanted:
        words.append(MESH)
    if Wanted.TABLE in wanted:
        words.append(ROUTES)
    elif Wanted.OWN in wanted:
        words.append(OWN_ROUTES)
    return tuple(words)


def _end(answers: Mapping[str, str], wanted: Wanted) -> End:
    """What the answers say; raises BirdOutputProblem where one is none."""
    sessions: dict[str, SeenSession] = {}
    mesh: dict[str, SeenSession] = {}
    neighbor: dict[str, str] = {}
    shown = [protocol for words in (PROTOCOLS, *EXPLICIT) if words in answers for protocol in protocols(answers[words])]
    for protocol in shown:
        if protocol.proto == "BGP":
            session = SeenSession(protocol.established, f"{protocol.state} {protocol.info}".strip(), protocol.imported)
            alike = mesh if protocol.name.startswith("Mesh_") else sessions
            # Of a Node_ and a Global_ with one neighbor (before v3.3) one waits for ever: the other one is the session.
            if protocol.neighbor not in alike or session.established:
                alike[protocol.neighbor] = session
            neighbor[protocol.name] = protocol.neighbor
    waits = any(protocol.recovering for protocol in shown) or (STATUS in answers and recovering(answers[STATUS]))
    counted = established(answers[MESH]) if MESH in answers else None
    table = [route for words in (ROUTES, OWN_ROUTES) if words in answers for route in routes(answers[words])]
    # Only a route of BGP says its origin.
    own = _own(route for route in table if not route.origin and route.protocol not in neighbor)
    over: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for route in table:
        over[neighbor.get(route.protocol, route.protocol if route.origin else "")][route.prefix] = route.via
    return End(
        waits,
        sessions,
        mesh,
        dict(over) if Wanted.TABLE in wanted else None,
        own if wanted & (Wanted.TABLE | Wanted.OWN) else None,
        counted,
    )


def _own(table: Iterable[BirdRoute]) -> dict[str, str]:
    """Where routes without a next hop lead; one that leads nowhere (a block) before one to an interface."""
    targets: dict[str, str] = {}
    for route in table:
        if not route.via and targets.get(route.prefix, DEVICE) == DEVICE:
            targets[route.prefix] = route.target
    return targets
