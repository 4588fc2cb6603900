"""Preflight checks of what is around BGP: the cloud, Typha, pods, the owners of objects, the copying of labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rrplan.bgp.announced import by_bird, by_felix
from rrplan.checks.context import CheckContext, Findings, some
from rrplan.checks.finding import Severity
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


def kubernetes_given(context: CheckContext) -> Findings:
    """The input has what Kubernetes knows of the nodes, as far as the plan needs it."""
    present, target = context.state.nodes, context.desired.state.nodes
    changed = {name for name, node in present.items() if target.get(name) != node}
    drained = changed & context.desired.drained
    tainted = {name for name in changed if name in target and target[name].taints != present[name].taints}
    unknown = {name for name, node in present.items() if node.only_calico}
    needed = unknown & (drained | tainted)
    if needed:
        does = " and ".join(word for word, names in (("drain", drained), ("taint", tainted)) if names & needed)
        text = (
            f"no Kubernetes Node of {some(needed)} is known, which the plan would {does}: nobody says what taints and "
            "pods are there, and whether these nodes are Ready or cordoned"
        )
        yield Severity.ERROR, text
    elif unknown and (context.spec.groups or changed):
        what = f"no Kubernetes Node of {some(unknown)} is known: nobody says whether they are Ready or cordoned"
        yield Severity.WARNING, f"{what}; {ADD}"
    if drained - needed and not any(context.of(Pod)):
        what = f"no pods are known, so what a drain of {some(drained)} evicts is not known either"
        yield Severity.WARNING, f"{what}; {ADD}"


def providers(context: CheckContext) -> Findings:
    """Clouds whose network does not carry what Calico's BGP needs."""
    azure = [name for name, node in context.state.nodes.items() if node.provider_id.startswith(AZURE)]
    if azure:
        yield (
            Severity.WARNING,
            (
                f"on Azure, whose network drops IP-in-IP, so that Calico mostly runs there without BGP: {some(azure)}; "
                "check with `calicoctl node status` that BIRD has sessions, and that no IPPool in use has an `ipipMode`"
            ),
        )


def typha(context: CheckContext) -> Findings:
    """A large cluster with the Kubernetes datastore has Typha."""
    nodes = len(context.state.nodes)
    if nodes <= NODES_WITHOUT_TYPHA or "kdd" not in _cluster_type(context):
        return
    for one in context.of(DaemonSet):
        if one.name == "calico-node" and one.typha in ("", "none"):
            yield (
                Severity.WARNING,
                (
                    f"DaemonSet {one.namespace}/{one.name} names no Typha, and the cluster has {nodes} nodes: each "
                    "calico-node watches the API server itself, and each change of a BGP resource goes to all of them"
                ),
            )


def _cluster_type(context: CheckContext) -> frozenset[str]:
    """The words of the cluster type; empty where it is not known."""
    return frozenset(word for one in context.of(ClusterInformation) for word in one.cluster_type.split(",") if word)


def workloads(context: CheckContext) -> Findings:
    """Nodes that become reflectors, or are drained, carry no pod that would be missed."""
    state, drained = context.state, context.desired.drained
    promoted = {one.node for one in context.desired.placed if not state.nodes[one.node].cluster_id}
    concerned = promoted | drained
    pods = [pod for pod in context.of(Pod) if pod.drains and pod.node]
    here = [pod for pod in pods if pod.node in concerned]
    eviction = context.spec.eviction
    drains = [(pod, eviction.refusal(pod)) for pod in here if pod.node in drained]
    refused = [refusal_text(why, f"{pod.namespace}/{pod.name}", pod.node) for pod, why in drains if why]
    if refused:
        yield Severity.ERROR, f"a drain does not evict: {some(refused)}"
    staying = [_place(pod) for pod in here if not pod.owner and pod.node not in drained]
    if staying:
        yield (
            Severity.WARNING,
            f"on nodes that become reflectors, no controller makes these pods again if they are lost: {some(staying)}",
        )
    # Pods of these nodes and of cordoned ones may be all that was read; then nobody knows the other replicas.
    if all(pod.node in concerned or state.nodes[pod.node].unschedulable for pod in pods if pod.node in state.nodes):
        return
    replicas = Counter(_owner(pod) for pod in pods)
    single = [_place(pod) for pod in here if pod.owner in REPLICATED and pod.owner_name and replicas[_owner(pod)] == 1]
    if single:
        yield (
            Severity.WARNING,
            f"the only known replica of its owner is on a node that changes its role: {some(single)}",
        )


def _owner(pod: Pod) -> tuple[str, str, str]:
    return pod.namespace, pod.owner, pod.owner_name


def _place(pod: Pod) -> str:
    return f"{pod.namespace}/{pod.name} on {pod.node}"


def owners(context: CheckContext) -> Findings:
    """No object that the plan changes belongs to a tool that would put its own version back."""
    owned: dict[str, list[str]] = {}
    for one in _changed(context):
        tool = _tool(one)
        if tool:
            owned.setdefault(tool, []).append(f"{one.key.kind} `{one.key.name}`")
    for tool, objects in sorted(owned.items()):
        yield (
            Severity.WARNING,
            (
                f"the plan changes what belongs to {tool}: {some(objects)}; {tool} puts its own version back with "
                f"{RETURNS[tool]}: make the same change at its source, or pause it"
            ),
        )


def _changed(context: CheckContext) -> Iterator[Node | BGPPeer | BGPConfiguration]:
    """What is there and will not stay as it is."""
    before, after = context.state, context.desired.state
    yield from (one for name, one in before.nodes.items() if after.nodes.get(name) != one)
    yield from (one for name, one in before.peers.items() if after.peers.get(name) != one)
    yield from (one for name, one in before.configurations.items() if after.configurations.get(name) != one)


def _tool(one: Node | BGPPeer | BGPConfiguration) -> str:
    """The tool that an object belongs to, "" for none; Helm last, because the others install charts too."""
    annotations = {} if isinstance(one, Node) else one.annotations
    found = {tool for label, tool in OWNER_LABELS.items() if label in one.labels}
    found |= {tool for annotation, tool in OWNER_ANNOTATIONS.items() if annotation in annotations}
    found |= {HELM} if one.labels.get(MANAGED_BY) == HELM else set()
    return next((tool for tool in (ARGO, FLUX, HELM) if tool in found), "")


def label_sync(context: CheckContext) -> Findings:
    """With etcd, Calico's copies of the nodes' labels are those of Kubernetes."""
    known = _cluster_type(context)
    if not known or "kdd" in known or not context.spec.groups:
        return
    behind = [name for name, node in context.state.nodes.items() if node.unsynced]
    if behind:
        labels = {label for name in behind for label in context.state.nodes[name].unsynced}
        yield (
            Severity.WARNING,
            (
                f"Calico's labels are not Kubernetes' on {some(behind)} ({some(labels)}): with etcd, selectors see "
                "Calico's copy, and kube-controllers' node controller has not brought it up to date"
            ),
        )


def cluster_routes(context: CheckContext) -> Findings:
    """BIRD or Felix programs the routes of a pool, one of them."""
    configuration = context.state.configurations.get("default")
    for_bird = str(configuration.spec.get("programClusterRoutes") or "") if configuration else ""
    for_felix = next(
        (one.program_cluster_routes for one in context.of(FelixConfiguration) if one.name == "default"), None
    )
    if for_felix is None:
        # Calico makes one: it was not given, so nothing is known of Felix.
        return
    version = context.versions.default
    for what, bad in (("neither", False), ("both", True)):
        pools = [
            one.name
            for one in context.of(IPPool)
            if not one.disabled
            and one.vxlan_mode not in ("Always", "CrossSubnet")
            and by_bird(one, for_bird, version) is by_felix(one, for_felix, version) is bad
        ]
        if pools:
            fields = "`programClusterRoutes` of BGPConfiguration and FelixConfiguration"
            yield Severity.WARNING, f"IPPool {some(pools)}: by {fields} {what} of BIRD and Felix programs the routes"
