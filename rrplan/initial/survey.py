"""A first look at a cluster: what is there, counted from its state and the session model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from rrplan.bgp.outside import Outside
from rrplan.bgp.peering import external_protocols
from rrplan.bgp.profile import Versions
from rrplan.bgp.session_counts import count_sessions
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Settings, StandalonePlacement, is_down
from rrplan.desired.joining import Joining
from rrplan.desired.options import mesh_options
from rrplan.desired.ownership import is_ours
from rrplan.ids import NodeName
from rrplan.reports.survey import Neighbour, Reflection, Survey
from rrplan.resources import ClusterState, IPPool, Node
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs.labels import is_reserved
from rrplan.specs.model import ZONE_LABEL

NEVER = "Never"
SERVICES = ("serviceClusterIPs", "serviceExternalIPs", "serviceLoadBalancerIPs")
"""Fields of BGPConfiguration `default` by which nodes announce addresses of services."""


def survey(state: ClusterState, versions: Versions) -> Survey:
    """What is in a cluster; nothing is judged."""
    settings = Settings.of(state)
    speakers = Speakers.of(state, versions)
    joining = Joining(state.nodes)
    inside = sorted(peer.name for peer in state.peers.values() if joining.inside(peer))
    place = StandalonePlacement.of(state)
    outside = [*_outside(speakers, settings.global_as)]
    beyond = sum(len(neighbour.at) for neighbour in outside)
    counted = sum(count_sessions(speakers).established.values())
    speaking = [node for node in state.nodes.values() if (node.ipv4 or node.ipv6) and not node.windows]
    default = state.configurations.get("default")
    pools = sorted((each for each in state.others.values() if isinstance(each, IPPool)), key=lambda each: each.name)
    return Survey(
        nodes=len(state.nodes),
        down=tuple(sorted(name for name, node in state.nodes.items() if is_down(node, settings))),
        silent=tuple(sorted(state.nodes.keys() - {node.name for node in speaking})),
        zones=dict(sorted(Counter(node.effective_labels.get(ZONE_LABEL, "") for node in state.nodes.values()).items())),
        versions=tuple(map(str, sorted({versions.default, *versions.by_node.values()}))),
        assumed=versions.assumed,
        families=tuple(
            str(family) for family in FAMILIES if any(speaker.address(family) for speaker in speakers.by_name.values())
        ),
        as_numbers=dict(sorted(Counter(settings.effective_as(node.as_number) for node in speaking).items())),
        mesh=settings.mesh,
        mesh_nodes=sum(not speakers.by_name[node.name].reflects_in_mesh for node in speaking) if settings.mesh else 0,
        sessions=(counted - beyond) // 2 + beyond,
        reflections=tuple(_reflections(state)),
        standalone=tuple(sorted(name for name, node in state.nodes.items() if place and place.runs_on(node))),
        inside=tuple(name for name in inside if not is_ours(state.peers[name])),
        ours=tuple(sorted(peer.name for peer in state.peers.values() if is_ours(peer))),
        outside=tuple(outside),
        local=tuple(sorted(name for name, peer in state.peers.items() if peer.local_workload_selector)),
        plain=tuple(pool.name for pool in pools if pool.ipip_mode == NEVER and pool.vxlan_mode == NEVER),
        tunnels=tuple(text for pool in pools for text in _tunnels(pool)),
        services=tuple(name for name in SERVICES if default is not None and default.spec.get(name)),
        fragile=dict(_fragile(state, joining)),
        options=tuple(sorted(mesh_options(state))),
    )


def _reflections(state: ClusterState) -> Iterator[Reflection]:
    groups: defaultdict[str, list[NodeName]] = defaultdict(list)
    for name, node in sorted(state.nodes.items()):
        if node.cluster_id:
            groups[node.cluster_id].append(name)
    for cluster_id, names in sorted(groups.items()):
        yield Reflection(cluster_id, tuple(names), _own_label(state.nodes, names))


def _own_label(nodes: Mapping[NodeName, Node], members: list[NodeName]) -> tuple[str, str]:
    """A label that these nodes carry and no other node does: the one whose key speaks of reflectors, if any does."""
    shared = set(nodes[members[0]].effective_labels.items())
    for name in members[1:]:
        shared &= nodes[name].effective_labels.items()
    for name in nodes.keys() - set(members):
        shared -= nodes[name].effective_labels.items()
    shared = {(key, value) for key, value in shared if key != "kubernetes.io/hostname"}
    return min(shared, key=lambda label: ("reflector" not in label[0], label), default=("", ""))


def _outside(speakers: Speakers, as_number: int) -> Iterator[Neighbour]:
    nodes: defaultdict[Outside, set[NodeName]] = defaultdict(set)
    peers: defaultdict[Outside, set[str]] = defaultdict(set)
    internal: set[Outside] = set()
    for own in speakers.by_name.values():
        for family in FAMILIES:
            for protocol in external_protocols(speakers.rules, own, family):
                speaker = Outside(family, protocol.peer_address, protocol.peer_as)
                nodes[speaker].add(own.name)
                peers[speaker] |= set(protocol.peers)
                if speaker.as_number == own.as_number:
                    internal.add(speaker)
    for speaker in sorted(nodes):
        yield Neighbour(
            speaker.address,
            speaker.as_number,
            frozenset(nodes[speaker]),
            speaker in internal,
            tuple(sorted(peers[speaker])),
        )


def _tunnels(pool: IPPool) -> Iterator[str]:
    for kind, mode in (("IPIP", pool.ipip_mode), ("VXLAN", pool.vxlan_mode)):
        if mode != NEVER:
            yield f"{pool.name} ({kind} {mode})"


def _fragile(state: ClusterState, joining: Joining) -> Iterator[tuple[str, str]]:
    """Labels that sessions rest on although somebody else may change them."""
    keys: set[str] = set()
    for peer in state.peers.values():
        for text in (peer.node_selector, peer.peer_selector):
            try:
                keys |= parse(text).labels if text else frozenset()
            except SelectorSyntaxError:
                continue
    for key in sorted(keys):
        if is_reserved(key) and not key.startswith("topology.kubernetes.io/"):
            yield key, "Kubernetes' own: an upgrade may change it"
        elif not joining.carriers(key) and not key.startswith("rrplan.io/"):
            yield key, "no node has it"
