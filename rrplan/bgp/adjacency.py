"""Whether the protocols that two nodes render towards each other become a session.

BIRD facts used here (calico/bird `proto/bgp/bgp.c`, read and measured): at most one live session per pair
of addresses (object lock per neighbour), an incoming connection goes to the first protocol with that address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rrplan.bgp.protocol import Protocol
from rrplan.bgp.speaker import Speaker


class Established(StrEnum):
    """Whether a session will be established: known, known not to be, or not to be told from here."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one protocol, with the reason in words ("" for a plain yes)."""

    established: Established
    reason: str = ""


YES = Verdict(Established.YES)


def verdict(
    protocol: Protocol, own: Speaker, here: Sequence[Protocol], other: Speaker, there: Sequence[Protocol]
) -> Verdict:
    """Judge `protocol` of `own` towards the node `other`; `here` and `there` are all protocols of the pair."""
    if not there:
        return Verdict(Established.NO, f"{other.name} has no session configured towards {own.name}")
    contested = next((one.name for one in (own, other) if one.contested), None)
    if contested:
        return Verdict(
            Established.UNKNOWN,
            f"calico-node and calico/routereflector may both run on {contested}; one of them has no listener",
        )
    answers = [_pair(protocol, own, counterpart, other) for counterpart in there]
    good = [answer for answer in answers if answer.established is not Established.NO]
    if not good:
        return answers[0]
    if len(here) > 1:
        names = " and ".join(other_.name for other_ in here if other_ is not protocol)
        return Verdict(
            Established.UNKNOWN, f"shares the lock on {protocol.peer_address} with {names}; one of them is up"
        )
    if len(there) > 1:
        names = " and ".join(counterpart.name for counterpart in there)
        return Verdict(Established.UNKNOWN, f"{other.name} has {names} for this address; one of them is up")
    return good[0]


def _pair(protocol: Protocol, own: Speaker, counterpart: Protocol, other: Speaker) -> Verdict:
    if protocol.peer_as == 0 or counterpart.peer_as == 0:
        return Verdict(Established.NO, "no AS number is given for the peer, so BIRD refuses the whole configuration")
    if protocol.peer_as != counterpart.local_as:
        return Verdict(
            Established.NO,
            f"bad peer AS: {own.name} expects AS {protocol.peer_as}, {other.name} has AS {counterpart.local_as}",
        )
    if counterpart.peer_as != protocol.local_as:
        return Verdict(
            Established.NO,
            f"bad peer AS: {other.name} expects AS {counterpart.peer_as}, {own.name} has AS {protocol.local_as}",
        )
    if any(one.reflector_client and not one.internal for one in (protocol, counterpart)):
        return Verdict(
            Established.NO, "`rr client` towards another AS (Calico v3.3), so BIRD refuses the whole configuration"
        )
    for name in ("password", "ttlSecurity"):
        if dict(protocol.options).get(name) != dict(counterpart.options).get(name):
            return Verdict(Established.NO, f"the two ends have different `{name}`")
    if protocol.passive and counterpart.passive:
        return Verdict(Established.NO, "both ends are passive")
    dials = not protocol.passive and protocol.peer_port == other.listens
    dialled = not counterpart.passive and counterpart.peer_port == own.listens
    if not dials and not dialled:
        return Verdict(
            Established.NO,
            f"wrong port: {own.name} dials {protocol.peer_port}, {other.name} listens on {other.listens}",
        )
    if protocol.disputed or counterpart.disputed:
        disputed = protocol if protocol.disputed else counterpart
        return Verdict(
            Established.UNKNOWN,
            f"BGPPeers {' and '.join(disputed.peers)} give this session different attributes; which one wins is random",
        )
    if protocol.source_address is None and counterpart.source_address is None:
        return Verdict(Established.UNKNOWN, "the kernel chooses the source address at both ends")
    return YES


@dataclass(frozen=True, slots=True)
class Link:
    """A session between two nodes that is certain to be up, seen from one of them.

    `own_client`: this node regards the other as its client; `other_client`: the other regards this node so.
    """

    internal: bool
    own_client: bool
    other_client: bool

    def reversed(self) -> Link:
        """The same link seen from the other end."""
        return Link(self.internal, self.other_client, self.own_client)


def link(own: Speaker, here: Sequence[Protocol], other: Speaker, there: Sequence[Protocol]) -> Link | None:
    """The certain session of a pair, or None.

    Where several protocols share the lock, a session is up but which one is not known; it still counts
    when all of them would behave alike (same roles), because then it does not matter.
    """
    if own.contested or other.contested:
        return None
    found: set[Link] = set()
    for protocol in here:
        for counterpart in there:
            answer = _pair(protocol, own, counterpart, other)
            if answer.established is not Established.YES:
                return None
            found.add(Link(protocol.internal, protocol.reflector_client, counterpart.reflector_client))
    return found.pop() if len(found) == 1 else None


def survives(
    before: tuple[Sequence[Protocol], Sequence[Protocol]], after: tuple[Sequence[Protocol], Sequence[Protocol]]
) -> bool:
    """Whether the live session of a pair is certainly left alone while both ends reload in any order.

    `before` and `after` are the protocols of (one end, other end). A protocol that is alone before holds
    the lock and keeps it; among several before, the live one is unknown, so all of them must stay as they are.
    """
    return all(_end_survives(old, new) for old, new in zip(before, after, strict=True))


def _end_survives(before: Sequence[Protocol], after: Sequence[Protocol]) -> bool:
    old = [protocol.block for protocol in before]
    new = [protocol.block for protocol in after]
    if len(old) == 1:
        return old[0] in new and not any(protocol.disputed for protocol in after)
    return old == new
