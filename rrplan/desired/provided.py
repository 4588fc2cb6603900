"""Sessions that BGPPeers of others give already, so that none of ours is needed for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rrplan.desired.joining import Joining, Members
from rrplan.desired.options import Options, options_of, same_value
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, Node

MANUAL = "Manual"
"""The value of `reversePeering` with which a BGPPeer configures one end alone (v3.30.3)."""
READ = frozenset({"node", "nodeSelector", "peerSelector", "peerIP", "asNumber", "reversePeering"})
"""Fields of a BGPPeer beside its options that are understood here; another one may restrict its sessions."""


class Provided:
    """What BGPPeers of others give between nodes with the labels that they shall have.

    One that joins clients with one another is no peering of reflectors: it goes some day, and ours must be there.
    """

    def __init__(self, nodes: Mapping[NodeName, Node], reflectors: Members, peers: Iterable[BGPPeer]) -> None:
        self._joining = Joining(nodes)
        self._nodes = nodes
        self._peers = [
            peer
            for peer in peers
            if self._joining.inside(peer)
            and peer.spec.get("reversePeering") != MANUAL
            and not peer.spec.keys() - options_of(peer).keys() - READ
            and any(side <= reflectors for side in self._joining.sides(peer))
        ]

    def between(self, near: Members, far: Members, stated: Options) -> tuple[BGPPeer, ...]:
        """Those that together join every node of `near` with every other of `far`, with the options that are stated.

        Nobody, where a pair is left. A BGPPeer by address gives one family, so it does not count for a node with both.
        """
        covered: dict[NodeName, set[NodeName]] = {name: {name} for name in far}
        used: list[BGPPeer] = []
        for peer in self._peers:
            if any(not same_value(peer.spec.get(name), value) for name, value in stated.items()):
                continue
            sides = self._joining.sides(peer)
            gives = False
            for some, others in (sides, sides[::-1]):
                for name in some & far:
                    if not peer.peer_selector and self._has_both(name):
                        continue
                    met = others & near
                    gives = gives or bool(met)
                    covered[name] |= met
            if gives:
                used.append(peer)
        if not near or not far or any(near - names for names in covered.values()):
            return ()
        return tuple(used)

    def _has_both(self, name: NodeName) -> bool:
        node = self._nodes[name]
        return bool(node.ipv4 and node.ipv6)
