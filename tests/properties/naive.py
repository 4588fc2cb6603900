"""A naive speaker: messages from node to node over every single session, written only for the tests.

It shares no code with `rrplan.bgp`: what a session needs and what a reflector passes on is said again here.
"""

from collections import deque
from ipaddress import ip_network

from rrplan.ids import NodeName
from rrplan.resources import BGPFilter, BGPPeer, ClusterState
from rrplan.resources.selector import parse


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


def naive(state: ClusterState, pool: str = "") -> set[tuple[str, str]]:
    """(holder, origin) pairs that hold, by messages from node to node, from RFC 4456 and the laboratory's rule.

    With a pool, only its routes: BGPFilters of both ends must let them over.
    """
    names = sorted(state.nodes)
    mesh = _mesh(state)

    def asn(name: str) -> int:
        return state.nodes[NodeName(name)].as_number or 64512

    def cluster(name: str) -> str:
        return state.nodes[NodeName(name)].cluster_id

    def dials(peer: BGPPeer, a: str, b: str) -> bool:
        return peer.node == a and peer.peer_ip == state.nodes[NodeName(b)].ipv4

    def allowed(a: str, b: str) -> int:
        """How often a takes its own AS number from b: the end that has the BGPPeer by address alone."""
        numbers = [peer.spec.get("numAllowedLocalASNumbers") for peer in state.peers.values() if dials(peer, a, b)]
        return max((number for number in numbers if isinstance(number, int)), default=0)

    def explicit(a: str, b: str) -> bool:
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
        if not mesh or cluster(a) or cluster(b):
            return False
        numbers = [state.nodes[NodeName(name)].as_number for name in (a, b)]
        return numbers[0] == numbers[1]

    session: dict[tuple[str, str], bool] = {}
    for a in names:
        for b in names:
            if a != b:
                both = meshed(a, b), explicit(a, b)
                unequal = mesh and not cluster(a) and not cluster(b) and asn(a) != asn(b)
                session[a, b] = any(both) and not (unequal and both[1])

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
    for origin in names:
        seen: set[tuple[object, ...]] = set()
        queue: deque[tuple[str, str, str, frozenset[str], tuple[int, ...]]] = deque()
        queue.append((origin, "", "local", frozenset(), ()))
        while queue:
            at, sender, learned, clusters_, systems = queue.popleft()
            for to in names:
                if to in (at, sender, origin) or not session[at, to] or not over(at, to):
                    continue
                own_client = bool(cluster(at)) and cluster(at) != cluster(to) and asn(at) == asn(to)
                their_client = bool(cluster(to)) and cluster(at) != cluster(to) and asn(at) == asn(to)
                new_clusters, new_systems = clusters_, systems
                if asn(at) != asn(to):
                    new_clusters, new_systems, kind = frozenset(), tuple(sorted((*systems, asn(at)))), "external"
                    if new_systems.count(asn(to)) > allowed(to, at):
                        continue
                else:
                    if systems.count(asn(to)) > allowed(to, at):
                        continue
                    kind = "client" if their_client else "peer"
                    if learned in ("client", "peer"):
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
                    held.add((to, origin))
                    queue.append(message)
    return held
