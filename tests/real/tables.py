"""The routing table of a node, in the words of BIRD and of CalicoNodeStatus.

Sources: nest/rt-table.c of BIRD 1.6; node/pkg/status/populators/route.go and its tests (v3.30) for what a real table
has beside the routes of other nodes, and for how calico-node reports it.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SOURCES = {"kernel": "Kernel", "static": "Static", "direct": "Direct", "Mesh_": "NodeMesh"}
GATEWAYS = {4: "192.0.2.1", 6: "fe80::1"}
"""The router of every host: no node."""


class Route(NamedTuple):
    """A route: its next hop ("" for none), BIRD's word for where it leads, the session's other end ("" for none)."""

    prefix: str
    hop: str
    protocol: str
    peer: str = ""
    best: bool = True
    where: str = "eth0"
    metric: str = "(100/0) [i]"


def surroundings(address: str) -> Iterator[Route]:
    """What every host has, whatever Calico does: the way out, and its own network."""
    version = ipaddress.ip_address(address).version
    network = ipaddress.ip_network(f"{address}/{16 if version == 4 else 64}", strict=False)
    yield Route("0.0.0.0/0" if version == 4 else "::/0", GATEWAYS[version], "kernel1", metric="(10)")
    yield Route(str(network), "", "direct1", metric="(240)")


def block(prefix: str, copies: Iterable[str] = ()) -> Iterator[Route]:
    """The block of a node, what Felix adds to the kernel for it (`copies`), and addresses in it: tunnel and pod."""
    network = ipaddress.ip_network(prefix)
    yield Route(prefix, "", "static1", where="blackhole", metric="(200)")
    for where in copies:
        yield Route(prefix, "", "kernel1", best=False, where=where, metric="(10)")
    bits = network.max_prefixlen
    if network.version == 4:
        yield Route(f"{network[0]}/{bits}", "", "direct1", where="tunl0", metric="(240)")
    yield Route(f"{network[1]}/{bits}", "", "kernel1", where="cali3f2504e04f8", metric="(10)")


def shown(routes: Iterable[Route]) -> Iterator[str]:
    """The lines of `show route`: a prefix is printed before the first of its routes."""
    last = ""
    for route in routes:
        sender = f" from {route.peer}" if route.peer and route.peer != route.hop else ""
        best = " *" if route.best else ""
        source = f"[{route.protocol} 12:00:00{sender}]"
        yield f"{route.prefix if route.prefix != last else '':18} {_target(route)} {source}{best} {route.metric}"
        last = route.prefix


def _target(route: Route) -> str:
    if route.hop:
        return f"via {route.hop} on {route.where}"
    return route.where if route.where in ("blackhole", "unreachable") else f"dev {route.where}"


def reported(route: Route) -> dict[str, object]:
    """A route in CalicoNodeStatus; the address of a session comes from the name of its protocol."""
    kinds = (kind for prefix, kind in SOURCES.items() if route.protocol.startswith(prefix))
    learned = {"sourceType": next(kinds, "BGPPeer"), **({"peerIP": route.peer} if route.peer else {})}
    return {
        "type": "FIB" if route.best else "RIB",
        "destination": route.prefix,
        "gateway": route.hop or "N/A",
        "interface": route.where,
        "learnedFrom": learned,
    }
