"""Topologies of a size: a cluster with the objects that a plan would make, and the sessions of each role in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product

from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.speaker import DEFAULT_AS, Family
from rrplan.bgp.zoned import NO_ZONE, Links, Place, Role, Zoned
from rrplan.desired import compile_desired
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, ClusterState, Node
from rrplan.specs import Spec, load
from rrplan.specs.model import ZONE_LABEL


class Topology(StrEnum):
    """What is compared."""

    MESH = "full-mesh"
    ONE_LEVEL = "one-level"
    TWO_LEVELS = "two-levels"


@dataclass(frozen=True, slots=True)
class Size:
    """How large the cluster is: `nodes` are all of them, reflectors included.

    `core_reflectors` are there with two levels alone; `blocks` are the address blocks of each node.
    """

    nodes: int
    zones: int
    reflectors_per_zone: int
    core_reflectors: int
    blocks: int = 1

    def reflectors(self, topology: Topology) -> int:
        """How many nodes reflect."""
        if topology is Topology.MESH:
            return 0
        core = self.core_reflectors if topology is Topology.TWO_LEVELS else 0
        return self.zones * self.reflectors_per_zone + core

    def fits(self, topology: Topology) -> bool:
        """Whether there is a node for every reflector, and one more for each zone."""
        least = 1 if topology is Topology.MESH else self.reflectors(topology) + self.zones
        return self.nodes >= least


def zoned_of(topology: Topology, size: Size) -> Iterator[Zoned]:
    """The cluster, once for each pair of numbers of nodes that its first two zones may have; these differ by one."""
    links = links_of(topology)
    if topology is Topology.MESH:
        yield Zoned(links, DEFAULT_AS, 1, size.nodes, 0, 0, (size.nodes, 0))
        return
    core = size.core_reflectors if topology is Topology.TWO_LEVELS else 0
    nodes = size.nodes - size.reflectors(topology)
    fewer, larger = divmod(nodes, size.zones)
    zones = {fewer + 1: larger, fewer: size.zones - larger}
    for first, second in product(zones, zones):
        if zones[first] < 1 or (size.zones > 1 and zones[second] < 1 + (first == second)):
            continue
        if size.zones == 1 and second != first:
            continue
        yield Zoned(
            links,
            DEFAULT_AS,
            size.zones,
            nodes,
            size.reflectors_per_zone,
            core,
            (first, size.reflectors_per_zone),
            second,
        )


def compiled(topology: Topology, size: Size) -> ClusterState:
    """A cluster of this topology as a plan would leave it, with a Node for each node."""
    nodes: list[Node] = []
    core: list[str] = []
    reflectors: dict[str, list[str]] = {f"zone-{zone}": [] for zone in range(size.zones)}

    def make(name: str, zone: str) -> str:
        number = len(nodes) + 1
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        nodes.append(Node(NodeName(name), {ZONE_LABEL: zone} if zone else {}, ipv4=address, ready=True))
        return name

    if topology is not Topology.MESH:
        for zone in reflectors:
            reflectors[zone] = [make(f"{zone}-reflector-{n}", zone) for n in range(size.reflectors_per_zone)]
    if topology is Topology.TWO_LEVELS:
        core = [make(f"core-{n}", "") for n in range(size.core_reflectors)]
    for number in range(size.nodes - size.reflectors(topology)):
        zone = f"zone-{number % size.zones}"
        make(f"{zone}-node-{number // size.zones}", zone)
    mesh = BGPConfiguration("default", mesh_enabled=True, spec={"nodeToNodeMeshEnabled": True})
    state = ClusterState.of([*nodes, mesh])
    if topology is Topology.MESH:
        return state
    return compile_desired(_spec(reflectors, core), state, calico_versions(state)).state


def _spec(reflectors: Mapping[str, Sequence[str]], core: Sequence[str]) -> Spec:
    parent = {"parent": "core"} if core else {}
    groups: list[dict[str, object]] = [
        {
            "name": zone,
            "clusterID": f"10.0.{number >> 8}.{number & 255}",
            "nodes": {"names": [*names]},
            "clients": f"{ZONE_LABEL} == '{zone}'",
            **parent,
        }
        for number, (zone, names) in enumerate(reflectors.items(), 1)
    ]
    if core:
        groups.append({"name": "core", "clusterID": "11.0.0.1", "nodes": {"names": [*core]}})
    document = {
        "apiVersion": "rrplan.io/v1",
        "kind": "BGPTopology",
        "metadata": {"name": "simulated"},
        "spec": {"topology": "route-reflectors", "groups": groups},
    }
    return load(json.dumps(document).encode(), "simulated")


@cache
def links_of(topology: Topology) -> Links:
    """The sessions of each role: two of everything show them all."""
    nodes = 2 if topology is Topology.MESH else 8 if topology is Topology.ONE_LEVEL else 10
    state = compiled(topology, Size(nodes, 1 if topology is Topology.MESH else 2, 2, 2))
    model = Model(state, calico_versions(state))
    view = model.view()
    table = view.holdings[Family.IPV4]

    def block(name: str) -> int:
        return table.blocks.of[view.index(model.population.signature_of[NodeName(name)])]

    names = {
        Place(Role.NODE, 0): "zone-0-node-0",
        Place(Role.NODE, 1): "zone-1-node-0",
        Place(Role.ZONE, 0): "zone-0-reflector-0",
        Place(Role.ZONE, 1): "zone-1-reflector-0",
        Place(Role.CORE, NO_ZONE): "core-0",
    }
    blocks = {place: block(name) for place, name in names.items() if NodeName(name) in state.nodes}
    return {
        (here.role, there.role, here.zone == there.zone): links[0]
        for here, there in product(blocks, blocks)
        if (links := table.links(blocks[here], blocks[there]))
    }
