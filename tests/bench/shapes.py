"""Clusters whose structure is hard for the model: each name says what makes it so.

`nodes` is the size of the cluster and `parts` how many of the hard things it has (BGPPeers, racks, groups, zones).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from rrplan.bgp.profile import calico_versions
from rrplan.ids import NodeName
from rrplan.planning import draft_plan
from rrplan.plans.plan import SnapshotReference
from rrplan.resources import BGPConfiguration, BGPPeer, CalicoVersion, ClusterState, Node, Resource
from rrplan.snapshots import Snapshot
from rrplan.snapshots.file import write_snapshot
from rrplan.specs import Spec, load

RACK, ZONE, ROLE = "rack", "topology.kubernetes.io/zone", "role"
CALICO = CalicoVersion(3, 30, 7)
MANY = 4_200_000_000
"""Private AS numbers of four bytes begin here."""


@dataclass(frozen=True)
class Shape:
    """A cluster and what is wanted of it."""

    spec: Spec
    snapshot: Snapshot


def plain(nodes: int, parts: int = 3) -> Shape:
    """A mesh becomes two reflectors for each zone; nothing tells nodes apart."""
    return _shape(_nodes(nodes, parts, 2 * parts), _spec(count=2 * parts))


def switches_by_node(nodes: int, parts: int) -> Shape:
    """`parts` nodes have a BGPPeer of their own (`node`) to a switch of their own."""
    peers = [
        _peer(f"switch-{number}", node=f"n{nodes - 1 - number}", peerIP=_outside(number), asNumber=65001)
        for number in range(parts)
    ]
    return _shape([*_nodes(nodes, 3, 6), *peers], _spec(count=6))


def racks_with_switches(nodes: int, parts: int) -> Shape:
    """Each rack has a nodeSelector and a switch of its own; all nodes are in one AS."""
    return _shape([*_nodes(nodes, 3, 6, racks=parts), *_switches(parts)], _spec(count=6))


def racks_with_systems(nodes: int, parts: int) -> Shape:
    """The same, and each rack is an AS of its own; the mesh stays."""
    numbered = [*_nodes(nodes, 3, 0, racks=parts, systems=parts), *_switches(parts)]
    return _shape(numbered, _mesh_spec(), mesh=True)


def racks_to_reflectors(nodes: int, parts: int) -> Shape:
    """Each rack is an AS of its own with a switch, and the nodes of AS 64512 get reflectors."""
    numbered = [*_nodes(nodes, 3, 6, racks=parts, systems=parts), *_switches(parts)]
    return _shape(numbered, _spec(count=6))


def nodes_with_systems(nodes: int, parts: int) -> Shape:
    """`parts` nodes have an AS of their own, and the mesh joins them all; the mesh stays."""
    return _shape(_nodes(nodes, 3, 0, own_systems=parts), _mesh_spec(), mesh=True)


def groups(nodes: int, parts: int) -> Shape:
    """Each of `parts` groups has two reflectors and the clients of its rack; too many paths of a route from five on."""
    return _shape(_nodes(nodes, 3, 2 * parts, racks=parts), _spec(groups=_by_rack(parts)))


def groups_below_three(nodes: int, parts: int) -> Shape:
    """The same groups below three core reflectors."""
    names = [f"n{nodes - place}" for place in (1, 2, 3)]
    core: dict[str, object] = {"name": "core", "clusterID": "2.0.0.0", "nodes": {"names": names}}
    below = [{**group, "parent": "core"} for group in _by_rack(parts)]
    return _shape(_nodes(nodes, 3, 2 * parts, racks=parts), _spec(groups=[core, *below]))


def _by_rack(parts: int) -> list[dict[str, object]]:
    return [
        {
            "name": f"g{number}",
            "clusterID": f"1.0.{number // 256}.{number % 256}",
            "nodes": {"selector": f"role == 'rr' && rack == 'r{number}'", "count": 2},
            "clients": f"rack == 'r{number}'",
        }
        for number in range(parts)
    ]


def zones(nodes: int, parts: int) -> Shape:
    """`parts` zones, of which none may be needed (`zoneResilience`)."""
    return _shape(_nodes(nodes, parts, 6), _spec(count=6, policy={"zoneResilience": True}))


def three_peers_of_each_node(nodes: int, parts: int) -> Shape:
    """`parts` nodes have a BGPPeer of their own to each of three reflectors; the mesh is off, and shall be ours."""
    made = _nodes(nodes, 3, 3, reflecting=True)
    peers = [
        _peer(f"n{index}-{reflector}", node=f"n{index}", peerIP=_address(reflector), asNumber=64512)
        for index in range(3, 3 + parts)
        for reflector in range(3)
    ]
    configuration = BGPConfiguration("default", mesh_enabled=False, spec={"nodeToNodeMeshEnabled": False})
    return _shape([*made, *peers, configuration], _spec(count=3))


SHAPES: dict[str, Callable[[int, int], Shape]] = {
    shape.__name__: shape
    for shape in (
        plain,
        switches_by_node,
        racks_with_switches,
        racks_with_systems,
        racks_to_reflectors,
        nodes_with_systems,
        groups,
        groups_below_three,
        zones,
        three_peers_of_each_node,
    )
}


def _nodes(
    nodes: int,
    in_zones: int,
    candidates: int,
    *,
    racks: int = 0,
    systems: int = 0,
    own_systems: int = 0,
    reflecting: bool = False,
) -> list[Resource]:
    """Nodes in turn in zones and racks; the first `candidates` may reflect."""
    made: list[Resource] = []
    for index in range(nodes):
        labels = {ZONE: f"z{index % in_zones}"}
        rack = index % racks if racks else 0
        if racks:
            labels[RACK] = f"r{rack}"
        if index < candidates:
            labels[ROLE] = "rr"
        as_number = MANY + rack if systems and index >= candidates else None
        if index >= nodes - own_systems:
            as_number = MANY + index
        cluster_id = "224.0.0.1" if reflecting and index < candidates else ""
        name = NodeName(f"n{index}")
        made.append(Node(name, labels, ipv4=_address(index), ready=True, as_number=as_number, cluster_id=cluster_id))
    return made


def _address(index: int) -> str:
    number = index + 1
    return f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"


def _outside(number: int) -> str:
    return f"192.168.{number // 250}.{number % 250 + 1}"


def _switches(racks: int) -> list[BGPPeer]:
    return [
        _peer(f"switch-{rack}", nodeSelector=f"rack == 'r{rack}'", peerIP=_outside(rack), asNumber=65001)
        for rack in range(racks)
    ]


def _peer(name: str, **spec: object) -> BGPPeer:
    number = spec.get("asNumber")
    return BGPPeer(
        name,
        node=str(spec.get("node", "")),
        node_selector=str(spec.get("nodeSelector", "")),
        peer_ip=str(spec.get("peerIP", "")),
        as_number=number if isinstance(number, int) else None,
        spec=spec,
    )


def _spec(count: int = 0, groups: list[dict[str, object]] | None = None, **body: object) -> dict[str, object]:
    main = {"name": "main", "nodes": {"selector": "role == 'rr'", "count": count, "spreadOver": ZONE}}
    shared = {} if groups else {"clusterID": "224.0.0.1"}
    return {"topology": "route-reflectors", **shared, "groups": groups or [main], "drain": True, **body}


def _mesh_spec() -> dict[str, object]:
    return {"topology": "full-mesh"}


def _shape(resources: Iterable[Resource], body: dict[str, object], *, mesh: bool = False) -> Shape:
    return Shape(load(yaml.safe_dump(_document(body)).encode(), "spec.yaml"), Snapshot(ClusterState.of(resources)))


def write_plain(nodes: int) -> None:
    """Write `snapshot.json` and `many.yaml` here: a mesh of plain nodes that gets 60 reflectors in 20 zones."""
    body = _spec(count=60)
    Path("snapshot.json").write_bytes(write_snapshot(_shape(_nodes(nodes, 20, 60), body).snapshot))
    Path("many.yaml").write_text(yaml.safe_dump(_document(body)))


def _document(body: dict[str, object]) -> dict[str, object]:
    return {"apiVersion": "rrplan.io/v1", "kind": "BGPTopology", "metadata": {"name": "shape"}, "spec": body}


def main() -> None:
    """Plan and prove one shape: its name, how many nodes, how many parts."""
    name, nodes, parts = sys.argv[1:]
    shape = SHAPES[name](int(nodes), int(parts))
    state = shape.snapshot.state
    draft_plan(shape.spec, state, calico_versions(state, CALICO), SnapshotReference("", None, CALICO))


if __name__ == "__main__":
    main()
