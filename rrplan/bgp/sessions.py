"""The session table: every BGP protocol that Calico renders on every node, and whether it comes up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rrplan.bgp.adjacency import Established, SessionVerdict, verdict
from rrplan.bgp.announced import Announced
from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.matching import Matcher
from rrplan.bgp.options import ONE_HOP, rendered
from rrplan.bgp.peering import Matches, Rules, external_protocols, ordered, protocols
from rrplan.bgp.profile import Versions
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.refusals import not_told_apart, refusal
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Family, Settings, Speaker, speaker_of
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, CalicoVersion, ClusterState, Node

EXTERNAL = SessionVerdict(Established.UNKNOWN, "the peer is outside the cluster")


@dataclass(frozen=True, slots=True)
class Session:
    """One row of the table."""

    protocol: Protocol
    verdict: SessionVerdict


def rules_of(state: ClusterState, matcher: Matches, version: CalicoVersion, roles: Roles = ()) -> Rules:
    """The pair rules of a state; BGPPeers in the order of their names, so that answers do not depend on input order.

    `version` decides whose pools are programmed by BIRD, and the oldest one leaves out the fewest; `roles` is what is
    known of speakers outside.
    """
    settings = Settings.of(state)
    given = [(address, name) for name, node in state.nodes.items() for address in (node.ipv4, node.ipv6) if address]
    addresses = dict(given)
    shared = _shared(state.nodes.values()) if len(addresses) < len(given) else {}
    if settings.standalone:
        hosts = (node for node in state.nodes.values() if node.host_ip and settings.standalone.runs_on(node))
        addresses |= {node.host_ip: node.name for node in hosts}
    peers = tuple(state.peers[name] for name in sorted(state.peers))
    known = frozenset(node.host_ip for node in state.nodes.values() if node.host_ip)
    announced = Announced.of(state, version)
    systems = {settings.effective_as(node.as_number) for node in state.nodes.values()}
    return Rules(
        settings,
        peers,
        addresses,
        matcher,
        known,
        announced,
        shared,
        roles,
        by_link=len(systems) > 1 or within_link(peers),
        numberless=numberless(state.nodes.values(), settings) if 0 in systems else frozenset(),
    )


def numberless(nodes: Iterable[Node], settings: Settings) -> frozenset[NodeName]:
    """The nodes that speak BGP with AS number 0: BIRD refuses `as 0` (proto/bgp/bgp.c bgp_check_config, 1.6.8)."""
    speaking = (node for node in nodes if node.ipv4 or node.ipv6)
    return frozenset(node.name for node in speaking if not settings.effective_as(node.as_number))


def within_link(peers: Iterable[BGPPeer]) -> bool:
    """Whether some BGPPeer gives sessions that go through no router."""
    return any(rendered("ttlSecurity", peer.spec.get("ttlSecurity")) == ONE_HOP for peer in peers)


def _shared(nodes: Iterable[Node]) -> dict[str, tuple[Node, ...]]:
    """The addresses that several nodes have, with these nodes in the order of their names."""
    nodes_at: defaultdict[str, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: node.name):
        for address in (node.ipv4, node.ipv6):
            if address:
                nodes_at[address].append(node)
    return {address: tuple(having) for address, having in nodes_at.items() if len(having) > 1}


@dataclass(frozen=True, slots=True)
class Speakers:
    """Every speaker of one ClusterState, with the rules between them."""

    rules: Rules
    by_name: Mapping[NodeName, Speaker] = field(hash=False)
    _members: dict[str, frozenset[NodeName]] = field(default_factory=dict, hash=False, compare=False)
    _refusals: dict[tuple[NodeName, Family], SessionVerdict | None] = field(
        default_factory=dict, hash=False, compare=False
    )

    @classmethod
    def of(cls, state: ClusterState, versions: Versions) -> Speakers:
        """Resolve all nodes; raises PolicyRefusal for a Calico version without rules."""
        rules = rules_of(state, Matcher(), versions.oldest)
        return cls(rules, {name: speaker_of(node, rules.settings, versions) for name, node in state.nodes.items()})

    def members(self, selector: str) -> frozenset[NodeName]:
        """The nodes that a selector matches."""
        if selector not in self._members:
            matcher = Matcher()
            self._members[selector] = matcher.members(selector, self.by_name.values())
        return self._members[selector]

    def sessions(self, node: NodeName) -> list[Session]:
        """The protocols of one node, both families, in configuration order."""
        own = self.by_name[node]
        rows: list[Session] = []
        for family in FAMILIES:
            if own.address(family):
                rows += self._in_family(own, family)
        return rows

    def refusal(self, name: NodeName, family: Family) -> SessionVerdict | None:
        """Why BIRD refuses the whole configuration of a node, so that it keeps its old one; None where it does not.

        What confd renders goes through `bird -p` first (confd/etc/calico/confd/conf.d/bird.toml, check_cmd).
        """
        if (name, family) not in self._refusals:
            self._refusals[name, family] = refusal(self.rules, self.by_name, self.by_name[name], family)
        return self._refusals[name, family]

    def _in_family(self, own: Speaker, family: Family) -> list[Session]:
        verdicts: dict[Protocol, SessionVerdict] = {}
        refused = self.refusal(own.name, family)
        for name in self._candidates(own):
            other = self.by_name[name]
            here = protocols(self.rules, own, other, family)
            if here:
                there = protocols(self.rules, other, own, family)
                beyond = self.refusal(name, family) or not_told_apart(self.rules, own, other, family)
                for protocol in here:
                    verdicts[protocol] = refused or beyond or verdict(protocol, own, here, other, there)
        for protocol in external_protocols(self.rules, own, family):
            verdicts[protocol] = refused or outside_verdict(protocol)
        return [Session(protocol, verdicts[protocol]) for protocol in ordered(own, verdicts)]

    def _candidates(self, own: Speaker) -> list[NodeName]:
        """The nodes that `own` can have a protocol to: everybody in a mesh, else who the BGPPeers bring together."""
        meshed = not own.reflects_in_mesh or own.profile.leave_mesh != frozenset(FAMILIES)
        if own.standalone or (self.rules.settings.mesh and meshed):
            return sorted(self.by_name)
        names: set[NodeName] = set()
        for peer in self.rules.peers:
            if self.rules.selects_local(peer, own):
                names |= self._remote(peer)
            if self.rules.selects_remote(peer, own):
                names |= self._local(peer)
        names.discard(own.name)
        return sorted(names)

    def _remote(self, peer: BGPPeer) -> frozenset[NodeName]:
        if peer.peer_selector:
            return self.members(peer.peer_selector)
        endpoint = endpoint_of(peer.peer_ip)
        node = self.rules.addresses.get(endpoint.address) if endpoint else None
        return frozenset([node]) if node else frozenset()

    def _local(self, peer: BGPPeer) -> frozenset[NodeName]:
        if peer.node_selector:
            return self.members(peer.node_selector)
        if peer.node:
            return frozenset(name for name, speaker in self.by_name.items() if speaker.known_as == peer.node)
        return frozenset(self.by_name)

    def all_sessions(self) -> Iterator[Session]:
        """The whole table, node by node; never held in memory at once."""
        for name in sorted(self.by_name):
            yield from self.sessions(name)


def outside_verdict(protocol: Protocol) -> SessionVerdict:
    """Whether a session to the outside comes up, as far as it can be told from here."""
    if any(variant.peer_as == 0 for variant in protocol.variants):
        return SessionVerdict(
            Established.NO, "no AS number is given for the peer, so BIRD refuses the whole configuration"
        )
    if protocol.disputed:
        return SessionVerdict(Established.UNKNOWN, protocol.dispute)
    return EXTERNAL
