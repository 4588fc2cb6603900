"""A live cluster whose Calico keeps its resources in etcd, reached directly or by way of calicoctl."""

from __future__ import annotations

from rrplan.adapters.etcd.split_nodes import EtcdNodes
from rrplan.adapters.kubernetes.cluster import LiveCluster
from rrplan.adapters.kubernetes.objects import KubernetesObjects
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.ports import SeparateCalico


def in_etcd(server: ApiServer, calico: SeparateCalico) -> LiveCluster:
    """The cluster behind an API server whose Calico keeps its resources in `calico`."""
    kubernetes = KubernetesObjects(server)
    return LiveCluster(kubernetes, calico, EtcdNodes(kubernetes, calico))
