"""The session table as JSON, streamed, and as text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from rrplan.bgp.session_counts import SessionCounts
from rrplan.bgp.sessions import Session
from rrplan.render.folding import FOLDED, UNFOLD
from rrplan.text import one_line


class SessionRow(TypedDict):
    """One session as `-o json` prints it; null where Calico renders nothing."""

    node: str
    family: Literal["ipv4", "ipv6"]
    protocol: str
    kind: Literal["mesh", "global", "node", "local_workload"]
    local_address: str
    local_as: int
    peer_address: str
    peer_port: int | None
    peer_as: int
    peer_node: str | None
    passive: bool
    source_address: str | None
    reflector_client: bool
    cluster_id: str | None
    established: Literal["yes", "no", "unknown"]
    reason: str | None


class SessionTable(TypedDict):
    """Everything that `rrplan sessions -o json` prints."""

    format_version: str
    calico_version: str
    sessions: list[SessionRow]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the session table."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/sessions.schema.json",
        **TypeAdapter(SessionTable).json_schema(ref_template="#/$defs/{model}"),
    }


def session_row(session: Session) -> SessionRow:
    """One session as `-o json` prints it; null where Calico renders nothing."""
    protocol = session.protocol
    return {
        "node": protocol.node,
        "family": protocol.family.value,
        "protocol": protocol.name,
        "kind": protocol.kind.value,
        "local_address": protocol.local_address,
        "local_as": protocol.local_as,
        "peer_address": protocol.peer_address,
        "peer_port": protocol.port,
        "peer_as": protocol.peer_as,
        "peer_node": protocol.peer_node,
        "passive": protocol.passive,
        "source_address": protocol.source_address,
        "reflector_client": protocol.reflector_client,
        "cluster_id": protocol.cluster_id,
        "established": session.verdict.established.value,
        "reason": session.verdict.reason or None,
    }


def sessions_json(version: str, sessions: Iterable[Session]) -> Iterator[str]:
    """The whole table, one session per line, never in memory at once."""
    yield f'{{"format_version": "1.0", "calico_version": {json.dumps(version)}, "sessions": ['
    comma = "\n"
    for session in sessions:
        yield comma + json.dumps(session_row(session), ensure_ascii=False)
        comma = ",\n"
    yield "\n]}\n"


HEAD = f"{'NODE':<16} {'PROTOCOL':<32} {'PEER':<16} {'AS':<8} {'ROLE':<8} UP\n"


def sessions_text(sessions: Iterable[Session]) -> Iterator[str]:
    """A table for people."""
    yield HEAD
    yield from map(_session_line, sessions)


def _session_line(session: Session) -> str:
    protocol = session.protocol
    peer = protocol.peer_node or "(outside)"
    reason = f": {session.verdict.reason}" if session.verdict.reason else ""
    up = f"{session.verdict.established}{reason}"
    ends = f"{protocol.node:<16} {protocol.name:<32} {peer:<16}"
    return one_line(f"{ends} {protocol.peer_as:<8} {_role(session):<8} {up}") + "\n"


def _role(session: Session) -> str:
    return "client" if session.protocol.reflector_client else "passive" if session.protocol.passive else "-"


def folded_sessions_text(nodes: Sequence[tuple[Sequence[Session], int]]) -> Iterator[str]:
    """The table with what is alike told once: the sessions of some nodes, each with how many nodes it stands for."""
    yield HEAD
    for sessions, count in nodes:
        alike: dict[tuple[object, ...], list[Session]] = {}
        for session in sessions:
            alike.setdefault(_alike(session), []).append(session)
        for group in alike.values():
            parts = [group] if len(group) > FOLDED else [[session] for session in group]
            for part in parts:
                more = f"  and {len(part) - 1} more of this node like it ({UNFOLD})\n" if len(part) > 1 else ""
                yield _session_line(part[0]) + more
        if count > 1:
            name = sessions[0].protocol.node
            yield f"  and {count - 1} more nodes with sessions like those of {one_line(name)} ({UNFOLD})\n"


def _alike(session: Session) -> tuple[object, ...]:
    """What two sessions have in common that differ in their ends alone, for somebody who reads them."""
    protocol, verdict = session.protocol, session.verdict
    reason = verdict.reason.replace(protocol.node, "").replace(protocol.peer_node or "", "")
    outside = "" if protocol.peer_node else protocol.peer_address
    return protocol.kind, protocol.family, protocol.peer_as, _role(session), verdict.established, reason, outside


def shape_of(sessions: Iterable[Session]) -> frozenset[tuple[object, ...]]:
    """What the sessions of a node look like for somebody who reads them.

    Which end is passive does not count, nor which speaker outside it is.
    """
    return frozenset((*key[:3], key[3] == "client", *key[4:-1]) for key in map(_alike, sessions))


def sessions_summary(version: str, counts: SessionCounts) -> dict[str, object]:
    """How many protocols there are: by kind, family and verdict, and of how many nodes."""
    return {
        "format_version": "1.0",
        "calico_version": version,
        "nodes": len(counts.nodes),
        "protocols": counts.kinds.total(),
        "kinds": _sorted(counts.kinds),
        "families": _sorted(counts.families),
        "established": _sorted(counts.established),
    }


def _sorted(counts: Counter[Any]) -> dict[str, int]:
    return {name.value: number for name, number in sorted(counts.items())}


def sessions_summary_text(summary: dict[str, object]) -> str:
    """The summary in three lines."""

    def counts(name: str) -> str:
        part = summary[name]
        assert isinstance(part, dict)
        return ", ".join(f"{number} {word}" for word, number in part.items()) or "none"

    return (
        f"{summary['protocols']} BGP protocols (session ends) on {summary['nodes']} nodes, "
        f"Calico {summary['calico_version']}\n"
        f"  kind: {counts('kinds')}\n  family: {counts('families')}\n  established: {counts('established')}\n"
    )
