"""The BGPPeers of a topology: two per group at most, whatever the number of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rrplan.bgp.profile import Versions, profile_for
from rrplan.desired.labelling import Labelling
from rrplan.desired.options import ChosenOptions, Options, Serving, kept, mesh_options, options_of, same_value, worded
from rrplan.desired.outside_peers import outside_peers
from rrplan.desired.ownership import OURS, is_ours
from rrplan.desired.placement import Placed
from rrplan.desired.selecting import canonical, clients_selector, reflector_selector
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState, Node
from rrplan.specs import Group, Spec
from rrplan.text import SHOWN, listed

WAVE_LABEL = "rrplan.io/wave"


@dataclass(frozen=True, slots=True)
class Peers:
    """The BGPPeers to have, and what there is to say about them.

    `general` are the names of those that serve all clients of a group, `waves` the BGPPeers that serve the clients of
    a wave meanwhile.
    """

    wanted: tuple[BGPPeer, ...]
    general: frozenset[str]
    waves: tuple[BGPPeer, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Wish:
    """One BGPPeer to be: its name where that is free, whom it brings together, and what the spec says of options."""

    name: str
    local: str
    remote: str
    stated: Options
    group: Group | None = None


@dataclass(slots=True)
class _KeptNotices:
    """Notices that say the same of several BGPPeers become one."""

    by_source: dict[str, tuple[Options, list[str]]] = field(default_factory=dict)

    def add(self, name: str, kept_options: ChosenOptions) -> None:
        for source, options in kept_options.sources.items():
            self.by_source.setdefault(f"{source}: {worded(options)}", (options, []))[1].append(f"`{name}`")

    def notices(self) -> list[str]:
        return [f"kept from {what}; on {_listed(names)}" for what, (_, names) in self.by_source.items()]


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"BGPPeer {names[0]}"
    all_of_them = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"BGPPeers {listed(names) if len(names) > SHOWN else all_of_them}"


def wanted_peers(
    spec: Spec,
    state: ClusterState,
    nodes: Mapping[NodeName, Node],
    placed: Sequence[Placed],
    labels: Labelling,
    versions: Versions,
) -> Peers:
    """The BGPPeers to have, and notes on those of others that serve as well and are left as they are.

    `nodes` are those of the target.
    """
    common = spec.peering.stated()
    wishes = [
        _Wish(
            f"rrplan-{group.name}-clients",
            clients_selector(spec, group),
            reflector_selector(spec, labels, group),
            {**common, **group.peering.stated()},
            group,
        )
        for group in spec.groups
        if group.nodes.names or group.nodes.selector
    ]
    if spec.reflectors_peer and wishes:
        wishes.append(_Wish("rrplan-reflectors", f"has({spec.label_key})", f"has({spec.label_key})", common))
    serving = Serving(state, nodes)
    mesh, notes = _of_mesh(state, versions)
    ours = {name: peer for name, peer in state.peers.items() if is_ours(peer)}
    notices_kept = _KeptNotices()
    wanted: list[BGPPeer] = []
    general: set[str] = set()
    waves: list[BGPPeer] = []
    for wish in wishes:
        other = _same(state, wish)
        if other is not None:
            notes.append(
                f"BGPPeer `{other.name}` already provides what `{wish.name}` would; not managed by rrplan, left "
                "unchanged"
            )
            options, instead = options_of(other), [other]
        else:
            name = _free(state, wish.name)
            near = serving.members(wish.local)
            far = frozenset(
                placement.node for placement in placed if wish.group is None or placement.group.name == wish.group.name
            )
            others = [peer for other_name, peer in sorted(ours.items()) if other_name != name]
            instead = serving.between(near, far)
            options_kept = kept(wish.stated, ours.get(name), instead, mesh, others)
            notices_kept.add(name, options_kept)
            options = options_kept.options
            wanted.append(peer(name, wish.local, wish.remote, options))
            if wish.group is not None:
                general.add(name)
        lost = (
            {name: value for name, value in mesh.items() if name not in {**options, **wish.stated}} if instead else {}
        )
        if lost:
            notes.append(
                f"not kept from the mesh: {worded(lost)}; BGPPeer `{instead[0].name}`, which is not ours, gives the "
                f"sessions of `{wish.name}` without"
            )
        if wish.group is not None:
            name = _free(state, f"rrplan-{wish.group.name}-wave")
            waves.append(peer(name, f"has({WAVE_LABEL})", wish.remote, options))
    beyond = outside_peers(
        spec, state, labels, serving, lambda name: _free(state, name), f"has({WAVE_LABEL})", notices_kept.add
    )
    general |= {peer.name for peer in beyond.wanted}
    notes += beyond.notes
    return Peers(
        (*wanted, *beyond.wanted), frozenset(general), (*waves, *beyond.waves), (*notes, *notices_kept.notices())
    )


def _of_mesh(state: ClusterState, versions: Versions) -> tuple[Options, list[str]]:
    """The options that the sessions of the mesh have, and a note where Calico does not render them."""
    options = mesh_options(state)
    if options and not profile_for(versions.default).mesh_password:
        return {}, [
            f"not kept from the mesh: {worded(options)}, which Calico {versions.default} does not give its sessions"
        ]
    return options, []


def peer(name: str, node_selector: str, peer_selector: str, options: Options) -> BGPPeer:
    """A BGPPeer of ours."""
    spec = {"nodeSelector": node_selector, "peerSelector": peer_selector, **options}
    return BGPPeer(
        name=name,
        node_selector=node_selector,
        peer_selector=peer_selector,
        source_address=str(options.get("sourceAddress", "")),
        labels=OURS,
        spec=spec,
    )


def wanted_and_others(state: ClusterState, wanted: tuple[BGPPeer, ...]) -> Mapping[str, BGPPeer]:
    """The wanted BGPPeers and those that are not ours; what is there already stays the same value."""
    peers = {name: peer for name, peer in state.peers.items() if not is_ours(peer)}
    for peer in wanted:
        present = state.peers.get(peer.name)
        if present is None or not is_ours(present):
            peers[peer.name] = peer
        elif _meaning(present) == _meaning(peer) and _same_options(options_of(present), options_of(peer)):
            peers[peer.name] = present
        else:
            # Whatever else its labels and annotations say stays.
            peers[peer.name] = replace(peer, labels=present.labels, annotations=present.annotations)
    return peers


def _meaning(peer: BGPPeer) -> tuple[object, ...]:
    return peer.node_selector, peer.peer_selector, peer.peer_ip, peer.as_number


def _same_options(peer: Options, other: Options) -> bool:
    return peer.keys() == other.keys() and all(same_value(value, other[name]) for name, value in peer.items())


def _same(state: ClusterState, wish: _Wish) -> BGPPeer | None:
    for name in sorted(state.peers):
        present = state.peers[name]
        if (
            not is_ours(present)
            and not present.spec.keys() - options_of(present).keys() - {"nodeSelector", "peerSelector"}
            and canonical(present.node_selector) == canonical(wish.local)
            and canonical(present.peer_selector) == canonical(wish.remote)
            and all(same_value(present.spec.get(name), value) for name, value in wish.stated.items())
        ):
            return present
    return None


def _free(state: ClusterState, name: str) -> str:
    """A name that nobody else's object has."""
    number, free = 1, name
    while free in state.peers and not is_ours(state.peers[free]):
        number += 1
        free = f"{name}-{number}"
    return free
