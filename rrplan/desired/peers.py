"""The BGPPeers of a topology: two per group at most, whatever the number of nodes."""

from __future__ import annotations

from rrplan.resources import BGPPeer, ClusterState
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Group, Spec

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = {MANAGED_BY: "rrplan"}
WAVE_LABEL = "rrplan.io/wave"


def is_ours(peer: BGPPeer) -> bool:
    """Whether rrplan made the object."""
    return peer.labels.get(MANAGED_BY) == "rrplan"


def clients_selector(spec: Spec, group: Group) -> str:
    """Who the clients of a group are; reflectors never are."""
    everybody_else = f"!has({spec.label_key})"
    return f"({group.clients}) && {everybody_else}" if group.clients else everybody_else


def reflector_selector(spec: Spec, group: Group) -> str:
    """The reflectors of a group."""
    return f'{spec.label_key} == "{group.name}"'


def wanted_peers(spec: Spec, state: ClusterState) -> tuple[tuple[BGPPeer, ...], tuple[str, ...]]:
    """The BGPPeers to have, and notes on those of others that serve as well and are left as they are."""
    pairs = [
        (f"rrplan-{group.name}-clients", clients_selector(spec, group), reflector_selector(spec, group))
        for group in spec.groups
    ]
    if spec.reflectors_peer and spec.groups:
        pairs.append(("rrplan-reflectors", f"has({spec.label_key})", f"has({spec.label_key})"))
    wanted: list[BGPPeer] = []
    notes: list[str] = []
    for name, local, remote in pairs:
        other = _same(state, local, remote)
        if other is not None:
            notes.append(f"BGPPeer `{other.name}` does already what `{name}` would; it is not ours and stays as it is")
            continue
        wanted.append(peer(_free(state, name), local, remote))
    return tuple(wanted), tuple(notes)


def peer(name: str, node_selector: str, peer_selector: str) -> BGPPeer:
    """A BGPPeer of ours."""
    spec = {"nodeSelector": node_selector, "peerSelector": peer_selector}
    return BGPPeer(name=name, node_selector=node_selector, peer_selector=peer_selector, labels=OURS, spec=spec)


def _same(state: ClusterState, local: str, remote: str) -> BGPPeer | None:
    for name in sorted(state.peers):
        found = state.peers[name]
        if (
            not is_ours(found)
            and set(found.spec) == {"nodeSelector", "peerSelector"}
            and _canonical(found.node_selector) == _canonical(local)
            and _canonical(found.peer_selector) == _canonical(remote)
        ):
            return found
    return None


def _canonical(selector: str) -> str:
    try:
        return parse(selector).canonical()
    except SelectorSyntaxError:
        return selector


def _free(state: ClusterState, name: str) -> str:
    """A name that nobody else's object has."""
    number, free = 1, name
    while free in state.peers and not is_ours(state.peers[free]):
        number += 1
        free = f"{name}-{number}"
    return free
