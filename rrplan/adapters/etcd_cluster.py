"""A cluster whose Calico keeps its data in etcd: Kubernetes' objects from its API, Calico's from etcd, nodes joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rrplan.adapters.etcd import CalicoEtcd
from rrplan.adapters.live import LiveCluster
from rrplan.ports import Document, Stored
from rrplan.resources import CalicoNode, Node, decode, encode
from rrplan.resources.documents import patched
from rrplan.resources.node_codec import calico_annotations, joined


class EtcdCluster:
    """What a snapshot needs of it; `kubernetes` reads no resources of Calico."""

    def __init__(self, kubernetes: LiveCluster, calico: CalicoEtcd) -> None:
        self._kubernetes = kubernetes
        self._calico = calico

    @property
    def notices(self) -> list[str]:
        """What could not be read."""
        return self._kubernetes.notices

    def everything(self) -> Sequence[Stored]:
        """All resources that a snapshot needs; a Node says what its Calico Node says of BGP."""
        calico = self._calico.everything()
        own = {one.name: one for stored in calico if isinstance(one := decode(stored.document), CalicoNode)}
        found = [self._joined(stored, own) for stored in self._kubernetes.everything()]
        return [*found, *self._alone(found, own), *calico]

    @staticmethod
    def _joined(stored: Stored, own: Mapping[str, CalicoNode]) -> Stored:
        node = decode(stored.document) if stored.document.get("kind") == "Node" else None
        if not isinstance(node, Node) or node.name not in own:
            return stored
        told = {"metadata": {"annotations": calico_annotations(joined(node, own[node.name]))}}
        return Stored(patched(stored.document, told), stored.version)

    @staticmethod
    def _alone(found: Sequence[Stored], own: Mapping[str, CalicoNode]) -> Iterator[Stored]:
        """Calico Nodes without a Kubernetes Node: others mesh with them all the same."""
        present = {_name(stored.document) for stored in found if stored.document.get("kind") == "Node"}
        for name in own.keys() - present:
            document = encode(own[name])
            node = decode({**document, "kind": "Node"})
            assert node is not None
            yield Stored(encode(node), "")


def _name(document: Document) -> object:
    metadata = document.get("metadata")
    return metadata.get("name") if isinstance(metadata, Mapping) else None
