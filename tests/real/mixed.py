"""A cluster whose Calico uses etcd: a real API server that knows nothing of Calico, and an etcd of its own."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.etcd.cluster import in_etcd
from rrplan.adapters.kubernetes.cluster import LiveCluster
from rrplan.ports import Document
from rrplan.resources import Node, decode
from rrplan.resources.node_codec import PREFIX
from tests.real import calicoctl
from tests.real.etcd import EtcdMembers
from tests.real.server import RealServer


class MixedCluster:
    """Both together; `fill` does what kubelets, calico-node and kube-controllers do."""

    def __init__(self, server: RealServer, etcd: EtcdMembers) -> None:
        self.server = server
        self.etcd = etcd
        self._calicoctl: calicoctl.Server | None = None

    def connect(self) -> LiveCluster:
        """A datastore of its own."""
        return in_etcd(self.server.connect(), CalicoEtcd(self.etcd.connect()))

    def connect_by_calicoctl(self) -> LiveCluster:
        """A datastore that calls calicoctl."""
        return in_etcd(self.server.connect(), Calicoctl(self.calicoctl_command()))

    def calicoctl_command(self) -> str:
        """What calls calicoctl."""
        if self._calicoctl is None:
            self._calicoctl = calicoctl.Server(self.etcd.access())
        return self._calicoctl.command

    def stop(self) -> None:
        """End what answers for calicoctl."""
        if self._calicoctl is not None:
            self._calicoctl.stop()

    def calico_config(self, folder: Path) -> Path:
        """calicoctl's configuration file, which leads to this etcd."""
        access = self.etcd.access()
        spec = {
            "datastoreType": "etcdv3",
            "etcdEndpoints": ",".join(access.endpoints),
            "etcdCACertFile": access.ca,
            "etcdCertFile": access.certificate,
            "etcdKeyFile": access.key,
        }
        head = {"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "metadata": {}}
        config = folder / "calicoctl.cfg"
        config.write_text(yaml.safe_dump({**head, "spec": spec}))
        return config

    def fill(self, documents: Sequence[Document]) -> None:
        """Create the objects of a cluster where they belong."""
        ours = ("Node", "Pod", "DaemonSet")
        self.server.fill([_plain(document) for document in documents if document["kind"] in ours])
        self.etcd.fill(documents)

    def clear(self) -> None:
        """Remove everything that tests make."""
        self.server.clear()
        self.etcd.clear()


def _plain(document: Document) -> Document:
    """A Kubernetes Node as the kubelet makes it: Calico with etcd writes nothing to it."""
    if not isinstance(decode(document), Node):
        return document
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    annotations = metadata.get("annotations", {})
    kept = {name: value for name, value in annotations.items() if not name.startswith(PREFIX)}
    return {**document, "metadata": {**metadata, "annotations": kept}}
