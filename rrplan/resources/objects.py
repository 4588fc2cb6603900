"""The kinds that decide about BGP sessions, as frozen values.

Only fields that something in rrplan reads are parsed. `spec` keeps the document as it came where a plan may delete the
object, so that fields nobody here knows survive a deletion that is undone; `origin` keeps for the same end what the
object was made with: uid and creationTimestamp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rrplan.ids import NodeName
from rrplan.resources.key import ResourceKey
from rrplan.resources.version import CalicoVersion

CONTROL_PLANE_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""Kubernetes well-known labels; `master` is the older name (removed in Kubernetes v1.24)."""

CALICO_NODE_LABEL = "rrplan.io/calico-node"
"""Read by the scheduler of calico-node's DaemonSet alone: it belongs to Kubernetes' Node, never to Calico's."""


@dataclass(frozen=True, slots=True, order=True)
class Taint:
    """A taint of a Kubernetes Node: what keeps pods away that do not tolerate it."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def document(self) -> dict[str, str]:
        """The taint as `Node.spec.taints` has it."""
        plain = {"key": self.key, "effect": self.effect}
        return plain | {"value": self.value} if self.value else plain


@dataclass(frozen=True, slots=True)
class Node:
    """A Kubernetes Node together with what Calico knows of it.

    `labels` are Kubernetes' own, `calico_labels` those that only Calico has (annotation
    `projectcalico.org/labels`, or a Calico Node resource). Addresses are without prefix length; "" means
    that the node does not speak BGP in that family. `as_number` None means the global AS number.
    `cluster_id` "" means no route reflector. `ready` None means that nobody told us. `unsynced` are the names of
    Kubernetes labels that Calico's own Node lacks or has with another value, where both were given. `host_ip` is the
    IPv4 address that Kubernetes has for the host, where it was given: pods in the host's network have it.
    `internal_ips` are all of these. The prefix lengths are 0 where Calico's addresses came without one. `name` is
    Kubernetes'; `calico_name` is Calico's where that is another one, else "".
    """

    name: NodeName
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    calico_labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    ipv4: str = ""
    ipv6: str = ""
    as_number: int | None = None
    cluster_id: str = ""
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    ready: bool | None = None
    provider_id: str = ""
    unsynced: tuple[str, ...] = ()
    host_ip: str = ""
    internal_ips: tuple[str, ...] = ()
    calico_name: str = ""
    ipv4_bits: int = field(default=0, compare=False)
    ipv6_bits: int = field(default=0, compare=False)
    ignored: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Annotations that Calico cannot read and therefore ignores, with their text."""
    calico_labels_text: str = field(default="", compare=False)
    """The annotation that `calico_labels` were read from, as it stands there; "" where they come from elsewhere."""
    only_calico: bool = field(default=False, compare=False)
    """Only Calico's own Node was given: nothing is known of its taints, readiness, host."""

    @property
    def known_as(self) -> NodeName:
        """Its name in Calico: in BGPPeers, BGPConfigurations and Calico's own Node."""
        return NodeName(self.calico_name) if self.calico_name else self.name

    @property
    def windows(self) -> bool:
        """Whether it runs Windows, where Calico has no BIRD (Kubernetes well-known label)."""
        return "windows" in (self.labels.get("kubernetes.io/os"), self.labels.get("beta.kubernetes.io/os"))

    @property
    def strange(self) -> tuple[str, ...]:
        """Addresses of Calico that are none of the InternalIPs that Kubernetes has, where it has any of that family."""
        return tuple(
            address
            for address, mark in ((self.ipv4, "."), (self.ipv6, ":"))
            if address
            and address not in self.internal_ips
            and any(mark in internal_ip for internal_ip in self.internal_ips)
        )

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("Node", self.name)

    @property
    def effective_labels(self) -> Mapping[str, str]:
        """What Calico selectors see: Kubernetes' value wins (v3.5.0+, libcalico-go 42dccbd4)."""
        if not self.calico_labels:
            return self.labels
        return {**self.calico_labels, **self.labels}

    @property
    def control_plane(self) -> bool:
        """Whether the node carries a control-plane role label."""
        return any(label in self.labels or label in self.calico_labels for label in CONTROL_PLANE_LABELS)


@dataclass(frozen=True, slots=True)
class BGPConfiguration:
    """`default`, or `node.<name>` for one node (which may only set the listen port and the log level)."""

    name: str
    mesh_enabled: bool | None = None
    as_number: int | None = None
    listen_port: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)
    origin: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("BGPConfiguration", self.name)


@dataclass(frozen=True, slots=True)
class BGPPeer:
    """One BGPPeer; empty strings and None mean "not given".

    All fields are as the document has them: which of `peer_ip`, `peer_selector` and `local_workload_selector` counts
    where several are given depends on Calico's version.
    """

    name: str
    node: str = ""
    node_selector: str = ""
    peer_ip: str = ""
    peer_selector: str = ""
    as_number: int | None = None
    source_address: str = ""
    reverse_peering: str = ""
    local_workload_selector: str = ""
    local_as_number: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)
    origin: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("BGPPeer", self.name)


@dataclass(frozen=True, slots=True)
class IPPool:
    """An address pool; what a lost route means for pods depends on its encapsulation."""

    name: str
    cidr: str
    ipip_mode: str = "Never"
    vxlan_mode: str = "Never"
    disabled: bool = False
    disable_bgp_export: bool = False
    block_size: int = 0
    """Prefix length of its blocks; 0 where it does not say."""
    node_selector: str = ""
    """The nodes that take addresses from it; "" for all."""

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("IPPool", self.name)


@dataclass(frozen=True, slots=True)
class BGPFilter:
    """A named list of import and export rules, as it came (Calico v3.26 and later)."""

    name: str
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("BGPFilter", self.name)


@dataclass(frozen=True, slots=True)
class ClusterInformation:
    """`calicoVersion` is what some node wrote last, not necessarily every node's version."""

    name: str
    calico_version: CalicoVersion | None = None
    cluster_type: str = ""
    datastore_ready: bool | None = None
    guid: str = ""
    """`clusterGUID`, which calico-node makes up once for each cluster."""

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("ClusterInformation", self.name)


@dataclass(frozen=True, slots=True)
class Namespace:
    """Namespace kube-system, whose uid tells clusters apart that have no clusterGUID."""

    name: str
    uid: str = ""

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("Namespace", self.name)


@dataclass(frozen=True, slots=True)
class DaemonSet:
    """A DaemonSet: calico-node's, or one of standalone reflectors (`reflector`: its image is calico/routereflector).

    `typha` is the Service of Typha that it names, "" where it names none, None where a ConfigMap says it.
    `node_selector` are the labels that a node must have for a pod of it, `avoids` those that it must not have (from a
    required node affinity of one term), `affinity` says that it has such an affinity at all.
    """

    name: str
    namespace: str
    calico_version: CalicoVersion | None = None
    backend: str = ""
    typha: str | None = ""
    reflector: bool = False
    node_selector: Mapping[str, str] = field(default_factory=dict, hash=False)
    avoids: tuple[tuple[str, str], ...] = ()
    affinity: bool = False
    router_id: str | None = ""
    """Of calico-node: environment variable CALICO_ROUTER_ID; "" where it is not set or empty, None where its value
    comes from elsewhere (`valueFrom`)."""
    felix_alone: bool = False
    """Its readiness probe asks Felix and no BIRD, and where its backend comes from (a ConfigMap) was not given."""
    update_strategy: str = ""
    image: str = ""
    """Of the first container; "" where it is calico-node's, whose version is known."""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False, compare=False)
    """Of reflectors: whole, so that a deletion can be undone. The API server adds to it, so it is not compared."""

    @property
    def agent(self) -> bool:
        """Whether its pods are calico-node."""
        return not self.reflector and (self.calico_version is not None or self.name == "calico-node")

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("DaemonSet", self.name, self.namespace)


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod on a node; `owner` is the kind of its controller, "" for an unmanaged pod, `owner_name` its name.

    `local_data` says that it has an emptyDir volume, `terminating` that it has been told to end. `ready` is what its
    condition Ready says, where it is a pod of calico-node; None where nobody says.
    """

    name: str
    namespace: str
    node: NodeName
    owner: str = ""
    phase: str = ""
    calico_version: CalicoVersion | None = None
    owner_name: str = ""
    local_data: bool = False
    terminating: bool = False
    ready: bool | None = None

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("Pod", self.name, self.namespace)

    @property
    def drains(self) -> bool:
        """Whether `kubectl drain` would evict it: not a DaemonSet's, not a mirror pod (owner Node), not finished."""
        return self.owner not in ("DaemonSet", "Node") and self.phase not in ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Installation:
    """The operator's Installation; `bgp` is `Enabled`, `Disabled` or "" (not said).

    `dataplane` is `linuxDataplane`, such as `Iptables`, or "".
    """

    name: str
    bgp: str = ""
    dataplane: str = ""

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("Installation", self.name)


@dataclass(frozen=True, slots=True)
class FelixConfiguration:
    """What Felix is told: `default`, or `node.<name>` for one node.

    `program_cluster_routes` names the pools whose routes it programs (v3.32), "" by default.
    """

    name: str
    program_cluster_routes: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)
    origin: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("FelixConfiguration", self.name)


@dataclass(frozen=True, slots=True)
class HostEndpoint:
    """An interface of a host, to which policies apply; it says nothing about BGP, and goes with its node."""

    name: str
    node: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)
    origin: Mapping[str, object] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("HostEndpoint", self.name)


@dataclass(frozen=True, slots=True)
class BlockAffinity:
    """An address block `cidr` that belongs to `node`, by its name in Calico."""

    name: str
    cidr: str
    node: str

    @property
    def key(self) -> ResourceKey:
        """The key under which a cluster state has it."""
        return ResourceKey("BlockAffinity", self.name)


@dataclass(frozen=True, slots=True)
class CalicoNode:
    """Calico's own Node, where etcd keeps it: whole, so that a deletion can be undone.

    What it says of BGP is in `Node` too.
    """

    name: str
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    spec: Mapping[str, object] = field(default_factory=dict, hash=False)
    status: Mapping[str, object] | None = field(default=None, hash=False, compare=False)
    """What calico-node and kube-controllers note there, such as `wireguardPublicKey`; nothing here reads it."""

    @property
    def key(self) -> ResourceKey:
        """Its resource key; the kind is ours, because Kubernetes' Node has the same name."""
        return ResourceKey("CalicoNode", self.name)


Resource = (
    Node
    | BGPConfiguration
    | BGPPeer
    | IPPool
    | BGPFilter
    | ClusterInformation
    | Namespace
    | DaemonSet
    | Pod
    | Installation
    | FelixConfiguration
    | HostEndpoint
    | BlockAffinity
    | CalicoNode
)
