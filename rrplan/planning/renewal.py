"""New options for running sessions, one reflector at a time, so that every client keeps its routes over the others.

An update of the BGPPeer of a group restarts the sessions of all its reflectors at once. Instead a temporary BGPPeer
with the new options serves the reflectors that carry a label, and the group's own one the others: one write of the
label moves all sessions of a reflector, at both ends. Once all are moved, the group's own BGPPeer gets the new options,
which renders the blocks that are there already, and the temporary one and the label go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rrplan.bgp.options import rendered
from rrplan.desired import Desired
from rrplan.desired.options import options_of
from rrplan.desired.ownership import is_ours
from rrplan.desired.peers import RENEWED, RENEWED_LABEL, free_name, peer
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.planning import actions
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import BGPPeer, ClusterState, Node
from rrplan.resources.selector import SelectorSyntaxError, parse

FEWEST = 2
"""Reflectors that are up, so that one carries the routes while the sessions of another restart."""
DEFAULTS = {"sourceAddress": "UseNodeIP", "nextHopMode": "Auto"}
"""Values that render the same as none (client.go withDefault; bgp_processor.go buildPeerFromData, v3.32)."""
RELOADED = frozenset({"filters"})
"""Options of which a change restarts no session (BIRD `bgp_reconfigure`)."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A BGPPeer of ours whose options change, and the reflectors whose sessions it gives.

    `narrowed` serves those that were not moved yet, `temporary` those that were.
    """

    present: BGPPeer
    narrowed: BGPPeer
    temporary: BGPPeer
    wanted: BGPPeer
    reflectors: tuple[NodeName, ...]


def renewals(state: ClusterState, desired: Desired) -> list[Renewal]:
    """The BGPPeers of groups that get other options for sessions that several reflectors have.

    What a run left that was given up half way is gone on with.
    """
    found = []
    for name in sorted(desired.general):
        present, wanted = state.peers.get(name), desired.state.peers.get(name)
        if present is None or wanted is None or not _restarts(present, wanted):
            continue
        reflectors = _selected(state.nodes.values(), wanted.peer_selector)
        if sum(node.ready is not False for node in reflectors) >= FEWEST:
            found.append(_renewal(state, present, wanted, reflectors))
    return found


def _restarts(present: BGPPeer, wanted: BGPPeer) -> bool:
    """Whether the same sessions get options that restart them."""
    same = present.peer_selector in (wanted.peer_selector, _narrowed(wanted.peer_selector))
    return same and present.node_selector == wanted.node_selector and _differ(present, wanted)


def _differ(before: BGPPeer, after: BGPPeer) -> bool:
    """Whether the options of two BGPPeers are rendered as different blocks."""
    one, other = options_of(before), options_of(after)
    names = (one.keys() | other.keys()) - RELOADED
    return any(_text(name, one.get(name)) != _text(name, other.get(name)) for name in names)


def _narrowed(selector: str) -> str:
    return f"{selector} && !has({RENEWED_LABEL})"


def _text(name: str, value: object) -> str:
    return "" if value == DEFAULTS.get(name) else rendered(name, value)


def _selected(nodes: Iterable[Node], text: str) -> list[Node]:
    """The nodes that a selector matches, by name."""
    try:
        selector = parse(text)
    except SelectorSyntaxError:
        return []
    return sorted((node for node in nodes if selector.matches(node.effective_labels)), key=lambda node: node.name)


def _renewal(state: ClusterState, present: BGPPeer, wanted: BGPPeer, reflectors: Sequence[Node]) -> Renewal:
    selector = wanted.peer_selector
    name = free_name(state, f"{present.name.removesuffix('-clients')}-renewed")
    return Renewal(
        present=present,
        narrowed=replace(
            present,
            peer_selector=_narrowed(selector),
            spec={**present.spec, "peerSelector": _narrowed(selector)},
        ),
        temporary=peer(name, wanted.node_selector, f"{selector} && has({RENEWED_LABEL})", options_of(wanted)),
        wanted=wanted,
        reflectors=tuple(node.name for node in reflectors),
    )


def _check_unread(state: ClusterState) -> None:
    for name, present in sorted(state.peers.items()):
        if not is_ours(present) and RENEWED_LABEL in f"{present.node_selector} {present.peer_selector}":
            raise PolicyRefusal(
                f"BGPPeer `{name}` selects by the label {RENEWED_LABEL}, which is set and removed while options change",
                hint="let it select by something else",
            )


def labelled(state: ClusterState) -> list[NodeName]:
    """The nodes that carry the label of a renewal, in Kubernetes or in Calico."""
    return [
        name
        for name, node in sorted(state.nodes.items())
        if RENEWED_LABEL in node.labels or RENEWED_LABEL in node.calico_labels
    ]


def renewal_steps(state: ClusterState, changing: Sequence[Renewal]) -> Iterator[Step]:
    """The temporary BGPPeers, the turn of each reflector, and the end of both; or the end of what a run left.

    Raises PolicyRefusal where others read the label.
    """
    moved: dict[NodeName, Node] = {name: state.nodes[name] for name in labelled(state)}
    for renewal in changing:
        there = state.peers.get(renewal.temporary.name)
        if renewal.narrowed != renewal.present:
            yield actions.narrowed_peer(renewal.present, renewal.narrowed)
        if renewal.temporary != there:
            yield actions.temporary_peer(there, renewal.temporary, Phase.RENEWAL_PEERS, Phase.END_OF_RENEWAL)
        for name in renewal.reflectors:
            if name not in moved:
                yield actions.renewed(state.nodes[name], RENEWED_LABEL, RENEWED, renewal.present.name)
                moved[name] = actions.labelled(state.nodes[name], RENEWED_LABEL, RENEWED)
        yield actions.peer(renewal.narrowed, renewal.wanted, Phase.RENEWED)
        yield actions.peer(renewal.temporary, None, Phase.END_OF_RENEWAL)
    if moved:
        _check_unread(state)
        yield actions.end_of_renewal(list(moved.values()), RENEWED_LABEL, merges=not state.in_etcd)
