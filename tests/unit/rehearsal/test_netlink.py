"""Messages of the kernel about routes."""

import socket
import struct

import pytest

from rrplan.rehearsal.netlink import RTM_DELROUTE, RTM_NEWROUTE, RTN_UNICAST, RouteEvent, events

BLACKHOLE = 6
RTA_DST, RTA_OIF = 1, 4


def message(kind: int, prefix: str, route: int = RTN_UNICAST, table: int = 254) -> bytes:
    """One message about a route, as rtnetlink(7) lays it out; a default route has no destination."""
    address, _, length = prefix.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    attributes = struct.pack("=HHI", 8, RTA_OIF, 2)
    if int(length):
        attributes += struct.pack("=HH", 4 + len(packed), RTA_DST) + packed
    body = struct.pack("=BBBBBBBBI", family, int(length), 0, 0, table, 12, 0, route, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


@pytest.mark.parametrize("prefix", ["10.42.0.0/26", "fd00:42::/122", "0.0.0.0/0", "::/0"])
def test_routes_come_and_go(prefix: str) -> None:
    """Default routes too, which have no destination."""
    data = message(RTM_NEWROUTE, prefix) + message(RTM_DELROUTE, prefix)
    assert [*events(data)] == [RouteEvent(prefix, present=True), RouteEvent(prefix, present=False)]


def test_what_leads_nowhere_is_no_route() -> None:
    """A node's own block is a blackhole in its kernel."""
    assert [*events(message(RTM_NEWROUTE, "10.42.0.0/26", BLACKHOLE))] == []


def test_routes_of_other_tables() -> None:
    """What comes and goes in a fallback table (252 stands for all beyond 255) is no route of BGP."""
    assert [*events(message(RTM_NEWROUTE, "10.42.0.0/26", table=252))] == []
