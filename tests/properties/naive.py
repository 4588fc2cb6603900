"""A naive speaker: messages from node to node over every single session, written only for the tests.

It shares no code with `rrplan.bgp`: what a session needs and what a reflector passes on is said again here.
"""

from collections import deque
from collections.abc import Sequence
from ipaddress import ip_network
from typing import NamedTuple

from rrplan.ids import NodeName
from rrplan.resources import BGPFilter, BGPPeer, ClusterState
from rrplan.resources.selector import parse


class Beyond(NamedTuple):
    """A speaker outside that passes routes on: as a reflector (`cluster`), or between eBGP sessions and its fabric."""

    name: str
    address: str
    asn: int
    cluster: str = ""
    fabric: str = ""


def _mesh(state: ClusterState) -> bool:
    configuration = state.configurations.get("default")
    return configuration is None or configuration.mesh_enabled is not False


def _lets(rules: object, pool: str) -> bool:
    """What the first rule that is about the pool says."""
    for rule in rules if isinstance(rules, list) else ():
        inside = ip_network(pool).subnet_of(ip_network(rule["cidr"]))  # type: ignore[arg-type]
        if inside == (rule["matchOperator"] == "In"):
            return bool(rule["action"] == "Accept")
    return True


def naive(state: ClusterState, pool: str = "", beyond: Sequence[Beyond] = ()) -> set[tuple[str, str]]:
    """(holder, origin) pairs that hold, by messages from node to node, from RFC 4456 and the laboratory's rule.

    With a pool, only its routes: BGPFilters of both ends must let them over. Speakers `beyond` hand on what they hear,
    and the pairs are of nodes alone.
    """
    names = [*sorted(state.nodes), *(each.name for each in beyond)]
    outside = {each.name: each for each in beyond}
    mesh = _mesh(state)

    def asn(name: str) -> int:
        return outside[name].asn if name in outside else state.nodes[NodeName(name)].as_number or 64512

    def cluster(name: str) -> str:
        return outside[name].cluster if name in outside else state.nodes[NodeName(name)].cluster_id

    def fabric(a: str, b: str) -> bool:
        return a in outside and b in outside and bool(outside[a].fabric) and outside[a].fabric == outside[b].fabric

    def dials(peer: BGPPeer, a: str, b: str) -> bool:
        address = outside[b].address if b in outside else state.nodes[NodeName(b)].ipv4
        return peer.node == a and peer.peer_ip == address

    def allowed(a: str, b: str) -> int:
        """How often a takes its own AS number from b: the end that has the BGPPeer by address alone."""
        numbers = [peer.spec.get("numAllowedLocalASNumbers") for peer in state.peers.values() if dials(peer, a, b)]
        return max((number for number in numbers if isinstance(number, int)), default=0)

    def explicit(a: str, b: str) -> bool:
        if a in outside or b in outside:
            node, far = (b, a) if a in outside else (a, b)
            return node not in outside and any(
                peer.peer_ip == outside[far].address
                and peer.as_number == asn(far)
                and parse(peer.node_selector).matches(state.nodes[NodeName(node)].labels)
                for peer in state.peers.values()
            )
        for peer in state.peers.values():
            if peer.peer_ip:
                if dials(peer, a, b) or dials(peer, b, a):
                    return True
                continue
            local, remote = parse(peer.node_selector), parse(peer.peer_selector)
            one, other = state.nodes[NodeName(a)].labels, state.nodes[NodeName(b)].labels
            if (local.matches(one) and remote.matches(other)) or (local.matches(other) and remote.matches(one)):
                return True
        return False

    def meshed(a: str, b: str) -> bool:
        # v3.32 takes its own AS for a mesh peer without one, so unequal numbers do not meet unless both are told.
        if not mesh or cluster(a) or cluster(b) or a in outside or b in outside:
            return False
        numbers = [state.nodes[NodeName(name)].as_number for name in (a, b)]
        return numbers[0] == numbers[1]

    session: dict[tuple[str, str], bool] = {}
    for a in names:
        for b in names:
            if a != b:
                both = meshed(a, b), explicit(a, b)
                inside = a not in outside and b not in outside
                unequal = inside and mesh and not cluster(a) and not cluster(b) and asn(a) != asn(b)
                session[a, b] = fabric(a, b) or (any(both) and not (unequal and both[1]))

    def over(a: str, b: str) -> bool:
        filters = {
            str(name)
            for peer in state.peers.values()
            if peer.spec.get("filters") and explicit(a, b)
            for name in peer.spec["filters"]  # type: ignore[attr-defined]
        }
        rules = state.others_of(BGPFilter)
        return not pool or all(
            _lets(rules[name].spec.get(field), pool) for name in filters for field in ("exportV4", "importV4")
        )

    held: set[tuple[str, str]] = set()
    for origin in sorted(state.nodes):
        seen: set[tuple[object, ...]] = set()
        queue: deque[tuple[str, str, str, frozenset[str], tuple[int, ...]]] = deque()
        queue.append((origin, "", "local", frozenset(), ()))
        while queue:
            at, sender, learned, clusters_, systems = queue.popleft()
            for to in names:
                if to in (at, sender, origin) or not session[at, to] or not over(at, to):
                    continue
                # A BGPPeer to an address says no cluster ID, and a reflector outside takes every node for a client.
                told_apart = at in outside or to in outside or cluster(at) != cluster(to)
                own_client = bool(cluster(at)) and told_apart and asn(at) == asn(to)
                their_client = bool(cluster(to)) and told_apart and asn(at) == asn(to)
                new_clusters, new_systems = clusters_, systems
                if fabric(at, to):
                    # All speakers of a fabric have what one of them has from eBGP sessions; no AS number is added.
                    if learned != "external" or asn(to) in systems:
                        continue
                    kind = "fabric"
                elif asn(at) != asn(to):
                    new_clusters, new_systems, kind = frozenset(), tuple(sorted((*systems, asn(at)))), "external"
                    if new_systems.count(asn(to)) > allowed(to, at):
                        continue
                else:
                    if systems.count(asn(to)) > allowed(to, at):
                        continue
                    kind = "client" if their_client else "peer"
                    if learned in ("client", "peer", "fabric"):
                        if not cluster(at) or not (learned == "client" or own_client):
                            continue
                        if own_client and cluster(at) in clusters_:
                            continue
                        new_clusters = clusters_ | {cluster(at)}
                        if their_client and cluster(to) in new_clusters:
                            continue
                message = (to, at, kind, new_clusters, new_systems)
                if message not in seen:
                    seen.add(message)
                    if to not in outside:
                        held.add((to, origin))
                    queue.append(message)
    return held
