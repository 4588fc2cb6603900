"""Documents in, values out.

`decode` reads what `kubectl get -o json` and `calicoctl get -o json` print: core/v1 Nodes with Calico's
annotations (libcalico-go/lib/backend/k8s/resources/node.go), `projectcalico.org/v3` resources, and the
`crd.projectcalico.org/v1` shapes whose v3 metadata hides in the annotation `projectcalico.org/metadata`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rrplan.resources.hidden import METADATA_ANNOTATION, hidden_metadata
from rrplan.resources.host_codec import (
    block_affinity,
    calico_node,
    felix_configuration,
    host_endpoint,
    origin_of,
)
from rrplan.resources.key import ResourceKey
from rrplan.resources.names import check_labels, check_namespace
from rrplan.resources.node_codec import decode_node, ready_condition
from rrplan.resources.objects import (
    BGPConfiguration,
    BGPFilter,
    BGPPeer,
    ClusterInformation,
    DaemonSet,
    Installation,
    IPPool,
    Namespace,
    Pod,
    Resource,
)
from rrplan.resources.reading import DecodeProblem, Reader
from rrplan.resources.version import CalicoVersion

__all__ = ["DecodeProblem", "decode", "key_of"]

CALICO_GROUPS = ("projectcalico.org", "crd.projectcalico.org")
BACKEND = "CALICO_NETWORKING_BACKEND"
BACKENDS_WITHOUT_BGP = ("vxlan", "none")
"""Where its value is one of these, rc.local of calico-node starts no BIRD (calico/node v3.0 to v3.32)."""
ROUTER_ID = "CALICO_ROUTER_ID"
AGENT = "calico-node"
TYPHA = "FELIX_TYPHAK8SSERVICENAME"
_REFLECTOR_IMAGE = re.compile(r"(?:^|/)routereflector(?:[:@]|$)")
"""`calico/routereflector`, from whatever registry."""


OWN_NAMESPACE = "kube-system"
"""The one namespace that matters: it is there as long as the cluster is."""


def key_of(document: Mapping[str, object]) -> ResourceKey:
    """The resource key of a document; raises DecodeProblem where kind or name are missing."""
    reader = Reader(document)
    metadata = reader.child("metadata")
    kind = reader.text("kind")
    name = metadata.name("name")
    if not kind:
        raise DecodeProblem("a document without `kind`", ("kind",))
    if not name:
        raise DecodeProblem(f"a {kind} without `metadata.name`", ("metadata", "name"))
    namespace = metadata.text("namespace")
    check_namespace(namespace)
    return ResourceKey(kind, name, namespace)


def decode(document: Mapping[str, object]) -> Resource | None:
    """The value of a document, or None for a kind that has nothing to say about BGP.

    Raises DecodeProblem, with the path inside the document, for a field that cannot be right.
    """
    version = Reader(document).text("apiVersion")
    group = version.partition("/")[0] if "/" in version else ""
    kind = Reader(document).text("kind")
    node = kind == "Node" and group in ("", *CALICO_GROUPS)
    decoder = _DECODERS.get((_family(group), kind))
    if kind and not node and decoder is None:
        return None
    key = key_of(document)
    if kind == "Namespace" and key.name != OWN_NAMESPACE:
        return None
    check_labels(Reader(document).child("metadata").strings("labels"))
    reader = _with_calico_metadata(document) if group == "crd.projectcalico.org" else Reader(document)
    if node:
        return decode_node(reader, calico=group != "")
    assert decoder is not None
    return decoder(key, reader)


def _family(group: str) -> str:
    return "calico" if group in CALICO_GROUPS else group


def _with_calico_metadata(document: Mapping[str, object]) -> Reader:
    """CRD storage keeps v3 labels and annotations as JSON in an annotation, which wins (calico v3.28.0)."""
    reader = Reader(document)
    hidden = hidden_metadata(reader.child("metadata").child("annotations").text(METADATA_ANNOTATION))
    if hidden is None:
        # One that cannot be read stays among the annotations, where `snapshots.ignored` finds it.
        return reader
    metadata = dict(reader.child("metadata").document)
    for field, hidden_text in zip(("labels", "annotations"), hidden, strict=True):
        merged = {**reader.child("metadata").strings(field), **hidden_text}
        merged.pop(METADATA_ANNOTATION, None)
        metadata[field] = merged
    return Reader({**document, "metadata": metadata})


def _peer(key: ResourceKey, reader: Reader) -> BGPPeer:
    spec = reader.child("spec")
    metadata = reader.child("metadata")
    return BGPPeer(
        name=key.name,
        node=spec.text("node"),
        node_selector=spec.text("nodeSelector"),
        peer_ip=spec.text("peerIP"),
        peer_selector=spec.text("peerSelector"),
        as_number=spec.as_number("asNumber"),
        source_address=spec.text("sourceAddress"),
        reverse_peering=spec.text("reversePeering"),
        local_workload_selector=spec.text("localWorkloadSelector"),
        local_as_number=spec.as_number("localASNumber"),
        labels=metadata.strings("labels"),
        annotations=metadata.annotations(),
        spec=reader.plain("spec"),
        origin=origin_of(metadata),
    )


def _configuration(key: ResourceKey, reader: Reader) -> BGPConfiguration:
    spec = reader.child("spec")
    metadata = reader.child("metadata")
    return BGPConfiguration(
        name=key.name,
        mesh_enabled=spec.boolean("nodeToNodeMeshEnabled"),
        as_number=spec.as_number("asNumber"),
        listen_port=spec.port("listenPort"),
        labels=metadata.strings("labels"),
        annotations=metadata.annotations(),
        spec=reader.plain("spec"),
        origin=origin_of(metadata),
    )


def _pool(key: ResourceKey, reader: Reader) -> IPPool:
    spec = reader.child("spec")
    return IPPool(
        key.name,
        spec.text("cidr"),
        spec.text("ipipMode") or "Never",
        spec.text("vxlanMode") or "Never",
        bool(spec.boolean("disabled")),
        bool(spec.boolean("disableBGPExport")),
        size if isinstance(size := spec.document.get("blockSize"), int) else 0,
        "" if (selector := spec.text("nodeSelector")) == "all()" else selector,
    )


def _filter(key: ResourceKey, reader: Reader) -> BGPFilter:
    return BGPFilter(key.name, reader.plain("spec"))


def _information(key: ResourceKey, reader: Reader) -> ClusterInformation:
    spec = reader.child("spec")
    return ClusterInformation(
        key.name,
        CalicoVersion.parse(spec.text("calicoVersion")),
        spec.text("clusterType"),
        spec.boolean("datastoreReady"),
        spec.text("clusterGUID"),
    )


def _namespace(key: ResourceKey, reader: Reader) -> Namespace:
    return Namespace(key.name, reader.child("metadata").text("uid"))


def _daemonset(key: ResourceKey, reader: Reader) -> DaemonSet:
    pod = reader.child("spec").child("template").child("spec")
    image = next((container.text("image") for container in pod.children("containers")), "")
    reflector = bool(_REFLECTOR_IMAGE.search(image))
    variables = [variable for container in pod.children("containers") for variable in container.children("env")]
    by_name = {variable.text("name"): variable for variable in variables}
    backend, typha = (by_name[name] if name in by_name else Reader({}) for name in (BACKEND, TYPHA))
    return DaemonSet(
        key.name,
        key.namespace,
        _version_of_containers(pod),
        backend.text("value"),
        None if "valueFrom" in typha.document else typha.text("value"),
        reflector,
        pod.strings("nodeSelector"),
        *_affinity(pod),
        _router_id(by_name[ROUTER_ID]) if ROUTER_ID in by_name else "",
        "valueFrom" in backend.document and _asks_felix_alone(pod),
        reader.child("spec").child("updateStrategy").text("type"),
        image if reflector else "",
        reader.child("metadata").strings("labels") if reflector else {},
        reader.plain("spec") if reflector else {},
    )


def _router_id(variable: Reader) -> str | None:
    """CALICO_ROUTER_ID; None where its value is not in the document, as with `valueFrom` and `$(OTHER_VARIABLE)`."""
    value = variable.text("value")
    return None if "valueFrom" in variable.document or "$(" in value else value


def _asks_felix_alone(pod: Reader) -> bool:
    """Whether a readiness probe asks Felix and no BIRD (`-felix-ready`, `-bird-ready`, `-bird6-ready`).

    Calico's manifest for backend `vxlan` has it so (projectcalico/calico manifests/calico-vxlan.yaml).
    """
    probes = (container.child("readinessProbe").child("exec") for container in pod.children("containers"))
    asked = [str(word) for probe in probes for word in _listed(probe.document.get("command"))]
    return "-felix-ready" in asked and not any(word.startswith("-bird") for word in asked)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _affinity(pod: Reader) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Labels that nodes must not have, and whether there is a required node affinity."""
    required = pod.child("affinity").child("nodeAffinity").child("requiredDuringSchedulingIgnoredDuringExecution")
    terms = list(required.children("nodeSelectorTerms"))
    if len(terms) != 1:
        return (), bool(terms)
    constraints = []
    for expression in terms[0].children("matchExpressions"):
        values = expression.document.get("values")
        if expression.text("operator") == "NotIn" and isinstance(values, list):
            constraints += [(expression.text("key"), str(value)) for value in values]
    return tuple(constraints), True


def _pod(key: ResourceKey, reader: Reader) -> Pod:
    spec = reader.child("spec")
    owners = [owner for owner in reader.child("metadata").children("ownerReferences") if owner.boolean("controller")]
    version = _version_of_containers(spec)
    return Pod(
        key.name,
        key.namespace,
        spec.node_name("nodeName"),
        owners[0].text("kind") if owners else "",
        reader.child("status").text("phase"),
        version,
        owners[0].text("name") if owners else "",
        any("emptyDir" in volume.document for volume in spec.children("volumes")),
        "deletionTimestamp" in reader.child("metadata").document,
        ready_condition(reader) if version or (owners and owners[0].text("name") == AGENT) else None,
    )


def _version_of_containers(pod: Reader) -> CalicoVersion | None:
    versions = [CalicoVersion.of_image(container.text("image")) for container in pod.children("containers")]
    known = [version for version in versions if version]
    return known[0] if known else None


def _installation(key: ResourceKey, reader: Reader) -> Installation:
    network = reader.child("spec").child("calicoNetwork")
    return Installation(key.name, network.text("bgp"), network.text("linuxDataplane"))


def backend_reference(document: Mapping[str, object]) -> tuple[str, str] | None:
    """The name of the ConfigMap, and its key, that say a DaemonSet's CALICO_NETWORKING_BACKEND.

    Calico's own manifests have it so. None where nothing or the document itself says it.
    """
    for container in Reader(document).child("spec").child("template").child("spec").children("containers"):
        for variable in container.children("env"):
            reference = variable.child("valueFrom").child("configMapKeyRef")
            if variable.text("name") == BACKEND and reference.text("name"):
                return reference.text("name"), reference.text("key")
    return None


_DECODERS: dict[tuple[str, str], Callable[[ResourceKey, Reader], Resource]] = {
    ("calico", "BGPPeer"): _peer,
    ("calico", "CalicoNode"): lambda key, reader: calico_node(key.name, reader.document),
    ("calico", "BGPConfiguration"): _configuration,
    ("calico", "IPPool"): _pool,
    ("calico", "BGPFilter"): _filter,
    ("calico", "ClusterInformation"): _information,
    ("calico", "FelixConfiguration"): felix_configuration,
    ("calico", "HostEndpoint"): host_endpoint,
    ("calico", "BlockAffinity"): block_affinity,
    ("apps", "DaemonSet"): _daemonset,
    ("extensions", "DaemonSet"): _daemonset,
    ("", "Pod"): _pod,
    ("", "Namespace"): _namespace,
    ("operator.tigera.io", "Installation"): _installation,
}
