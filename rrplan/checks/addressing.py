"""Preflight checks of addresses: of nodes, of peers, of the link between them."""

from __future__ import annotations

import ipaddress
from collections import Counter

from rrplan.bgp.endpoint import dialled
from rrplan.bgp.left_out import LONG, left_out
from rrplan.bgp.profile import profile_for
from rrplan.bgp.refusals import bird_reads, unusable
from rrplan.bgp.speaker import HASH, Settings, is_zero
from rrplan.checks.context import CheckContext, Findings, some
from rrplan.checks.finding import Severity
from rrplan.resources import BlockAffinity, IPPool
from rrplan.resources.cascade import outside_pools
from rrplan.snapshots.ignored import ignored


def peer_address(context: CheckContext) -> Findings:
    """Every `peerIP` is one that Calico reads, written as Calico writes it, and that BIRD can dial."""
    nodes = {
        address: name for name, node in context.state.nodes.items() for address in (node.ipv4, node.ipv6) if address
    }
    profile = profile_for(context.versions.default)
    peers = sorted(context.state.peers.items())
    rendered = context.rendered(peer for _, peer in peers if (found := dialled(peer, profile)) and unusable(found))
    for name, peer in peers:
        ignored_for = left_out(peer, profile)
        if ignored_for:
            yield Severity.WARNING, ignored_for
        endpoint = dialled(peer, profile)
        if endpoint is None or ignored_for:
            continue
        lead = f"BGPPeer `{name}`: `peerIP: {peer.peer_ip}`"
        wrong = unusable(endpoint)
        if wrong and name in rendered:
            text = f"{lead} is {wrong}: BIRD refuses the whole configuration on every node that has this peer"
            yield Severity.ERROR, text
        elif wrong:
            yield Severity.WARNING, f"{lead} is {wrong}, which BIRD refuses; no node has this peer now"
        elif endpoint.text != peer.peer_ip:
            at = "" if endpoint.canonical else nodes.get(endpoint.address, "")
            lost = f"; Calico compares text, so it does not find node {at}, which gets no session back" if at else ""
            yield Severity.WARNING, f"{lead} means `{endpoint.text}`: write that{lost}"


def annotations_readable(context: CheckContext) -> Findings:
    """Every annotation of Calico on a Node is one that Calico reads."""
    yield from ((Severity.WARNING, text) for text in ignored(context.state))


def router_id(context: CheckContext) -> Findings:
    """Every node has a router ID of its own: its IPv4 address, or CALICO_ROUTER_ID of calico-node."""
    settings = Settings.of(context.state)
    told = settings.router_id
    nodes = {name: node for name, node in context.state.nodes.items() if node.ipv4 or node.ipv6}
    without = [name for name, node in nodes.items() if not node.ipv4]
    refused = "without a router ID BIRD refuses the configuration"
    if settings.router_id_elsewhere:
        yield (
            Severity.WARNING,
            (
                "CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`), so it is not known whether each "
                "node has a router ID that BIRD reads and that no other node has"
            ),
        )
    elif told and told != HASH and not bird_reads(told):
        text = f"CALICO_ROUTER_ID of calico-node is `{told[:LONG]}`, which is neither `hash` nor a router ID"
        yield Severity.ERROR, f"{text}: BIRD refuses the configuration on every node"
    elif told and told != HASH and not is_zero(told) and len(nodes) > 1:
        yield (
            Severity.ERROR,
            (
                f"CALICO_ROUTER_ID of calico-node gives every node the router ID {told[:LONG]}: BIRD has no session "
                "with a node of the same AS and the same router ID; `hash` gives each node its own"
            ),
        )
    elif told and is_zero(told) and any(node.ipv6 for node in nodes.values()):
        six = some(name for name, node in nodes.items() if node.ipv6)
        yield (
            Severity.ERROR,
            f"CALICO_ROUTER_ID of calico-node is `{told[:LONG]}`, none for {six} (IPv6): {refused}",
        )
    elif not told and without:
        known = (
            "calico-node has no CALICO_ROUTER_ID"
            if told is not None
            else "whether calico-node has CALICO_ROUTER_ID is not known"
        )
        severity = Severity.ERROR if told is not None else Severity.WARNING
        yield severity, f"no IPv4 address on {some(without)}, and {known}: {refused}"


def addresses_unique(context: CheckContext) -> Findings:
    """No two nodes have one address."""
    for family in ("ipv4", "ipv6"):
        count = Counter(getattr(node, family) for node in context.state.nodes.values() if getattr(node, family))
        for address in sorted(address for address, number in count.items() if number > 1):
            names = [name for name, node in context.state.nodes.items() if getattr(node, family) == address]
            yield Severity.ERROR, f"{address} is the address of {some(names)}: sessions to it reach any of them"


def addresses_known(context: CheckContext) -> Findings:
    """Calico's address of each node is one that Kubernetes knows too."""
    strange = [f"{name} ({', '.join(node.strange)})" for name, node in context.state.nodes.items() if node.strange]
    if strange:
        yield (
            Severity.WARNING,
            (
                f"an address that is none of the Node's InternalIPs, such as a bridge of containers: {some(strange)}; "
                "others may not reach it (IP_AUTODETECTION_METHOD of calico-node)"
            ),
        )


def one_link(context: CheckContext) -> Findings:
    """Next hops are on the link, where pools are not encapsulated."""
    pools = [one for one in context.of(IPPool) if not one.disabled and not one.disable_bgp_export]
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
            yield (
                Severity.WARNING,
                (
                    f"nodes are in {len(subnets)} subnets ({some(subnets)}), and IPPool {some(bare)} does not "
                    "encapsulate: the next hop of a reflected route is not on the link, unless routers between the "
                    "subnets know the pods' routes (they have to speak BGP), or the pool uses CrossSubnet"
                ),
            )


def blocks_in_pools(context: CheckContext) -> Findings:
    """Every address block of a node whose Calico Node is deleted lies in an IPPool that is enabled."""
    blocks = [one for one in context.of(BlockAffinity) if one.node in context.desired.cascades]
    outside = outside_pools({one.cidr for one in blocks}, context.of(IPPool))
    for block in sorted((one for one in blocks if one.cidr in outside), key=lambda one: (one.node, one.cidr)):
        yield (
            Severity.WARNING,
            (
                f"address block {block.cidr} of {block.node} lies in no IPPool that is enabled: `calicoctl delete node "
                f'{block.node}` refuses for good; make an IPPool that covers it, with `nodeSelector: "!all()"`, until '
                "the node is deleted, or apply with `--calico-config`, which leaves blocks alone"
            ),
        )
