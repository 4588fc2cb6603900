"""Sessions and routes of a live cluster, read from both ends.

A reflector is asked twice: by CalicoNodeStatus, and BIRD itself by `birdcl` in its calico-node pod. The other end of
a session is asked once every reflector's end of it is up: thousands of nodes are not asked while a reflector says no.
A look that spares nodes is a quick one between two whole ones: it leaves CalicoNodeStatus out.
A session counts when every end that was asked has it established, and nodes' routes count when the reflector holds
them and the other end says how many came over the session. A standalone reflector is a container that cannot be asked:
then the nodes say which routes they got.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeAlias, TypeVar

from rrplan.adapters.kubernetes.server import Forbidden
from rrplan.adapters.nodes.birdcl import FAMILIES, Birds, Wanted
from rrplan.adapters.nodes.calico_node_status import NoAnswer, NodeStatuses, NotServed
from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables
from rrplan.adapters.nodes.ends import End, SeenSession
from rrplan.adapters.nodes.origins import Origins
from rrplan.errors import DatastoreRefused, DatastoreTimeout
from rrplan.ids import NodeName
from rrplan.parallelism import PROBE_PARALLELISM
from rrplan.ports import (
    Asking,
    Directory,
    FamilyReading,
    NodeReading,
    NodeSessions,
    SessionReading,
    Survey,
    UplinkReading,
    unheard,
)

T = TypeVar("T")
Ends: TypeAlias = Mapping[str, End]
"""What a node says, by family."""


class LiveProbe:
    """Implements the port Probe; `tell` hears, once for each, of sources that cannot be used.

    `statuses` None: nobody reports CalicoNodeStatus here. `tables` are asked where `birdcl` cannot be used. `at_once`
    nodes are asked at the same time.
    """

    def __init__(
        self,
        birds: Birds,
        directory: Directory,
        statuses: NodeStatuses | None,
        tell: Callable[[str], None],
        tables: NodeStatusTables | None = None,
        at_once: int = PROBE_PARALLELISM,
    ) -> None:
        self._at_once = at_once
        self._tables = tables
        self._directory = directory
        self._tell = tell
        self._said: set[str] = set()
        self._birds = birds
        self._statuses = statuses
        self._addresses: Mapping[NodeName, Mapping[str, str]] = {}
        self._cluster_ids: frozenset[str] = frozenset()
        self._peers: set[NodeName] = set()
        self._hosts: dict[NodeName, Mapping[str, str]] = {}
        """Where standalone reflectors may be; nothing else of BGP is there."""
        self._by_address: dict[str, NodeName] = {}
        self._saying = threading.Lock()
        self._unanswered: set[NodeName] = set()
        """Nodes that CalicoNodeStatus was asked about in vain."""
        self._reported = False
        """Whether any node answered CalicoNodeStatus."""
        self._away: list[DatastoreTimeout] = []
        """Why nodes did not answer in this look."""
        self._origins = Origins(directory, self._own, self._say)

    # --- port ----------------------------------------------------------------------------------

    def read(self, survey: Survey, asking: Asking = unheard) -> Sequence[NodeReading]:
        """The readings of this moment; a node that does not answer is left out.

        Raises DatastoreTimeout where no node answers at all.
        """
        nodes, peers, spared = survey.nodes, survey.peers, set(survey.spared)
        # A host becomes a peer, or no peer any more, after Calico forgot it or knows it again.
        if set(peers) != self._peers or not set(nodes) <= self._addresses.keys():
            self._read_addresses()
            self._peers = set(peers)
        self._begin(anew=not spared)
        if not set(nodes) <= spared:
            self._origins.look()
        far: dict[NodeName, Ends] = {peer: {} for peer in peers if peer in self._hosts}
        inside = [peer for peer in peers if peer not in far]
        # With one cluster ID, a prefix comes over a session once; with several it may come once for each path that a
        # reflector has (`add paths on`), and a count hides what is missing.
        whole = bool(far) or bool(survey.reflecting) or len(self._cluster_ids) > 1
        wanted = self._wanted(survey, whole=whole)
        far |= self._all(lambda node: self._reflector(node, wanted(node), reported=not spared), inside)
        left = set(nodes) - far.keys() - spared
        asked = [node for node in nodes if node in left and self._worth_asking(node, far)]
        ends: dict[NodeName, Ends | None] = {
            **far,
            **self._all(lambda node: self._brief(node, wanted(node)), asked, asking),
        }
        self._check_answered(ends.values())
        for node, families in ends.items():
            for family, end in (families or {}).items():
                self._origins.note(node, family, end)
        tables = {
            (peer, family): self._origins.table(peer, family, end)
            for peer, families in far.items()
            for family, end in families.items()
            if end.routes is not None
        }
        readings = []
        for node in nodes:
            own = ends.get(node)
            if own or own is None:
                readings.append(self._reading(node, own, far, tables, survey.reflecting))
        return readings

    def sessions(self, nodes: Collection[NodeName]) -> Sequence[NodeSessions]:
        """What BIRD says or, where nobody may run `birdcl` in pods, CalicoNodeStatus or the tables of calicoctl."""
        self._read_addresses()
        self._begin(anew=True)
        inside = [node for node in nodes if node not in self._hosts]
        ends = self._all(lambda node: self._node(node, Wanted.SESSIONS), inside)
        self._check_answered(ends.values())
        if self._statuses and "birdcl" in self._said:
            # It is made for a few nodes at a time, so one is asked after the other.
            for node in inside:
                if self._unanswered and not self._reported:
                    break
                ends[node] = ends[node] or self._status(node)
        return [
            NodeSessions(
                node,
                {
                    family: {
                        address: "" if session.established else f"BIRD says `{session.state}`"
                        for address, session in _either(end.sessions, end.mesh).items()
                    }
                    for family, end in families.items()
                },
            )
            for node, families in ends.items()
            if families
        ]

    def quiet(self, family: str) -> frozenset[NodeName]:
        """The nodes that announce no route of their own in a family, as far as the last `read` can tell."""
        return self._origins.quiet(family)

    # --- asking --------------------------------------------------------------------------------

    def _begin(self, *, anew: bool) -> None:
        self._away = []
        self._birds.look(anew=anew)

    def _all(
        self, ask: Callable[[NodeName], T], nodes: Sequence[NodeName], asking: Asking = unheard
    ) -> dict[NodeName, T]:
        """What each of the nodes says; `asking` is told here how many have been asked, and may end it by an error."""
        pool = ThreadPoolExecutor(self._at_once)
        try:
            answers = {pool.submit(ask, node): node for node in nodes}
            for count, answer in enumerate(as_completed(answers), 1):
                answer.result()
                asking(count, len(nodes))
        finally:
            pool.shutdown(cancel_futures=True)
        return {node: answer.result() for answer, node in answers.items()}

    def _check_answered(self, ends: Collection[Ends | None]) -> None:
        """Raise why nodes did not answer, if none did: then it is not the nodes that are away."""
        if self._away and not any(ends):
            raise self._away[0]

    def _worth_asking(self, node: NodeName, far: Mapping[NodeName, Ends]) -> bool:
        """Whether no reflector's end already says no, and asking is possible at all."""
        if "birdcl" in self._said and self._tables is None:
            return False
        own = self._addresses.get(node, {})
        sessions = (
            end.sessions.get(own.get(family, "")) for families in far.values() for family, end in families.items()
        )
        return all(session is None or session.established for session in sessions)

    def _wanted(self, survey: Survey, *, whole: bool) -> Callable[[NodeName], Wanted]:
        """What each node is asked for; `whole` says that the tables of the clients are needed."""
        peers, meshed, uplinked = frozenset(survey.peers), frozenset(survey.meshed), frozenset(survey.uplinked)
        routes = Wanted.TABLE if whole else Wanted.OWN if self._origins.by_table else Wanted.NOTHING

        def wanted(node: NodeName) -> Wanted:
            found = Wanted.MESH if node in meshed else Wanted.NOTHING
            if node in peers:
                return found | Wanted.EXPLICIT | Wanted.TABLE
            if peers or (survey.reflecting and node in uplinked):
                return found | Wanted.EXPLICIT | routes
            return found | (Wanted.EXPLICIT if node in uplinked else Wanted.NOTHING)

        return wanted

    def _reflector(self, node: NodeName, wanted: Wanted, *, reported: bool) -> Ends:
        """What a reflector says; with `reported`, by CalicoNodeStatus too."""
        # Each question in vain takes its time, in every look of every gate: BIRD itself is asked instead.
        silent = node in self._unanswered or (self._unanswered and not self._reported)
        spare = (silent or not reported) and "birdcl" not in self._said
        sources = [] if spare else [self._status(node)]
        if "birdcl" not in self._said:
            sources.append(self._bird(node, wanted))
        return {
            family: End.of([ends[family] for ends in sources if family in ends])
            for family in FAMILIES
            if any(family in ends for ends in sources)
        }

    def _status(self, node: NodeName) -> Ends:
        """What CalicoNodeStatus says of a node."""
        statuses = self._statuses
        if statuses is None:
            return {}

        def ask(name: NodeName) -> Ends:
            try:
                ends = statuses.ask(name)
            except NoAnswer as error:
                self._unanswered.add(name)
                if "birdcl" not in self._said:
                    self._say("silence", f"{error}; nodes that do not are not asked again, only their BIRD by birdcl")
                raise
            self._reported = True
            return ends

        return self._asked("CalicoNodeStatus", ask, node)

    def _node(self, node: NodeName, wanted: Wanted) -> Ends | None:
        ends = self._bird(node, wanted)
        if "birdcl" not in self._said:
            return ends
        tables = self._tables
        return self._patient(lambda: self._asked("node status", tables.ask, node)) if tables else None

    def _brief(self, node: NodeName, wanted: Wanted) -> Ends | None:
        """What `_node` says, less what would grow with the square of a mesh."""
        ends = self._node(node, wanted)
        return ends and {family: end.without_mesh() for family, end in ends.items()}

    def _bird(self, node: NodeName, wanted: Wanted) -> Ends:
        return self._patient(lambda: self._asked("birdcl", lambda name: self._birds.ask(name, wanted), node))

    def _own(self, nodes: Collection[NodeName]) -> Mapping[NodeName, Mapping[str, Mapping[str, str]]]:
        """The routes without next hop that nodes have themselves, by family."""
        return self._all(lambda node: self._patient(lambda: self._asked("birdcl", self._birds.own, node)), [*nodes])

    def _patient(self, ask: Callable[[], Mapping[str, T]]) -> Mapping[str, T]:
        """What is said; nothing, and a note of it, where one node is away: the others are there."""
        try:
            return ask()
        except DatastoreTimeout as error:
            self._away.append(error)
            return {}

    def _asked(self, what: str, ask: Callable[[NodeName], Mapping[str, T]], node: NodeName) -> Mapping[str, T]:
        """What a source says of a node; one that nobody may use is told about once, and left out from then on."""
        if what in self._said:
            return {}
        try:
            return ask(node)
        except DatastoreRefused as error:
            if isinstance(error, Forbidden | NotServed):
                self._say(what, f"{what} cannot be used: {error}; gates rest on what else can be read")
            return {}

    def _say(self, what: str, text: str) -> None:
        """Tell something, once for each `what`."""
        with self._saying:
            first = what not in self._said
            self._said.add(what)
        if first:
            self._tell(text)

    def _read_addresses(self) -> None:
        whereabouts = self._directory.whereabouts()
        self._addresses = whereabouts.addresses
        self._cluster_ids = whereabouts.cluster_ids
        self._hosts = {node: {"ipv4": address} for node, address in whereabouts.hosts.items()}
        self._by_address = {text: node for node, own in self._addresses.items() for text in own.values()}
        self._origins.begin(whereabouts)

    def _address(self, node: NodeName, family: str) -> str:
        return (self._addresses.get(node) or self._hosts.get(node, {})).get(family, "")

    # --- putting together ----------------------------------------------------------------------

    def _reading(
        self,
        node: NodeName,
        own: Ends | None,
        far: Mapping[NodeName, Ends],
        tables: Mapping[tuple[NodeName, str], Counter[NodeName]],
        reflecting: Collection[str],
    ) -> NodeReading:
        """The view of one node; of one that was not asked (None), as far as the reflectors know it."""
        families: dict[str, FamilyReading] = {}
        for family, address in self._addresses.get(node, {}).items():
            mine = own.get(family) if own is not None else None
            sessions: dict[NodeName, SessionReading] = {}
            for peer, ends_there in far.items():
                theirs = ends_there.get(family)
                there = self._address(peer, family)
                if peer == node or not there:
                    continue
                near = mine.sessions.get(there) if mine else None
                remote = theirs.sessions.get(address) if theirs else None
                if near is None and remote is None:
                    continue
                broken = _broken(node, peer, mine, theirs, near, remote)
                if broken:
                    sessions[peer] = SessionReading(peer, established=False, routes=0, why=broken)
                else:
                    table = tables.get((peer, family))
                    routes = self._origins.came(node, mine, there) if mine and mine.routes is not None else None
                    if routes is None:
                        routes = 0 if table is None else _handed(node, table, near)
                    sessions[peer] = SessionReading(peer, established=True, routes=routes)
            ends = [end for end in (mine, *(far[peer].get(family) for peer in sessions)) if end is not None]
            if mine is not None or sessions:
                recovering = any(end.recovering for end in ends)
                uplinks = self._uplinks(node, mine, reflecting) if mine else {}
                mesh_up, direct_up = (mine.mesh_up, self._direct(mine)) if mine else (0, 0)
                families[family] = FamilyReading(recovering, sessions, mesh_up, uplinks, direct_up)
        return NodeReading(node, families)

    def _direct(self, mine: End) -> int:
        """The established sessions with nodes; of two protocols to one address at most one has a session."""
        explicit = (address for address, session in mine.sessions.items() if session.established)
        return mine.mesh_up + sum(address in self._by_address for address in explicit)

    def _uplinks(self, node: NodeName, mine: End, reflecting: Collection[str]) -> dict[str, UplinkReading]:
        """The sessions to addresses that belong to no node; over those to `reflecting`, nodes' routes are counted."""
        hosts = {address for addresses in self._hosts.values() for address in addresses.values()}
        return {
            address: UplinkReading(
                session.established,
                "" if session.established else f"BIRD says `{session.state}`",
                self._origins.came(node, mine, address) if address in reflecting and mine.routes is not None else 0,
            )
            for address, session in mine.sessions.items()
            if address not in self._by_address and address not in hosts
        }


def _either(first: Mapping[str, SeenSession], second: Mapping[str, SeenSession]) -> dict[str, SeenSession]:
    """Sessions by address: of two with one address, which never run together, that which is established."""
    sure = {address: session for address, session in second.items() if address not in first or session.established}
    return {**first, **sure}


def _handed(node: NodeName, table: Counter[NodeName], session: SeenSession | None) -> int:
    """How many nodes' routes went from a reflector to a node: at least all it holds, less one for each prefix short."""
    due = table.total() - table[node]
    short = max(0, due - session.imported) if session and session.imported is not None else 0
    return max(0, len(table) - (table[node] > 0) - short)


def _broken(
    node: NodeName,
    peer: NodeName,
    mine: End | None,
    theirs: End | None,
    near: SeenSession | None,
    remote: SeenSession | None,
) -> str:
    """Why a session does not count, "" if it does. Both ends must have it, where both were asked."""
    if mine is not None and theirs is not None and (near is None or remote is None):
        late, knows = (node, peer) if near is None else (peer, node)
        return missed_reload(late, knows)
    states = [
        f"{name} says `{session.state}`"
        for name, session in ((node, near), (peer, remote))
        if session is not None and not session.established
    ]
    return ", ".join(states)


def missed_reload(late: NodeName, knows: NodeName) -> str:
    """What one end without the session means, and the remedy (calico#12938, bird#101)."""
    return (
        f"BIRD on {knows} has this session and BIRD on {late} does not: its configuration is on the way, or its reload "
        f"was missed; if it stays so, run `sv hup bird` in the calico-node pod of {late}"
    )
