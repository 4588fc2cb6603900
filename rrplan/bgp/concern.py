"""Which BGPPeers can concern which speaker, so that a pair of nodes asks those alone and not all of them.

Sets of BGPPeers are bits of one number: bit n stands for the BGPPeer at place n of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.speaker import Speaker
from rrplan.resources import BGPPeer


class PeerIndex:
    """The BGPPeers of a state by what they select: names, addresses, selectors.

    Every answer is remembered by the speaker itself, because the same few speakers are asked about again and again.
    """

    def __init__(self, peers: Sequence[BGPPeer], matches: Callable[[str, Speaker], bool]) -> None:
        self._peers = peers
        self._matches = matches
        self._everywhere = 0
        self._by_node: dict[str, int] = {}
        self._by_node_selector: dict[str, int] = {}
        self._by_peer_selector: dict[str, int] = {}
        self._by_address: dict[str, int] = {}
        for place, peer in enumerate(peers):
            bit = 1 << place
            if peer.node_selector:
                self._by_node_selector[peer.node_selector] = self._by_node_selector.get(peer.node_selector, 0) | bit
            elif peer.node:
                self._by_node[peer.node] = self._by_node.get(peer.node, 0) | bit
            else:
                self._everywhere |= bit
            if peer.peer_selector:
                self._by_peer_selector[peer.peer_selector] = self._by_peer_selector.get(peer.peer_selector, 0) | bit
            endpoint = endpoint_of(peer.peer_ip)
            for address in {peer.peer_ip, endpoint.address, endpoint.host} if endpoint else ():
                self._by_address[address] = self._by_address.get(address, 0) | bit
        # A speaker is a value whose hash costs more than a look at all BGPPeers: its identity is the key.
        self._masks: dict[int, tuple[Speaker, int, int]] = {}
        self.remembered: dict[Hashable, object] = {}
        """What others have worked out for these BGPPeers; speakers and BGPPeers in keys are known by identity."""

    def masks(self, speaker: Speaker) -> tuple[int, int]:
        """The BGPPeers that are configured on a speaker, and those that may mean it as the other side."""
        known = self._masks.get(id(speaker))
        if known is None:
            known = self._masks[id(speaker)] = (speaker, self._local(speaker), self._remote(speaker))
        return known[1], known[2]

    def _local(self, speaker: Speaker) -> int:
        if speaker.role is not None:
            return 0
        mask = self._everywhere | self._by_node.get(speaker.known_as, 0)
        for selector, bits in self._by_node_selector.items():
            if self._matches(selector, speaker):
                mask |= bits
        return mask

    def _remote(self, speaker: Speaker) -> int:
        mask = 0
        for address in speaker.role.addresses if speaker.role else (speaker.ipv4, speaker.ipv6):
            if address:
                mask |= self._by_address.get(address, 0)
        if speaker.role is not None:
            return mask
        for selector, bits in self._by_peer_selector.items():
            if self._matches(selector, speaker):
                mask |= bits
        return mask

    def addressed(self, speaker: Speaker) -> bool:
        """Whether some BGPPeer names an address of the speaker."""
        return speaker.ipv4 in self._by_address or speaker.ipv6 in self._by_address

    def on(self, speaker: Speaker) -> Iterator[BGPPeer]:
        """The BGPPeers that are configured on a speaker, in their order."""
        return self.of(self.masks(speaker)[0])

    def between(self, own: Speaker, other: Speaker) -> Iterator[BGPPeer]:
        """The BGPPeers that can bring two speakers together, in their order."""
        local, remote = self.masks(own)
        local_there, remote_there = self.masks(other)
        return self.of(local & remote_there | local_there & remote)

    def of(self, mask: int) -> Iterator[BGPPeer]:
        """The BGPPeers of a set, in their order."""
        while mask:
            lowest = mask & -mask
            yield self._peers[lowest.bit_length() - 1]
            mask ^= lowest
