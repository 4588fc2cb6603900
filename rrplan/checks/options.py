"""Preflight checks of options of sessions: known to the version, there where they point, and of any effect."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator, Mapping

from rrplan.bgp.announced import filter_rules
from rrplan.bgp.endpoint import dialled, unreachable
from rrplan.bgp.left_out import LONG
from rrplan.bgp.profile import profile_for
from rrplan.bgp.speaker import BGP_PORT, Family
from rrplan.checks.context import CheckContext, CheckResults, names
from rrplan.checks.finding import error, warning
from rrplan.desired.ownership import is_ours
from rrplan.resources import BGPFilter, BGPPeer, CalicoVersion, DaemonSet
from rrplan.resources.decoding import OWN_NAMESPACE
from rrplan.resources.password import allowing, secret_of
from rrplan.resources.reading import parse_decimal
from rrplan.specs import Spec
from rrplan.specs.peering import stated_together

SINCE = {
    "BGPPeer": {
        "keepOriginalNextHop": CalicoVersion(3, 16),
        "password": CalicoVersion(3, 16, 3),
        "sourceAddress": CalicoVersion(3, 18),
        "maxRestartTime": CalicoVersion(3, 20),
        "numAllowedLocalASNumbers": CalicoVersion(3, 23),
        "ttlSecurity": CalicoVersion(3, 25),
        "reachableBy": CalicoVersion(3, 25),
        "filters": CalicoVersion(3, 26),
        "localWorkloadSelector": CalicoVersion(3, 30),
        "nextHopMode": CalicoVersion(3, 30, 2),
        "reversePeering": CalicoVersion(3, 30, 3),
        "localASNumber": CalicoVersion(3, 31),
        "keepaliveTime": CalicoVersion(3, 32),
    },
    "BGPConfiguration": {
        "serviceClusterIPs": CalicoVersion(3, 10),
        "serviceExternalIPs": CalicoVersion(3, 10),
        "communities": CalicoVersion(3, 16),
        "listenPort": CalicoVersion(3, 16),
        "prefixAdvertisements": CalicoVersion(3, 16),
        "serviceLoadBalancerIPs": CalicoVersion(3, 18),
        "nodeMeshPassword": CalicoVersion(3, 23),
        "nodeMeshMaxRestartTime": CalicoVersion(3, 23),
        "bindMode": CalicoVersion(3, 23),
        "ignoredInterfaces": CalicoVersion(3, 25),
        "localWorkloadPeeringIPV4": CalicoVersion(3, 30),
        "localWorkloadPeeringIPV6": CalicoVersion(3, 30),
        "serviceLoadBalancerAggregation": CalicoVersion(3, 31),
        "programClusterRoutes": CalicoVersion(3, 32),
        "ipv4NormalRoutePriority": CalicoVersion(3, 32),
        "ipv6NormalRoutePriority": CalicoVersion(3, 32),
    },
}
"""First version of API fields (scan of all release tags of projectcalico/calico)."""
LONGEST = {Family.IPV4: 32, Family.IPV6: 128}
"""Bits of an address, by family."""
BY_ADDRESS = ("keepOriginalNextHop", "numAllowedLocalASNumbers")
"""Options that confd takes from a BGPPeer with `peerIP` alone, and gives the end that has it.

confd/pkg/backends/calico/client.go: updatePeersV1 sets them for `peerIP`, nodeAsBGPPeers does not (read at commits of
v3.24 and v3.25; the same was said of keepOriginalNextHop in the review of projectcalico/confd#339).
"""


def fields_known(context: CheckContext) -> CheckResults:
    """No object uses a field that the running Calico does not know."""
    written = _written(context)
    oldest = context.versions.oldest
    for kind, name, spec in written:
        for field, since in _unknown(kind, spec, oldest):
            yield error(
                "would-be-unknown", kind=kind, resource=name, field=field, version=str(oldest), since=str(since)
            )
    version = context.versions.default
    peers, configurations = context.state.peers, context.state.configurations
    specs: list[Written] = [("BGPPeer", name, peers[name].spec) for name in sorted(peers)]
    specs += [("BGPConfiguration", name, configurations[name].spec) for name in sorted(configurations)]
    ours = {(kind, name) for kind, name, _ in written if kind == "BGPPeer"}
    for kind, name, spec in specs:
        for field, since in _unknown(kind, spec, version) if (kind, name) not in ours else ():
            yield warning("unknown", kind=kind, resource=name, field=field, version=str(version), since=str(since))


Written = tuple[str, str, Mapping[str, object]]


def _written(context: CheckContext) -> list[Written]:
    """What the plan would create or change; and of what stays, the fields that the spec asks for."""
    state, target = context.state, context.desired.state
    asked = _asked(context.spec)
    written: list[Written] = []
    for name, peer in sorted(target.peers.items()):
        if state.peers.get(name) is not peer:
            written.append(("BGPPeer", name, peer.spec))
        elif is_ours(peer) and asked & peer.spec.keys():
            written.append(("BGPPeer", name, {field: peer.spec[field] for field in asked & peer.spec.keys()}))
    for name, configuration in sorted(target.configurations.items()):
        before = state.configurations.get(name)
        if before is not configuration:
            # What stands there already, and is not known, does no more harm than before.
            there = before.spec if before else {}
            fresh = {field: value for field, value in configuration.spec.items() if there.get(field) != value}
            written.append(("BGPConfiguration", name, fresh))
    return written


def _asked(spec: Spec) -> frozenset[str]:
    """The options that the spec gives a value anywhere."""
    stated = [spec.peering.stated(), *(group.peering.stated() for group in spec.groups)]
    return frozenset(name for options in stated for name, value in options.items() if value is not None)


def _unknown(kind: str, spec: Mapping[str, object], version: CalicoVersion) -> list[tuple[str, CalicoVersion]]:
    return [(field, since) for field, since in SINCE[kind].items() if spec.get(field) is not None and version < since]


def filters_there(context: CheckContext) -> CheckResults:
    """Every BGPFilter that the spec names is there."""
    known = sorted(context.state.others_of(BGPFilter))
    spec = context.spec
    stated = [spec.peering.stated(), *(stated_together(spec.peering, group.peering) for group in spec.groups)]
    wanted = {str(name): None for options in stated for name in options.get("filters") or ()}
    for name in wanted:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        if close:
            yield error("meant", filter=name, meant=close[0])
        else:
            yield error("missing", filter=name)


def filters_readable(context: CheckContext) -> CheckResults:
    """BIRD can read every BGPFilter: each `cidr` is a network, and lengths ascend from `cidr` or `min` to `max`.

    Each BGPFilter becomes a function in the file of every node, used or not, and BIRD refuses the whole file (BIRD
    1.6.8 filter/config.Y, fprefix_set; tried with `bird -p`).
    """
    for name, found in sorted(context.state.others_of(BGPFilter).items()):
        for family, longest in LONGEST.items():
            for direction, rules in filter_rules(found, family).items():
                for number, rule in enumerate(rules, 1):
                    field = f"{direction}{'V4' if family is Family.IPV4 else 'V6'}"
                    cidr, lengths = str(rule.get("cidr") or ""), _lengths(rule, longest)
                    if cidr and not _is_network(cidr, family):
                        meant = _network_of(cidr, family)
                        if meant:
                            yield error("host-bits", filter=name, field=field, rule=number, cidr=cidr, meant=meant)
                        else:
                            yield error("no-network", filter=name, field=field, rule=number, cidr=cidr[:LONG])
                    elif lengths and not lengths[0] <= lengths[1] <= longest:
                        pattern = f"{rule['cidr']}{{{lengths[0]},{lengths[1]}}}"
                        yield error("refused", filter=name, field=field, rule=number, pattern=pattern)


def _is_network(cidr: str, family: Family) -> bool:
    """Whether BIRD reads a `cidr`: a prefix of its family without bits behind it (filter/config.Y, fprefix)."""
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return False
    return "/" in cidr and network.max_prefixlen == LONGEST[family]


def _network_of(cidr: str, family: Family) -> str:
    """The network that a `cidr` with further bits lies in; "" where it is no network of that family at all."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return ""
    return str(network) if "/" in cidr and network.max_prefixlen == LONGEST[family] else ""


def _lengths(rule: Mapping[str, object], longest: int) -> tuple[int, int] | None:
    """The shortest and the longest prefix that a rule takes; None where it does not say, or says no numbers."""
    length, own = rule.get("prefixLength"), str(rule.get("cidr") or "").partition("/")[2]
    if not own or not isinstance(length, Mapping):
        return None
    least = parse_decimal(str(length.get("min") or own))
    most = parse_decimal(str(length.get("max") or longest))
    return None if least is None or most is None else (least, most)


def password_readable(context: CheckContext) -> CheckResults:
    """Somebody tells whether calico-node can read each password that sessions do not have yet."""
    state, target = context.state, context.desired.state
    used = {secret_of(peer.spec.get("password"))[0] for peer in state.peers.values()}
    used |= {secret_of(one.spec.get("nodeMeshPassword"))[0] for one in state.configurations.values()}
    written = {secret_of(peer.spec.get("password")) for peer in target.peers.values()}
    written |= {secret_of(one.spec.get("nodeMeshPassword")) for one in target.configurations.values()}
    agents = [daemonset.namespace for daemonset in context.of(DaemonSet) if daemonset.agent]
    namespace = agents[0] if agents else OWN_NAMESPACE
    for name, key in sorted(written):
        if name and name not in used:
            commands = allowing(namespace, name, "calico-node")
            yield warning("new", secret=f"{namespace}/{name}", key=key, commands=commands)


def options_effective(context: CheckContext) -> CheckResults:
    """No option that the spec asks for is without effect on the sessions that get it."""
    asked = _asked(context.spec)
    for field in BY_ADDRESS:
        peers = [peer.name for peer in _by_selector(context) if field in asked and peer.spec.get(field)]
        if peers:
            yield warning("by-address-alone", field=field, peers=names(peers))
    hidden = _hidden(context) if asked else {}
    for other in sorted(set(hidden.values())):
        peers = [name for name, winner in hidden.items() if winner == other]
        yield warning("gives-way", peers=names(peers), other=other)


def _hidden(context: CheckContext) -> dict[str, str]:
    """Our BGPPeers by address that give way to one of all nodes, which has the same key, with the name of that one.

    The node's key is dropped where there is a global one (client.go updatePeersV1, v3.3 to v3.32).
    """
    profile = profile_for(context.versions.default)
    ours: dict[tuple[str, int], list[str]] = {}
    everywhere: dict[tuple[str, int], str] = {}
    for name, peer in sorted(context.desired.state.peers.items()):
        endpoint = dialled(peer, profile)
        if endpoint is None or unreachable(peer, endpoint, profile):
            continue
        key = endpoint.address, endpoint.port or BGP_PORT
        if not (peer.node or peer.node_selector):
            everywhere.setdefault(key, name)
        elif is_ours(peer):
            ours.setdefault(key, []).append(name)
    return {name: everywhere[key] for key in ours.keys() & everywhere.keys() for name in ours[key]}


def _by_selector(context: CheckContext) -> Iterator[BGPPeer]:
    return (peer for _, peer in sorted(context.desired.state.peers.items()) if is_ours(peer) and peer.peer_selector)
