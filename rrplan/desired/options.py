"""Options of sessions: what the spec says, and what is kept of the sessions that are there or are replaced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.options import rendered
from rrplan.bgp.profile import Versions, profile_for
from rrplan.desired.ownership import is_ours
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState, Node
from rrplan.resources.documents import at
from rrplan.resources.duration import rounded_seconds
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Spec
from rrplan.specs.peering import EXCLUSIVE

Options = Mapping[str, object]
"""Fields of a BGPPeer's spec."""

MESH_FIELDS = {"password": "nodeMeshPassword", "maxRestartTime": "nodeMeshMaxRestartTime"}
"""The options that a mesh can have too: a BGPPeer's field, and BGPConfiguration's."""
WHO = frozenset(
    {"node", "nodeSelector", "peerIP", "peerSelector", "asNumber", "localWorkloadSelector", "reversePeering"}
)
"""Fields of a BGPPeer that say whose sessions it gives; all others are options."""


def options_of(peer: BGPPeer) -> Options:
    """The options that a BGPPeer gives its sessions."""
    return {name: value for name, value in peer.spec.items() if name not in WHO and value is not None}


def mesh_options(state: ClusterState) -> Options:
    """The options of the mesh, by a BGPPeer's names; none where the mesh is off."""
    default = state.configurations.get("default")
    if default is None or default.mesh_enabled is False:
        return {}
    return {name: default.spec[theirs] for name, theirs in MESH_FIELDS.items() if default.spec.get(theirs)}


def same_value(value: object, other: object) -> bool:
    """Whether two values of an option mean the same: durations can be written in several ways."""
    return _plain(value) == _plain(other)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return rendered("password", value) or value
    seconds = rounded_seconds(value) if isinstance(value, str) else None
    return value if seconds is None else seconds


def worded(options: Options) -> str:
    """Options in words; of a password, where it is."""
    return ", ".join(_option(name, value) for name, value in sorted(options.items()))


def _option(name: str, value: object) -> str:
    if name == "password":
        secret, key = at(value, ("secretKeyRef", "name")), at(value, ("secretKeyRef", "key"))
        return f"password (key `{key}` of Secret `{secret}`)"
    return f"{name} {', '.join(map(str, value)) if isinstance(value, list) else value}"


@dataclass(frozen=True, slots=True)
class ChosenOptions:
    """The options of one BGPPeer to be, and which of them come from where, in words."""

    options: Options = field(hash=False)
    sources: Mapping[str, Options] = field(default_factory=dict, hash=False)


def kept(
    stated: Options, present: BGPPeer | None, serving: Sequence[BGPPeer], mesh: Options, others: Iterable[BGPPeer]
) -> ChosenOptions:
    """The options for one BGPPeer of ours.

    First what the spec says (None: not there), then what our BGPPeer has already, then what BGPPeers of others give
    the same sessions, then what the mesh has, and for a BGPPeer that is new what all others of ours have.
    """
    chosen = dict(options_of(present)) if present is not None else {}
    for name, value in stated.items():
        if value is not None and name in EXCLUSIVE:
            chosen.pop(EXCLUSIVE[name], None)
            stated = {EXCLUSIVE[name]: None, **stated}
    sources: dict[str, dict[str, object]] = {}

    def take(where: str, given: Options) -> None:
        for name, value in given.items():
            if name not in chosen and name not in stated and EXCLUSIVE.get(name) not in chosen:
                chosen[name] = value
                sources.setdefault(where, {})[name] = value

    agreed = _agreed([options_of(peer) for peer in serving])
    names = " and ".join(f"`{peer.name}`" for peer in serving[:3])
    take(f"BGPPeer{'s' if len(serving) > 1 else ''} {names}", agreed)
    if not serving:
        take("the mesh", mesh)
    if present is None:
        ours = _agreed([options_of(peer) for peer in others])
        take("our other BGPPeers", {name: value for name, value in ours.items() if name in MESH_FIELDS})
    for name, value in stated.items():
        if value is None:
            chosen.pop(name, None)
        elif not same_value(chosen.get(name), value):
            chosen[name] = value
    return ChosenOptions(chosen, sources)


def _agreed(all_options: Sequence[Options]) -> dict[str, object]:
    """The options on which all agree."""
    if not all_options:
        return {}
    first, *rest = all_options
    return {
        name: value for name, value in first.items() if all(same_value(value, options.get(name)) for options in rest)
    }


class Serving:
    """Which BGPPeers of others give sessions between two sets of nodes."""

    def __init__(self, state: ClusterState, nodes: Mapping[NodeName, Node]) -> None:
        self._nodes = nodes
        self._at = {address: name for name, node in nodes.items() for address in (node.ipv4, node.ipv6) if address}
        self._known = {node.known_as: name for name, node in nodes.items()}
        self._members: dict[str, frozenset[NodeName]] = {}
        foreign = [peer for _, peer in sorted(state.peers.items()) if not is_ours(peer)]
        self._peers = [peer for peer in foreign if not peer.local_workload_selector]

    def between(self, some: frozenset[NodeName], others: frozenset[NodeName]) -> list[BGPPeer]:
        """Those that give at least one session between a node of each, in the order of their names."""
        return [peer for peer in self._peers if self._meet(peer, some, others) or self._meet(peer, others, some)]

    def towards(self, some: frozenset[NodeName], address: str) -> list[BGPPeer]:
        """Those that give at least one of these nodes a session to an address, in the order of their names."""
        aimed = [peer for peer in self._peers if (end := endpoint_of(peer.peer_ip)) and end.address == address]
        return [peer for peer in aimed if not peer.peer_selector and some & self._local(peer)]

    def _meet(self, peer: BGPPeer, near: frozenset[NodeName], far: frozenset[NodeName]) -> bool:
        here, there = near & self._local(peer), far & self._remote(peer)
        return bool(here and there) and len(here | there) > 1

    def _local(self, peer: BGPPeer) -> frozenset[NodeName]:
        if peer.node_selector:
            return self.members(peer.node_selector)
        if peer.node:
            name = self._known.get(NodeName(peer.node))
            return frozenset([name]) if name else frozenset()
        return frozenset(self._nodes)

    def _remote(self, peer: BGPPeer) -> frozenset[NodeName]:
        if peer.peer_selector:
            return self.members(peer.peer_selector)
        name = self._at.get(peer.peer_ip)
        return frozenset([name]) if name else frozenset()

    def members(self, text: str) -> frozenset[NodeName]:
        """The nodes that a selector matches; one that cannot be read matches nobody."""
        if text not in self._members:
            try:
                selector = parse(text)
            except SelectorSyntaxError:
                self._members[text] = frozenset()
            else:
                selected = (name for name, node in self._nodes.items() if selector.matches(node.effective_labels))
                self._members[text] = frozenset(selected)
        return self._members[text]


def restored(spec: Spec, state: ClusterState, versions: Versions) -> ChosenOptions:
    """The options of the mesh to be: what the spec says, else what the BGPPeers that are retired all have.

    Raises PolicyRefusal where these differ, or where the running Calico has no such option for its mesh.
    """
    stated = spec.peering.stated()
    present = {name: value for name, value in mesh_options(state).items() if value is not None}
    default = state.configurations.get("default")
    chosen, sources = dict(present), dict[str, Options]()
    if default is not None and default.mesh_enabled is False:
        retired = [peer for _, peer in sorted(state.peers.items()) if is_ours(peer)]
        for name in MESH_FIELDS:
            if name in stated:
                continue
            values = [(peer.name, options_of(peer).get(name)) for peer in retired]
            first = values[0][1] if values else None
            other = next((named_value for named_value in values if not same_value(named_value[1], first)), None)
            if other is not None:
                raise PolicyRefusal(
                    f"BGPPeers `{values[0][0]}` and `{other[0]}` have different values of `{name}`, and a mesh has one",
                    hint=f"say which: `peering: {{{name}: ...}}`, or `none`",
                )
            if first is not None:
                chosen[name] = first
        kept_options = {name: value for name, value in chosen.items() if name not in stated}
        if kept_options and not profile_for(versions.oldest).mesh_password:
            raise PolicyRefusal(
                f"the BGPPeers that are retired have {worded(kept_options)}, and the mesh of Calico "
                f"{versions.oldest} knows no such option (since v3.23.0)",
                hint="upgrade Calico first, or say `none` under `peering`",
            )
        if kept_options:
            sources["the BGPPeers of the reflectors"] = kept_options
    for name, value in stated.items():
        if value is None:
            chosen.pop(name, None)
        elif not same_value(chosen.get(name), value):
            chosen[name] = value
    return ChosenOptions(chosen, sources)
