"""What others made that serves the same purpose as ours: what a spec takes over of it, and what stays."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rrplan.desired.joining import Joining, Members, PairCount, Sides, count_pairs
from rrplan.desired.labelling import DOMAIN
from rrplan.desired.options import mesh_options, options_of, same_value, worded
from rrplan.desired.ownership import OURS, is_ours
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import ClusterState, DaemonSet, IPPool, Node
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Adopt, Spec
from rrplan.specs.labels import is_reserved
from rrplan.text import listed


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a spec takes over: BGPPeers, labels and reflectors of others, and what there is to say about it."""

    peers: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    reflectors: frozenset[NodeName] = frozenset()
    notices: tuple[str, ...] = ()

    def claimed(self, state: ClusterState) -> ClusterState:
        """The state in which these BGPPeers are ours."""
        peers = {
            name: replace(peer, labels={**peer.labels, **OURS}) if name in self.peers else peer
            for name, peer in state.peers.items()
        }
        return replace(state, peers=peers) if self.peers else state

    def without_labels(self, node: Node, *, merges: bool) -> Node:
        """A node without the labels that are taken over; `merges` says that Calico adds labels of its own."""
        if self.labels.isdisjoint(node.effective_labels):
            return node
        return replace(
            node,
            labels={name: value for name, value in node.labels.items() if name not in self.labels},
            calico_labels={
                name: value for name, value in node.calico_labels.items() if name not in self.labels or not merges
            },
        )


@dataclass(frozen=True, slots=True)
class Left:
    """What others made, serves the same purpose and stays.

    `labels` are the nodes that carry each, `instead` the BGPPeers that rrplan does not make because of one that stays.
    """

    peers: tuple[str, ...] = ()
    labels: Mapping[str, tuple[NodeName, ...]] = field(default_factory=dict, hash=False)
    reflectors: tuple[NodeName, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict, hash=False)
    pairs: PairCount = field(default_factory=PairCount)

    def __bool__(self) -> bool:
        return bool(self.peers or self.labels or self.reflectors)


def adopted_by(spec: Spec, state: ClusterState, placed: Collection[NodeName]) -> Adopted:
    """What a spec takes over; raises PolicyRefusal for what is ours already, and for labels that others read.

    What it names and is not there is told only: after the plan was carried out none of it is.
    """
    adopt = spec.adopt
    if adopt is None:
        return Adopted()
    joining = Joining(state.nodes)
    serving = _serving(state, joining)
    peers = {name for name in adopt.peers if name in state.peers}
    own = sorted(name for name in peers if is_ours(state.peers[name]))
    if own:
        raise PolicyRefusal(
            f"`adopt` names BGPPeer `{own[0]}`, which is rrplan's own already",
            hint="remove it from `adopt`: rrplan changes and deletes its BGPPeers by itself",
        )
    labels = {key for key in adopt.labels if joining.carriers(key)}
    reflectors = {NodeName(name) for name in adopt.reflectors if NodeName(name) in state.nodes}
    chosen = sorted(reflectors & set(placed))
    if chosen:
        raise PolicyRefusal(
            f"node `{chosen[0]}` was chosen to reflect, and `adopt` says that it stops",
            hint="remove it from `adopt`, or choose other nodes",
        )
    if adopt.reflection:
        peers |= serving.keys()
        labels |= _reflector_labels(spec, state, joining, serving).keys()
        reflectors |= {name for name, node in state.nodes.items() if node.cluster_id and name not in placed}
    for key in sorted(labels):
        reader = next((reader for reader, keys in _readers(spec, state, peers) if key in keys), None)
        if reader is not None:
            raise PolicyRefusal(
                f"`adopt` takes label `{key}` over, and {reader} reads it",
                hint="let that select by something else first, take it over too, or leave the label out of `adopt`",
            )
    return Adopted(frozenset(peers), frozenset(labels), frozenset(reflectors), tuple(_missing(adopt, state, joining)))


def not_kept(adopted: Adopted, state: ClusterState, target: ClusterState) -> list[str]:
    """Options of BGPPeers that are taken over and that nothing of ours has: a notice for each kind."""
    ours = [mesh_options(target), *(options_of(peer) for peer in target.peers.values() if is_ours(peer))]
    names: dict[str, list[str]] = {}
    for name in sorted(adopted.peers):
        options = options_of(state.peers[name])
        lost = {
            option: value
            for option, value in options.items()
            if not any(same_value(have.get(option), value) for have in ours)
        }
        if lost:
            names.setdefault(worded(lost), []).append(f"`{name}`")
    return [
        f"not kept from BGPPeer{'s' if len(peers) > 1 else ''} {listed(peers)}: {what}" for what, peers in names.items()
    ]


def left_by_others(spec: Spec, state: ClusterState, target: ClusterState, instead: Mapping[str, str]) -> Left:
    """What stays in `target` of what others made in `state`, and what that costs."""
    joining, before = Joining(target.nodes), Joining(state.nodes)
    serving = _serving(target, joining)
    labels = _reflector_labels(spec, state, before, _serving(state, before))
    kept = {key: tuple(sorted(joining.carriers(key))) for key in labels}
    default = target.configurations.get("default")
    mesh = default is None or default.mesh_enabled is not False
    meshed: Members = frozenset(name for name, node in target.nodes.items() if mesh and not node.cluster_id)
    ours = [joining.sides(peer) for peer in target.peers.values() if is_ours(peer)]
    return Left(
        tuple(sorted(serving)),
        {key: names for key, names in sorted(kept.items()) if names},
        tuple(sorted(_others_reflectors(spec, state, target))),
        instead,
        count_pairs(serving.values(), ours, meshed),
    )


def _others_reflectors(spec: Spec, state: ClusterState, target: ClusterState) -> Iterator[NodeName]:
    """Nodes whose cluster ID the spec says nothing about: neither their label nor their cluster ID is ours."""
    for name, node in target.nodes.items():
        own = {node.cluster_id} <= {spec.cluster_id_of(group) for group in spec.groups}
        labelled = spec.label_key in node.effective_labels
        if node.cluster_id and node.cluster_id == state.nodes[name].cluster_id and not (own and labelled):
            yield name


def _serving(state: ClusterState, joining: Joining) -> dict[str, Sides]:
    """The BGPPeers of others whose sessions are all between nodes, with the nodes that they join."""
    return {
        name: joining.sides(peer)
        for name, peer in sorted(state.peers.items())
        if not is_ours(peer) and joining.inside(peer)
    }


def _reflector_labels(
    spec: Spec, state: ClusterState, joining: Joining, serving: Mapping[str, Sides]
) -> dict[str, Members]:
    """The labels by which these BGPPeers alone know reflectors, with the nodes that carry them.

    Every node that carries such a label is meant as peer by it, on nodes of which some do not carry it.
    """
    read = {key for _, keys in _readers(spec, state, serving) for key in keys}
    found: dict[str, set[NodeName]] = {}
    for name, (near, far) in serving.items():
        for key in _labels_of(state.peers[name].peer_selector):
            carriers = joining.carriers(key)
            if far and far <= carriers and not near <= carriers:
                found.setdefault(key, set()).update(far)
    return {
        key: joining.carriers(key)
        for key, meant in found.items()
        if meant == joining.carriers(key) and key not in read and not _spared(spec, key)
    }


def _spared(spec: Spec, key: str) -> bool:
    """Labels that are ours, or Kubernetes'."""
    return key == spec.label_key or key.startswith(DOMAIN) or is_reserved(key)


def _readers(spec: Spec, state: ClusterState, but: Collection[str]) -> Iterator[tuple[str, Collection[str]]]:
    """Who reads labels of nodes, and which: the spec, BGPPeers other than `but` and ours, pools, DaemonSets."""
    for group in spec.groups:
        yield f"`nodes.selector` of group `{group.name}`", _labels_of(group.nodes.selector)
        yield f"`clients` of group `{group.name}`", _labels_of(group.clients or "")
        yield f"`nodes.spreadOver` of group `{group.name}`", [group.nodes.spread_over or ""]
    for name, peer in sorted(state.peers.items()):
        if name not in but and not is_ours(peer):
            yield f"BGPPeer `{name}`", _labels_of(peer.node_selector) | _labels_of(peer.peer_selector)
    for resource in state.others.values():
        if isinstance(resource, IPPool):
            yield f"IPPool `{resource.name}`", _labels_of(resource.node_selector)
        elif isinstance(resource, DaemonSet):
            keys = {*resource.node_selector, *(key for key, _ in resource.avoids)}
            yield f"DaemonSet `{resource.namespace}/{resource.name}`", keys


def _labels_of(selector: str) -> frozenset[str]:
    try:
        return parse(selector).labels if selector else frozenset()
    except SelectorSyntaxError:
        return frozenset()


def _missing(adopt: Adopt, state: ClusterState, joining: Joining) -> Iterator[str]:
    """What is named and not there, with what may be meant."""
    foreign = [name for name, peer in state.peers.items() if not is_ours(peer)]
    keys = {key for node in state.nodes.values() for key in node.effective_labels}
    named: list[tuple[str, Iterable[str], Collection[str]]] = [
        ("BGPPeer", [name for name in adopt.peers if name not in state.peers], foreign),
        ("label", [key for key in adopt.labels if not joining.carriers(key)], keys),
        ("node", [name for name in adopt.reflectors if NodeName(name) not in state.nodes], [*state.nodes]),
    ]
    for what, names, known in named:
        for name in names:
            close = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean `{close[0]}`?" if close else ""
            yield f"`adopt` names {what} `{name}`, which is not there (any more){meant}"
