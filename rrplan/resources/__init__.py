"""Calico and Kubernetes objects as frozen values.

Documents (what `kubectl` and `calicoctl` print) come in through `decode`, go out through `encode`, and in
between are values that can be compared, changed and put into a `ClusterState`. Nothing here reads a
cluster, and nothing here knows what a session is.
"""

from rrplan.resources.decoding import DecodeProblem, decode, key_of
from rrplan.resources.encoding import encode, original, public, without_secrets
from rrplan.resources.identity import ClusterIdentity
from rrplan.resources.key import ResourceKey
from rrplan.resources.objects import (
    CALICO_NODE_LABEL,
    BGPConfiguration,
    BGPFilter,
    BGPPeer,
    BlockAffinity,
    CalicoNode,
    ClusterInformation,
    DaemonSet,
    FelixConfiguration,
    HostEndpoint,
    Installation,
    IPPool,
    Namespace,
    Node,
    Pod,
    Resource,
    Taint,
)
from rrplan.resources.state import ClusterState
from rrplan.resources.version import CalicoVersion

__all__ = [
    "CALICO_NODE_LABEL",
    "BGPConfiguration",
    "BGPFilter",
    "BGPPeer",
    "BlockAffinity",
    "CalicoNode",
    "CalicoVersion",
    "ClusterIdentity",
    "ClusterInformation",
    "ClusterState",
    "DaemonSet",
    "DecodeProblem",
    "IPPool",
    "FelixConfiguration",
    "HostEndpoint",
    "Installation",
    "Namespace",
    "Node",
    "Pod",
    "Resource",
    "ResourceKey",
    "Taint",
    "decode",
    "encode",
    "key_of",
    "original",
    "public",
    "without_secrets",
]
