"""BGP speakers: what the rest of a cluster knows of one calico-node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import ip_network

from rrplan.bgp.options import rendered
from rrplan.bgp.profile import Profile, Versions, profile_for
from rrplan.bgp.roles import OutsideRole
from rrplan.ids import NodeName
from rrplan.resources import BGPConfiguration, ClusterState, DaemonSet, Installation, Node, Pod
from rrplan.resources.decoding import BACKENDS_WITHOUT_BGP
from rrplan.resources.reading import is_ipv4_network

DEFAULT_AS = 64512
"""Calico's global AS number where BGPConfiguration `default` sets none (confd client.go, globalDefaults)."""
BGP_PORT = 179
VPP = "VPP"
"""The dataplane that runs BGP by itself: the operator gives calico-node backend `none` (tigera/operator)."""
HASH = "hash"
"""The value of CALICO_ROUTER_ID that gives each node an ID of its own."""


class Family(StrEnum):
    """Address families; Calico runs one BIRD for each."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


FAMILIES = (Family.IPV4, Family.IPV6)
WHOLE = {Family.IPV4: 32, Family.IPV6: 128}
"""How long addresses are."""
ALONE = "alone"
"""The link of a node whose address is a network by itself."""


@dataclass(frozen=True, slots=True)
class StandalonePlacement:
    """Where containers of `calico/routereflector` run: on nodes with all labels of one of `selectors`.

    `agents` are the nodes on which a calico-node pod runs too, None where no pod of calico-node is known.
    """

    selectors: tuple[frozenset[tuple[str, str]], ...]
    agents: frozenset[NodeName] | None

    @classmethod
    def of(cls, state: ClusterState) -> StandalonePlacement | None:
        """Read DaemonSets and pods; None where there is no such DaemonSet."""
        sets = [
            daemonset for daemonset in state.others.values() if isinstance(daemonset, DaemonSet) and daemonset.reflector
        ]
        if not sets:
            return None
        pods = [pod for pod in state.others.values() if isinstance(pod, Pod)]
        agents = frozenset(pod.node for pod in pods if pod.calico_version or pod.owner_name == "calico-node")
        return cls(tuple(frozenset(daemonset.node_selector.items()) for daemonset in sets), agents or None)

    def runs_on(self, node: Node) -> bool:
        """Whether one of them runs on that node."""
        return any(selector <= node.labels.items() for selector in self.selectors)


@dataclass(frozen=True, slots=True)
class Settings:
    """What BGPConfigurations say.

    `ports` holds `node.<name>` listen ports; `default_port` None means that nothing is set (179).
    `mesh_options` are rendered into mesh protocols, under the names that BGPPeer has for them.
    """

    mesh: bool = True
    global_as: int = DEFAULT_AS
    default_port: int | None = None
    ports: Mapping[NodeName, int] = field(default_factory=dict, hash=False)
    mesh_options: tuple[tuple[str, str], ...] = ()
    standalone: StandalonePlacement | None = None
    not_ready: frozenset[NodeName] = frozenset()
    """Nodes whose calico-node pod is known not to be ready."""
    idle: str = ""
    """Why BGP does not run in this cluster; "" where it does."""
    router_id: str | None = None
    """CALICO_ROUTER_ID of calico-node, "" for none; None where it is not known."""
    router_id_elsewhere: bool = False
    """It is not known although its DaemonSet is: the value comes from elsewhere (`valueFrom`)."""

    def effective_as(self, as_number: int | None) -> int:
        """The AS number of a node: its own one, or the global one where it has none."""
        return self.global_as if as_number is None else as_number

    @classmethod
    def of(cls, state: ClusterState) -> Settings:
        """Read `default` and every `node.<name>`; other names are ignored, as confd does."""
        default = state.configurations.get("default", BGPConfiguration("default"))
        ports = {
            NodeName(name.removeprefix("node.")): configuration.listen_port
            for name, configuration in state.configurations.items()
            if name.startswith("node.") and configuration.listen_port
        }
        options = tuple(
            (name, text)
            for name, field in (("maxRestartTime", "nodeMeshMaxRestartTime"), ("password", "nodeMeshPassword"))
            if (text := rendered(name, default.spec.get(field)))
        )
        ids = [
            daemonset.router_id
            for daemonset in state.others.values()
            if isinstance(daemonset, DaemonSet) and daemonset.agent
        ]
        return cls(
            mesh=default.mesh_enabled is not False,
            global_as=DEFAULT_AS if default.as_number is None else default.as_number,
            default_port=default.listen_port,
            ports=ports,
            mesh_options=options,
            standalone=StandalonePlacement.of(state),
            idle=_idle(state),
            router_id=ids[0] if ids else None,
            router_id_elsewhere=bool(ids) and ids[0] is None,
            not_ready=frozenset(
                pod.node for pod in state.others.values() if isinstance(pod, Pod) and pod.ready is False
            ),
        )


def _idle(state: ClusterState) -> str:
    """Why calico-node runs no BIRD: rc.local starts none with these backends (calico/node v3.0 to v3.32)."""
    for resource in state.others.values():
        if isinstance(resource, Installation) and resource.bgp == "Disabled":
            return f"Installation `{resource.name}` says `bgp: Disabled`"
        if isinstance(resource, Installation) and resource.dataplane == VPP:
            return f"Installation `{resource.name}` says `linuxDataplane: VPP`"
        if isinstance(resource, DaemonSet) and not resource.reflector and resource.backend in BACKENDS_WITHOUT_BGP:
            return f"DaemonSet {resource.namespace}/{resource.name} runs with backend `{resource.backend}`"
    return ""


@dataclass(frozen=True, slots=True)
class Speaker:
    """One node as BGP speaker, with global defaults filled in.

    `own_as` is the node's own number or None, `as_number` the effective one. `port` None means 179.
    `cluster_id` "" means no reflector. Labels are the effective ones, for selectors.
    """

    name: NodeName
    ipv4: str
    ipv6: str
    own_as: int | None
    as_number: int
    cluster_id: str
    own_port: int | None
    port: int | None
    profile: Profile
    labels: Mapping[str, str] = field(hash=False)
    standalone: bool = False
    """A container of `calico/routereflector` speaks here, with its router ID as cluster ID."""
    calico: bool = True
    """There is a Calico Node with an address, which others mesh with whether or not its calico-node runs."""
    contested: bool = False
    """calico-node and the container may both run: the second to start has no listener on port 179."""
    down: bool = False
    """The node is not Ready, or its calico-node is not: it is no path for others."""
    untried: frozenset[str] = frozenset()
    """Speakers outside to which it has a session only since a step on the way: nobody knows whether they accept it."""
    router_id: str = ""
    """What is known of its router ID, to compare with others'; "" where it is not known or made of its own name."""
    calico_name: str = ""
    """Its name in Calico, where that is not its name in Kubernetes."""
    ipv4_bits: int = 0
    """Prefix length of its address: which addresses are on its link; 0 where it is not known."""
    ipv6_bits: int = 0
    ignored_id: str = ""
    """A cluster ID that its own Calico ignores, and that of another version may not."""
    role: OutsideRole | None = None
    """Of a speaker outside the cluster that passes routes on; None for a node."""

    @property
    def known_as(self) -> NodeName:
        """Its name in BGPPeers."""
        return NodeName(self.calico_name) if self.calico_name else self.name

    def address(self, family: Family) -> str:
        """The node's address in a family; "" where it has none."""
        return self.ipv4 if family is Family.IPV4 else self.ipv6

    def link(self, family: Family) -> str:
        """The network of the node's address in a family; "" where it is not known."""
        address, bits = self.address(family), self._bits(family)
        return str(ip_network(f"{address}/{bits}", strict=False)) if address and bits else ""

    def _bits(self, family: Family) -> int:
        return self.ipv4_bits if family is Family.IPV4 else self.ipv6_bits

    @property
    def links(self) -> tuple[str, ...]:
        """These networks, where its sessions may depend on them; nodes that are a network each are alike."""
        if self.profile.mesh_multihop and "ttlSecurity" not in self.profile.options:
            return ()
        return tuple(ALONE if self._bits(family) == WHOLE[family] else self.link(family) for family in FAMILIES)

    @property
    def listens(self) -> int:
        """The TCP port that its BIRD listens on."""
        return self.port or BGP_PORT

    def cluster_id_for(self, other: Speaker) -> str:
        """Its cluster ID as the Calico of another node sees it, by its own version; "" for none."""
        if self.standalone:
            return ""
        return effective_cluster_id(self.cluster_id or self.ignored_id, other.profile)

    @property
    def reflects_in_mesh(self) -> bool:
        """Whether mesh rules see a reflector: a standalone one is not known to Calico."""
        return bool(self.cluster_id) and not self.standalone


def speaker_of(node: Node, settings: Settings, versions: Versions) -> Speaker:
    """Resolve one node against the configurations and its own Calico version."""
    profile = profile_for(versions.of(node.name))
    own_port = settings.ports.get(node.known_as) if profile.ports else None
    reflector = settings.standalone is not None and settings.standalone.runs_on(node)
    if reflector and (node.host_ip or node.ipv4):
        return _standalone(node, settings, profile)
    cluster_id = effective_cluster_id(node.cluster_id, profile)
    return Speaker(
        name=node.name,
        ipv4=node.ipv4,
        ipv6=node.ipv6,
        own_as=node.as_number,
        as_number=settings.effective_as(node.as_number),
        cluster_id=cluster_id,
        ignored_id="" if cluster_id else node.cluster_id,
        own_port=own_port,
        port=own_port or (settings.default_port if profile.ports else None),
        profile=profile,
        labels=node.effective_labels,
        calico=bool(node.ipv4 or node.ipv6),
        calico_name=node.calico_name,
        down=is_down(node, settings),
        router_id=_router_id(node, settings),
        ipv4_bits=node.ipv4_bits,
        ipv6_bits=node.ipv6_bits,
    )


def _router_id(node: Node, settings: Settings) -> str:
    """CALICO_ROUTER_ID, else the IPv4 address; `hash` is a number made of the node's name (bgp_processor.go, v3.32).

    Where only 0 is given, BIRD chooses one of the addresses that the host has.
    """
    router_id = settings.router_id
    if router_id == HASH or settings.router_id_elsewhere or (router_id and is_zero(router_id)):
        return ""
    return router_id or node.ipv4


def outside_speaker(role: OutsideRole, versions: Versions) -> Speaker:
    """A speaker outside that passes routes on; no selector matches it, and nobody meshes with it."""
    return Speaker(
        name=role.known_as,
        ipv4=role.ipv4,
        ipv6=role.ipv6,
        own_as=role.as_number,
        as_number=role.as_number,
        cluster_id=role.cluster_id,
        own_port=None,
        port=None,
        profile=profile_for(versions.default),
        labels={},
        calico=False,
        role=role,
    )


def is_zero(router_id: str) -> bool:
    """Whether a router ID is 0, as number or as address: for BIRD it is as good as none."""
    return not router_id.strip().replace("0x", "").strip("0.")


def is_down(node: Node, settings: Settings) -> bool:
    """Whether a node is known not to run BGP now; where nobody says, it is taken to be alive."""
    return node.ready is False or node.name in settings.not_ready


def as_configured(state: ClusterState) -> ClusterState:
    """The same state with every node alive: what its configuration comes to once everything runs."""
    nodes = {name: replace(node, ready=None) if node.ready is False else node for name, node in state.nodes.items()}
    others = {
        key: replace(resource, ready=None) if isinstance(resource, Pod) and resource.ready is False else resource
        for key, resource in state.others.items()
    }
    return replace(state, nodes=nodes, others=others)


def _standalone(node: Node, settings: Settings, profile: Profile) -> Speaker:
    """The container on a host; IPv4 alone, because its IPv6 template is broken (routereflector v0.5.0 to v0.6.3)."""
    address = node.host_ip or node.ipv4
    agents = settings.standalone.agents if settings.standalone else None
    return Speaker(
        name=node.name,
        ipv4=address,
        ipv6="",
        own_as=None,
        as_number=settings.global_as,
        cluster_id=address,
        own_port=None,
        port=None,
        profile=profile,
        labels=node.effective_labels,
        standalone=True,
        calico=bool(node.ipv4 or node.ipv6),
        calico_name=node.calico_name,
        contested=bool(node.ipv4) and (agents is None or node.name in agents),
        down=node.ready is False,
        router_id=address,
    )


def effective_cluster_id(text: str, profile: Profile) -> str:
    """The cluster ID as confd sees it: "" where Calico is too old to know any, or ignores this one.

    Since v3.26 it accepts a prefix length (`1.0.0.1/32`), and takes the node for a reflector.
    """
    if not text or not profile.selectors or (profile.cluster_id_validated and not is_ipv4_network(text)):
        return ""
    return text
