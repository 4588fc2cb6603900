"""The target of `flavor: standalone`: containers of `calico/routereflector` on nodes that calico-node has left.

Facts: Docker Enterprise UCP's procedure for route reflectors (3.2), and projectcalico/routereflector v0.6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rrplan.bgp.profile import Versions
from rrplan.bgp.speaker import DEFAULT_AS, StandalonePlacement
from rrplan.desired.adoption import left_by_others
from rrplan.desired.desired import Desired, cordoned, mesh_off
from rrplan.desired.options import mesh_options, worded
from rrplan.desired.ownership import MANAGED_BY, OURS
from rrplan.desired.peers import wanted_and_others
from rrplan.desired.placement import Placed, place
from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import (
    CALICO_NODE_LABEL,
    BGPPeer,
    CalicoNode,
    ClusterInformation,
    ClusterState,
    DaemonSet,
    Installation,
    IPPool,
    Node,
    Resource,
    ResourceKey,
    Taint,
    decode,
)
from rrplan.resources.cascade import cascades, deleted_objects
from rrplan.resources.documents import Document
from rrplan.resources.node_codec import without_calico
from rrplan.specs import Spec
from rrplan.text import listed

AWAY = (CALICO_NODE_LABEL, "away")
"""The label of nodes that calico-node keeps away from."""
NAME = "calico-rr"
AZURE = "azure://"
SHOWN = 10
"""Nodes that a notice names."""


def compile_standalone(spec: Spec, state: ClusterState, versions: Versions) -> Desired:
    """The target on what is there; raises PolicyRefusal where it cannot be had."""
    _check_platform(state)
    as_number = _as_number(spec, state)
    placed = place(spec, state)
    agent = _agent(state)
    target, notices = state, []
    changing: set[NodeName] = set()
    deleted: list[NodeName] = []
    present = StandalonePlacement.of(state)
    for placement in placed:
        node = state.nodes[placement.node]
        wanted = node if _in_place(state, present, node) else _host(spec, node)
        if wanted != node:
            changing.add(placement.node)
            own = ResourceKey("CalicoNode", placement.node)
            if (node.ipv4 or node.ipv6) and state.get(own) is None:
                raise PolicyRefusal(
                    f"the Calico Node of `{placement.node}` is no object of its own here, so it cannot be deleted",
                    hint="give `calicoctl get nodes -o yaml` of a cluster with etcd",
                )
            deleted += [placement.node] if state.get(own) is not None else []
            target = target.remove(own).put(wanted)
    if changing and AWAY not in agent.avoids:
        target = target.put(replace(agent, avoids=(*agent.avoids, AWAY), affinity=True, update_strategy="OnDelete"))
        notices.append(
            f"DaemonSet {agent.namespace}/{agent.name} keeps away from {AWAY[0]}={AWAY[1]} and gets the update "
            "strategy OnDelete, so that none of its pods restarts now; set RollingUpdate again when that suits you"
        )
    wanted_set = decode(daemonset(spec))
    assert isinstance(wanted_set, DaemonSet)
    if state.get(wanted_set.key) is None:
        target = target.put(wanted_set)
    gone = cascades(state, deleted, versions.default)
    destroyed = deleted_objects(gone.values())
    target = ClusterState.of(resource for resource in target if resource.key not in destroyed)
    left = ClusterState.of(resource for resource in state if resource.key not in destroyed)
    notices += _not_restored(deleted)
    peers, notes = _peers(left, placed, as_number)
    options = mesh_options(state)
    if options:
        notices.append(f"not kept from the mesh: {worded(options)}; a standalone reflector knows neither")
    target = cordoned(target, changing)
    target = replace(target, peers=wanted_and_others(left, peers), configurations=mesh_off(left))
    return Desired(
        state=target,
        placed=placed,
        drained=frozenset(changing),
        reasons=tuple(f"{placement.node} gets a standalone reflector: {placement.reason}" for placement in placed),
        notices=(*notices, *notes),
        cascades={NodeName(name): resources for name, resources in gone.items()},
        left=left_by_others(spec, state, target, {}),
    )


def _not_restored(deleted: list[NodeName]) -> list[str]:
    """What no undo brings back."""
    if not deleted:
        return []
    names = listed(deleted, SHOWN)
    text = (
        f"an undo does not restore the address blocks of {names}: calicoctl releases them with a Calico Node, "
        "and calico-node claims new ones when it starts again. calicoctl also deletes the WorkloadEndpoints of pods "
        "that are still there, such as those of DaemonSets, and frees their addresses; and what it creates has a new "
        "uid and creation time. With `--calico-config` all of this stays"
    )
    return [text]


def without_containers(state: ClusterState, notices: list[str]) -> Mapping[ResourceKey, Resource]:
    """Everything but our own DaemonSet of standalone reflectors, which ends when reflectors are inside the cluster."""
    ours = {
        key: resource
        for key, resource in state.others.items()
        if isinstance(resource, DaemonSet)
        and resource.reflector
        and resource.labels.get(MANAGED_BY) == OURS[MANAGED_BY]
    }
    if not ours:
        return state.others
    hosts = sorted(name for name, node in state.nodes.items() if node.labels.get(AWAY[0]) == AWAY[1])
    if hosts:
        notices.append(
            f"calico-node keeps away from {', '.join(hosts[:10])} until `kubectl label node NAME {AWAY[0]}-`; "
            "taint, cordon and label of the reflector stay too"
        )
    return {key: resource for key, resource in state.others.items() if key not in ours}


def _check_platform(state: ClusterState) -> None:
    azure = next((name for name, node in state.nodes.items() if node.provider_id.startswith(AZURE)), None)
    if azure:
        raise PolicyRefusal(
            f"node `{azure}` is on Azure, where UCP uses Azure's network and Calico speaks no BGP",
            hint="route reflectors have no meaning there",
        )
    if any(isinstance(resource, Installation) for resource in state.others.values()):
        raise PolicyRefusal(
            "Calico was installed by its operator, which would put its own version of DaemonSet calico-node back",
            hint="use reflectors inside the cluster: `flavor: in-cluster`",
        )
    if any(
        isinstance(resource, ClusterInformation) and "kdd" in resource.cluster_type.split(",")
        for resource in state.others.values()
    ):
        raise PolicyRefusal(
            "Calico keeps its data in Kubernetes here; standalone reflectors are for Calico with etcd",
            hint="use reflectors inside the cluster: `flavor: in-cluster`",
        )
    differs = next((node for _, node in sorted(state.nodes.items()) if node.calico_name), None)
    if differs is not None:
        raise PolicyRefusal(
            f"node `{differs.name}` of Kubernetes is `{differs.calico_name}` in Calico: standalone reflectors are "
            "planned only where the names are the same",
            hint="set NODENAME of calico-node to the name in Kubernetes",
        )
    pools = [pool for pool in state.others.values() if isinstance(pool, IPPool) and not pool.disabled]
    if pools and all(pool.vxlan_mode in ("Always", "CrossSubnet") for pool in pools):
        raise PolicyRefusal(
            f"every IPPool uses VXLAN (`{pools[0].name}`): Felix, not BIRD, programs the routes of pods",
            hint="route reflectors would carry routes that nobody uses",
        )
    empty = [
        resource.name
        for resource in state.others.values()
        if isinstance(resource, CalicoNode)
        and NodeName(resource.name) in state.nodes
        and not state.nodes[NodeName(resource.name)].ipv4
    ]
    if empty:
        raise PolicyRefusal(
            f"the Calico Node of `{empty[0]}` has no IPv4 address: the container renders a neighbour without address "
            "for it, and its BIRD refuses every new configuration",
            hint="let calico-node write the address, or delete the Calico Node",
        )


def _as_number(spec: Spec, state: ClusterState) -> int:
    """The one AS number of the cluster; a global BGPPeer has only one."""
    default = state.configurations.get("default")
    number = DEFAULT_AS if default is None or default.as_number is None else default.as_number
    other = next((node for node in state.nodes.values() if node.as_number not in (None, number)), None)
    if other is not None:
        raise PolicyRefusal(
            f"node `{other.name}` has AS {other.as_number}, the cluster AS {number}; a standalone reflector has one",
            hint="remove the node's own AS number, or use `flavor: in-cluster`",
        )
    asked = spec.standalone.as_number
    if asked is not None and asked != number:
        raise PolicyRefusal(
            f"`standalone.asNumber` is {asked}, the cluster has AS {number}",
            hint="`calicoctl get nodes --output=wide` shows it; rrplan never changes it",
        )
    return number


def _agent(state: ClusterState) -> DaemonSet:
    """The DaemonSet calico-node, which must stay away from the reflectors' nodes."""
    calico_node = next(
        (
            resource
            for resource in state.others.values()
            if isinstance(resource, DaemonSet) and resource.name == "calico-node"
        ),
        None,
    )
    if calico_node is None:
        raise PolicyRefusal(
            "DaemonSet calico-node is not known, and it must be kept away from the reflectors' nodes",
            hint="give it too: `kubectl -n kube-system get daemonsets -o yaml`",
        )
    if calico_node.affinity and AWAY not in calico_node.avoids:
        raise PolicyRefusal(
            f"DaemonSet {calico_node.namespace}/{calico_node.name} has a node affinity of its own, which rrplan does "
            "not rewrite",
            hint=f"add `{AWAY[0]} NotIn [{AWAY[1]}]` to it",
        )
    return calico_node


def _in_place(state: ClusterState, present: StandalonePlacement | None, node: Node) -> bool:
    """Whether a container reflects on that host already, and calico-node is known to be away, by whatever means."""
    return (
        present is not None
        and present.runs_on(node)
        and state.get(ResourceKey("CalicoNode", node.name)) is None
        and present.agents is not None
        and node.name not in present.agents
    )


def _host(spec: Spec, node: Node) -> Node:
    key = spec.standalone.label_key
    taint = Taint(key, "true")
    return replace(
        without_calico(node),
        labels={**node.labels, AWAY[0]: AWAY[1], key: "true"},
        taints=node.taints if taint in node.taints else (*node.taints, taint),
    )


def _peers(
    state: ClusterState, placed: tuple[Placed, ...], as_number: int
) -> tuple[tuple[BGPPeer, ...], tuple[str, ...]]:
    wanted, notes = [], []
    for placement in placed:
        node = state.nodes[placement.node]
        address = node.host_ip or node.ipv4
        other = next(
            (
                peer
                for name, peer in sorted(state.peers.items())
                if peer.labels != OURS
                and set(peer.spec) == {"peerIP", "asNumber"}
                and (peer.peer_ip, peer.as_number) == (address, as_number)
            ),
            None,
        )
        if other is not None:
            notes.append(
                f"BGPPeer `{other.name}` points at {placement.node} already; it is not ours and stays as it is"
            )
            continue
        spec = {"peerIP": address, "asNumber": as_number}
        wanted.append(BGPPeer(f"rrplan-{placement.node}", peer_ip=address, as_number=as_number, labels=OURS, spec=spec))
    return tuple(wanted), tuple(notes)


def daemonset(spec: Spec) -> Document:
    """The DaemonSet of the containers, as UCP's documentation has it, in `apps/v1`."""
    standalone = spec.standalone
    etcd = {
        "ETCD_ENDPOINTS": "etcd_endpoints",
        "ETCD_CA_CERT_FILE": "etcd_ca",
        "ETCD_KEY_FILE": "etcd_key",
        "ETCD_CERT_FILE": "etcd_cert",
    }
    variables: list[dict[str, object]] = [
        {"name": name, "valueFrom": {"configMapKeyRef": {"name": standalone.config_map, "key": key}}}
        for name, key in etcd.items()
    ]
    variables.append({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    labels = {"k8s-app": NAME}
    pod = {
        "priorityClassName": "system-node-critical",
        "tolerations": [{"key": standalone.label_key, "value": "true", "effect": "NoSchedule"}],
        "hostNetwork": True,
        "nodeSelector": {standalone.label_key: "true"},
        "containers": [
            {
                "name": NAME,
                "image": standalone.image,
                "env": variables,
                "volumeMounts": [{"mountPath": "/calico-secrets", "name": "etcd-certs"}],
                "securityContext": {"privileged": True},
            }
        ],
        "volumes": [{"name": "etcd-certs", "secret": {"secretName": standalone.secret}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": standalone.namespace, "labels": {**labels, **OURS}},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
