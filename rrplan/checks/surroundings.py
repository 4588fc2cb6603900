"""Preflight checks of what is around BGP: the cloud, Typha, pods, the owners of objects, the copying of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rrplan.bgp.announced import by_bird, by_felix
from rrplan.checks.context import CheckContext, CheckResults, names
from rrplan.checks.finding import error, warning
from rrplan.resources import (
    BGPConfiguration,
    BGPPeer,
    ClusterInformation,
    DaemonSet,
    FelixConfiguration,
    IPPool,
    Node,
    Pod,
)
from rrplan.resources.eviction import refusal_text

AZURE = "azure://"
ADD = "with `-f`, add the output of `kubectl get nodes,pods -A -o yaml`"
"""What to do where the input lacks what Kubernetes knows."""
NODES_WITHOUT_TYPHA = 50
"""Calico's documentation: Typha is for the Kubernetes datastore with more than 50 nodes."""

REPLICATED = ("ReplicaSet", "StatefulSet")

ARGO, FLUX, HELM = "Argo CD", "Flux", "Helm"
RETURNS = {ARGO: "its next sync", FLUX: "its next reconciliation", HELM: "its next upgrade"}
"""When a tool puts its own version back."""

OWNER_LABELS = {
    "argocd.argoproj.io/instance": ARGO,
    "kustomize.toolkit.fluxcd.io/name": FLUX,
    "helm.toolkit.fluxcd.io/name": FLUX,
}
OWNER_ANNOTATIONS = {
    "argocd.argoproj.io/tracking-id": ARGO,
    "kustomize.toolkit.fluxcd.io/checksum": FLUX,
    "meta.helm.sh/release-name": HELM,
}
MANAGED_BY = "app.kubernetes.io/managed-by"


def kubernetes_given(context: CheckContext) -> CheckResults:
    """The input has what Kubernetes knows of the nodes, as far as the plan needs it."""
    present, target = context.state.nodes, context.desired.state.nodes
    changed = {name for name, node in present.items() if target.get(name) != node}
    drained = changed & context.desired.drained
    tainted = {name for name in changed if name in target and target[name].taints != present[name].taints}
    unknown = {name for name, node in present.items() if node.only_calico}
    needed = unknown & (drained | tainted)
    if needed:
        does = " and ".join(word for word, nodes in (("drain", drained), ("taint", tainted)) if nodes & needed)
        yield error("needed", nodes=names(needed), does=does)
    elif unknown and (context.spec.groups or changed):
        yield warning("unknown", nodes=names(unknown), add=ADD)
    if drained - needed and not any(context.of(Pod)):
        yield warning("no-pods", nodes=names(drained), add=ADD)


def providers(context: CheckContext) -> CheckResults:
    """Clouds whose network does not carry what Calico's BGP needs."""
    azure = [name for name, node in context.state.nodes.items() if node.provider_id.startswith(AZURE)]
    if azure:
        yield warning("azure", nodes=names(azure))


def typha(context: CheckContext) -> CheckResults:
    """A large cluster with the Kubernetes datastore has Typha."""
    nodes = len(context.state.nodes)
    if nodes <= NODES_WITHOUT_TYPHA or "kdd" not in _cluster_type(context):
        return
    for daemonset in context.of(DaemonSet):
        if daemonset.name == "calico-node" and daemonset.typha in ("", "none"):
            yield warning("none", daemonset=f"{daemonset.namespace}/{daemonset.name}", nodes=nodes)


def _cluster_type(context: CheckContext) -> frozenset[str]:
    """The words of the cluster type; empty where it is not known."""
    return frozenset(
        word for information in context.of(ClusterInformation) for word in information.cluster_type.split(",") if word
    )


def workloads(context: CheckContext) -> CheckResults:
    """Nodes that become reflectors, or are drained, carry no pod that would be missed."""
    state, drained = context.state, context.desired.drained
    promoted = {placed.node for placed in context.desired.placed if not state.nodes[placed.node].cluster_id}
    concerned = promoted | drained
    pods = [pod for pod in context.of(Pod) if pod.drains and pod.node]
    here = [pod for pod in pods if pod.node in concerned]
    eviction = context.spec.eviction
    drains = [(pod, eviction.refusal(pod)) for pod in here if pod.node in drained]
    refused = [refusal_text(why, f"{pod.namespace}/{pod.name}", pod.node) for pod, why in drains if why]
    if refused:
        yield error("not-evicted", pods=names(refused))
    staying = [_place(pod) for pod in here if not pod.owner and pod.node not in drained]
    if staying:
        yield warning("lost-for-good", pods=names(staying))
    # Pods of these nodes and of cordoned ones may be all that was read; then nobody knows the other replicas.
    if all(pod.node in concerned or state.nodes[pod.node].unschedulable for pod in pods if pod.node in state.nodes):
        return
    replicas = Counter(_owner(pod) for pod in pods)
    single = [_place(pod) for pod in here if pod.owner in REPLICATED and pod.owner_name and replicas[_owner(pod)] == 1]
    if single:
        yield warning("only-replica", pods=names(single))


def _owner(pod: Pod) -> tuple[str, str, str]:
    return pod.namespace, pod.owner, pod.owner_name


def _place(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name} on {pod.node}"


def owners(context: CheckContext) -> CheckResults:
    """No object that the plan changes belongs to a tool that would put its own version back."""
    owned: dict[str, list[str]] = {}
    for resource in _changed(context):
        tool = _tool(resource)
        if tool:
            owned.setdefault(tool, []).append(f"{resource.key.kind} `{resource.key.name}`")
    for tool, objects in sorted(owned.items()):
        yield warning("owned", tool=tool, objects=names(objects), returns=RETURNS[tool])


def _changed(context: CheckContext) -> Iterator[Node | BGPPeer | BGPConfiguration]:
    """What is there and will not stay as it is."""
    before, after = context.state, context.desired.state
    yield from (node for name, node in before.nodes.items() if after.nodes.get(name) != node)
    yield from (peer for name, peer in before.peers.items() if after.peers.get(name) != peer)
    yield from (
        configuration
        for name, configuration in before.configurations.items()
        if after.configurations.get(name) != configuration
    )


def _tool(resource: Node | BGPPeer | BGPConfiguration) -> str:
    """The tool that an object belongs to, "" for none; Helm last, because the others install charts too."""
    annotations = {} if isinstance(resource, Node) else resource.annotations
    tools = {tool for label, tool in OWNER_LABELS.items() if label in resource.labels}
    tools |= {tool for annotation, tool in OWNER_ANNOTATIONS.items() if annotation in annotations}
    tools |= {HELM} if resource.labels.get(MANAGED_BY) == HELM else set()
    return next((tool for tool in (ARGO, FLUX, HELM) if tool in tools), "")


def label_sync(context: CheckContext) -> CheckResults:
    """With etcd, Calico's copies of the nodes' labels are those of Kubernetes."""
    # With the Kubernetes datastore Calico shows every label of Kubernetes, so a difference tells of etcd.
    if "kdd" in _cluster_type(context) or not context.spec.groups:
        return
    behind = [name for name, node in context.state.nodes.items() if node.unsynced]
    if behind:
        labels = {label for name in behind for label in context.state.nodes[name].unsynced}
        yield warning("behind", nodes=names(behind), labels=names(labels))


def cluster_routes(context: CheckContext) -> CheckResults:
    """BIRD or Felix programs the routes of a pool, one of them."""
    configuration = context.state.configurations.get("default")
    for_bird = str(configuration.spec.get("programClusterRoutes") or "") if configuration else ""
    for_felix = next(
        (felix.program_cluster_routes for felix in context.of(FelixConfiguration) if felix.name == "default"), None
    )
    if for_felix is None:
        # Calico makes one: it was not given, so nothing is known of Felix.
        return
    version = context.versions.default
    for what, bad in (("neither", False), ("both", True)):
        pools = [
            pool.name
            for pool in context.of(IPPool)
            if not pool.disabled
            and pool.vxlan_mode not in ("Always", "CrossSubnet")
            and by_bird(pool, for_bird, version) is by_felix(pool, for_felix, version) is bad
        ]
        if pools:
            yield warning(what, pools=names(pools))
