"""Where the API server has the objects of each kind: group, version, plural, scope."""

from __future__ import annotations

from dataclasses import dataclass

V3 = "projectcalico.org/v3"
CRD = "crd.projectcalico.org/v1"


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind; `group` "" is Kubernetes' core, and None is Calico's: V3 or CRD, as the cluster serves it."""

    group: str | None
    plural: str
    version: str = "v1"
    namespaced: bool = False

    def api(self, calico: str) -> str:
        """Group and version as documents name them, where Calico's are `calico`."""
        if self.group is None:
            return calico
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = {
    "Node": ResourceKind("", "nodes"),
    "Pod": ResourceKind("", "pods", namespaced=True),
    "ConfigMap": ResourceKind("", "configmaps", namespaced=True),
    "Secret": ResourceKind("", "secrets", namespaced=True),
    "Event": ResourceKind("", "events", namespaced=True),
    "DaemonSet": ResourceKind("apps", "daemonsets", namespaced=True),
    "Lease": ResourceKind("coordination.k8s.io", "leases", namespaced=True),
    "Installation": ResourceKind("operator.tigera.io", "installations"),
    "BGPPeer": ResourceKind(None, "bgppeers"),
    "BGPConfiguration": ResourceKind(None, "bgpconfigurations"),
    "BGPFilter": ResourceKind(None, "bgpfilters"),
    "IPPool": ResourceKind(None, "ippools"),
    "ClusterInformation": ResourceKind(None, "clusterinformations"),
    "FelixConfiguration": ResourceKind(None, "felixconfigurations"),
    "HostEndpoint": ResourceKind(None, "hostendpoints"),
    "BlockAffinity": ResourceKind(None, "blockaffinities"),
    "CalicoNodeStatus": ResourceKind(None, "caliconodestatuses"),
}
"""Every kind that rrplan reads or writes."""


def collection(kind: str, namespace: str = "", *, calico: str = "") -> str:
    """The path of all objects of a kind, of one namespace where one is named."""
    row = KINDS[kind]
    api = row.api(calico)
    assert api, f"{kind} is Calico's, whose group is not known here"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/{'apis' if '/' in api else 'api'}/{api}{within}/{row.plural}"


def namespace(name: str) -> str:
    """The path of a namespace itself."""
    return collection("Pod", name).rpartition("/")[0]
