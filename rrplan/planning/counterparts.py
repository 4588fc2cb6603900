"""The other side: which sessions speakers outside must have configured once a spec is carried out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from rrplan.bgp.peering import external_protocols
from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.desired import compile_desired
from rrplan.ids import NodeName
from rrplan.resources import ClusterState
from rrplan.specs import Spec


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One node as a speaker outside must have it.

    `port` is where its BIRD listens, `secret` and `key` say where the password is ("" for none), and `hops` is the
    least TTL security of its end (0 for none). It is a `client` where the speaker reflects for it.
    """

    node: NodeName
    address: str
    as_number: int
    port: int
    client: bool
    secret: str = ""
    key: str = ""
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One speaker outside in one family, and all nodes that peer with it, sorted."""

    role: OutsideRole
    family: Family
    address: str
    neighbours: tuple[Neighbour, ...]


def counterparts(spec: Spec, state: ClusterState, versions: Versions) -> list[Counterpart]:
    """Of every speaker of `outside`, what it needs once the spec is carried out; raises PolicyRefusal.

    One with which no node peers is there too, without neighbours.
    """
    target = compile_desired(spec, state, versions).state
    speakers = Speakers.of(target, versions)
    by_speaker: dict[tuple[str, int], list[Protocol]] = defaultdict(list)
    for name in sorted(speakers.by_name):
        for family in FAMILIES:
            for protocol in external_protocols(speakers.rules, speakers.by_name[name], family):
                by_speaker[protocol.peer_address, protocol.peer_as].append(protocol)
    return [
        Counterpart(role, family, address, tuple(_neighbours(speakers, role, by_speaker[address, role.as_number])))
        for role in spec.roles
        for family in FAMILIES
        if (address := role.address(family))
    ]


def _neighbours(speakers: Speakers, role: OutsideRole, protocols: list[Protocol]) -> Iterator[Neighbour]:
    seen: set[str] = set()
    for protocol in protocols:
        # Two ports of one address are one neighbour: one of the two sessions is up.
        if protocol.local_address in seen:
            continue
        seen.add(protocol.local_address)
        options = dict(protocol.options)
        secret, _, key = options.get("password", "").partition("/")
        yield Neighbour(
            protocol.node,
            protocol.local_address,
            protocol.local_as,
            speakers.by_name[protocol.node].listens,
            bool(role.cluster_id) and protocol.local_as == role.as_number,
            secret,
            key,
            int(hops) if (hops := options.get("ttlSecurity", "")).isdecimal() else 0,
        )
