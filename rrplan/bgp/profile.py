"""Calico's BGP rules that depend on its version, as data.

Each field cites the change that introduced it; `profile_for` picks the newest profile not newer than the
version asked for. A new release with a new rule is one more row, not one more branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rrplan.errors import PolicyRefusal
from rrplan.ids import NodeName
from rrplan.resources import CalicoVersion, ClusterInformation, ClusterState, DaemonSet, Pod


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules of one range of Calico versions, from `since` on."""

    since: CalicoVersion
    selectors: bool = False
    """nodeSelector, peerSelector, cluster IDs, reverse peers; a Node_ gives way to a Global_ (v3.3.0, d9993a19)."""
    selector_texts: bool = False
    """`contains`, `starts with` and `ends with` in selectors (v3.6.0, 960598b2)."""
    selector_global: bool = False
    """`global()` in selectors (v3.15.0, 36db81bc)."""
    leave_mesh: frozenset[str] = frozenset()
    """Families in which a reflector has no mesh (v3.3.0, 5980bc98; not IPv4 in v3.13.0 to v3.20, confd#311)."""
    skip_reflectors: frozenset[str] = frozenset()
    """Families in which nobody meshes with a reflector (v3.21.0, confd#619)."""
    client_of_any_as: bool = False
    """`rr client` is rendered towards another AS too, which BIRD refuses (v3.3.0 and v3.3.1; 36222dda)."""
    passive_mesh: bool = False
    """One end of a mesh session is passive (v3.4.0, node#79)."""
    passive_by_ipv4: bool = False
    """IPv6 mesh: the peer is compared with the own IPv4 address (v3.4.0 to v3.5.3 and v3.6.0, confd b9331eac)."""
    ports: bool = False
    """Listen ports and ports in `peerIP` (v3.16.0)."""
    keep_next_hop_globally: bool = False
    """keepOriginalNextHop holds for Global_ too (v3.17.0)."""
    passive_global: bool = False
    """`Global_` to a Calico node is passive on one side (v3.23.0, calico#5625)."""
    mesh_password: bool = False
    """nodeMeshPassword and nodeMeshMaxRestartTime exist (v3.23.0)."""
    reverse_one_family: bool = False
    """The reverse of a `peerIP` peer has only that address family (v3.24.0, calico#6119)."""
    reachable_by: bool = False
    """`reachableBy` is known, and checked before the peer is rendered (v3.25.0)."""
    filters: bool = False
    """BGPFilters are known (v3.26.0)."""
    mesh_multihop: bool = True
    """Mesh sessions between two AS numbers go through routers (not in v3.26.0 to v3.32: no `multihop` is rendered)."""
    cluster_id_validated: bool = False
    """A cluster ID annotation that is no IPv4 address is ignored (v3.26.0, 3bfb7b0daa)."""
    local_workloads: bool = False
    """`localWorkloadSelector` is known (v3.30.0)."""
    reverse_manual: bool = False
    """`reversePeering: Manual` is known (v3.30.3)."""
    local_as: bool = False
    """`localASNumber` is known (v3.31.0)."""
    mesh_as_is_own: bool = False
    """A mesh peer without AS number gets the rendering node's own one (v3.32.0, bgp_processor.go)."""
    sorted_by_name: bool = False
    """Protocols stand in the file by name; before: mesh, global, node (v3.32.0, bgp_processor.go)."""
    options: frozenset[str] = frozenset()
    """Fields of BGPPeer.spec that change the rendered protocol block, so that a change restarts the session."""


_BOTH = frozenset({"ipv4", "ipv6"})


def _before_v21() -> tuple[Profile, ...]:
    v0 = Profile(CalicoVersion(3, 0))
    v3 = replace(v0, since=CalicoVersion(3, 3), selectors=True, leave_mesh=_BOTH, client_of_any_as=True)
    v32 = replace(v3, since=CalicoVersion(3, 3, 2), client_of_any_as=False)
    v4 = replace(v32, since=CalicoVersion(3, 4), passive_mesh=True, passive_by_ipv4=True)
    v54 = replace(v4, since=CalicoVersion(3, 5, 4), passive_by_ipv4=False)
    v6 = replace(v4, since=CalicoVersion(3, 6), selector_texts=True)
    v61 = replace(v54, since=CalicoVersion(3, 6, 1), selector_texts=True)
    v13 = replace(v61, since=CalicoVersion(3, 13), leave_mesh=frozenset({"ipv6"}))
    v15 = replace(v13, since=CalicoVersion(3, 15), selector_global=True)
    v16 = replace(v15, since=CalicoVersion(3, 16), ports=True, options=frozenset({"keepOriginalNextHop"}))
    v163 = replace(v16, since=CalicoVersion(3, 16, 3), options=v16.options | {"password"})
    v17 = replace(v163, since=CalicoVersion(3, 17), keep_next_hop_globally=True)
    v18 = replace(v17, since=CalicoVersion(3, 18), options=v17.options | {"sourceAddress"})
    v20 = replace(v18, since=CalicoVersion(3, 20), options=v18.options | {"maxRestartTime"})
    return (v0, v3, v32, v4, v54, v6, v61, v13, v15, v16, v163, v17, v18, v20)


def _profiles() -> tuple[Profile, ...]:
    before = _before_v21()
    v21 = replace(before[-1], since=CalicoVersion(3, 21), leave_mesh=_BOTH, skip_reflectors=_BOTH)
    v23 = replace(
        v21,
        since=CalicoVersion(3, 23),
        passive_global=True,
        mesh_password=True,
        options=v21.options | {"numAllowedLocalASNumbers"},
    )
    v24 = replace(v23, since=CalicoVersion(3, 24), reverse_one_family=True)
    v25 = replace(v24, since=CalicoVersion(3, 25), reachable_by=True, options=v24.options | {"ttlSecurity"})
    v26 = replace(v25, since=CalicoVersion(3, 26), cluster_id_validated=True, filters=True, mesh_multihop=False)
    v30 = replace(v26, since=CalicoVersion(3, 30), local_workloads=True)
    v302 = replace(v30, since=CalicoVersion(3, 30, 2), options=v30.options | {"nextHopMode"})
    v303 = replace(v302, since=CalicoVersion(3, 30, 3), reverse_manual=True)
    v31 = replace(v303, since=CalicoVersion(3, 31), local_as=True, options=v303.options | {"localASNumber"})
    v32 = replace(
        v31,
        since=CalicoVersion(3, 32),
        mesh_as_is_own=True,
        sorted_by_name=True,
        options=v31.options | {"keepaliveTime"},
    )
    return (*before, v21, v23, v24, v25, v26, v30, v302, v303, v31, v32)


PROFILES = _profiles()
NEWEST = CalicoVersion(3, 32, 1)
"""The newest release whose rules were read."""


@lru_cache(maxsize=64)
def profile_for(version: CalicoVersion) -> Profile:
    """The rules of that version; raises PolicyRefusal below v3.0."""
    fitting = [profile for profile in PROFILES if profile.since <= version]
    if not fitting:
        raise PolicyRefusal(
            f"Calico {version} is older than v3.0.0, whose session rules are the oldest that rrplan knows",
            hint="upgrade Calico first",
        )
    return fitting[-1]


PLANNED_SINCE = CalicoVersion(3, 21)
"""From here on a reflector leaves the mesh at both ends, so that no session of others waits behind a mesh session."""


def check_planned(versions: Versions, *, meshed: bool) -> None:
    """Raise PolicyRefusal where some node is older than the oldest version for which plans are made.

    `meshed` says that the mesh is on before or after; without it reflectors are as good before v3.21.
    """
    oldest = versions.oldest
    if not profile_for(oldest).selectors:
        raise PolicyRefusal(
            f"Calico {oldest} is older than v3.3.0, and knows no reflectors inside the cluster",
            hint="upgrade Calico first, or use `flavor: standalone`",
        )
    if meshed and oldest < PLANNED_SINCE:
        raise PolicyRefusal(
            f"Calico {oldest} is older than {PLANNED_SINCE}: its reflectors stay in the mesh at one end or both",
            hint="upgrade Calico to v3.21 or later first; before that, no order of steps is free of loss",
        )


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

    @property
    def oldest(self) -> CalicoVersion:
        """The oldest that may run anywhere."""
        return min({self.default, *self.by_node.values()})

    def of(self, node: NodeName) -> CalicoVersion:
        """The version on that node."""
        return self.by_node.get(node, self.default)


ASSUMED = "assumed: the newest that rrplan knows"


def calico_versions(state: ClusterState, version: CalicoVersion | None = None) -> Versions:
    """Read versions from calico-node pods, its DaemonSet, ClusterInformation; `version` overrides them all.

    The pods decide, because ClusterInformation holds what some node wrote last.
    """
    if version is not None:
        return Versions(version, "told by --calico-version")
    pods = {
        pod.node: pod.calico_version
        for pod in state.others.values()
        if isinstance(pod, Pod) and pod.calico_version and pod.node
    }
    daemonsets = [
        daemonset.calico_version
        for daemonset in state.others.values()
        if isinstance(daemonset, DaemonSet) and daemonset.calico_version and not daemonset.reflector
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
