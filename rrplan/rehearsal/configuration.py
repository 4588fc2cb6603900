"""The BIRD configuration of one node, as Calico renders it from the protocols that `rrplan sessions` prints.

Source: calico confd/etc/calico/confd/templates/bird*.cfg.template. What is left out: tunnels (stock BIRD has no
`krt_tunnel`) and filters by pool, for which one prefix stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rrplan.bgp.protocol import Protocol
from rrplan.bgp.speaker import Family, Speaker

POOLS = {Family.IPV4: "10.244.0.0/16", Family.IPV6: "fd00:10:244::/64"}
"""Everything that nodes announce lies in these."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """One BIRD: its program and its configuration."""

    family: Family
    text: str

    @property
    def program(self) -> str:
        """BIRD 1.6 has one program for each family."""
        return "bird" if self.family is Family.IPV4 else "bird6"


def configuration(own: Speaker, protocols: Iterable[Protocol], family: Family, blocks: Iterable[str]) -> Daemon:
    """The configuration of a node in a family; `protocols` in the order of the file."""
    return Daemon(family, "\n".join(_lines(own, protocols, family, blocks)) + "\n")


def _lines(own: Speaker, protocols: Iterable[Protocol], family: Family, blocks: Iterable[str]) -> Iterator[str]:
    yield f"router id {own.ipv4};"
    if own.port is not None:
        yield f"listen bgp port {own.port};"
    yield f"filter to_peers {{ if ( net ~ {POOLS[family]} ) then accept; reject; }}"
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
    for one in protocols:
        port = f" port {one.port}" if one.port is not None else ""
        yield f"protocol bgp {one.name} from bgp_template {{"
        yield f"  neighbor {one.peer_address}{port} as {one.peer_as};"
        if one.local_as != own.as_number:
            yield f"  local as {one.local_as};"
        if one.source_address:
            yield f"  source address {one.source_address};"
        if one.reflector_client:
            yield "  rr client;"
        if one.cluster_id:
            yield f"  rr cluster id {one.cluster_id};"
        if one.passive:
            yield "  passive on;"
        yield "}"
