"""BIRD asked directly, both families; in a live cluster by `birdcl` in the calico-node pod of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.nodes.bird_output import BirdOutputProblem, BirdProtocol, BirdRoute, protocols, routes
from rrplan.adapters.nodes.ends import DEVICE, End, SeenSession
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName

SOCKETS = {"ipv4": "/var/run/calico/bird.ctl", "ipv6": "/var/run/calico/bird6.ctl"}
"""Calico starts BIRD with these (node/filesystem/etc/service/available/bird*/run)."""
CONTAINER = "calico-node"
AGENT = {"labelSelector": "k8s-app=calico-node"}
OWN_ROUTES = "show route where source != RTS_BGP"
"""Routes that came over no BGP session: a few, where the whole table has one for each node (filter language, BIRD 1.6).
"""

Way: TypeAlias = Callable[[NodeName], Callable[[str, str], str]]
"""How a node is asked: what its BIRD of a family says to some words; DatastoreRefused where it cannot be asked."""


class Birds:
    """The BIRDs of a cluster, by whatever way they are asked."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def ask(self, node: NodeName, *, with_routes: bool) -> Mapping[str, End]:
        """What BIRD says, by family; raises DatastoreRefused where it cannot be asked."""
        say = self._way(node)
        ends: dict[str, End] = {}
        for family in SOCKETS:
            try:
                shown = protocols(say(family, "show protocols all"))
            except BirdOutputProblem:
                # No BIRD for this family: the node does not speak it.
                continue
            ends[family] = _end(shown, routes(say(family, "show route")) if with_routes else None)
        return ends

    def own(self, node: NodeName, family: str) -> Mapping[str, str] | None:
        """The routes without next hop that a node has itself, see `End.own`; None where no BIRD of that family answers.

        Raises DatastoreRefused where it cannot be asked.
        """
        say = self._way(node)
        try:
            return _own(routes(say(family, OWN_ROUTES)))
        except BirdOutputProblem:
            return None


def in_pods(server: ApiServer) -> Way:
    """`birdcl` in the running calico-node pod of a node."""

    def way(node: NodeName) -> Callable[[str, str], str]:
        namespace, pod = _pod(server, node)
        return lambda family, words: server.execute(
            namespace, pod, CONTAINER, ["birdcl", "-s", SOCKETS[family], *words.split()]
        )

    return way


def _pod(server: ApiServer, node: NodeName) -> tuple[str, str]:
    where = {**AGENT, "fieldSelector": f"spec.nodeName={node}"}
    for item in server.listed(collection("Pod"), dict, **where):
        if not item["metadata"].get("deletionTimestamp"):
            return str(item["metadata"]["namespace"]), str(item["metadata"]["name"])
    raise DatastoreRefused(f"node {node} has no calico-node pod")


def _end(shown: tuple[BirdProtocol, ...], table: tuple[BirdRoute, ...] | None) -> End:
    sessions: dict[str, SeenSession] = {}
    mesh: dict[str, SeenSession] = {}
    neighbor: dict[str, str] = {}
    for protocol in shown:
        if protocol.proto == "BGP":
            session = SeenSession(protocol.established, f"{protocol.state} {protocol.info}".strip(), protocol.imported)
            (mesh if protocol.name.startswith("Mesh_") else sessions)[protocol.neighbor] = session
            neighbor[protocol.name] = protocol.neighbor
    recovering = any(protocol.recovering for protocol in shown)
    if table is None:
        return End(recovering, sessions, mesh)
    over: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for route in table:
        over[neighbor.get(route.protocol, "")][route.prefix] = route.via
    own = _own(route for route in table if route.protocol not in neighbor)
    return End(recovering, sessions, mesh, dict(over), own)


def _own(table: Iterable[BirdRoute]) -> dict[str, str]:
    """Where routes without a next hop lead; one that leads nowhere (a block) before one to an interface."""
    targets: dict[str, str] = {}
    for route in table:
        if not route.via and targets.get(route.prefix, DEVICE) == DEVICE:
            targets[route.prefix] = route.target
    return targets
