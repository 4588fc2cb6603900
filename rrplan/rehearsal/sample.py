"""A cluster small enough to rehearse on, with the shape of the whole."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rrplan.bgp.endpoint import endpoint_of
from rrplan.bgp.model import Model
from rrplan.bgp.population import Signature
from rrplan.bgp.profile import Versions
from rrplan.errors import UsageProblem
from rrplan.ids import ActionName, NodeName
from rrplan.planning.promise import states
from rrplan.plans import Plan
from rrplan.plans.gate import Gate
from rrplan.plans.rehearsal import SampledKind
from rrplan.resources import (
    BGPPeer,
    BlockAffinity,
    CalicoNode,
    ClusterState,
    FelixConfiguration,
    HostEndpoint,
    Pod,
    Resource,
)

CLIENT_STEPS = (ActionName.LABEL_CLIENT, ActionName.UNLABEL_CLIENT, ActionName.UNLABEL_NODE)
"""Steps of many nodes alike; every other step of a node is kept with its node."""
PREFIX = "node."


@dataclass(frozen=True, slots=True)
class Sample:
    """Some nodes of a cluster and everything that is not of a node."""

    state: ClusterState
    kept: tuple[SampledKind, ...]


def sample(plan: Plan, state: ClusterState, versions: Versions, count: int, seed: int) -> Sample:
    """At most `count` nodes: those that steps change or BGPPeers name, and some of each other kind.

    Raises UsageProblem where they are too few for that.
    """
    # Of the states in between, their BGPPeers alone matter: to keep them all would take memory by steps and nodes.
    peers: dict[tuple[str, BGPPeer], None] = {}
    end = state
    for end in states(plan, state):
        peers |= dict.fromkeys(end.peers.items())
    every = [peer for _, peer in peers]
    first, last = (Model(end_state, versions, peers=every).population.signature_of for end_state in (state, end))
    singled = _singled(plan, (state, end))
    kinds: defaultdict[tuple[bool, Signature, Signature], list[NodeName]] = defaultdict(list)
    for name in sorted(state.nodes):
        kinds[name in singled, first[name], last[name]].append(name)
    chosen = _chosen(kinds, count, random.Random(seed))
    names = {name for members in chosen.values() for name in members}
    kept = tuple(
        SampledKind(_words(kind, chosen[kind]), str(chosen[kind][0]), len(chosen[kind]), len(members))
        for kind, members in kinds.items()
    )
    return Sample(_only(state, names), kept)


def _singled(plan: Plan, ends: tuple[ClusterState, ClusterState]) -> set[NodeName]:
    """The nodes that somebody names: a step, a reflector's role, a BGPPeer, a BGPConfiguration; at both `ends`."""
    nodes = ends[0].nodes
    kept = {step.node for step in plan.steps if step.node}
    for step in plan.steps:
        if step.action not in CLIENT_STEPS:
            kept |= {NodeName(change.key.name) for change in step.changes}
    by_calico = {node.known_as: name for name, node in nodes.items()}
    by_address = {text: name for name, node in nodes.items() for text in (node.ipv4, node.ipv6, node.host_ip) if text}
    for state in ends:
        kept |= {name for name, node in state.nodes.items() if node.cluster_id}
        of_nodes = [key.removeprefix(PREFIX) for key in state.configurations if key.startswith(PREFIX)]
        of_nodes += [peer.node for peer in state.peers.values()]
        kept |= {by_calico[NodeName(calico_name)] for calico_name in of_nodes if calico_name in by_calico}
        for peer in state.peers.values():
            endpoint = endpoint_of(peer.peer_ip)
            kept |= {by_address[endpoint.address]} if endpoint and endpoint.address in by_address else set()
    return kept & nodes.keys()


def _chosen(
    kinds: Mapping[tuple[bool, Signature, Signature], list[NodeName]], count: int, dice: random.Random
) -> dict[tuple[bool, Signature, Signature], list[NodeName]]:
    """All of those who are singled out, one of every other kind, then two, then by how many they are."""
    wanted = {kind: len(members) if kind[0] else 1 for kind, members in kinds.items()}
    least = sum(wanted.values())
    if least > count:
        singled = sum(len(members) for kind, members in kinds.items() if kind[0])
        raise UsageProblem(
            f"{count} nodes are too few: the plan changes or names {singled}, and there are "
            f"{sum(not kind[0] for kind in kinds)} kinds of other nodes",
            hint=f"give `--nodes {least}` or more",
        )
    total = sum(len(members) for members in kinds.values())
    left = min(count, total) - least
    ordered = sorted(kinds, key=lambda kind: -len(kinds[kind]))
    for kind in ordered:
        if left and len(kinds[kind]) > wanted[kind] == 1:
            wanted[kind] += 1
            left -= 1
    while left:
        kind = max(ordered, key=lambda kind: (len(kinds[kind]) - wanted[kind]) / wanted[kind])
        wanted[kind] += 1
        left -= 1
    return {kind: sorted(dice.sample(members, wanted[kind])) for kind, members in kinds.items()}


def _words(kind: tuple[bool, Signature, Signature], names: list[NodeName]) -> str:
    singled, first, last = kind
    if first.cluster_id and last.cluster_id:
        return "reflectors"
    if last.cluster_id:
        return "nodes that become reflectors"
    if first.cluster_id:
        return "reflectors that become clients"
    return "nodes that the plan or a BGPPeer names" if singled else "clients"


def _only(state: ClusterState, names: set[NodeName]) -> ClusterState:
    def stays(resource: Resource) -> bool:
        match resource:
            case Pod():
                return resource.node in names
            case CalicoNode():
                return NodeName(resource.name) in names
            case HostEndpoint() | BlockAffinity():
                return NodeName(resource.node) in names
            case FelixConfiguration() if resource.name.startswith(PREFIX):
                return NodeName(resource.name.removeprefix(PREFIX)) in names
            case _:
                return True

    everything: Iterable[Resource] = state.others.values()
    return ClusterState(
        {name: node for name, node in state.nodes.items() if name in names},
        state.peers,
        {
            name: configuration
            for name, configuration in state.configurations.items()
            if not name.startswith(PREFIX) or NodeName(name.removeprefix(PREFIX)) in names
        },
        {resource.key: resource for resource in everything if stays(resource)},
    )


def shortened(plan: Plan, stable: int) -> tuple[Plan, tuple[str, ...]]:
    """The plan without what only costs time in a rehearsal, and what that is, in words.

    Gates that hold for longer than `stable` seconds (pauses between waves, the bake) hold for that long.
    """
    left_out: list[str] = []
    if plan.hooks:
        left_out.append("hooks do not run")

    def short(gate: Gate) -> Gate:
        if gate.stable > stable:
            left_out.append(f"{gate.title}: holds for {stable} s, not {gate.stable} s")
        return replace(gate, stable=min(gate.stable, stable))

    steps = tuple(
        replace(
            step,
            gates=tuple(short(gate) for gate in step.gates),
            undo_gates=tuple(short(gate) for gate in step.undo_gates),
        )
        for step in plan.steps
    )
    return replace(plan, steps=steps, hooks=()), tuple(dict.fromkeys(left_out))
