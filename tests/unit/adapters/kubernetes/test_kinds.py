"""Paths and API versions of kinds, as Kubernetes' and Calico's API references have them."""

import pytest

from rrplan.adapters.kubernetes.kinds import CRD, KINDS, V3, collection


@pytest.mark.parametrize(
    ("kind", "namespace", "calico", "expected"),
    [
        ("Node", "", "", "/api/v1/nodes"),
        ("Pod", "", "", "/api/v1/pods"),
        ("Pod", "shop", "", "/api/v1/namespaces/shop/pods"),
        ("DaemonSet", "", "", "/apis/apps/v1/daemonsets"),
        ("DaemonSet", "kube-system", CRD, "/apis/apps/v1/namespaces/kube-system/daemonsets"),
        ("Installation", "", "", "/apis/operator.tigera.io/v1/installations"),
        ("Lease", "kube-system", "", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"),
        ("BGPPeer", "", CRD, "/apis/crd.projectcalico.org/v1/bgppeers"),
        ("BGPPeer", "", V3, "/apis/projectcalico.org/v3/bgppeers"),
    ],
)
def test_collection(kind: str, namespace: str, calico: str, expected: str) -> None:
    """The core group has a prefix of its own, and Calico's group is the one that the cluster serves."""
    assert collection(kind, namespace, calico=calico) == expected


def test_group_of_calico_must_be_known() -> None:
    """Where Calico uses etcd, its kinds have no path; to ask for one is a bug."""
    with pytest.raises(AssertionError, match="BGPPeer is Calico's, whose group is not known here"):
        collection("BGPPeer")


def test_api_versions() -> None:
    """As documents write them."""
    assert [KINDS[kind].api(V3) for kind in ("Node", "DaemonSet", "BGPPeer")] == ["v1", "apps/v1", V3]
