"""UCP's cluster with everything that Calico keeps for one host: what goes when its Calico Node is deleted."""

from rrplan.ports import Document
from rrplan.resources import CalicoVersion, ClusterInformation, encode
from rrplan.sandbox import ucp_cluster

HOST = "rr-1"
STEP = f"delete-calico-node/{HOST}"
STATUS = {"wireguardPublicKey": "jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=", "podCIDRs": ["192.168.200.0/26"]}


def of_host(kind: str, name: str, host: str = HOST, **spec: object) -> Document:
    """An object of a host, with what somebody noted on it."""
    metadata = {
        "name": name,
        "uid": f"uid-of-{name}",
        "creationTimestamp": "2024-05-06T07:08:09Z",
        "labels": {"team": "net"},
        "annotations": {"ticket": "4711"},
    }
    named = {"node": host} if kind in ("BGPPeer", "HostEndpoint") else {}
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": {**named, **spec}}


def objects(host: str = HOST) -> list[Document]:
    """Of each kind one; the BGPPeer leads to worker-001."""
    return [
        of_host("BGPPeer", f"backup-{host}", host, peerIP="172.31.0.4", asNumber=64512),
        of_host("FelixConfiguration", f"node.{host}", logSeverityScreen="Warning", reportingInterval="0s"),
        of_host("BGPConfiguration", f"node.{host}", logSeverityScreen="Debug"),
        of_host("HostEndpoint", f"{host}-eth0", host, interfaceName="eth0"),
    ]


def cluster(version: CalicoVersion | None = None, workers: int = 4) -> list[Document]:
    """Two candidates; objects of the first one and of a worker; the Calico Node of the first one has a status."""
    found: list[Document] = []
    for document in ucp_cluster(workers):
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        if document["kind"] == "CalicoNode" and metadata["name"] == HOST:
            document = {**document, "metadata": {**metadata, "uid": "uid-of-the-node"}, "status": STATUS}
        if document["kind"] == "ClusterInformation" and version is not None:
            document = encode(ClusterInformation("default", version, "k8s,bgp", datastore_ready=True))
        found.append(document)
    return [*found, *objects(), *objects("worker-002")]
