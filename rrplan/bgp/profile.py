"""Calico's BGP rules that depend on its version, as data.

Each field cites the change that introduced it; `profile_for` picks the newest profile not newer than the
version asked for. A new release with a new rule is one more row, not one more branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, ClusterInformation, ClusterState, DaemonSet, Pod


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one range of Calico versions, from `since` on."""

    since: CalicoVersion
    passive_global: bool = False
    """`Global_` to a Calico node is passive on one side (v3.23.0, calico#5625)."""
    mesh_password: bool = False
    """nodeMeshPassword and nodeMeshMaxRestartTime exist (v3.23.0)."""
    reverse_one_family: bool = False
    """The reverse of a `peerIP` peer has only that address family (v3.24.0, calico#6119)."""
    cluster_id_validated: bool = False
    """A cluster ID annotation that is no IPv4 address is ignored (v3.26.0, 3bfb7b0daa)."""
    reverse_manual: bool = False
    """`reversePeering: Manual` is known (v3.30.3)."""
    local_as: bool = False
    """`localASNumber` is known (v3.31.0)."""
    mesh_as_is_own: bool = False
    """A mesh peer without AS number gets the rendering node's own one (v3.32.0, bgp_processor.go)."""
    sorted_by_name: bool = False
    """Protocols stand in the file by name; before: mesh, global, node (v3.32.0, bgp_processor.go)."""
    options: frozenset[str] = frozenset({"password", "maxRestartTime", "keepOriginalNextHop", "sourceAddress"})
    """Fields of BGPPeer.spec that change the rendered protocol block, so that a change restarts the session."""


def _profiles() -> tuple[Profile, ...]:
    v21 = Profile(CalicoVersion(3, 21))
    v23 = replace(
        v21,
        since=CalicoVersion(3, 23),
        passive_global=True,
        mesh_password=True,
        options=v21.options | {"numAllowedLocalASNumbers"},
    )
    v24 = replace(v23, since=CalicoVersion(3, 24), reverse_one_family=True)
    v25 = replace(v24, since=CalicoVersion(3, 25), options=v24.options | {"ttlSecurity"})
    v26 = replace(v25, since=CalicoVersion(3, 26), cluster_id_validated=True)
    v302 = replace(v26, since=CalicoVersion(3, 30, 2), options=v26.options | {"nextHopMode"})
    v303 = replace(v302, since=CalicoVersion(3, 30, 3), reverse_manual=True)
    v31 = replace(v303, since=CalicoVersion(3, 31), local_as=True, options=v303.options | {"localASNumber"})
    v32 = replace(
        v31,
        since=CalicoVersion(3, 32),
        mesh_as_is_own=True,
        sorted_by_name=True,
        options=v31.options | {"keepaliveTime"},
    )
    return (v21, v23, v24, v25, v26, v302, v303, v31, v32)


PROFILES = _profiles()
NEWEST = CalicoVersion(3, 32, 1)
"""The newest release whose rules were read."""


def profile_for(version: CalicoVersion) -> Profile:
    """The rules of that version; raises PolicyRefusal below v3.21, whose mesh keeps its reflectors."""
    fitting = [profile for profile in PROFILES if profile.since <= version]
    if not fitting:
        raise PolicyRefusal(
            f"Calico {version} is older than v3.21.0, whose session rules are the oldest that rrplan knows",
            hint="upgrade Calico to v3.21 or later first; before that, reflectors stay in the mesh "
            "and no order of steps is free of loss",
        )
    return fitting[-1]


@dataclass(frozen=True, slots=True)
class Versions:
    """Which Calico runs on which node, and how we know.

    `default` holds for every node not in `by_node`; `source` says in words where it comes from.
    """

    default: CalicoVersion
    source: str
    by_node: Mapping[NodeName, CalicoVersion] = field(default_factory=dict, hash=False)

    @property
    def assumed(self) -> bool:
        """Whether nothing in the cluster told the version."""
        return self.source == ASSUMED

    def of(self, node: NodeName) -> CalicoVersion:
        """The version on that node."""
        return self.by_node.get(node, self.default)


ASSUMED = "assumed: the newest that rrplan knows"


def calico_versions(state: ClusterState, told: CalicoVersion | None = None) -> Versions:
    """Read versions from calico-node pods, its DaemonSet, ClusterInformation; `told` overrides them all.

    The pods decide, because ClusterInformation holds what some node wrote last.
    """
    if told is not None:
        return Versions(told, "told by --calico-version")
    pods = {
        pod.node: pod.calico_version
        for pod in state.others.values()
        if isinstance(pod, Pod) and pod.calico_version and pod.node
    }
    daemonsets = [
        daemonset.calico_version
        for daemonset in state.others.values()
        if isinstance(daemonset, DaemonSet) and daemonset.calico_version
    ]
    cluster = [
        information.calico_version
        for information in state.others.values()
        if isinstance(information, ClusterInformation) and information.calico_version
    ]
    if daemonsets:
        return Versions(daemonsets[0], "the image of DaemonSet calico-node", pods)
    if cluster:
        return Versions(cluster[0], "ClusterInformation", pods)
    if pods:
        return Versions(min(pods.values()), "the images of the calico-node pods", pods)
    return Versions(NEWEST, ASSUMED)
