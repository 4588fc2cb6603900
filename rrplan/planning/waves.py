"""Waves: batches of clients that the operator asked to move together, and the objects that exist only meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from rrplan.desired import Desired
from rrplan.desired.ownership import is_ours
from rrplan.desired.peers import RENEWED_LABEL, WAVE_LABEL
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.planning import actions
from rrplan.plans.phase import Phase
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, Node
from rrplan.specs import Spec

IN_WAVE = "in"
"""The value of the label of the waves."""


def waves_of(spec: Spec, state: ClusterState, desired: Desired) -> list[list[NodeName]]:
    """The clients of each wave; the last one has the rest. None where the spec asks for none.

    Raises PolicyRefusal where others read the label: then the states between two labels of a wave are not proved.
    """
    if not spec.rollout.waves:
        return []
    for name, peer in sorted(state.peers.items()):
        if not is_ours(peer) and WAVE_LABEL in f"{peer.node_selector} {peer.peer_selector}":
            raise PolicyRefusal(
                f"BGPPeer `{name}` selects by the label {WAVE_LABEL}, which waves set and remove",
                hint="let it select by something else, or leave `rollout.waves` out",
            )
    reflectors = {placed.node for placed in desired.placed}
    # Nodes that are down come last: a first wave of them alone would try nothing.
    clients = sorted(state.nodes.keys() - reflectors, key=lambda name: (state.nodes[name].ready is False, name))
    waves: list[list[NodeName]] = []
    for size in spec.rollout.waves:
        taken = sum(len(wave) for wave in waves)
        waves.append(clients[taken : taken + size.of(len(clients))])
    rest = clients[sum(len(wave) for wave in waves) :]
    return [wave for wave in [*waves, rest] if wave]


def wave_steps(state: ClusterState, desired: Desired, waves: list[list[NodeName]]) -> Iterator[Step]:
    """The temporary BGPPeers, the waves, and the end of both."""
    for peer in desired.waves:
        if peer != state.peers.get(peer.name):
            yield actions.temporary_peer(state.peers.get(peer.name), peer, Phase.WAVE_PEERS, Phase.END_OF_WAVES)
    for number, names in enumerate(waves, 1):
        yield actions.wave(number, [state.nodes[name] for name in names], WAVE_LABEL, IN_WAVE, len(waves))
    for peer in desired.waves:
        yield actions.peer(peer, None, Phase.END_OF_WAVES)
    moved = [actions.labelled(state.nodes[name], WAVE_LABEL, IN_WAVE) for names in waves for name in names]
    yield actions.end_of_waves(moved, WAVE_LABEL, merges=not state.in_etcd)


def end_of(state: ClusterState, desired: Desired, steps: Sequence[Step]) -> ClusterState:
    """Where the steps must end: what is desired, less what is there for the way only, whoever left it there."""
    target = desired.state
    phases = {step.phase for step in steps}
    labels = {label for phase, label in _TEMPORARY.items() if phase in phases}
    if not labels:
        return target
    nodes = {name: without(node, labels, merges=not state.in_etcd) for name, node in target.nodes.items()}
    temporary = {peer.name for peer in desired.waves} if Phase.END_OF_WAVES in phases else set()
    peers = {name: peer for name, peer in target.peers.items() if name not in temporary}
    return replace(target, nodes=nodes, peers=peers)


_TEMPORARY = {Phase.END_OF_WAVES: WAVE_LABEL, Phase.END_OF_RENEWAL: RENEWED_LABEL}
"""The label that goes in each of these phases."""


def without(node: Node, removed: Set[str], *, merges: bool) -> Node:
    """The node without labels; where Calico `merges` labels of its own, without these there too."""
    if removed.isdisjoint({*node.labels, *node.calico_labels}):
        return node
    labels, own = (
        {name: value for name, value in labels.items() if name not in removed}
        for labels in (node.labels, node.calico_labels)
    )
    return replace(node, labels=labels, calico_labels=own if merges else node.calico_labels)
