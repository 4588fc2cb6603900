"""The one type for what a cluster is and for what it shall be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rrplan.ids import NodeName
from rrplan.resources.key import ResourceKey
from rrplan.resources.node_codec import told_by, with_calico, without_calico
from rrplan.resources.objects import BGPConfiguration, BGPPeer, CalicoNode, ClusterInformation, Node, Resource

T = TypeVar("T", bound=Resource)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Resources by `ResourceKey`; immutable, a change gives a new value that shares the rest.

    The three kinds that decide about sessions have a mapping by name of their own; `others` holds the rest.
    """

    nodes: Mapping[NodeName, Node] = field(default_factory=dict, hash=False)
    peers: Mapping[str, BGPPeer] = field(default_factory=dict, hash=False)
    configurations: Mapping[str, BGPConfiguration] = field(default_factory=dict, hash=False)
    others: Mapping[ResourceKey, Resource] = field(default_factory=dict, hash=False)

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> ClusterState:
        """Build a state; of a key that comes twice the last value stays."""
        nodes: dict[NodeName, Node] = {}
        peers: dict[str, BGPPeer] = {}
        configurations: dict[str, BGPConfiguration] = {}
        others: dict[ResourceKey, Resource] = {}
        for resource in resources:
            match resource:
                case Node():
                    nodes[resource.name] = resource
                case BGPPeer():
                    peers[resource.name] = resource
                case BGPConfiguration():
                    configurations[resource.name] = resource
                case _:
                    others[resource.key] = resource
        return cls(nodes, peers, configurations, others)

    def others_of(self, kind: type[T]) -> dict[str, T]:
        """The other resources of one kind that has no namespace, by name."""
        return {key.name: resource for key, resource in self.others.items() if isinstance(resource, kind)}

    @property
    def in_etcd(self) -> bool:
        """Whether Calico keeps its own Nodes, apart from Kubernetes': they were read, and it does not say `kdd`."""
        others = self.others.values()
        return any(isinstance(resource, CalicoNode) for resource in others) and not any(
            isinstance(resource, ClusterInformation) and "kdd" in resource.cluster_type.split(",")
            for resource in others
        )

    def get(self, key: ResourceKey) -> Resource | None:
        """The resource of that key, or None."""
        match key.kind:
            case "Node":
                return self.nodes.get(NodeName(key.name))
            case "BGPPeer":
                return self.peers.get(key.name)
            case "BGPConfiguration":
                return self.configurations.get(key.name)
            case _:
                return self.others.get(key)

    def put(self, resource: Resource) -> ClusterState:
        """The same state with one resource added or replaced."""
        match resource:
            case Node():
                return replace(self, nodes={**self.nodes, resource.name: resource})
            case BGPPeer():
                return replace(self, peers={**self.peers, resource.name: resource})
            case BGPConfiguration():
                return replace(self, configurations={**self.configurations, resource.name: resource})
            case CalicoNode():
                name = told_by(resource).name
                nodes = {**self.nodes, name: with_calico(self.nodes.get(name), resource)}
                return replace(self, nodes=nodes, others={**self.others, resource.key: resource})
            case _:
                return replace(self, others={**self.others, resource.key: resource})

    def remove(self, key: ResourceKey) -> ClusterState:
        """The same state without that resource; a node without its Calico Node does not speak BGP."""
        if key.kind == "BGPPeer":
            return replace(self, peers={name: peer for name, peer in self.peers.items() if name != key.name})
        rest = ClusterState.of(resource for resource in self if resource.key != key)
        gone = self.others.get(key)
        node = rest.nodes.get(told_by(gone).name) if isinstance(gone, CalicoNode) else None
        return rest.put(without_calico(node)) if node else rest

    def __iter__(self) -> Iterator[Resource]:
        """Every resource, sorted by kind and name: the order of our files."""
        for key in sorted(self.others):
            yield self.others[key]
        for configuration in sorted(self.configurations):
            yield self.configurations[configuration]
        for peer in sorted(self.peers):
            yield self.peers[peer]
        for node in sorted(self.nodes):
            yield self.nodes[node]
