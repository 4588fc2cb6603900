"""The BIRDs of a whole cluster, as the twin of an agent has them: what each says, computed once for a state.

A client of a cluster of thousands has a few sessions, so its answer costs a few lines; what nodes of one class share is
shared here too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from rrplan.adapters.nodes.birdcl import OWN_ROUTES
from rrplan.bgp.outside import uplinks
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.sandbox import Sandbox
from tests.real.tables import Route, block, reported, shown, surroundings

TYPES = {"Node_": "NodePeer", "Mesh_": "NodeMesh"}
TABLE_TYPES = {"Node_": "node specific", "Mesh_": "node-to-node mesh"}
HEADER = "name     proto    table    state  since       info"
RECOVERY = ("Graceful restart recovery in progress", "  Waiting for 1 protocols to recover", "  Wait timer is 230/240")
NO_BIRD = "Unable to connect to server control socket. Make sure that the daemon is running.\n"


@dataclass
class Faults:
    """What is wrong with the BIRDs of some nodes."""

    stale: set[str] = field(default_factory=set)
    """They missed the last reload: they show no explicit session."""
    recovering: set[str] = field(default_factory=set)
    """They are in graceful-restart recovery."""
    cut: set[frozenset[str]] = field(default_factory=set)
    """Two nodes each whose session is down, whatever the twin makes of it."""


class Session(NamedTuple):
    """One end of a session between nodes: kind by the prefix of the protocol's name, and how many routes it carries."""

    kind: str
    peer: NodeName
    up: bool
    imported: int
    exported: int


class Daemons:
    """All BIRDs; `prefix` says the block of a node, `quiet` nodes own none, `copies` are what Felix adds to one.

    The caller holds a lock, and says with `changed` that the twin's objects are not what they were.
    """

    def __init__(
        self,
        twin: Sandbox,
        faults: Faults,
        prefix: Callable[[NodeName, Family], str],
        quiet: Collection[NodeName],
        copies: Collection[str],
    ) -> None:
        self._twin = twin
        self._faults = faults
        self._prefix = prefix
        self._quiet = frozenset(quiet)
        self._copies = copies
        self._revision = 0
        self._moment: tuple[object, ...] = ()
        self._states: dict[Family, tuple[tuple[object, ...], _State]] = {}
        self._printed: dict[tuple[NodeName, tuple[str, ...]], str] = {}

    def changed(self) -> None:
        """Forget what was computed."""
        self._revision += 1

    # --- in the words of birdcl, calico-node and calicoctl -------------------------------------

    def birdcl(self, node: NodeName, command: list[str]) -> str:
        """The output of `birdcl -s SOCKET show ...`."""
        assert command[:2] == ["birdcl", "-s"]
        states = self._now()
        asked = node, tuple(command)
        if asked not in self._printed:
            family = Family.IPV6 if "bird6" in command[2] else Family.IPV4
            text = self._said(states[family], node, command[3:])
            if states[family].meshed and len(text) > 10_000:
                # A mesh of thousands has as many sessions on each node: all its answers are gigabytes.
                return text
            self._printed[asked] = text
        return self._printed[asked]

    def _said(self, state: _State, node: NodeName, words: list[str]) -> str:
        if node not in state.place:
            return NO_BIRD
        lines = ["BIRD v0.3.3+birdv1.6.8 ready."]
        match words[:2]:
            case ["show", "route"]:
                own = words[2:] == OWN_ROUTES.split()[2:]
                lines += shown(self._routes(state, node, own=own))
            case ["show", "status"]:
                lines += self._status(state, node)
            case ["show", "protocols"]:
                lines += self._protocols(state, node, words[2:])
            case _:
                lines.append("syntax error")
        return "\n".join(lines) + "\n"

    def _status(self, state: _State, node: NodeName) -> Iterator[str]:
        yield "BIRD v0.3.3+birdv1.6.8"
        yield f"Router ID is {state.address[node] if state.family is Family.IPV4 else '192.0.2.9'}"
        for what in ("Current server time is", "Last reboot on", "Last reconfiguration on"):
            yield f"{what} 2026-01-01 12:00:00"
        if node in self._faults.recovering:
            yield from RECOVERY
        yield "Daemon is up and running"

    def status(self, node: NodeName) -> dict[str, object]:
        """The status of a CalicoNodeStatus."""
        agent: dict[str, object] = {}
        bgp: dict[str, object] = {
            f"number{kind}Established{family}": 0 for kind in ("", "Not") for family in ("V4", "V6")
        }
        routes: dict[str, object] = {}
        states = self._now()
        whole = all(node in states[family].place for family in FAMILIES)
        for family, suffix in ((Family.IPV4, "V4"), (Family.IPV6, "V6")):
            state = states[family]
            agent[f"bird{suffix}"] = {"state": "Ready" if node in state.place else "NotReady"}
            if not whole:
                # Where one BIRD has no socket, calico-node reports the sessions and routes of neither (peers.go).
                continue
            sessions = [
                (state.address[session.peer], TYPES[session.kind], session.up) for session in state.sessions(node)
            ]
            sessions += [(address, TYPES["Node_"], up) for address, up in state.uplinks(node).items()]
            bgp[f"peers{suffix}"] = [
                {"peerIP": address, "type": kind, "state": "Established" if up else "Active", "since": "12:00:00"}
                for address, kind, up in sessions
            ]
            bgp[f"numberEstablished{suffix}"] = sum(up for _, _, up in sessions)
            bgp[f"numberNotEstablished{suffix}"] = sum(not up for _, _, up in sessions)
            routes[f"routes{suffix}"] = [reported(route) for route in self._routes(state, node)]
        return {"lastUpdated": "2026-01-01T00:00:00Z", "agent": agent, "bgp": bgp, "routes": routes}

    def tables(self, node: NodeName) -> str:
        """The tables of `calicoctl node status`."""
        rule = "+---+---+---+---+---+"
        lines = ["Calico process is running."]
        states = self._now()
        for family, number in ((Family.IPV4, 4), (Family.IPV6, 6)):
            rows = [
                f"| {states[family].address[session.peer]} | {TABLE_TYPES[session.kind]} "
                f"| {'up' if session.up else 'start'} | 12:00:00 | {'Established' if session.up else 'Active'} |"
                for session in (states[family].sessions(node) if node in states[family].place else ())
            ]
            table = [rule, "| PEER ADDRESS | PEER TYPE | STATE | SINCE | INFO |", rule, *rows, rule]
            lines += ["", f"IPv{number} BGP status", *(table if rows else [f"No IPv{number} peers found."])]
        return "\n".join([*lines, "", ""])

    # --- what there is -------------------------------------------------------------------------

    def _now(self) -> dict[Family, _State]:
        """The state of this moment; time alone changes none, unless a session comes up or goes down by it."""
        twin, faults = self._twin, self._faults
        fixed = (self._revision, frozenset(faults.stale), frozenset(faults.recovering), frozenset(faults.cut))
        now = twin.clock.now()
        if (now, *fixed) != self._moment:
            self._moment = (now, *fixed)
            dead = twin.dead()
            # Those that are up stay up until the twin begins them again.
            twin._fresh = {pair for pair in twin._fresh if twin._sessions[pair][2] > now}
            for family in FAMILIES:
                down, ready = twin._down(family, now, dead), twin._mesh_ready(family, now, dead)
                key = (*fixed, dict(down), dead, ready)
                if family not in self._states or self._states[family][0] != key:
                    self._states[family] = key, _State(twin, family, faults, self._quiet, down, dead, ready)
                    self._printed.clear()
        return {family: state for family, (_, state) in self._states.items()}

    def _routes(self, state: _State, node: NodeName, *, own: bool = False) -> list[Route]:
        """All routes of a node, the best of a prefix first; its own block has no next hop."""
        family = state.family
        found = [*surroundings(state.address[node])]
        if node not in self._quiet:
            found += block(self._prefix(node, family), self._copies)
        for session in () if own else state.sessions(node):
            if session.up:
                address = state.address[session.peer]
                protocol = session.kind + _named(address)
                meshed = session.kind == "Mesh_"
                for origin in {session.peer} - self._quiet if meshed else state.given(session.peer, node):
                    prefix = self._prefix(origin, family)
                    found.append(Route(prefix, state.address[origin], protocol, address, best=False))
        # What came over no session is preferred; then a route from its origin beats a reflected one, which has a
        # cluster list (RFC 4456 section 9).
        found.sort(
            key=lambda route: (route.prefix, bool(route.peer), not route.best, route.hop != route.peer, route.peer)
        )
        return [
            route._replace(best=not index or found[index - 1].prefix != route.prefix)
            for index, route in enumerate(found)
        ]

    def _protocols(self, state: _State, node: NodeName, words: list[str]) -> Iterator[str]:
        """What `show protocols [all] ["PATTERN"]` prints: BIRD wants the quotes, and says where nothing matches."""
        detailed = words[:1] == ["all"]
        (pattern,) = words[detailed:] or ['"*"']
        if not (pattern.startswith('"') and pattern.endswith('"')):
            yield "syntax error"
            return
        kind, star, rest = pattern[1:-1].partition("*")
        assert (star, rest) == ("*", ""), pattern
        lines = list(self._matching(state, node, kind, detailed=detailed))
        if lines:
            yield HEADER
            yield from lines
        else:
            yield "No protocols match"

    def _matching(self, state: _State, node: NodeName, kind: str, *, detailed: bool) -> Iterator[str]:
        """The protocols whose names begin so."""
        waits = node in self._faults.recovering
        if "kernel1".startswith(kind):
            yield f"kernel1  Kernel   master   {'wait  ' if waits else 'up    '} 12:00:00    "
            if detailed and waits:
                yield "  GR recovery:    waiting"
        if kind == "Mesh_" and not detailed:
            yield from state.mesh_rows(node)
            return
        sessions = state.sessions(node) if kind in ("", "Mesh_") else state.explicit(node)
        for session in sessions:
            if session.kind.startswith(kind):
                yield _protocol(session, state.address[session.peer], detailed=detailed)
        if "Node_".startswith(kind):
            for address, up in state.uplinks(node).items():
                yield _protocol(Session("Node_", NodeName(""), up, 0, 0), address, detailed=detailed, counted=False)


def _protocol(session: Session, address: str, *, detailed: bool, counted: bool = True) -> str:
    up = session.up
    state = "up     12:00:00    Established   " if up else "start  12:00:00    Active        Socket: Timeout"
    row = f"{session.kind}{_named(address)} BGP      master   {state}"
    if not detailed:
        return row
    numbers = f"{session.imported} imported, {session.exported} exported, {session.imported} preferred"
    routes = f"\n  Routes:         {numbers}" if up and counted else ""
    return f"{row}{routes}\n  BGP state:          {'Established' if up else 'Active'}\n    Neighbor address: {address}"


def _named(address: str) -> str:
    return address.replace(".", "_").replace(":", "_")


class _State:
    """All sessions of one family in one state of the twin; `gone` are the explicit ones that are not up."""

    def __init__(
        self,
        twin: Sandbox,
        family: Family,
        faults: Faults,
        quiet: frozenset[NodeName],
        gone: dict[NodeName, set[NodeName]],
        dead: set[NodeName],
        ready: set[NodeName],
    ) -> None:
        model = twin._model
        view = model.view()
        self.family = family
        self.meshed = model.rules.settings.mesh
        speakers = model.population.speakers
        self.address = {name: speakers[name].address(family) for name in sorted(speakers)}
        self.place = {
            name: view.index(model.population.signature_of[name]) for name, address in self.address.items() if address
        }
        self._rules, self._speakers = model.rules, speakers
        self._holdings = view.holdings[family]
        self._reflects = [bool(signature.cluster_id) for signature in view.signatures]
        self._members = [
            frozenset(name for name in model.population.classes.get(signature, ()) if name in self.place)
            for signature in view.signatures
        ]
        self._faults, self._quiet = faults, quiet
        self._gone, self._dead, self._ready = gone, dead, ready
        self._peers: dict[int, list[NodeName]] = {}
        self._bases: dict[tuple[int, int], tuple[frozenset[NodeName], bool]] = {}

    def uplinks(self, node: NodeName) -> dict[str, bool]:
        """The sessions to the outside, by address, and whether they are established."""
        late = self._gone.get(node, ())
        found = uplinks(self._rules, self._speakers[node], self.family)
        return {one.address: one.address not in late for one in found if one.address}

    def sessions(self, node: NodeName) -> Iterator[Session]:
        """The sessions of a node with other nodes, in the order of their names."""
        here = self.place[node]
        if not self._reflects[here] and self.meshed:
            explicit = {session.peer: session for session in self.explicit(node)}
            for peer in sorted({*self._mesh, *explicit} - {node}) if explicit else self._mesh:
                if peer in explicit:
                    yield explicit[peer]
                elif peer != node:
                    up = frozenset((node, peer)) not in self._faults.cut and node in self._ready and peer in self._ready
                    yield Session("Mesh_", peer, up, int(up and peer not in self._quiet), int(up))
        else:
            yield from self.explicit(node)

    def mesh_rows(self, node: NodeName) -> Iterator[str]:
        """The lines of `show protocols` for the mesh sessions of a node, in the order of their names."""
        explicit = bool(next(self.explicit(node), None))
        if explicit or self._faults.cut or self._reflects[self.place[node]] or not self.meshed:
            sessions = (session for session in self.sessions(node) if session.kind == "Mesh_")
            return (_protocol(session, self.address[session.peer], detailed=False) for session in sessions)
        rows = self._rows[node in self._ready]
        return (row for peer, row in rows.items() if peer != node)

    @cached_property
    def _rows(self) -> dict[bool, dict[NodeName, str]]:
        """The lines about each peer of the mesh, for nodes whose sessions are ready and for those whose are not."""
        return {
            ready: {
                peer: _protocol(
                    Session("Mesh_", peer, ready and peer in self._ready, 0, 0), self.address[peer], detailed=False
                )
                for peer in self._mesh
            }
            for ready in (False, True)
        }

    @cached_property
    def _mesh(self) -> list[NodeName]:
        return [name for name, place in self.place.items() if not self._reflects[place]]

    def explicit(self, node: NodeName) -> Iterator[Session]:
        """The sessions of BGPPeers that a node has with other nodes, in the order of their names."""
        if node in self._faults.stale:
            return
        for peer in self._linked(self.place[node]):
            if peer != node:
                up = frozenset((node, peer)) not in self._faults.cut
                up = up and peer not in self._gone.get(node, ()) and not {node, peer} & self._dead
                yield Session("Node_", peer, up, self._carried(peer, node) * up, self._carried(node, peer) * up)

    def _linked(self, here: int) -> list[NodeName]:
        """Whom the nodes of a class have explicit sessions with, in the order of their names."""
        if here not in self._peers:
            reflects, meshed = self._reflects, self.meshed
            classes: Iterable[int] = (
                there
                for there in range(len(reflects))
                if (reflects[here] or reflects[there] or not meshed) and self._holdings.joins(here, there)
            )
            self._peers[here] = sorted(name for there in classes for name in self._members[there])
        return self._peers[here]

    # --- what goes over a session --------------------------------------------------------------

    def given(self, sender: NodeName, receiver: NodeName) -> set[NodeName]:
        """Whose blocks a session carries from one end to the other."""
        base, own = self._base(self.place[sender], self.place[receiver])
        found = set(base - {sender} - self._gone.get(sender, set()))
        return (found | ({sender} if own else set())) - {receiver} - self._quiet

    def _carried(self, sender: NodeName, receiver: NodeName) -> int:
        """How many nodes' blocks `given` would give."""
        base, own = self._base(self.place[sender], self.place[receiver])
        without = base & {sender, receiver, *self._gone.get(sender, ())}
        return len(base) - len(without) + (own and sender != receiver and sender not in self._quiet)

    def _base(self, here: int, there: int) -> tuple[frozenset[NodeName], bool]:
        """Whose blocks nodes of one class give to those of another, and whether each gives its own."""
        pair = here, there
        if pair not in self._bases:
            holdings = self._holdings
            of = holdings.blocks.of
            names: set[NodeName] = set()
            own = False
            for origin in sorted(holdings.present):
                assert holdings.of_nodes is not None
                if holdings.of_nodes.gave(of[origin], of[here], of[there]):
                    names |= self._members[origin]
                own = own or (origin == here and holdings.of_nodes.told(of[here], of[there]))
            self._bases[pair] = frozenset(names - self._quiet), own
        return self._bases[pair]
