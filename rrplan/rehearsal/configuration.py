"""The BIRD configuration of one node, as Calico renders it from the protocols that `rrplan sessions` prints.

Source: calico confd/etc/calico/confd/templates/bird*.cfg.template. What is left out: tunnels (stock BIRD has no
`krt_tunnel`) and filters by pool, for which one prefix stands.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rrplan.bgp.peering import external_protocols
from rrplan.bgp.protocol import Protocol
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family, Speaker


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


def configuration(
    own: Speaker, protocols: Iterable[Protocol], family: Family, blocks: Iterable[str], pool: str
) -> Daemon:
    """The configuration of a node in a family; `protocols` in the order of the file, `blocks` of `pool` are its own."""
    return Daemon(family, "\n".join(_lines(own, protocols, blocks, pool)) + "\n", container=own.standalone)


def _lines(own: Speaker, protocols: Iterable[Protocol], blocks: Iterable[str], pool: str) -> Iterator[str]:
    yield f"router id {own.ipv4};"
    if own.port is not None:
        yield f"listen bgp port {own.port};"
    yield f"filter to_peers {{ if ( net ~ {pool} ) then accept; reject; }}"
    yield "protocol static blocks {"
    yield from (f"  route {block} blackhole;" for block in blocks)
    yield "}"
    yield "protocol kernel { learn; persist; scan time 2; import all; export all; graceful restart; }"
    yield "protocol device { scan time 2; }"
    yield 'protocol direct { interface -"cali*", "*"; }'
    yield "template bgp bgp_template {"
    yield f"  local as {own.as_number};"
    yield "  multihop; gateway recursive; import all; export filter to_peers; add paths on; graceful restart;"
    yield "  connect delay time 2; connect retry time 5; error wait time 5,30;"
    yield "}"
    for protocol in protocols:
        port = f" port {protocol.port}" if protocol.port is not None else ""
        yield f"protocol bgp {protocol.name} from bgp_template {{"
        yield f"  neighbor {protocol.peer_address}{port} as {protocol.peer_as};"
        if protocol.local_as != own.as_number:
            yield f"  local as {protocol.local_as};"
        if protocol.source_address:
            yield f"  source address {protocol.source_address};"
        if protocol.reflector_client:
            yield "  rr client;"
        if protocol.cluster_id:
            yield f"  rr cluster id {protocol.cluster_id};"
        if protocol.passive:
            yield "  passive on;"
        yield "}"


@dataclass(slots=True)
class OutsideDaemon:
    """A peer outside the cluster, such as a ToR switch: it takes every session of a node.

    It announces one prefix of its own, and passes nothing on, unless it has a role that says so. Like most switches it
    negotiates no `add paths`; one that passes routes on does.
    """

    family: Family
    address: str
    as_number: int
    port: int | None
    neighbors: dict[tuple[str, int], None] = field(default_factory=dict)
    """Addresses and AS numbers of nodes."""

    @classmethod
    def collect(cls, outside: dict[str, OutsideDaemon], speakers: Speakers) -> None:
        """Add the outside peers of a state, by address."""
        for own in speakers.by_name.values():
            for protocol in (
                protocol for family in FAMILIES for protocol in external_protocols(speakers.rules, own, family)
            ):
                if protocol.peer_as:
                    there = outside.setdefault(
                        protocol.peer_address,
                        cls(protocol.family, protocol.peer_address, protocol.peer_as, protocol.port),
                    )
                    there.neighbors[protocol.source_address or own.address(protocol.family), protocol.local_as] = None

    def daemon(self, prefix: str, role: OutsideRole | None = None) -> Daemon:
        """Its configuration; `prefix` is what it announces."""
        passes_on = role is not None and role.passes_on
        exports = "export all; add paths on;" if passes_on else "export where source = RTS_STATIC;"
        lines = [f"router id 192.0.2.{int(ipaddress.ip_address(self.address)) % 254 + 1};"]
        lines += [f"listen bgp port {self.port};"] if self.port else []
        lines += [f"protocol static own {{ route {prefix} blackhole; }}"]
        lines += ["protocol kernel { scan time 2; import none; export all; }"]
        lines += ["protocol device { scan time 2; }", 'protocol direct { interface "*"; }']
        for address, as_number in self.neighbors:
            # Named after the neighbor: a session is left alone while others come and go.
            name = f"node_{int(ipaddress.ip_address(address)):x}_{as_number}"
            client = ""
            if role is not None and role.cluster_id and as_number == self.as_number:
                client = f"rr client; rr cluster id {role.cluster_id}; "
            lines.append(
                f"protocol bgp {name} {{ local as {self.as_number}; neighbor {address} as {as_number}; "
                f"passive on; multihop; gateway recursive; import all; {exports} {client}graceful restart; }}"
            )
        return Daemon(self.family, "\n".join(lines) + "\n")
