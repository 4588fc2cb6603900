"""Preflight checks of addresses: of nodes, of peers, of the link between them."""

from __future__ import annotations

import ipaddress
from collections import Counter

from rrplan.bgp.cluster_ids import bird_reads
from rrplan.bgp.endpoint import dialled
from rrplan.bgp.left_out import LONG, left_out
from rrplan.bgp.next_hops import taken_by_outside
from rrplan.bgp.outside import Outside
from rrplan.bgp.profile import profile_for
from rrplan.bgp.refusals import unusable
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, HASH, Settings, is_zero
from rrplan.checks.context import CheckContext, CheckResults, names
from rrplan.checks.finding import error, warning
from rrplan.resources import BlockAffinity, IPPool
from rrplan.resources.cascade import outside_pools
from rrplan.snapshots.ignored import unreadable


def peer_address(context: CheckContext) -> CheckResults:
    """Every `peerIP` is one that Calico reads, written as Calico writes it, and that BIRD can dial."""
    nodes = {
        address: name for name, node in context.state.nodes.items() for address in (node.ipv4, node.ipv6) if address
    }
    profile = profile_for(context.versions.default)
    peers = sorted(context.state.peers.items())
    rendered = context.rendered(
        peer for _, peer in peers if (endpoint := dialled(peer, profile)) and unusable(endpoint)
    )
    for name, peer in peers:
        reason = left_out(peer, profile)
        if reason:
            yield warning("left-out", reason=reason)
        endpoint = dialled(peer, profile)
        if endpoint is None or reason:
            continue
        wrong = unusable(endpoint)
        if wrong and name in rendered:
            yield error("unusable", peer=name, address=peer.peer_ip, why=wrong)
        elif wrong:
            yield warning("unusable-unused", peer=name, address=peer.peer_ip, why=wrong)
        elif endpoint.text != peer.peer_ip:
            at = "" if endpoint.canonical else nodes.get(endpoint.address, "")
            facts = {"peer": name, "address": peer.peer_ip, "meant": endpoint.text}
            yield warning("spelling-hides-a-node", **facts, node=at) if at else warning("spelling", **facts)


def annotations_readable(context: CheckContext) -> CheckResults:
    """Every annotation of Calico on a Node is one that Calico reads."""
    for annotation, places in unreadable(context.state).items():
        yield warning("unreadable", annotation=annotation, places=tuple(places))


def router_id(context: CheckContext) -> CheckResults:
    """Every node has a router ID of its own: its IPv4 address, or CALICO_ROUTER_ID of calico-node."""
    settings = Settings.of(context.state)
    given = settings.router_id
    nodes = {name: node for name, node in context.state.nodes.items() if node.ipv4 or node.ipv6}
    without = [name for name, node in nodes.items() if not node.ipv4]
    if settings.router_id_elsewhere:
        yield warning("from-elsewhere")
    elif given and given != HASH and not bird_reads(given):
        yield error("unreadable", value=given[:LONG])
    elif given and given != HASH and not is_zero(given) and len(nodes) > 1:
        yield error("one-for-all", value=given[:LONG])
    elif given and is_zero(given) and any(node.ipv6 for node in nodes.values()):
        yield error("none", value=given[:LONG], nodes=names(name for name, node in nodes.items() if node.ipv6))
    elif given is not None and not given and without:
        yield error("no-ipv4", nodes=names(without))
    elif not given and without:
        yield warning("no-ipv4-not-known", nodes=names(without))


def addresses_unique(context: CheckContext) -> CheckResults:
    """No two nodes have one address."""
    for family in ("ipv4", "ipv6"):
        count = Counter(getattr(node, family) for node in context.state.nodes.values() if getattr(node, family))
        for address in sorted(address for address, number in count.items() if number > 1):
            nodes = [name for name, node in context.state.nodes.items() if getattr(node, family) == address]
            yield error("shared", address=address, nodes=names(nodes))


def addresses_known(context: CheckContext) -> CheckResults:
    """Calico's address of each node is one that Kubernetes knows too."""
    strange = [f"{name} ({', '.join(node.strange)})" for name, node in context.state.nodes.items() if node.strange]
    if strange:
        yield warning("strange", nodes=names(strange))


def one_link(context: CheckContext) -> CheckResults:
    """Next hops are on the link, where pools are not encapsulated."""
    pools = [pool for pool in context.of(IPPool) if not pool.disabled and not pool.disable_bgp_export]
    for version, field, bits in ((4, "ipv4", "ipv4_bits"), (6, "ipv6", "ipv6_bits")):
        bare = [
            pool.name
            for pool in pools
            if pool.ipip_mode == "Never" and pool.vxlan_mode == "Never" and (":" in pool.cidr) is (version == 6)
        ]
        nodes = [node for node in context.state.nodes.values() if getattr(node, field) and getattr(node, bits)]
        subnets = {
            str(ipaddress.ip_network(f"{getattr(node, field)}/{getattr(node, bits)}", strict=False)) for node in nodes
        }
        if bare and len(subnets) > 1:
            yield warning("several-subnets", count=len(subnets), subnets=names(subnets), pools=names(bare))


def next_hop_self(context: CheckContext) -> CheckResults:
    """No speaker outside sends packets for other nodes through a node whose role changes."""
    target = context.desired.state.nodes
    changing = [
        name
        for name, node in context.state.nodes.items()
        if name in target and (node.cluster_id, node.as_number) != (target[name].cluster_id, target[name].as_number)
    ]
    speakers = Speakers.of(context.state, context.versions) if changing and context.state.peers else None
    if speakers is None or not speakers.rules.reaches_outside:
        return
    taken = {
        name: protocols
        for name in changing
        if (protocols := [each for family in FAMILIES for each in taken_by_outside(speakers, name, family)])
    }
    if taken:
        first = taken[min(taken)][0]
        speaker = Outside(first.family, first.peer_address, first.peer_as).name
        yield warning("transit", nodes=names(taken), speaker=speaker, peer=first.askers[0])


def blocks_in_pools(context: CheckContext) -> CheckResults:
    """Every address block of a node whose Calico Node is deleted lies in an IPPool that is enabled."""
    blocks = [block for block in context.of(BlockAffinity) if block.node in context.desired.cascades]
    outside = outside_pools({block.cidr for block in blocks}, context.of(IPPool))
    for block in sorted(blocks, key=lambda block: (block.node, block.cidr)):
        if block.cidr in outside:
            yield warning("outside", block=block.cidr, node=block.node)
