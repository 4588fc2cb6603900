"""The BGPPeers of a topology: two per group at most, whatever the number of nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rrplan.bgp.profile import Versions, profile_for
from rrplan.desired.labelling import Labelling
from rrplan.desired.options import ChosenOptions, Options, Serving, kept, mesh_options, options_of, same_value, worded
from rrplan.desired.outside_peers import outside_peers
from rrplan.desired.ownership import OURS, is_ours
from rrplan.desired.placement import Placed
from rrplan.desired.provided import Provided
from rrplan.desired.selecting import between_reflectors, canonical, clients_selector, reflector_selector
from rrplan.ids import NodeName
from rrplan.resources import BGPPeer, ClusterState, Node
from rrplan.specs import Group, Spec
from rrplan.specs.peering import stated_together
from rrplan.text import SHOWN, listed

AMONG_REFLECTORS = "rrplan-reflectors"
"""The BGPPeer of the sessions that reflectors have with one another."""
WAVE_LABEL = "rrplan.io/wave"
RENEWED_LABEL = "rrplan.io/renewed"
"""On reflectors whose sessions have the new options already, while these change."""
RENEWED = "options"


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
    instead: Mapping[str, str] = field(default_factory=dict, hash=False)
    """BGPPeers of others that do what one of ours would, with the name of that one, which is not made."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """One BGPPeer to be: its name where that is free, whom it brings together, and what the spec says of options.

    `far` are the names of the groups whose reflectors it selects; `group` is the one whose clients it serves.
    """

    name: str
    local: str
    remote: str
    stated: Options
    far: frozenset[str]
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
    adopted: Collection[str] = (),
    final: Mapping[NodeName, Node] | None = None,
) -> Peers:
    """The BGPPeers to have, and those of others that serve as well and are left as they are.

    `nodes` are those of the target, with the labels that are taken over, `final` those without; `adopted` are the
    BGPPeers of others that ours take the place of.
    """
    common = spec.peering.stated()
    wishes = [
        _Wish(
            f"rrplan-{group.name}-clients",
            clients_selector(spec, group),
            reflector_selector(spec, labels, group),
            stated_together(spec.peering, group.peering),
            frozenset([group.name]),
            group,
        )
        for group in spec.groups
        if spec.serves_nodes(group) and group.reflects_inside
    ]
    for group in spec.groups:
        below = spec.children(group)
        if below:
            local, remote = (reflector_selector(spec, labels, *groups) for groups in (below, (group,)))
            stated, above = stated_together(spec.peering, group.peering), frozenset([group.name])
            wishes.append(_Wish(f"rrplan-{group.name}-below", local, remote, stated, above))
    if spec.reflectors_peer and any(group.reflects_inside for group in spec.groups):
        between, roots = between_reflectors(spec, labels), frozenset(group.name for group in spec.roots)
        wishes.append(_Wish(AMONG_REFLECTORS, between, between, common, roots))
    serving = Serving(state, nodes)
    mesh, notes = _of_mesh(state, versions)
    ours = {name: peer for name, peer in state.peers.items() if is_ours(peer)}
    notices_kept = _KeptNotices()
    wanted: list[BGPPeer] = []
    general: set[str] = set()
    waves: list[BGPPeer] = []
    in_place: dict[str, str] = {}
    foreign = [peer for name, peer in sorted(state.peers.items()) if not is_ours(peer) and name not in adopted]
    reflectors = frozenset(placement.node for placement in placed)
    provided = Provided(nodes if final is None else final, reflectors, foreign)
    for wish in wishes:
        near = serving.members(wish.local)
        far = frozenset(placement.node for placement in placed if placement.group.name in wish.far)
        other = _same(state, wish, adopted)
        theirs = (other,) if other is not None else provided.between(near, far, wish.stated)
        if theirs:
            in_place |= {peer.name: wish.name for peer in theirs}
            options, instead = options_of(theirs[0]), list(theirs)
        else:
            name = free_name(state, wish.name)
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
            name = free_name(state, f"rrplan-{wish.group.name}-wave")
            waves.append(peer(name, f"has({WAVE_LABEL})", wish.remote, options))
    beyond = outside_peers(
        spec, state, labels, serving, lambda name: free_name(state, name), f"has({WAVE_LABEL})", notices_kept.add
    )
    general |= {peer.name for peer in beyond.wanted}
    notes += beyond.notes
    return Peers(
        (*wanted, *beyond.wanted),
        frozenset(general),
        (*waves, *beyond.waves),
        (*notes, *notices_kept.notices()),
        in_place,
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


def wanted_and_others(
    state: ClusterState, wanted: tuple[BGPPeer, ...], adopted: Collection[str] = ()
) -> Mapping[str, BGPPeer]:
    """The wanted BGPPeers and those of others that are not adopted; what is there already stays the same value."""
    peers = {name: peer for name, peer in state.peers.items() if not is_ours(peer) and name not in adopted}
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


def _same(state: ClusterState, wish: _Wish, adopted: Collection[str]) -> BGPPeer | None:
    for name in sorted(state.peers):
        present = state.peers[name]
        if (
            not is_ours(present)
            and name not in adopted
            and not present.spec.keys() - options_of(present).keys() - {"nodeSelector", "peerSelector"}
            and canonical(present.node_selector) == canonical(wish.local)
            and canonical(present.peer_selector) == canonical(wish.remote)
            and all(same_value(present.spec.get(name), value) for name, value in wish.stated.items())
        ):
            return present
    return None


def free_name(state: ClusterState, name: str) -> str:
    """A name that nobody else's object has: the one that ours has already, else the first that is free."""
    numbered = re.compile(rf"{re.escape(name)}-[0-9]+")
    ours = [known for known, peer in state.peers.items() if numbered.fullmatch(known) and is_ours(peer)]
    if ours and not (name in state.peers and is_ours(state.peers[name])):
        return min(ours, key=lambda known: (len(known), known))
    number, free = 1, name
    while free in state.peers and not is_ours(state.peers[free]):
        number += 1
        free = f"{name}-{number}"
    return free
