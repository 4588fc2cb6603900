"""BIRD asked directly, both families; in a live cluster by `birdcl` in the calico-node pod of a node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from rrplan.adapters.api_server import ApiServer
from rrplan.adapters.bird_output import BirdOutputProblem, Protocol, protocols, routes
from rrplan.adapters.ends import End, Session
from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName

SOCKETS = {"ipv4": "/var/run/calico/bird.ctl", "ipv6": "/var/run/calico/bird6.ctl"}
"""Calico starts BIRD with these (node/filesystem/etc/service/available/bird*/run)."""
CONTAINER = "calico-node"
AGENT = {"labelSelector": "k8s-app=calico-node"}


Way: TypeAlias = Callable[[NodeName], Callable[[str, str], str]]
"""How a node is asked: what its BIRD of a family says to some words; DatastoreRefused where it cannot be asked."""


class Birds:
    """The BIRDs of a cluster, by whatever way they are asked."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def ask(self, node: NodeName, *, with_routes: bool) -> Mapping[str, End]:
        """What BIRD says, by family; raises DatastoreRefused where it cannot be asked."""
        say = self._way(node)
        found: dict[str, End] = {}
        for family in SOCKETS:
            try:
                shown = protocols(say(family, "show protocols all"))
            except BirdOutputProblem:
                # No BIRD for this family: the node does not speak it.
                continue
            table = _table(say(family, "show route"), shown) if with_routes else None
            found[family] = _end(shown, table)
        return found


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
    for item in server.listed("/api/v1/pods", dict, **where):
        if not item["metadata"].get("deletionTimestamp"):
            return str(item["metadata"]["namespace"]), str(item["metadata"]["name"])
    raise DatastoreRefused(f"node {node} has no calico-node pod")


def _end(shown: tuple[Protocol, ...], table: Mapping[str, Mapping[str, str]] | None) -> End:
    sessions: dict[str, Session] = {}
    mesh: dict[str, Session] = {}
    for one in shown:
        if one.proto == "BGP":
            session = Session(one.established, f"{one.state} {one.info}".strip(), one.imported)
            (mesh if one.name.startswith("Mesh_") else sessions)[one.neighbor] = session
    return End(any(one.recovering for one in shown), sessions, mesh, table)


def _table(text: str, shown: tuple[Protocol, ...]) -> dict[str, dict[str, str]]:
    """All routes, the best and the others, by the session they came over."""
    neighbor = {one.name: one.neighbor for one in shown}
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for route in routes(text):
        found[neighbor.get(route.protocol, "")][route.prefix] = route.via
    return dict(found)
