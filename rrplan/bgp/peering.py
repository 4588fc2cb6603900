"""Which protocols Calico renders on one node towards another: mesh, BGPPeers and their reverse.

The rules of confd (`projectcalico/calico confd/pkg/backends/calico/client.go` updatePeersV1 and the bird.cfg
templates; `bgp_processor.go` from v3.32), stated for one pair of nodes. A pair is all that is ever asked:
a table of sessions asks it for the pairs that can meet, the proof for one pair of each two classes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rrplan.bgp.announced import EVERYTHING, Announced
from rrplan.bgp.blocks import Emission, render
from rrplan.bgp.concern import PeerIndex
from rrplan.bgp.endpoint import dialled, unreachable
from rrplan.bgp.protocol import Protocol, ProtocolKind
from rrplan.bgp.roles import WITHIN_FABRIC, OutsideRole, Roles, role_at
from rrplan.bgp.speaker import BGP_PORT, Family, Settings, Speaker
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, Node

Matches = Callable[[str, Speaker], bool]


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a cluster that the pair rule needs besides the two speakers.

    `addresses` says which addresses belong to nodes; `matches` evaluates a selector text for a speaker; `hosts` are
    the addresses that Kubernetes has for its nodes, whether or not Calico knows them; `announced` says which pools
    routes are of, and what filters let through. `shared` are the addresses that several nodes have, with these nodes.
    `roles` is what is known of speakers outside. `by_link` says that it may count who is on whose link: nodes have
    different AS numbers, or sessions may go through no router.
    """

    settings: Settings
    peers: tuple[BGPPeer, ...]
    addresses: Mapping[str, NodeName] = field(hash=False)
    matches: Matches = field(hash=False)
    hosts: frozenset[str] = field(default=frozenset(), hash=False, compare=False)
    announced: Announced = field(default=EVERYTHING, hash=False, compare=False)
    shared: Mapping[str, tuple[Node, ...]] = field(default_factory=dict, hash=False)
    roles: Roles = ()
    by_link: bool = False
    numberless: frozenset[NodeName] = frozenset()
    """Nodes whose AS number is 0: nobody who has a session with one of them has a file that BIRD takes."""
    index: PeerIndex = field(init=False, hash=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", PeerIndex(self.peers, self.matches))

    @property
    def reaches_outside(self) -> bool:
        """Whether some BGPPeer may mean a speaker that is no node."""
        return any(peer.peer_ip or peer.local_workload_selector for peer in self.peers)

    def role_at(self, address: str, as_number: int) -> OutsideRole | None:
        """The role of a speaker outside; None where nothing is known of it."""
        return role_at(self.roles, address, as_number)

    def passes_on(self, address: str) -> bool:
        """Whether a speaker outside at that address passes routes on."""
        return any(role.passes_on and address in role.addresses for role in self.roles)

    def is_global(self, peer: BGPPeer) -> bool:
        """A BGPPeer without node and nodeSelector holds for every node."""
        return not peer.node and not peer.node_selector

    def selects_local(self, peer: BGPPeer, speaker: Speaker) -> bool:
        """Whether the BGPPeer is configured on that node (`node`, `nodeSelector`, or every node)."""
        if peer.node_selector:
            return self.matches(peer.node_selector, speaker)
        return not peer.node or peer.node == speaker.known_as

    def selects_remote(self, peer: BGPPeer, speaker: Speaker) -> bool:
        """Whether that node is what the BGPPeer peers with, as the reverse pass sees it."""
        if peer.peer_selector:
            return self.matches(peer.peer_selector, speaker)
        endpoint = dialled(peer, speaker.profile)
        if endpoint is None or endpoint.host not in (speaker.ipv4, speaker.ipv6):
            return False
        return self.is_at(peer, endpoint.port, speaker)

    def is_at(self, peer: BGPPeer, port: int, speaker: Speaker) -> bool:
        """Whether a `peerIP` of this node's address, as Calico writes it, means this node by AS number and port too.

        client.go nodesWithIPPortAndAS, its `else if` on the global port included (still so in v3.32).
        """
        if speaker.as_number != (peer.as_number or self.settings.global_as):
            return False
        if not port:
            return True
        if speaker.own_port is not None and speaker.own_port != port:
            return False
        return self.settings.default_port in (None, port)


def idle_selector(rules: Rules, peer: BGPPeer, speakers: Collection[Speaker]) -> str:
    """The selector of a BGPPeer that matches no node, as the spec has it; "" where each matches some."""
    for field_, text in (("nodeSelector", peer.node_selector), ("peerSelector", peer.peer_selector)):
        if text and not any(rules.matches(text, speaker) for speaker in speakers):
            return f"`{field_}: {text}`"
    return ""


@dataclass(slots=True)
class _Keys:
    """The three passes of updatePeersV1: global keys, node keys, reverse; the first writer of a key wins."""

    passes: tuple[dict[tuple[str, int], list[Emission]], ...] = field(default_factory=lambda: ({}, {}, {}))

    def emit(self, which: int, emission: Emission | None) -> None:
        if emission is not None:
            self.passes[which].setdefault(emission.key, []).append(emission)

    def winners(self, *, drop: bool) -> Iterator[tuple[ProtocolKind, list[Emission]]]:
        """What is rendered; without `drop` (before v3.3) a Node_ stands beside a Global_ to the same address."""
        taken: set[tuple[str, int]] = set()
        for kind, written in zip((ProtocolKind.GLOBAL, ProtocolKind.NODE, ProtocolKind.NODE), self.passes, strict=True):
            yield from ((kind, emissions) for key, emissions in written.items() if key not in taken or not drop)
            taken.update(written)


def protocols(rules: Rules, own: Speaker, other: Speaker, family: Family) -> tuple[Protocol, ...]:
    """The protocols that `own` renders towards the node `other` in one family, in configuration order."""
    local, remote = own.address(family), other.address(family)
    if not local or not remote or local == remote or rules.settings.idle:
        return ()
    if own.standalone:
        return _of_standalone(rules, own, other, family)
    if own.role is not None:
        return _of_outside(rules, own, other, family)
    keys = _Keys()
    for peer in rules.index.between(own, other):
        if (peer.local_workload_selector and own.profile.local_workloads) or not _known(peer, own):
            continue
        if rules.selects_local(peer, own):
            keys.emit(0 if rules.is_global(peer) else 1, _forward(rules, peer, own, other, family))
        keys.emit(2, _reverse(rules, peer, own, other, family))
    winners = keys.winners(drop=own.profile.selectors)
    explicit = [render(own, kind, family, emissions, other.name) for kind, emissions in winners]
    return ordered(own, [*_mesh(rules, own, other, family), *explicit])


def _known(peer: BGPPeer, own: Speaker) -> bool:
    """Whether this node's Calico can read the BGPPeer: before v3.3 without selectors."""
    return own.profile.selectors or not (peer.node_selector or peer.peer_selector)


def _of_standalone(rules: Rules, own: Speaker, other: Speaker, family: Family) -> tuple[Protocol, ...]:
    """What calico/routereflector renders: a client for every Calico Node, if a BGPPeer points at it.

    Template bird.cfg.template of projectcalico/routereflector, the same from v0.5.0 to v0.6.3: global BGPPeers give
    Global_, those of one node Node_; never passive, no mesh, no port, no other reflectors, no IPv6.
    """
    if family is not Family.IPV4 or not other.calico:
        return ()
    blocks = []
    for peer in rules.index.between(own, other):
        # Its confd (v3.1) is older than nodeSelector (v3.3): such a BGPPeer is not counted on.
        aimed = peer.peer_ip == own.ipv4 and not peer.node_selector
        if aimed and peer.node in ("", other.known_as):
            blocks.append(
                Protocol(
                    node=own.name,
                    family=family,
                    kind=ProtocolKind.NODE if peer.node else ProtocolKind.GLOBAL,
                    local_address=own.ipv4,
                    local_as=peer.as_number or 0,
                    peer_address=other.address(family),
                    port=None,
                    peer_as=peer.as_number or 0,
                    peer_node=other.name,
                    passive=False,
                    source_address=own.ipv4,
                    reflector_client=True,
                    cluster_id=own.cluster_id,
                    peers=(peer.name,),
                )
            )
    distinct = {(block.kind, block.local_as): block for block in blocks}
    return ordered(own, distinct.values())


def _of_outside(rules: Rules, own: Speaker, other: Speaker, family: Family) -> tuple[Protocol, ...]:
    """What a speaker outside is taken to have configured: the other end of all that a node may render towards it.

    The speakers of one fabric are joined through the fabric.
    """
    if other.role is not None:
        # What is known as one router is not joined to itself.
        same = own.role is not None and own.role.fabric == other.role.fabric and own.role.inner != other.role.inner
        return (_within_fabric(own, other, family),) if same else ()
    return tuple(
        _counterpart(own, other, family, variant)
        for protocol in protocols(rules, other, own, family)
        for variant in protocol.variants
    )


def _counterpart(own: Speaker, other: Speaker, family: Family, theirs: Protocol) -> Protocol:
    """The end of a speaker outside; `theirs` is what the node has."""
    client = bool(own.cluster_id) and theirs.local_as == own.as_number
    options = dict(theirs.options)
    return Protocol(
        node=own.name,
        family=family,
        kind=ProtocolKind.NODE,
        local_address=theirs.peer_address,
        local_as=own.as_number,
        peer_address=other.address(family),
        port=other.port,
        peer_as=theirs.local_as,
        peer_node=other.name,
        passive=False,
        source_address=theirs.peer_address,
        reflector_client=client,
        cluster_id=own.cluster_id if client else None,
        options=tuple((name, options[name]) for name in ("password", "ttlSecurity") if name in options),
    )


def _within_fabric(own: Speaker, other: Speaker, family: Family) -> Protocol:
    """One end of what joins a speaker outside to its fabric: every route goes on, and no AS number is added."""
    inner = own.role is not None and own.role.inner
    return Protocol(
        node=own.name,
        family=family,
        kind=ProtocolKind.NODE,
        local_address=own.address(family),
        local_as=WITHIN_FABRIC,
        peer_address=other.address(family),
        port=None,
        peer_as=WITHIN_FABRIC,
        peer_node=other.name,
        passive=False,
        source_address=own.address(family),
        reflector_client=inner,
        cluster_id=own.cluster_id if inner else None,
    )


def external_protocols(rules: Rules, own: Speaker, family: Family) -> tuple[Protocol, ...]:
    """The protocols of `own` towards addresses that belong to no node: ToR switches, external reflectors."""
    if not own.address(family) or own.standalone or own.role is not None or rules.settings.idle:
        return ()
    keys = _Keys()
    for peer in rules.index.on(own):
        if not _known(peer, own):
            continue
        endpoint = dialled(peer, own.profile)
        if endpoint is None or endpoint.family is not family or endpoint.address in rules.addresses:
            continue
        if not unreachable(peer, endpoint, own.profile):
            emission = Emission(
                endpoint.address, endpoint.port or None, peer.as_number or 0, "", False, peer, by_address=True
            )
            keys.emit(0 if rules.is_global(peer) else 1, emission)
    return ordered(
        own,
        [render(own, kind, family, emissions, None) for kind, emissions in keys.winners(drop=own.profile.selectors)],
    )


def ordered(own: Speaker, unordered: Iterable[Protocol]) -> tuple[Protocol, ...]:
    """Configuration order: it decides who takes an incoming connection and, after a restart, the lock."""
    if own.profile.sorted_by_name:
        return tuple(sorted(unordered, key=lambda protocol: protocol.name))
    return tuple(sorted(unordered, key=lambda protocol: (_POSITION[protocol.kind], _key_text(protocol))))


def _key_text(protocol: Protocol) -> str:
    """confd walks its keys as text: mesh peers by node name, others by address and port, 1790 before 500.

    The ports 0 and 179 are left out of keys (libcalico-go model/bgppeer.go combineIPAndPort, v3.16 to v3.31).
    """
    if protocol.kind is ProtocolKind.MESH:
        return str(protocol.peer_node)
    plain = protocol.peer_port == BGP_PORT
    return protocol.peer_address if plain else f"{protocol.peer_address}-{protocol.port}"


_POSITION = {
    kind: index
    for index, kind in enumerate(
        (ProtocolKind.MESH, ProtocolKind.GLOBAL, ProtocolKind.NODE, ProtocolKind.LOCAL_WORKLOAD)
    )
}


def _mesh(rules: Rules, own: Speaker, other: Speaker, family: Family) -> Iterator[Protocol]:
    """Since v3.21.0 a node with a cluster ID has no mesh and nobody meshes with it (confd#619, 1036964eb2)."""
    profile = own.profile
    left = own.reflects_in_mesh and family in profile.leave_mesh
    skipped = family in profile.skip_reflectors and other.cluster_id_for(own)
    if not rules.settings.mesh or left or skipped or not other.calico:
        return
    local, remote = own.address(family), other.address(family)
    compared = own.ipv4 if profile.passive_by_ipv4 else local
    fallback = own.as_number if own.profile.mesh_as_is_own else rules.settings.global_as
    yield Protocol(
        node=own.name,
        family=family,
        kind=ProtocolKind.MESH,
        local_address=local,
        local_as=own.as_number,
        peer_address=remote,
        port=other.port if profile.ports else None,
        peer_as=fallback if other.own_as is None else other.own_as,
        peer_node=other.name,
        # Compared as strings: "10.0.0.10" < "10.0.0.9" (v3.4.0+, node#79).
        passive=profile.passive_mesh and remote > compared,
        source_address=local,
        reflector_client=False,
        cluster_id=None,
        options=rules.settings.mesh_options if own.profile.mesh_password else (),
    )


def _forward(rules: Rules, peer: BGPPeer, own: Speaker, other: Speaker, family: Family) -> Emission | None:
    """What the BGPPeer's own direction asks for towards `other`."""
    if peer.peer_selector:
        return _node_as_peer(peer, own, other, family) if rules.matches(peer.peer_selector, other) else None
    endpoint = dialled(peer, own.profile)
    if endpoint is None or endpoint.family is not family:
        return None
    if endpoint.address not in (other.role.addresses if other.role else (other.address(family),)):
        return None
    if unreachable(peer, endpoint, own.profile):
        return None
    # Calico looks for the text among the addresses of its nodes: another spelling is found nowhere (client.go, v3.32).
    port = endpoint.port or None
    if port is None and own.profile.ports and endpoint.canonical and rules.is_at(peer, 0, other):
        port = other.port
    known = other.calico and endpoint.canonical
    # A peerIP peer carries no cluster ID, whoever it is: it is always a client (client.go updatePeersV1).
    return Emission(endpoint.address, port, peer.as_number or 0, "", known, peer, by_address=True)


def _reverse(rules: Rules, peer: BGPPeer, own: Speaker, other: Speaker, family: Family) -> Emission | None:
    """What the reverse pass asks for at a node that the BGPPeer names as peer (v3.3.0+)."""
    if not own.profile.selectors or (peer.reverse_peering == "Manual" and own.profile.reverse_manual):
        return None
    if not rules.selects_remote(peer, own) or not rules.selects_local(peer, other):
        return None
    endpoint = dialled(peer, own.profile)
    if endpoint is not None and own.profile.reverse_one_family and endpoint.family is not family:
        return None
    return _node_as_peer(peer, own, other, family)


def _node_as_peer(peer: BGPPeer, own: Speaker, other: Speaker, family: Family) -> Emission | None:
    """A peer made from a Calico Node; without one there is nothing to select."""
    address = other.address(family)
    if not address or not other.calico:
        return None
    port = other.port if own.profile.ports else None
    return Emission(address, port, other.as_number, other.cluster_id_for(own), False, peer)
