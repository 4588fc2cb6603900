"""Messages of the kernel about routes."""

import socket
import struct
from typing import cast

import pytest

from rrplan.rehearsal.netlink import RTM_DELROUTE, RTM_NEWROUTE, RTN_UNICAST, RouteEvent, change_unneeded, events

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


class Kernel:
    """Says the same to everything, as a socket of rtnetlink does."""

    def __init__(self, error: int) -> None:
        self._answer = struct.pack("=IHHII", 36, 2, 0, 0, 0) + struct.pack("=i", error)
        self.asked: list[bytes] = []

    def send(self, data: bytes) -> int:
        """Hear a question."""
        self.asked.append(data)
        return len(data)

    def recv(self, _size: int) -> bytes:
        """Acknowledge it, or not."""
        return self._answer


def test_changes_that_are_refused() -> None:
    """A kernel that refuses is no kernel that waits."""
    willing = Kernel(0)
    change_unneeded(cast(socket.socket, willing))
    assert len(willing.asked) == 2
    with pytest.raises(PermissionError, match="Operation not permitted"):
        change_unneeded(cast(socket.socket, Kernel(-1)))
