"""The two shapes of a node: core/v1 with Calico's annotations, and Calico's own Node resource.

Sources: libcalico-go/lib/backend/k8s/resources/node.go (annotations), libcalico-go/lib/apis/v3/node.go (the resource).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rrplan.ids import NodeName
from rrplan.resources.names import check_taint
from rrplan.resources.objects import CALICO_NODE_LABEL, CalicoNode, Node, Taint
from rrplan.resources.reading import (
    DecodeProblem,
    Reader,
    json_object,
    json_strings,
    parse_address,
    parse_as_number,
    parse_decimal,
)

PREFIX = "projectcalico.org/"
CLUSTER_ID_ANNOTATION = PREFIX + "RouteReflectorClusterID"
IPV4_ANNOTATION = PREFIX + "IPv4Address"
IPV6_ANNOTATION = PREFIX + "IPv6Address"
AS_ANNOTATION = PREFIX + "ASNumber"
LABELS_ANNOTATION = PREFIX + "labels"
KUBE_LABELS_ANNOTATION = PREFIX + "kube-labels"
KUBERNETES_TAINT = "node.kubernetes.io/"
"""Taints that Kubernetes itself sets and removes, by conditions and by `spec.unschedulable`; nobody else's business."""
ADDRESSES = (IPV4_ANNOTATION, IPV6_ANNOTATION)
BROADCAST = "255.255.255.255"
CALICO_NAME_ANNOTATION = "rrplan.io/calico-name"
"""Only in our snapshot files: the name of a node in Calico, where that is not its name in Kubernetes."""
UNSYNCED_ANNOTATION = "rrplan.io/unsynced-labels"
"""Only in our snapshot files: what the two shapes of one node said differently."""
ONLY_CALICO_ANNOTATION = "rrplan.io/only-calico"
"""Only in our snapshot files: no Kubernetes Node was given for a node of Calico."""


def decode_node(reader: Reader, *, calico: bool) -> Node:
    """A Node from either shape; raises DecodeProblem."""
    return _calico_node(reader) if calico else _kubernetes_node(reader)


def _kubernetes_node(reader: Reader) -> Node:
    metadata = reader.child("metadata")
    annotations = metadata.child("annotations")
    spec = reader.child("spec")
    ignored: dict[str, str] = {}
    addresses = [_address(annotations, name, 4 + 2 * six, ignored, name) for six, name in enumerate(ADDRESSES)]
    labels = annotations.text(LABELS_ANNOTATION)
    hidden = _labels_of(labels)
    if labels and hidden is None:
        ignored[LABELS_ANNOTATION] = labels
    _kube_labels(annotations, ignored)
    return Node(
        name=metadata.node_name("name"),
        labels=metadata.strings("labels"),
        calico_labels=hidden or {},
        calico_labels_text=labels if hidden else "",
        ipv4=addresses[0],
        ipv6=addresses[1],
        as_number=_as_number(annotations, ignored),
        cluster_id=annotations.text(CLUSTER_ID_ANNOTATION),
        taints=tuple(_taints(spec)),
        unschedulable=bool(spec.boolean("unschedulable")),
        ready=ready_condition(reader),
        provider_id=spec.text("providerID"),
        unsynced=tuple(annotations.text(UNSYNCED_ANNOTATION).split()),
        host_ip=_host_ip(reader),
        internal_ips=_internal_ips(reader),
        calico_name=annotations.text(CALICO_NAME_ANNOTATION),
        ipv4_bits=_bits(annotations.text(IPV4_ANNOTATION)) if addresses[0] else 0,
        ipv6_bits=_bits(annotations.text(IPV6_ANNOTATION)) if addresses[1] else 0,
        ignored=ignored,
        only_calico=ONLY_CALICO_ANNOTATION in annotations.document,
    )


def _taints(spec: Reader) -> Iterator[Taint]:
    for taint in spec.children("taints"):
        check_taint(taint)
        if not taint.text("key").startswith(KUBERNETES_TAINT):
            yield Taint(taint.text("key"), taint.text("value"), taint.text("effect"))


def _as_number(annotations: Reader, ignored: dict[str, str]) -> int | None:
    """The AS number of the annotation; Calico logs one that it cannot read, and goes on (node.go, v3.12 to v3.32)."""
    as_text = annotations.document.get(AS_ANNOTATION)
    if isinstance(as_text, str) and as_text and parse_as_number(as_text) is None:
        ignored[AS_ANNOTATION] = annotations.text(AS_ANNOTATION)
        return None
    return annotations.as_number(AS_ANNOTATION)


def _labels_of(text: str) -> dict[str, str] | None:
    """What Go reads into a map from string to string; None for anything else (and for `null`, which is no labels)."""
    return json_strings(json_object(text))


def _kube_labels(annotations: Reader, ignored: dict[str, str]) -> dict[str, str]:
    """Which labels kube-controllers has copied from Kubernetes; a text that cannot be read says nothing of them."""
    text = annotations.text(KUBE_LABELS_ANNOTATION)
    known = _labels_of(text)
    if text and known is None:
        ignored[KUBE_LABELS_ANNOTATION] = text
    return known or {}


def _bits(text: str) -> int:
    """The prefix length of `10.0.0.1/24`; 0 where there is none."""
    bits = text.partition("/")[2]
    return parse_decimal(bits) or 0


def _internal_ips(reader: Reader) -> tuple[str, ...]:
    internal = [
        address.text("address")
        for address in reader.child("status").children("addresses")
        if address.text("type") == "InternalIP"
    ]
    return tuple(parsed for text in internal for version in (4, 6) if (parsed := parse_address(text, version)))


def _host_ip(reader: Reader) -> str:
    """The first IPv4 address of type InternalIP: what `status.podIP` is for pods in the host's network."""
    for address in reader.child("status").children("addresses"):
        parsed = parse_address(address.text("address"), 4) if address.text("type") == "InternalIP" else None
        if parsed:
            return parsed
    return ""


def ready_condition(reader: Reader) -> bool | None:
    """Condition Ready of a Node or a Pod; `Unknown` is not ready, None means that nobody says."""
    for condition in reader.child("status").children("conditions"):
        if condition.text("type") == "Ready":
            return condition.text("status") == "True"
    return None


def _calico_node(reader: Reader) -> Node:
    metadata = reader.child("metadata")
    bgp = reader.child("spec").child("bgp")
    labels = metadata.strings("labels")
    own = metadata.node_name("name")
    name = kubernetes_name(reader) or own
    ignored: dict[str, str] = {}
    copied: dict[str, str] = {}
    known = _kube_labels(metadata.child("annotations"), copied)
    ipv4 = _address(bgp, "ipv4Address", 4, ignored, IPV4_ANNOTATION)
    ipv6 = _address(bgp, "ipv6Address", 6, ignored, IPV6_ANNOTATION)
    node = Node(
        name=name,
        calico_name=own if name != own else "",
        labels={name: value for name, value in labels.items() if name in known},
        calico_labels={name: value for name, value in labels.items() if name not in known},
        ipv4=ipv4,
        ipv6=ipv6,
        as_number=bgp.as_number("asNumber"),
        cluster_id=bgp.text("routeReflectorClusterID"),
        ipv4_bits=_bits(bgp.text("ipv4Address")) if ipv4 else 0,
        ipv6_bits=_bits(bgp.text("ipv6Address")) if ipv6 else 0,
        only_calico=True,
        ignored=copied,
    )
    if ignored:
        # confd leaves out a Calico Node with an address that it cannot read, whole (client.go onUpdates, v3.32).
        none = replace(node, ipv4="", ipv6="", as_number=None, cluster_id="", ipv4_bits=0, ipv6_bits=0)
        return replace(none, ignored={**copied, **ignored})
    return node


def kubernetes_name(calico: Reader) -> NodeName:
    """What Kubernetes calls the node of a Calico Node; "" where that does not say (libcalico-go OrchRef)."""
    for reference in calico.child("spec").children("orchRefs"):
        if reference.text("orchestrator") == "k8s":
            return reference.node_name("nodeName")
    return NodeName("")


def _address(reader: Reader, field: str, version: int, ignored: dict[str, str], annotation: str) -> str:
    """The address of a field; one that Calico cannot read is noted under its annotation, and is none."""
    text = reader.text(field)
    address = parse_address(text, version)
    if text and address is None:
        ignored[annotation] = text
    if address is not None and not usable(address):
        problem = f"`{address}` is the address of no node: it is {_sort(address)}"
        raise DecodeProblem(problem, (*reader.path, field), "correct it with `calicoctl patch node`, or on the node")
    return address or ""


def usable(address: str) -> bool:
    """Whether a node can have an address: it is neither unspecified nor multicast nor broadcast."""
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_unspecified or parsed.is_multicast or address == BROADCAST)


def _sort(address: str) -> str:
    parsed = ipaddress.ip_address(address)
    return "multicast" if parsed.is_multicast else "broadcast" if address == BROADCAST else "unspecified"


def merge_nodes(kubernetes: Node, calico: Node) -> Node:
    """One node from its Kubernetes Node and its Calico Node; raises DecodeProblem where they disagree."""
    for field, value, other in (
        ("IPv4 address", kubernetes.ipv4, calico.ipv4),
        ("IPv6 address", kubernetes.ipv6, calico.ipv6),
        ("AS number", kubernetes.as_number, calico.as_number),
        ("cluster ID", kubernetes.cluster_id, calico.cluster_id),
    ):
        if value and other and value != other:
            raise DecodeProblem(
                f"node `{kubernetes.name}` has {field} `{value}` as Kubernetes Node and `{other}` as Calico Node",
                ("metadata", "name"),
                "take both listings from the same cluster at the same time",
            )
    everything = calico.effective_labels
    only = {name: value for name, value in everything.items() if name not in kubernetes.labels}
    return Node(
        name=kubernetes.name,
        calico_name=kubernetes.calico_name or calico.calico_name,
        labels=kubernetes.labels,
        calico_labels={**kubernetes.calico_labels, **only},
        taints=kubernetes.taints,
        unschedulable=kubernetes.unschedulable,
        ready=kubernetes.ready,
        ipv4=kubernetes.ipv4 or calico.ipv4,
        ipv6=kubernetes.ipv6 or calico.ipv6,
        as_number=kubernetes.as_number if kubernetes.as_number is not None else calico.as_number,
        cluster_id=kubernetes.cluster_id or calico.cluster_id,
        provider_id=kubernetes.provider_id,
        unsynced=tuple(
            sorted(
                name
                for name, value in kubernetes.labels.items()
                if everything.get(name) != value and name != CALICO_NODE_LABEL
            )
        ),
        host_ip=kubernetes.host_ip,
        internal_ips=kubernetes.internal_ips,
        ipv4_bits=kubernetes.ipv4_bits or calico.ipv4_bits,
        ipv6_bits=kubernetes.ipv6_bits or calico.ipv6_bits,
        ignored={**calico.ignored, **kubernetes.ignored},
        calico_labels_text=kubernetes.calico_labels_text,
        only_calico=kubernetes.only_calico and calico.only_calico,
    )


def as_etcd_shows(node: Node, calico: Node) -> Node:
    """A node of both shapes whose labels are those of its Calico Node: with etcd, selectors see no others.

    One label is Kubernetes' alone: CALICO_NODE_LABEL, which the scheduler of a DaemonSet reads. `unsynced` of `node`
    names where Kubernetes' labels are others (kube-controllers/pkg/controllers/node/labels.go copies them).
    """
    labels = {name: value for name, value in calico.effective_labels.items() if name != CALICO_NODE_LABEL}
    away = node.labels.get(CALICO_NODE_LABEL)
    labels |= {CALICO_NODE_LABEL: away} if away else {}
    return replace(node, labels=labels, calico_labels={}, calico_labels_text="")


def without_calico(node: Node) -> Node:
    """The node as Kubernetes alone knows it: it does not speak BGP."""
    return replace(
        node,
        ipv4="",
        ipv6="",
        as_number=None,
        cluster_id="",
        calico_labels={},
        unsynced=(),
        ipv4_bits=0,
        ipv6_bits=0,
        ignored={},
    )


def with_calico(node: Node | None, calico: CalicoNode) -> Node:
    """The node with what its Calico Node will say: labels that differ are copied by kube-controllers in time."""
    if node is None:
        return told_by(calico)
    return replace(joined(node, calico), unsynced=())


def joined(node: Node, calico: CalicoNode) -> Node:
    """The node with what its Calico Node says now."""
    return merge_nodes(without_calico(node), told_by(calico))


def told_by(calico: CalicoNode) -> Node:
    """The node that a Calico Node speaks of."""
    return _calico_node(Reader({"metadata": calico.metadata, "spec": calico.spec}))


def calico_annotations(node: Node) -> dict[str, str | None]:
    """What Calico knows of a node, as annotations; None for those that the Node shall not have."""
    annotations = {
        IPV4_ANNOTATION: _with_bits(node.ipv4, node.ipv4_bits),
        IPV6_ANNOTATION: _with_bits(node.ipv6, node.ipv6_bits),
        AS_ANNOTATION: "" if node.as_number is None else str(node.as_number),
        CLUSTER_ID_ANNOTATION: node.cluster_id,
        LABELS_ANNOTATION: labels_annotation(node),
        UNSYNCED_ANNOTATION: " ".join(node.unsynced),
        CALICO_NAME_ANNOTATION: node.calico_name,
    }
    return {name: value or node.ignored.get(name) for name, value in annotations.items()}


def labels_annotation(node: Node) -> str:
    """The annotation with the labels that only Calico has: as it was read, or as Calico writes it; "" for none."""
    text = node.calico_labels_text
    return text if text and _labels_of(text) == node.calico_labels else _json_object(node.calico_labels)


def _with_bits(address: str, bits: int) -> str:
    return f"{address}/{bits}" if address and bits else address


def encode_node(node: Node) -> dict[str, object]:
    """A node as core/v1 Node with Calico's annotations."""
    annotations = {name: value for name, value in calico_annotations(node).items() if value}
    if node.only_calico:
        annotations[ONLY_CALICO_ANNOTATION] = "true"
    if KUBE_LABELS_ANNOTATION in node.ignored:
        annotations[KUBE_LABELS_ANNOTATION] = node.ignored[KUBE_LABELS_ANNOTATION]
    metadata: dict[str, object] = {"name": node.name}
    if node.labels:
        metadata["labels"] = dict(node.labels)
    if annotations:
        metadata["annotations"] = annotations
    spec: dict[str, object] = {}
    if node.provider_id:
        spec["providerID"] = node.provider_id
    if node.unschedulable:
        spec["unschedulable"] = True
    if node.taints:
        spec["taints"] = [taint.document() for taint in node.taints]
    document: dict[str, object] = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}
    status: dict[str, object] = {}
    if node.ready is not None:
        status["conditions"] = [{"type": "Ready", "status": "True" if node.ready else "False"}]
    known = node.internal_ips or ((node.host_ip,) if node.host_ip else ())
    if known:
        status["addresses"] = [{"type": "InternalIP", "address": address} for address in known]
    return {**document, "status": status} if status else document


def _json_object(labels: Mapping[str, str]) -> str:
    return json.dumps(dict(sorted(labels.items())), separators=(",", ":")) if labels else ""
