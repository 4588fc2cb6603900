"""Who gives its own address as the next hop of routes that it hands on: packets then come through it.

Over iBGP a next hop stays, so packets go to the node that announced the route. Over eBGP BIRD gives its own address, on
every session with `multihop`, which Calico renders always (BIRD 1.6 proto/bgp/attrs.c, bgp_update_attrs;
confd/etc/calico/confd/templates/bird.cfg.template, v3.0 to v3.32), unless `next hop keep` stands there.
"""

from __future__ import annotations

from collections.abc import Iterable

from rrplan.bgp.peering import external_protocols
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import Family
from rrplan.ids import NodeName


def is_next_hop(protocol: Protocol) -> bool:
    """Whether the other end of a session takes this node for the next hop of all that it hands on; so it may be."""
    options = [dict(variant.options) for variant in protocol.variants]
    return any(
        "nextHopSelf" in own or (not variant.internal and "nextHopKeep" not in own)
        for variant, own in zip(protocol.variants, options, strict=True)
    )


def taken_by_outside(speakers: Speakers, node: NodeName, family: Family) -> list[Protocol]:
    """The sessions of a node to speakers outside that take it for the next hop."""
    own = speakers.by_name[node]
    return [protocol for protocol in external_protocols(speakers.rules, own, family) if is_next_hop(protocol)]


def next_hops(speakers: Speakers, nodes: Iterable[NodeName]) -> frozenset[tuple[str, NodeName]]:
    """(family, node) of those nodes that somebody, inside or outside, takes for the next hop of routes of others."""
    return frozenset(
        (str(session.protocol.family), name)
        for name in nodes
        for session in speakers.sessions(name)
        if is_next_hop(session.protocol)
    )
