"""Where the API server has the objects of each kind: group, version, plural, scope."""

from __future__ import annotations

from dataclasses import dataclass

V3 = "projectcalico.org/v3"
CRD = "crd.projectcalico.org/v1"


@dataclass(frozen=True, slots=True)
class Kind:
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
    "Node": Kind("", "nodes"),
    "Pod": Kind("", "pods", namespaced=True),
    "ConfigMap": Kind("", "configmaps", namespaced=True),
    "Secret": Kind("", "secrets", namespaced=True),
    "Event": Kind("", "events", namespaced=True),
    "DaemonSet": Kind("apps", "daemonsets", namespaced=True),
    "Lease": Kind("coordination.k8s.io", "leases", namespaced=True),
    "Installation": Kind("operator.tigera.io", "installations"),
    "BGPPeer": Kind(None, "bgppeers"),
    "BGPConfiguration": Kind(None, "bgpconfigurations"),
    "BGPFilter": Kind(None, "bgpfilters"),
    "IPPool": Kind(None, "ippools"),
    "ClusterInformation": Kind(None, "clusterinformations"),
    "FelixConfiguration": Kind(None, "felixconfigurations"),
    "HostEndpoint": Kind(None, "hostendpoints"),
    "BlockAffinity": Kind(None, "blockaffinities"),
    "CalicoNodeStatus": Kind(None, "caliconodestatuses"),
}
"""Every kind that rrplan reads or writes."""


def collection(kind: str, namespace: str = "", *, calico: str = "") -> str:
    """The path of all objects of a kind, of one namespace where one is named."""
    row = KINDS[kind]
    api = row.api(calico)
    assert api, f"{kind} is Calico's, whose group is not known here"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/{'apis' if '/' in api else 'api'}/{api}{within}/{row.plural}"
