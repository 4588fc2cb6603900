"""Values in, documents out: core/v1 for nodes and pods, v3 for Calico's kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rrplan.resources.decoding import BACKEND, ROUTER_ID, TYPHA
from rrplan.resources.host_codec import encode_block, encode_calico_node, felix_spec
from rrplan.resources.key import ResourceKey
from rrplan.resources.node_codec import encode_node
from rrplan.resources.objects import (
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
)
from rrplan.resources.redaction import redacted
from rrplan.resources.version import CalicoVersion


def encode(resource: Resource) -> dict[str, object]:
    """The document of a value; `decode(encode(x)) == x`."""
    match resource:
        case Node():
            return encode_node(resource)
        case BGPPeer() | BGPConfiguration() | HostEndpoint():
            return _calico(resource.key, resource.spec, labels=resource.labels, annotations=resource.annotations)
        case FelixConfiguration():
            spec = felix_spec(resource)
            return _calico(resource.key, spec, labels=resource.labels, annotations=resource.annotations)
        case BGPFilter():
            return _calico(resource.key, resource.spec)
        case IPPool():
            return _calico(resource.key, _pool_spec(resource))
        case ClusterInformation():
            return _calico(resource.key, _information_spec(resource))
        case Namespace():
            named = {"name": resource.name, **({"uid": resource.uid} if resource.uid else {})}
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": named}
        case DaemonSet():
            whole = resource.spec or _daemonset_spec(resource)
            return _document("apps/v1", resource.key, whole, labels=resource.labels)
        case Pod():
            return _pod_document(resource)
        case CalicoNode():
            return encode_calico_node(resource)
        case BlockAffinity():
            return encode_block(resource)
        case Installation():
            told = {"bgp": resource.bgp, "linuxDataplane": resource.dataplane}
            network = {name: text for name, text in told.items() if text}
            return _document("operator.tigera.io/v1", resource.key, {"calicoNetwork": network} if network else {})


def _pool_spec(pool: IPPool) -> dict[str, object]:
    return {
        "cidr": pool.cidr,
        "ipipMode": pool.ipip_mode,
        "vxlanMode": pool.vxlan_mode,
        **({"disabled": True} if pool.disabled else {}),
        **({"disableBGPExport": True} if pool.disable_bgp_export else {}),
        **({"nodeSelector": pool.node_selector} if pool.node_selector else {}),
        **({"blockSize": pool.block_size} if pool.block_size else {}),
    }


def _information_spec(information: ClusterInformation) -> dict[str, object]:
    version = {"calicoVersion": str(information.calico_version)} if information.calico_version else {}
    ready = {} if information.datastore_ready is None else {"datastoreReady": information.datastore_ready}
    kind = {"clusterType": information.cluster_type} if information.cluster_type else {}
    guid = {"clusterGUID": information.guid} if information.guid else {}
    return {**version, **kind, **ready, **guid}


def _daemonset_spec(daemonset: DaemonSet) -> dict[str, object]:
    container: dict[str, object] = {"name": "calico-node", **_image(daemonset.calico_version)}
    variables = _variables(daemonset)
    if variables:
        container["env"] = variables
    if daemonset.felix_alone:
        container["readinessProbe"] = {"exec": {"command": ["-felix-ready"]}}
    if daemonset.reflector:
        container = {"name": "calico-rr", "image": daemonset.image or "calico/routereflector"}
    selector = {"nodeSelector": dict(daemonset.node_selector)} if daemonset.node_selector else {}
    pod: dict[str, object] = {**selector, "containers": [container]}
    if daemonset.avoids:
        pod["affinity"] = not_in(daemonset.avoids)
    strategy = {"updateStrategy": {"type": daemonset.update_strategy}} if daemonset.update_strategy else {}
    return {**strategy, "template": {"spec": pod}}


def _variables(daemonset: DaemonSet) -> list[dict[str, object]]:
    """The environment of calico-node as far as it is read; `valueFrom` stands for a value from elsewhere."""
    variables: list[dict[str, object]] = []
    if daemonset.router_id != "":
        value: dict[str, object] = {"value": daemonset.router_id} if daemonset.router_id else {"valueFrom": {}}
        variables.append({"name": ROUTER_ID, **value})
    if daemonset.backend:
        variables.append({"name": BACKEND, "value": daemonset.backend})
    elif daemonset.felix_alone:
        variables.append({"name": BACKEND, "valueFrom": {}})
    if daemonset.typha != "":
        value = {"valueFrom": {}} if daemonset.typha is None else {"value": daemonset.typha}
        variables.append({"name": TYPHA, **value})
    return variables


def _pod_document(pod: Pod) -> dict[str, object]:
    document = _document(
        "v1",
        pod.key,
        {
            **({"nodeName": pod.node} if pod.node else {}),
            "containers": [{"name": "main", **_image(pod.calico_version)}],
            **({"volumes": [{"name": "data", "emptyDir": {}}]} if pod.local_data else {}),
        },
        owner=pod.owner,
        owner_name=pod.owner_name,
    )
    status: dict[str, object] = {"phase": pod.phase} if pod.phase else {}
    if pod.ready is not None:
        status["conditions"] = [{"type": "Ready", "status": "True" if pod.ready else "False"}]
    return {**document, **({"status": status} if status else {})}


def without_secrets(resource: Resource) -> dict[str, object]:
    """`original` without what may hold secrets, for files: environments, annotations of others, unknown fields."""
    return public(resource) if isinstance(resource, DaemonSet) else redacted(original(resource))


def public(resource: Resource) -> dict[str, object]:
    """`encode` without what may hold secrets, for digests: a file gives the same as the cluster that it was made of."""
    if isinstance(resource, DaemonSet):
        return _document("apps/v1", resource.key, _daemonset_spec(resource), labels=resource.labels)
    return redacted(encode(resource))


def original(resource: Resource) -> dict[str, object]:
    """The document of a value, with what it was made with (uid, creationTimestamp): what a deletion takes away."""
    document = encode(resource)
    match resource:
        case BGPPeer() | BGPConfiguration() | FelixConfiguration() | HostEndpoint():
            metadata = document["metadata"]
            assert isinstance(metadata, dict)
            return {**document, "metadata": {**metadata, **resource.origin}}
        case _:
            return document


def not_in(labels: Iterable[tuple[str, str]]) -> dict[str, object]:
    """The affinity that keeps pods from nodes with any of these labels."""
    expressions = [{"key": key, "operator": "NotIn", "values": [value]} for key, value in labels]
    terms = {"nodeSelectorTerms": [{"matchExpressions": expressions}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def _image(version: CalicoVersion | None) -> dict[str, object]:
    return {"image": f"calico/node:{version}"} if version else {}


def _calico(
    key: ResourceKey,
    spec: Mapping[str, object],
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, object]:
    return _document("projectcalico.org/v3", key, spec, labels=labels, annotations=annotations)


def _document(
    version: str,
    key: ResourceKey,
    spec: Mapping[str, object],
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: str = "",
    owner_name: str = "",
) -> dict[str, object]:
    metadata: dict[str, object] = {"name": key.name}
    if key.namespace:
        metadata["namespace"] = key.namespace
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    if owner:
        named = {"name": owner_name} if owner_name else {}
        metadata["ownerReferences"] = [{"kind": owner, **named, "controller": True}]
    return {"apiVersion": version, "kind": key.kind, "metadata": metadata, "spec": dict(spec)}
