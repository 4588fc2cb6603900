"""Preflight: what is wrong or fragile in a cluster before the first step, each rule with an id.

An error means that the plan could not work; a warning is for the operator to weigh. The page of each rule is
`docs/checks/<id>.md`. A rule looks at data only; what the API server alone can tell is asked elsewhere. Rules about
what is around BGP are in `surroundings`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from rrplan.bgp.cluster_ids import NONE, as_bird_reads, bird_reads
from rrplan.bgp.endpoint import dialled
from rrplan.bgp.matching import unknown_word
from rrplan.bgp.profile import profile_for
from rrplan.bgp.sessions import numberless
from rrplan.bgp.speaker import VPP, Settings, effective_cluster_id
from rrplan.checks.addressing import (
    addresses_known,
    addresses_unique,
    annotations_readable,
    blocks_in_pools,
    next_hop_self,
    one_link,
    peer_address,
    router_id,
)
from rrplan.checks.context import CheckContext, CheckResults, names
from rrplan.checks.finding import Finding, Severity, error, warning
from rrplan.checks.options import (
    fields_known,
    filters_readable,
    filters_there,
    options_effective,
    password_readable,
)
from rrplan.checks.surroundings import cluster_routes, kubernetes_given, label_sync, owners, providers, typha, workloads
from rrplan.desired.joining import MANY_KINDS
from rrplan.desired.selecting import clients_selector
from rrplan.resources import ClusterInformation, DaemonSet, Installation, IPPool
from rrplan.resources.decoding import BACKENDS_WITHOUT_BGP
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Flavor
from rrplan.text import listed

FRAGILE = {
    "node-role.kubernetes.io/master": "Kubernetes removed it in v1.24",
    "beta.kubernetes.io/os": "deprecated since Kubernetes v1.14",
    "beta.kubernetes.io/arch": "deprecated since Kubernetes v1.14",
    "beta.kubernetes.io/instance-type": "deprecated since Kubernetes v1.17",
    "failure-domain.beta.kubernetes.io/zone": "deprecated since Kubernetes v1.17",
    "failure-domain.beta.kubernetes.io/region": "deprecated since Kubernetes v1.17",
}


def bgp_in_use(context: CheckContext) -> CheckResults:
    """calico-node runs BIRD at all."""
    for daemonset in context.of(DaemonSet):
        if daemonset.backend in BACKENDS_WITHOUT_BGP:
            yield error("backend", daemonset=f"{daemonset.namespace}/{daemonset.name}", backend=daemonset.backend)
        elif daemonset.felix_alone:
            yield warning("felix-alone", daemonset=f"{daemonset.namespace}/{daemonset.name}")
    for installation in context.of(Installation):
        if installation.bgp == "Disabled":
            yield error("disabled", installation=installation.name)
        elif installation.dataplane == VPP:
            yield error("vpp", installation=installation.name)


def datastore_ready(context: CheckContext) -> CheckResults:
    """Calico's datastore is not locked by a migration or an upgrade."""
    if any(information.datastore_ready is False for information in context.of(ClusterInformation)):
        yield error("locked")


def peer_as_number(context: CheckContext) -> CheckResults:
    """Every peer by address has an AS number, and every node one that is not 0."""
    nodes = numberless(context.state.nodes.values(), Settings.of(context.state))
    if nodes:
        yield error("node", nodes=names(nodes))
    profile = profile_for(context.versions.default)
    without = [peer for _, peer in sorted(context.state.peers.items()) if dialled(peer, profile) and not peer.as_number]
    rendered = context.rendered(without)
    for peer in without:
        yield error("missing", peer=peer.name) if peer.name in rendered else warning("missing-unused", peer=peer.name)


def peers_select(context: CheckContext) -> CheckResults:
    """Every BGPPeer selects somebody, on both sides."""
    for name, peer in sorted(context.desired.state.peers.items()):
        for field, text in (("nodeSelector", peer.node_selector), ("peerSelector", peer.peer_selector)):
            try:
                selector = parse(text) if text else None
            except SelectorSyntaxError:
                continue
            nodes = [*context.state.nodes.values(), *context.desired.state.nodes.values()]
            if selector is not None and not any(selector.matches(node.effective_labels) for node in nodes):
                yield warning("no-node", peer=name, field=field, selector=text)


def left_by_others(context: CheckContext) -> CheckResults:
    """Nothing that others made serves the same purpose as rrplan's own, and stays."""
    left = context.desired.left
    if left:
        nodes = context.state.nodes
        yield warning(
            "left",
            peers=left.peers,
            labels=tuple(f"`{key}` ({listed(names)})" for key, names in left.labels.items()),
            reflectors=tuple(f"{name} ({nodes[name].cluster_id})" for name in left.reflectors),
            instead=tuple(f"`{theirs}` for `{ours}`" for theirs, ours in sorted(left.instead.items())),
            twice=left.pairs.twice,
            alone=left.pairs.alone,
            beyond=0 if left.pairs.whole else MANY_KINDS,
            adoptable=int(context.spec.flavor is Flavor.IN_CLUSTER),
        )


def mesh_fields(context: CheckContext) -> CheckResults:
    """A BGPConfiguration that Calico's validation would refuse cannot be changed."""
    for name, configuration in context.state.configurations.items():
        extra = [field for field in ("nodeMeshPassword", "nodeMeshMaxRestartTime") if configuration.spec.get(field)]
        if configuration.mesh_enabled is False and extra:
            yield error("forbidden", configuration=name, fields=" and ".join(extra))


def selectors_readable(context: CheckContext) -> CheckResults:
    """Every selector of every BGPPeer can be read."""
    version = context.versions.default
    for name, peer in sorted(context.state.peers.items()):
        for field, text in (("nodeSelector", peer.node_selector), ("peerSelector", peer.peer_selector)):
            try:
                selector = parse(text)
            except SelectorSyntaxError as problem:
                yield warning("syntax", peer=name, field=field, why=problem.message, character=problem.position + 1)
                continue
            word = unknown_word(selector, profile_for(version))
            if word:
                yield warning("unknown-word", peer=name, field=field, word=word, version=str(version))


def cluster_ids_valid(context: CheckContext) -> CheckResults:
    """Every cluster ID on a node is an IPv4 address."""
    for name, node in sorted(context.state.nodes.items()):
        if not node.cluster_id:
            continue
        if not effective_cluster_id(node.cluster_id, profile_for(context.versions.of(name))):
            yield warning("ignored", node=name, value=node.cluster_id)
        elif not bird_reads(node.cluster_id):
            yield error("refused", node=name, value=node.cluster_id)
        elif as_bird_reads(node.cluster_id) == NONE:
            yield error("none", node=name, value=node.cluster_id)


def cluster_id_unused(context: CheckContext) -> CheckResults:
    """The cluster IDs of the spec belong to its own groups."""
    ours = {context.spec.cluster_id_of(group) for group in context.spec.groups} - {""}
    placed = {reflector.node for reflector in context.desired.placed}
    others = [
        name
        for name, node in context.desired.state.nodes.items()
        if as_bird_reads(node.cluster_id) in ours and name not in placed
    ]
    if others:
        yield warning("others-have-it", nodes=names(others))


def as_numbers_equal(context: CheckContext) -> CheckResults:
    """The reflectors of a group and its clients are in one AS; across an AS border nothing is reflected.

    Reflectors of a group below another one are clients too.
    """
    default = context.state.configurations.get("default")
    common = (default.as_number if default else None) or 64512
    numbers = {name: node.as_number or common for name, node in context.state.nodes.items() if node.ipv4 or node.ipv6}
    group_of = {placed.node: placed.group for placed in context.desired.placed}
    for group in context.spec.groups:
        home = Counter(numbers[name] for name, own in group_of.items() if own == group and name in numbers)
        if not home:
            continue
        serves = context.spec.serves_nodes(group)
        clients = parse(clients_selector(context.spec, group))
        members = [
            name
            for name, node in context.state.nodes.items()
            if name in numbers
            and (
                serves and clients.matches(node.effective_labels)
                if name not in group_of
                else group_of[name] == group or group_of[name].parent == group.name
            )
        ]
        most = home.most_common(1)[0][0]
        strangers = [name for name in members if numbers[name] != most]
        if strangers:
            yield warning("another", nodes=names(strangers), group=group.name, as_number=most)


def dead_nodes(context: CheckContext) -> CheckResults:
    """Nodes that are not Ready stay BGP peers."""
    dead = [name for name, node in context.state.nodes.items() if node.ready is False and (node.ipv4 or node.ipv6)]
    if dead:
        yield warning("not-ready", nodes=names(dead))


def one_version(context: CheckContext) -> CheckResults:
    """All nodes run one version of calico-node."""
    count = Counter(context.versions.by_node.values())
    if len(count) > 1:
        yield warning("several", versions=tuple(f"{version} on {number}" for version, number in sorted(count.items())))


def fragile_labels(context: CheckContext) -> CheckResults:
    """No selector rests on a label that Kubernetes has removed or deprecated."""
    texts = [("the spec", group.nodes.selector) for group in context.spec.groups]
    texts += [("the spec", group.clients or "") for group in context.spec.groups]
    for name, peer in sorted(context.state.peers.items()):
        texts += [(f"BGPPeer `{name}`", peer.node_selector), (f"BGPPeer `{name}`", peer.peer_selector)]
    reported: set[tuple[str, str]] = set()
    for where, text in texts:
        try:
            labels = parse(text).labels
        except SelectorSyntaxError:
            continue
        for label in sorted(labels & FRAGILE.keys()):
            if (where, label) not in reported:
                reported.add((where, label))
                yield warning("fragile", where=where, label=label, why=FRAGILE[label])


def encapsulation(context: CheckContext) -> CheckResults:
    """Whether pod traffic depends on BGP."""
    pools = [pool for pool in context.of(IPPool) if not pool.disabled]
    without = [pool.name for pool in pools if pool.vxlan_mode in ("Always", "CrossSubnet")]
    if without:
        yield warning("vxlan", pools=names(without))


CHECKS: tuple[Callable[[CheckContext], CheckResults], ...] = (
    kubernetes_given,
    bgp_in_use,
    datastore_ready,
    peer_as_number,
    peer_address,
    annotations_readable,
    router_id,
    mesh_fields,
    addresses_unique,
    addresses_known,
    one_link,
    next_hop_self,
    blocks_in_pools,
    selectors_readable,
    peers_select,
    left_by_others,
    cluster_ids_valid,
    cluster_id_unused,
    as_numbers_equal,
    dead_nodes,
    one_version,
    fragile_labels,
    fields_known,
    filters_there,
    filters_readable,
    options_effective,
    password_readable,
    encapsulation,
    cluster_routes,
    providers,
    typha,
    workloads,
    owners,
    label_sync,
)


def id_of(check: Callable[[CheckContext], CheckResults]) -> str:
    """The id of a check: its name with dashes."""
    return check.__name__.replace("_", "-")


def findings(context: CheckContext) -> tuple[Finding, ...]:
    """Everything that the checks find, errors first."""
    results = [
        Finding(id_of(check), problem.severity, problem.name, problem.facts)
        for check in CHECKS
        for problem in check(context)
    ]
    return tuple(sorted(results, key=lambda finding: finding.severity is not Severity.ERROR))
