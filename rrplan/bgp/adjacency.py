"""Whether the protocols that two nodes render towards each other become a session.

BIRD facts used here (calico/bird `proto/bgp/bgp.c`, read and measured): at most one live session per pair
of addresses (object lock per neighbour), an incoming connection goes to the first protocol with that address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address, ip_network

from rrplan.bgp.options import ONE_HOP
from rrplan.bgp.protocol import Protocol, ProtocolKind, joined_names
from rrplan.bgp.speaker import Speaker


class Established(StrEnum):
    """Whether a session will be established: known, known not to be, or not to be told from here."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SessionVerdict:
    """The answer for one protocol, with the reason in words ("" for a plain yes)."""

    established: Established
    reason: str = ""


YES = SessionVerdict(Established.YES)


def verdict(
    protocol: Protocol, own: Speaker, here: Sequence[Protocol], other: Speaker, there: Sequence[Protocol]
) -> SessionVerdict:
    """Judge `protocol` of `own` towards the node `other`; `here` and `there` are all protocols of the pair."""
    if not there:
        return SessionVerdict(Established.NO, f"{other.name} has no session configured towards {own.name}")
    contested = next((end.name for end in (own, other) if end.contested), None)
    if contested:
        return SessionVerdict(
            Established.UNKNOWN,
            f"calico-node and calico/routereflector may both run on {contested}; one of them has no listener",
        )
    answers = [answer for end in there for answer in _pairs((protocol,), own, (end,), other)]
    if all(answer.established is Established.NO for answer in answers):
        return answers[0]
    several = ""
    if len(here) > 1:
        names = joined_names([sharing.name for sharing in here if sharing is not protocol])
        several = f"shares the lock on {protocol.peer_address} with {names}"
    elif len(there) > 1:
        several = f"{other.name} has {joined_names([sharing.name for sharing in there])} for this address"
    doubts = [answer for answer in _pairs(here, own, there, other) if answer.established is not Established.YES]
    if not doubts:
        return SessionVerdict(Established.UNKNOWN, f"{several}; one of them is up") if several else YES
    worst = next((answer for answer in doubts if answer.established is Established.NO), doubts[0])
    dispute = next((end.dispute for end in (*here, *there) if end.disputed), "")
    if not several and not dispute:
        return worst
    lead = [f"{several}, and which of them is up is not known"] if several else []
    lead += [dispute] if dispute else []
    none = "there is no session" if worst.established is Established.NO else "there may be none"
    return SessionVerdict(Established.UNKNOWN, f"{'; '.join(lead)}; with one of them {none}: {worst.reason}")


def _pairs(here: Sequence[Protocol], own: Speaker, there: Sequence[Protocol], other: Speaker) -> list[SessionVerdict]:
    """The answers for every block that may be rendered at one end, and every block at the other."""
    return [
        _pair(protocol, own, counterpart, other) for protocol in _variants(here) for counterpart in _variants(there)
    ]


def _pair(protocol: Protocol, own: Speaker, counterpart: Protocol, other: Speaker) -> SessionVerdict:
    if protocol.peer_as == 0 or counterpart.peer_as == 0:
        return SessionVerdict(
            Established.NO, "no AS number is given for the peer, so BIRD refuses the whole configuration"
        )
    if protocol.peer_as != counterpart.local_as:
        return SessionVerdict(
            Established.NO,
            f"bad peer AS: {own.name} expects AS {protocol.peer_as}{_said_by(protocol)}, {other.name} has AS "
            f"{counterpart.local_as}",
        )
    if counterpart.peer_as != protocol.local_as:
        return SessionVerdict(
            Established.NO,
            f"bad peer AS: {other.name} expects AS {counterpart.peer_as}{_said_by(counterpart)}, {own.name} has AS "
            f"{protocol.local_as}",
        )
    if any(end.reflector_client and not end.internal for end in (protocol, counterpart)):
        return SessionVerdict(
            Established.NO, "`rr client` towards another AS (Calico v3.3), so BIRD refuses the whole configuration"
        )
    if protocol.internal and own.router_id and own.router_id == other.router_id:
        # BIRD 1.6.8: "Bad BGP identifier", within an AS alone.
        return SessionVerdict(
            Established.NO, f"{own.name} and {other.name} have one router ID ({own.router_id}) in one AS"
        )
    for name in ("password", "ttlSecurity"):
        if dict(protocol.options).get(name) != dict(counterpart.options).get(name):
            return SessionVerdict(Established.NO, f"the two ends have different `{name}`")
    if protocol.passive and counterpart.passive:
        return SessionVerdict(Established.NO, "both ends are passive")
    dials = not protocol.passive and protocol.peer_port == other.listens
    dialled = not counterpart.passive and counterpart.peer_port == own.listens
    if not dials and not dialled:
        return SessionVerdict(
            Established.NO,
            f"wrong port: {own.name} dials {protocol.peer_port}, {other.name} listens on {other.listens}",
        )
    apart = [on_no_link(*end) for end in ((protocol, own, other), (counterpart, other, own))]
    if any(apart):
        return min(filter(None, apart), key=lambda answer: answer.established is not Established.NO)
    return _known_sources((own, protocol, dials), (other, counterpart, dialled))


def _known_sources(*ends: tuple[Speaker, Protocol, bool]) -> SessionVerdict:
    """Whether an end that dials the other one does so from the address that the other one knows it by.

    With `sourceAddress: None` the kernel chooses; BIRD takes connections from the neighbour's address alone
    (`bgp_find_proto` in proto/bgp/bgp.c, BIRD 1.6.8).
    """
    dialling = [(speaker.name, protocol) for speaker, protocol, dials in ends if dials]
    if any(protocol.source_address for _, protocol in dialling):
        return YES
    if len(dialling) > 1:
        return SessionVerdict(Established.UNKNOWN, "the kernel chooses the source address at both ends")
    (name, _), *_ = dialling
    return SessionVerdict(Established.UNKNOWN, f"{name} alone dials, and its kernel chooses the source address")


def _said_by(protocol: Protocol) -> str:
    return f" (BGPPeer {' or '.join(protocol.peers)})" if protocol.peers else ""


def on_no_link(protocol: Protocol, near: Speaker, far: Speaker) -> SessionVerdict | None:
    """That a session needs both nodes on one link, and `far` is on none of `near`; None where that may be.

    BIRD 1.6.8 leaves an eBGP session without `multihop` Idle then, and with `ttl security on; multihop 1` takes no
    packet that went through a router (measured). Of a node whose address has no prefix length nothing is known, and
    one that is a network by itself may have been given without it.
    """
    if protocol.kind is ProtocolKind.MESH and not (protocol.internal or near.profile.mesh_multihop):
        lead = "Calico v3.26 to v3.32 renders no `multihop` in the mesh, so two AS numbers meet on one link alone"
    elif dict(protocol.options).get("ttlSecurity") == ONE_HOP:
        lead = "with `ttlSecurity: 1` a session goes through no router"
    else:
        return None
    link = near.link(protocol.family)
    network = ip_network(link) if link else None
    if network is None or ip_address(far.address(protocol.family)) in network:
        return None
    alone = network.prefixlen == network.max_prefixlen
    reason = f"{lead}; {far.name} is not in {link}, the network of {near.name}"
    return SessionVerdict(Established.UNKNOWN if alone else Established.NO, reason)


@dataclass(frozen=True, slots=True)
class Link:
    """A session between two speakers, seen from one of them.

    `own_client`: this node regards the other as its client; `other_client`: the other regards this node so. The filters
    are BGPFilters by name, of either end; `allowed` says how often either end takes its own AS number in a path.
    `own_outside` and `other_outside`: that end is a speaker outside the cluster, which passes on what it learned
    whether or not it lies in a pool.
    """

    internal: bool
    own_client: bool
    other_client: bool
    own_filters: tuple[str, ...] = ()
    other_filters: tuple[str, ...] = ()
    own_allowed: int = 0
    other_allowed: int = 0
    own_outside: bool = False
    other_outside: bool = False

    def reversed(self) -> Link:
        """The same link seen from the other end."""
        return Link(
            self.internal,
            self.other_client,
            self.own_client,
            self.other_filters,
            self.own_filters,
            self.other_allowed,
            self.own_allowed,
            self.other_outside,
            self.own_outside,
        )


@dataclass(frozen=True, slots=True)
class Adjacency:
    """What the protocols of a pair of nodes come to: every session that may be up, and whether one certainly is.

    Where several protocols share the lock, or BGPPeers disagree about a block, one session is up and which one is
    not known; `certain` says that there is one whichever it is.
    """

    links: tuple[Link, ...] = ()
    certain: bool = True

    @property
    def in_doubt(self) -> bool:
        """Whether there may be a session, and may be none."""
        return bool(self.links) and not self.certain

    def reversed(self) -> Adjacency:
        """The same seen from the other end."""
        return Adjacency(tuple(link.reversed() for link in self.links), self.certain)


NONE = Adjacency()


def adjacency(own: Speaker, here: Sequence[Protocol], other: Speaker, there: Sequence[Protocol]) -> Adjacency:
    """The sessions between two nodes, from all the protocols that they render towards each other."""
    if not here or not there:
        return NONE
    certain = not (own.contested or other.contested)
    links: dict[Link, None] = {}
    for protocol in _variants(here):
        for counterpart in _variants(there):
            answer = _pair(protocol, own, counterpart, other)
            certain = certain and answer.established is Established.YES
            if answer.established is not Established.NO:
                roles = protocol.internal, protocol.reflector_client, counterpart.reflector_client
                allowed = protocol.allowed_local_as, counterpart.allowed_local_as
                outside = own.role is not None, other.role is not None
                links[Link(*roles, protocol.filters, counterpart.filters, *allowed, *outside)] = None
    return Adjacency(tuple(links), certain)


def _variants(protocols: Sequence[Protocol]) -> list[Protocol]:
    return [variant for protocol in protocols for variant in protocol.variants]


Ends = tuple[Sequence[Protocol], Sequence[Protocol]]
"""The protocols of (one end, other end) of a pair."""


def by_address(own: Speaker, other: Speaker, *all_ends: Ends) -> list[list[Ends]]:
    """The same ends apart for each address of a speaker outside that has several: these are sessions side by side.

    For each address, what each of `all_ends` has for it. Between nodes there is one address.
    """
    if (own.role is None) is (other.role is None):
        return [[*all_ends]]
    outside = 0 if own.role is not None else 1

    def address(protocol: Protocol, side: int) -> str:
        return protocol.local_address if side == outside else protocol.peer_address

    found = {address(protocol, side) for ends in all_ends for side, end in enumerate(ends) for protocol in end}

    def at(wanted: str, ends: Ends) -> Ends:
        near, far = (
            tuple(protocol for protocol in end if address(protocol, side) == wanted) for side, end in enumerate(ends)
        )
        return near, far

    return [[at(wanted, ends) for ends in all_ends] for wanted in sorted(found)]


def side_by_side(sessions: Sequence[Adjacency]) -> Adjacency:
    """Several sessions between two speakers: one of them may be up, and one is for certain where one of them is."""
    if len(sessions) == 1:
        return sessions[0]
    links = dict.fromkeys(link for joined in sessions for link in joined.links)
    return Adjacency(tuple(links), any(joined.links and joined.certain for joined in sessions)) if links else NONE


def same(before: Ends, after: Ends) -> bool:
    """Whether both ends render exactly what they rendered, so that a session that was up stays, whichever it was.

    BGPFilters count: another one restarts no session, and changes what gets over it.
    """
    return all(_rendered(old) == _rendered(new) for old, new in zip(before, after, strict=True))


def _rendered(protocols: Sequence[Protocol]) -> list[frozenset[tuple[object, ...]]]:
    return [frozenset((variant.block, variant.filters) for variant in protocol.variants) for protocol in protocols]


def survives(before: Ends, after: Ends) -> bool:
    """Whether a pair's live session is certainly left alone, there and back, while both ends reload in any order.

    A protocol that is alone holds the lock, and would keep it beside one that comes. But what is undone later takes the
    newer one away, which may have the lock by then: a session is left alone only where both ends stay as they are. A
    block that BGPPeers disagree about may be another one after any
    recomputation, and every change of any BGPPeer or node makes confd compute anew: it is never left alone.
    """
    return all(_end_survives(old, new) for old, new in zip(before, after, strict=True))


def surviving(own: Speaker, other: Speaker, before: Ends, after: Ends) -> Adjacency:
    """What a session that survives may be meanwhile: each end has the BGPFilters that it had, or those it gets."""
    was = adjacency(own, before[0], other, before[1])
    here, there = (
        [protocol for protocol in new if any(protocol.block == had.block for had in old)]
        for old, new in zip(before, after, strict=True)
    )
    becomes = adjacency(own, here, other, there)
    return replace(was, links=tuple(dict.fromkeys((*was.links, *becomes.links))))


def _end_survives(before: Sequence[Protocol], after: Sequence[Protocol]) -> bool:
    if any(protocol.disputed for protocol in (*before, *after)):
        return False
    old = [protocol.block for protocol in before]
    new = [protocol.block for protocol in after]
    return old == new
