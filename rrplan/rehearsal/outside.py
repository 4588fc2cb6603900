"""Speakers outside the cluster in a laboratory: switches, reflectors, and what joins the switches of a fabric."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rrplan.bgp.peering import external_protocols
from rrplan.bgp.roles import OutsideRole
from rrplan.bgp.sessions import Speakers
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.rehearsal.configuration import Daemon, numbered, protected

FABRIC_AS = 4_200_000_001
"""Of the iBGP sessions within a fabric, which add nothing to a path; no node has it."""
FABRIC_ID = "192.0.2.254"
PASSED = "export where source ~ [ RTS_STATIC, RTS_BGP ]"
"""What one that passes routes on exports: not the networks that it is in."""


class Neighbor(NamedTuple):
    """The end of a node: its address, its AS number, and what both ends must have alike."""

    address: str
    as_number: int
    options: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class OutsideDaemon:
    """A peer outside the cluster, such as a ToR switch: it takes every session of a node.

    It announces prefixes of its own, and passes nothing on, unless it has a role that says so. Like most switches it
    negotiates no `add paths`; one that passes routes on does.
    """

    family: Family
    address: str
    as_number: int
    port: int | None
    neighbors: dict[Neighbor, None] = field(default_factory=dict)

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
                    options = tuple(
                        (name, text) for name, text in protocol.options if name in ("password", "ttlSecurity")
                    )
                    near = protocol.source_address or own.address(protocol.family)
                    there.neighbors[Neighbor(near, protocol.local_as, options)] = None

    def daemon(self, prefixes: Sequence[str], role: OutsideRole | None = None, inner: str = "") -> Daemon:
        """Its configuration; `prefixes` are what it announces, `inner` is the address of what joins its fabric."""
        passes_on = role is not None and role.passes_on
        exports = f"{PASSED}; add paths on;" if passes_on else "export where source = RTS_STATIC;"
        lines = [f"router id {_number(self.address)};"]
        lines += [f"listen bgp port {self.port};"] if self.port else []
        lines += ["protocol static own {", *(f"  route {prefix} blackhole;" for prefix in prefixes), "}"]
        lines += _surroundings("export all;")
        for neighbor in self.neighbors:
            # Named after the neighbor: a session is left alone while others come and go.
            name = f"node_{int(ipaddress.ip_address(neighbor.address)):x}_{neighbor.as_number}"
            client = ""
            if role is not None and role.cluster_id and neighbor.as_number == self.as_number:
                client = f"rr client; rr cluster id {role.cluster_id}; "
            lines.append(
                f"protocol bgp {name} {{ local as {self.as_number}; "
                f"neighbor {neighbor.address} as {neighbor.as_number}; passive on; multihop; gateway recursive; "
                f"{' '.join(protected(dict(neighbor.options)))} import all; {exports} {client}graceful restart; }}"
            )
        if inner:
            lines.append(f"protocol bgp fabric {{ {_within(inner)} passive on; }}")
        return Daemon(self.family, "\n".join(lines) + "\n")


def inner_daemon(family: Family, address: str, members: Mapping[str, int | None]) -> Daemon:
    """What joins the speakers of a fabric, which are its clients; `members` are their addresses and ports."""
    lines = [f"router id {_number(address)};", *_surroundings("export none;")]
    lines += [
        f"protocol bgp member{number} {{ {_within(member, port)} rr client; rr cluster id {FABRIC_ID}; "
        "connect delay time 1; connect retry time 2; error wait time 1,5; }"
        for number, (member, port) in enumerate(members.items())
    ]
    return Daemon(family, "\n".join(lines) + "\n")


def _within(neighbor: str, port: int | None = None) -> str:
    # Without `add paths`: of several ways that are as good, BIRD would keep the one that came first.
    at = f" port {port}" if port else ""
    return (
        f"local as {FABRIC_AS}; neighbor {neighbor}{at} as {FABRIC_AS}; multihop; gateway recursive; import all; "
        f"{PASSED}; graceful restart;"
    )


def _surroundings(kernel: str) -> Iterator[str]:
    # Next hops are looked up among routes to interfaces, which the kernel has.
    yield f"protocol kernel {{ scan time 2; learn; import all; {kernel} }}"
    yield "protocol device { scan time 2; }"
    yield 'protocol direct { interface "*"; }'


def _number(address: str) -> str:
    """A router ID: an IPv4 address is its own."""
    return address if ":" not in address else numbered(address)
