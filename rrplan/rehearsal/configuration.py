"""The BIRD configuration of one node, as Calico renders it from the protocols that `rrplan sessions` prints.

Source: calico confd/etc/calico/confd/templates/bird*.cfg.template. What is left out: BFD, and what `filters` names.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from rrplan.bgp.protocol import Protocol
from rrplan.bgp.speaker import Family, Speaker
from rrplan.rehearsal.filters import RoutePolicy


@dataclass(frozen=True, slots=True)
class Daemon:
    """One BIRD: its program and its configuration."""

    family: Family
    text: str
    container: bool = False
    """Of a standalone reflector: another process than calico-node's."""

    @property
    def program(self) -> str:
        """BIRD 1.6 has one program for each family."""
        return "bird" if self.family is Family.IPV4 else "bird6"


def configuration(own: Speaker, protocols: Iterable[Protocol], policy: RoutePolicy, blocks: Sequence[str]) -> Daemon:
    """The configuration of a node in a family; `protocols` in the order of the file, `blocks` are its own."""
    lines = _container(own, protocols) if own.standalone else _agent(own, protocols, policy, blocks)
    return Daemon(policy.family, "\n".join(lines) + "\n", container=own.standalone)


def _agent(own: Speaker, protocols: Iterable[Protocol], policy: RoutePolicy, blocks: Sequence[str]) -> Iterator[str]:
    """What confd renders for the BIRD in a calico-node."""
    yield f"router id {router_id(own)};"
    if own.port is not None:
        yield f"listen bgp port {own.port};"
    yield from policy.functions(blocks)
    yield "protocol static blocks {"
    yield from (f"  route {block} blackhole;" for block in blocks)
    yield "}"
    yield "protocol kernel { learn; persist; scan time 2; import all; export filter to_kernel; graceful restart; }"
    yield "protocol device { scan time 2; }"
    yield 'protocol direct { interface -"cali*", "*"; }'
    yield "template bgp bgp_template {"
    yield f"  local as {own.as_number};"
    yield "  multihop; gateway recursive; add paths on; graceful restart;"
    yield "  connect delay time 2; connect retry time 5; error wait time 5,30;"
    yield "}"
    for protocol in protocols:
        yield f"protocol bgp {protocol.name} from bgp_template {{"
        yield from (f"  {line}" for line in _session(protocol))
        yield from (f"  {line}" for line in policy.session(protocol.filters))
        if protocol.local_as != own.as_number:
            yield f"  local as {protocol.local_as};"
        if protocol.passive:
            yield "  passive on;"
        yield "}"


def _container(own: Speaker, protocols: Iterable[Protocol]) -> Iterator[str]:
    """What calico/routereflector renders: no kernel table, no routes of its own, everything goes in and out.

    Source: projectcalico/routereflector node_filesystem/templates/bird.cfg.template, v0.6.3.
    """
    yield f"router id {own.ipv4};"
    yield "protocol device { scan time 2; }"
    yield "template bgp bgp_template { multihop; import all; export all; graceful restart; }"
    for protocol in protocols:
        yield f"protocol bgp {protocol.name} from bgp_template {{"
        yield f"  local as {protocol.local_as};"
        yield f"  neighbor {protocol.peer_address} as {protocol.peer_as};"
        yield f"  source address {own.ipv4};"
        yield "  rr client;"
        yield "}"


def _session(protocol: Protocol) -> Iterator[str]:
    """The lines of one block that are neither filters nor its side of the session."""
    port = f" port {protocol.port}" if protocol.port is not None else ""
    yield f"neighbor {protocol.peer_address}{port} as {protocol.peer_as};"
    if protocol.source_address:
        yield f"source address {protocol.source_address};"
    if protocol.reflector_client:
        yield "rr client;"
    if protocol.cluster_id:
        yield f"rr cluster id {protocol.cluster_id};"
    if protocol.allowed_local_as:
        yield f"allow local as {protocol.allowed_local_as};"
    options = dict(protocol.options)
    yield from protected(options)
    yield from (f"{words} {options[name]};" for name, words in TIMES.items() if name in options)
    yield from (f"{words};" for name, words in NEXT_HOPS.items() if name in options)


TIMES = {"maxRestartTime": "graceful restart time", "keepaliveTime": "keepalive time"}
NEXT_HOPS = {"nextHopSelf": "next hop self", "nextHopKeep": "next hop keep"}


def protected(options: Mapping[str, str]) -> Iterator[str]:
    """What both ends of a session must have alike: its password, and how far away the other end may be.

    The value of a Secret is in no snapshot: something made of its name and key stands for it.
    """
    if "password" in options:
        yield f'password "{sha256(options["password"].encode()).hexdigest()[:32]}";'
    if "ttlSecurity" in options:
        yield f"ttl security on; multihop {options['ttlSecurity']};"


def router_id(own: Speaker) -> str:
    """CALICO_ROUTER_ID, the IPv4 address or, where neither is known, a number made of the name."""
    return own.router_id or own.ipv4 or numbered(own.name)


def numbered(name: str) -> str:
    """A router ID that is made of a name."""
    return str(ipaddress.IPv4Address(int.from_bytes(sha256(name.encode()).digest()[:4], "big") | 1 << 24))
