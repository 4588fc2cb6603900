"""The BGPPeers between the clients of a group and its reflectors outside the cluster: one for each address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rrplan.bgp.endpoint import endpoint_of
from rrplan.desired.labelling import Labelling
from rrplan.desired.options import ChosenOptions, Options, Serving, kept, options_of, same_value
from rrplan.desired.ownership import OURS, is_ours
from rrplan.desired.selecting import canonical, clients_selector, reflector_selector
from rrplan.errors import PolicyRefusal
from rrplan.resources import BGPPeer, ClusterState
from rrplan.specs import Group, Spec
from rrplan.specs.beyond import peer_names

EVERYBODY = ("", "all()")
"""Selectors that every node matches."""


@dataclass(frozen=True, slots=True)
class OutsideWish:
    """One BGPPeer to a reflector outside: its name where that is free, on which nodes, and what the spec says."""

    name: str
    local: str
    address: str
    as_number: int
    stated: Options
    group: Group


def check_outside(spec: Spec, state: ClusterState) -> None:
    """Raise PolicyRefusal where a speaker outside has the address of a node."""
    at = {address: name for name, node in state.nodes.items() for address in (node.ipv4, node.ipv6, node.host_ip)}
    for speaker in spec.outside:
        for address in speaker.address:
            if address in at:
                raise PolicyRefusal(
                    f"`outside`: `{speaker.name}` has the address {address}, which is node `{at[address]}`'s",
                    hint="a node reflects where it is in `nodes` of a group; a speaker outside is no node",
                )


def outside_wishes(spec: Spec, labels: Labelling) -> list[OutsideWish]:
    """The BGPPeers to have; reflectors among the nodes of a group are clients of its reflectors outside too."""
    wishes = []
    for group in spec.groups:
        local = clients_selector(spec, group)
        if group.nodes.names or group.nodes.selector:
            local = f"({local}) || {reflector_selector(spec, labels, group)}"
        stated = {**spec.peering.stated(), **group.peering.stated()}
        for speaker in spec.reflectors_outside(group):
            for address, name in peer_names(group, speaker).items():
                wishes.append(OutsideWish(name, local, address, speaker.as_number, stated, group))
    return wishes


def provided(state: ClusterState, wish: OutsideWish) -> BGPPeer | None:
    """A BGPPeer of others that gives all these sessions already."""
    for _, present in sorted(state.peers.items()):
        endpoint = endpoint_of(present.peer_ip)
        if (
            not is_ours(present)
            and endpoint is not None
            and endpoint.address == wish.address
            and present.as_number == wish.as_number
            and not present.peer_selector
            and not present.node
            and canonical(present.node_selector) in (*EVERYBODY, canonical(wish.local))
            and all(same_value(present.spec.get(name), value) for name, value in wish.stated.items())
        ):
            return present
    return None


def options_for(wish: OutsideWish, name: str, state: ClusterState, serving: Serving) -> ChosenOptions:
    """The options of one of them: what the spec says, what ours has, what BGPPeers of others give its sessions.

    Those of the mesh are not taken over: the other side was never told of them.
    """
    present = state.peers.get(name)
    near = serving.members(wish.local)
    return kept(
        wish.stated,
        present if present is not None and is_ours(present) else None,
        serving.towards(near, wish.address),
        {},
        [],
    )


def outside_peer(name: str, wish: OutsideWish, local: str, options: Options) -> BGPPeer:
    """A BGPPeer of ours to a reflector outside, on the nodes that `local` selects."""
    spec = {"nodeSelector": local, "peerIP": wish.address, "asNumber": wish.as_number, **options}
    return BGPPeer(
        name=name,
        node_selector=local,
        peer_ip=wish.address,
        as_number=wish.as_number,
        source_address=str(options.get("sourceAddress", "")),
        labels=OURS,
        spec=spec,
    )


@dataclass(frozen=True, slots=True)
class OutsidePeers:
    """The BGPPeers to reflectors outside: those to have, those for waves, and notes."""

    wanted: tuple[BGPPeer, ...]
    waves: tuple[BGPPeer, ...]
    notes: tuple[str, ...]


def outside_peers(
    spec: Spec,
    state: ClusterState,
    labels: Labelling,
    serving: Serving,
    free: Callable[[str], str],
    wave_selector: str,
    tell: Callable[[str, ChosenOptions], None],
) -> OutsidePeers:
    """All of them; `free` gives a name that nobody else's object has, `tell` hears which options are kept."""
    wanted: list[BGPPeer] = []
    waves: list[BGPPeer] = []
    notes: list[str] = []
    for wish in outside_wishes(spec, labels):
        other = provided(state, wish)
        if other is not None:
            notes.append(
                f"BGPPeer `{other.name}` already provides what `{wish.name}` would; not managed by rrplan, left "
                "unchanged"
            )
            options = options_of(other)
        else:
            name = free(wish.name)
            chosen = options_for(wish, name, state, serving)
            tell(name, chosen)
            options = chosen.options
            wanted.append(outside_peer(name, wish, wish.local, options))
        waves.append(outside_peer(free(f"{wish.name}-wave"), wish, wave_selector, options))
    return OutsidePeers(tuple(wanted), tuple(waves), tuple(notes))
