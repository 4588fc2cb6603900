"""Speakers outside the cluster: what a node's BGPPeers to addresses of no node come to.

One speaker for each address and AS number (switches, other reflectors), and one for the workloads that a BGPPeer with
`localWorkloadSelector` takes sessions from (Calico v3.30 and later). What they announce is owed to the nodes that hear
it, and what they hear is owed to them. What they do with routes is not known from here: here they pass nothing on, and
one with a role that does (`roles`) is a speaker among the nodes besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import cast

from rrplan.bgp.adjacency import Link
from rrplan.bgp.peering import Rules, external_protocols
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.speaker import Family, Speaker
from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True, order=True)
class Outside:
    """A speaker that is no node; `address` is "" for local workloads, which `peer` names."""

    family: Family
    address: str
    as_number: int
    peer: str = ""

    @property
    def name(self) -> NodeName:
        """How it is called where nodes are called by their names."""
        if self.peer:
            return NodeName(f"local workloads of BGPPeer {self.peer} (AS {self.as_number})")
        return NodeName(f"outside {self.address} (AS {self.as_number})")


@dataclass(frozen=True, slots=True)
class Uplink:
    """A node's session to one speaker outside: `links` are all that it may be.

    `identity` is what the other side must have configured to accept it, `blocks` is all that Calico may render for it
    (a block of each protocol that shares the lock on its address), and `certain` says that it is this speaker whichever
    block Calico renders, and that it is known to accept the session.
    """

    links: tuple[Link, ...]
    identity: frozenset[tuple[object, ...]]
    blocks: frozenset[tuple[object, ...]]
    certain: bool = True

    def like(self, other: Uplink) -> bool:
        """Whether Calico renders the same for both, or chooses at random among the same."""
        return self.blocks == other.blocks and set(self.links) == set(other.links)


class Fate(StrEnum):
    """What a step does to an uplink."""

    LOST = "lost"
    """It is gone, or the other side would have to be configured anew to accept it."""
    RESTARTED = "restarted"
    GAINED = "gained"
    """New: whether the other side accepts it is not known."""


def uplinks(rules: Rules, own: Speaker, family: Family) -> Mapping[Outside, Uplink]:
    """The sessions of a node to the outside, in one family."""
    remembered = rules.index.remembered
    key = ("uplinks", id(own), family)
    if key not in remembered:
        rules.index.masks(own)
        remembered[key] = _uplinks(rules, own, family)
    return cast(Mapping[Outside, Uplink], remembered[key])


def owed_uplinks(rules: Rules, own: Speaker, family: Family) -> Mapping[Outside, Uplink]:
    """Those to speakers outside that owe nodes routes, or that nodes owe some."""
    every = uplinks(rules, own, family)
    if not rules.roles:
        return every
    return {outside: uplink for outside, uplink in every.items() if is_owed(rules, outside)}


def is_owed(rules: Rules, outside: Outside) -> bool:
    """Whether that speaker outside owes nodes routes, or they owe it some; where nothing is known of it, it does."""
    role = rules.role_at(outside.address, outside.as_number)
    return role is None or role.owed


def passes_on(rules: Rules, outside: Outside) -> bool:
    """Whether that speaker outside passes routes of one node on to another."""
    role = rules.role_at(outside.address, outside.as_number)
    return role is not None and role.passes_on


def _uplinks(rules: Rules, own: Speaker, family: Family) -> Mapping[Outside, Uplink]:
    sessions: dict[Outside, Uplink] = {}
    by_address: dict[str, list[Protocol]] = {}
    for protocol in external_protocols(rules, own, family):
        if protocol.peer_address in rules.hosts:
            continue
        # Several to one address share BIRD's lock: one of them is up, so all of them are one uplink.
        by_address.setdefault(protocol.peer_address, []).append(protocol)
    for sharing in by_address.values():
        by_speaker: dict[Outside, list[Protocol]] = {}
        for variant in (alternative for protocol in sharing for alternative in protocol.variants):
            by_speaker.setdefault(Outside(family, variant.peer_address, variant.peer_as), []).append(variant)
        for outside, variants in by_speaker.items():
            # BIRD refuses the whole configuration where no AS number is given: there is no such session.
            if outside.as_number:
                sessions[outside] = Uplink(
                    tuple(dict.fromkeys(_link(variant) for variant in variants)),
                    frozenset(_identity(variant) for variant in variants),
                    frozenset(product(*(protocol.blocks for protocol in sharing))),
                    # Which block wins where BGPPeers disagree is random: the other side is configured for one of them,
                    # and what gets through which BGPFilters is not known.
                    len(by_speaker) == 1
                    and all(len({_identity(variant) for variant in protocol.variants}) == 1 for protocol in sharing)
                    and outside.name not in own.untried
                    and len({variant.filters for variant in variants}) == 1,
                )
    for peer in rules.index.on(own):
        if peer.local_workload_selector and own.profile.local_workloads:
            internal = peer.as_number == own.as_number
            # `rr client` is rendered towards the same AS alone.
            cluster_id = own.cluster_id if internal else ""
            block = ("workloads", peer.name, own.as_number)
            outside = Outside(family, "", peer.as_number or 0, peer.name)
            links = (Link(internal, bool(cluster_id), False),)
            certain = outside.name not in own.untried
            sessions[outside] = Uplink(links, frozenset([block]), frozenset([(*block, cluster_id)]), certain)
    return sessions


def _link(protocol: Protocol) -> Link:
    own = protocol.filters, (), protocol.allowed_local_as
    return Link(protocol.internal, protocol.reflector_client, False, *own)


def _identity(protocol: Protocol) -> tuple[object, ...]:
    options = dict(protocol.options)
    return (
        protocol.local_address,
        protocol.local_as,
        protocol.peer_address,
        protocol.peer_port,
        protocol.peer_as,
        options.get("password"),
        options.get("ttlSecurity"),
    )


def fates(before: Mapping[Outside, Uplink], after: Mapping[Outside, Uplink]) -> dict[Outside, Fate]:
    """What becomes of the uplinks of one node; those that are left alone are left out."""
    changes: dict[Outside, Fate] = {}
    for outside, old in before.items():
        new = after.get(outside)
        if new is None or old.identity != new.identity:
            changes[outside] = Fate.LOST
        elif not old.like(new) or len(old.blocks) > 1 or len(old.links) > 1:
            # Another BGPFilter restarts nothing, but changes what the other side hears: it is told as a restart.
            # Which one it is where BGPPeers disagree is drawn anew with every change of any node or BGPPeer.
            changes[outside] = Fate.RESTARTED
    changes |= {outside: Fate.GAINED for outside in after if outside not in before}
    return changes
