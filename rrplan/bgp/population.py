"""Nodes that BGP cannot tell apart, counted.

Two nodes belong to one class when everything that a rule can look at is equal: AS number, cluster ID,
families, ports, Calico rules, which of the selectors in play match, and the failure domain where that is asked.
A node that some BGPPeer means by name or address, or whose address another node has too, is a class of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice

from rrplan.bgp.alike import ENOUGH
from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.matching import Matcher
from rrplan.bgp.peering import Rules
from rrplan.bgp.profile import Profile
from rrplan.bgp.speaker import Family, Speaker
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer


@dataclass(frozen=True, slots=True)
class Signature:
    """What makes two nodes the same class; `matches` are the indices of the selectors that match."""

    own_as: int | None
    as_number: int
    cluster_id: str
    ipv4: bool
    ipv6: bool
    own_port: int | None
    port: int | None
    profile: Profile
    matches: frozenset[int]
    zone: str = ""
    marked: bool = False
    alone: NodeName | None = None
    standalone: bool = False
    calico: bool = True
    contested: bool = False
    down: bool = False
    untried: frozenset[str] = frozenset()
    outside: bool = False
    """It is no node, but a speaker outside that passes routes on."""
    ignored_id: str = ""
    """A cluster ID that the Calico of its nodes ignores."""
    links: tuple[str, ...] = ()
    """The networks of its nodes, where sessions depend on them."""
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        # Signatures are keys everywhere, and have many fields.
        told = self.own_as, self.as_number, self.cluster_id, self.ipv4, self.ipv6, self.own_port, self.port
        rest = self.matches, self.zone, self.marked, self.alone, self.standalone, self.contested, self.down
        object.__setattr__(self, "_hash", hash((told, rest, self.untried)))

    def __hash__(self) -> int:
        return self._hash

    @property
    def meshes(self) -> bool:
        """Whether its nodes are in the mesh, as far as roles decide it."""
        return not self.cluster_id and not self.outside

    def speaks(self, family: Family) -> bool:
        """Whether its nodes have an address in a family."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6


@dataclass(frozen=True, slots=True)
class Classifier:
    """How signatures are taken, the same for every state of a plan.

    `selectors` are all selectors of all BGPPeers of all states, `named` the nodes that some BGPPeer singles
    out, `zone_label` the label whose value separates classes ("" for none), `marked` are nodes that the caller
    wants to find in classes apart from all others (those that a plan drains). `by_link` says that nodes of different
    networks are to be told apart, where their Calico's sessions depend on it.
    """

    selectors: tuple[str, ...]
    named: frozenset[NodeName]
    zone_label: str
    marked: frozenset[NodeName]
    matcher: Matcher = field(hash=False, compare=False)
    by_link: bool = False

    @classmethod
    def over(
        cls,
        rules: Rules,
        peers: Iterable[BGPPeer],
        *,
        zone_label: str = "",
        marked: frozenset[NodeName] = frozenset(),
    ) -> Classifier:
        """A classifier that sees every difference that these BGPPeers can make; `rules` gives the addresses."""
        selectors: set[str] = set()
        named = {node.name for nodes in rules.shared.values() for node in nodes}
        for peer in peers:
            selectors.update(text for text in (peer.node_selector, peer.peer_selector) if text)
            if peer.node:
                named.add(NodeName(peer.node))
            endpoint = endpoint_of(peer.peer_ip)
            at = rules.addresses.get(endpoint.address) if endpoint else None
            if at:
                named.add(at)
        return cls(tuple(sorted(selectors)), frozenset(named), zone_label, marked, Matcher(), rules.by_link)

    def signature(self, speaker: Speaker) -> Signature:
        """The class of a speaker."""
        return Signature(
            speaker.own_as,
            speaker.as_number,
            # What joins a fabric is no reflector that anybody may count on.
            "" if speaker.role is not None and speaker.role.inner else speaker.cluster_id,
            bool(speaker.ipv4),
            bool(speaker.ipv6),
            speaker.own_port,
            speaker.port,
            speaker.profile,
            self._matches(speaker),
            speaker.labels.get(self.zone_label, "") if self.zone_label else "",
            speaker.name in self.marked,
            speaker.name if speaker.role or self.named & {speaker.name, speaker.known_as} else None,
            speaker.standalone,
            speaker.calico,
            speaker.contested,
            speaker.down,
            speaker.untried,
            speaker.role is not None,
            speaker.ignored_id,
            speaker.links if self.by_link else (),
        )

    def _matches(self, speaker: Speaker) -> frozenset[int]:
        if speaker.role is not None:
            return frozenset()
        return frozenset(index for index, selector in enumerate(self.selectors) if self.matcher(selector, speaker))


class Population:
    """The speakers of one state by class; follows a chain of states by moving single nodes."""

    def __init__(self, classifier: Classifier, speakers: Mapping[NodeName, Speaker]) -> None:
        self.classifier = classifier
        self.speakers = dict(speakers)
        self.classes: dict[Signature, dict[NodeName, None]] = {}
        self.signature_of: dict[NodeName, Signature] = {}
        self._names: dict[Signature, tuple[NodeName, ...]] = {}
        for name in sorted(speakers):
            self._add(speakers[name])

    def _add(self, speaker: Speaker) -> None:
        signature = self.classifier.signature(speaker)
        self.speakers[speaker.name] = speaker
        self.signature_of[speaker.name] = signature
        self.classes.setdefault(signature, {})[speaker.name] = None
        self._names.pop(signature, None)

    def move(self, speaker: Speaker) -> None:
        """Replace one speaker by its new self."""
        old = self.signature_of[speaker.name]
        members = self.classes[old]
        del members[speaker.name]
        self._names.pop(old, None)
        if not members:
            del self.classes[old]
        self._add(speaker)

    def names(self, signature: Signature) -> tuple[NodeName, ...]:
        """The nodes of a class, sorted; the same tuple until one comes or goes."""
        if signature not in self._names:
            self._names[signature] = tuple(sorted(self.classes[signature]))
        return self._names[signature]

    def members(self, signature: Signature, but: Collection[NodeName] = ()) -> list[Speaker]:
        """Up to ENOUGH members of a class, leaving some nodes out."""
        left = (name for name in self.classes.get(signature, ()) if name not in but)
        return [self.speakers[name] for name in islice(left, ENOUGH)]
