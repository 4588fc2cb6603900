"""Kernels' routing tables, and their changes as they happen (rtnetlink(7), linux/rtnetlink.h)."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rrplan.ids import NodeName
from rrplan.rehearsal.namespaces import inside

NETLINK_ROUTE = 0
GROUPS = 0x40 | 0x400
"""RTMGRP_IPV4_ROUTE and RTMGRP_IPV6_ROUTE."""
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_CREATE = 0x1, 0x4, 0x300, 0x100, 0x400
NLMSG_DONE = 3
ANSWER_SECONDS = 10.0
DEFAULT = {socket.AF_INET: "0.0.0.0/0", socket.AF_INET6: "::/0"}
RTA_DST = 1
RTN_UNICAST, RTN_BLACKHOLE = 1, 6
RT_TABLE_MAIN = 254
RTPROT_STATIC = 4
UNNEEDED = ipaddress.ip_network("192.0.2.0/24")
"""Documentation (RFC 5737): nobody has it."""
BUFFER = 4 * 1024 * 1024
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
"""What follows the head of an acknowledgement: 0, or a negative errno (netlink(7), NLMSG_ERROR)."""


@dataclass(frozen=True, slots=True)
class RouteEvent:
    """A route to `prefix` came or went."""

    prefix: str
    present: bool


def listening() -> socket.socket:
    """A socket that hears of every change in the namespace of this thread."""
    channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, NETLINK_ROUTE)
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    channel.bind((0, GROUPS))
    return channel


def events(data: bytes) -> Iterator[RouteEvent]:
    """The changes of table main that one datagram tells of, without routes that lead nowhere (blackhole, local)."""
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, start)
        if length < _HEADER.size:
            return
        if kind in (RTM_NEWROUTE, RTM_DELROUTE):
            event = _event(data[start + _HEADER.size : start + length], present=kind == RTM_NEWROUTE)
            if event:
                yield event
        start += (length + 3) & ~3


def _event(body: bytes, *, present: bool) -> RouteEvent | None:
    family, bits, _, _, table, _, _, kind, _ = _ROUTE.unpack_from(body)
    if kind != RTN_UNICAST or table != RT_TABLE_MAIN:
        return None
    start = _ROUTE.size
    # A default route has no destination.
    prefix = "" if bits else DEFAULT.get(family, "")
    while start + _ATTRIBUTE.size <= len(body):
        length, name = _ATTRIBUTE.unpack_from(body, start)
        if name == RTA_DST:
            address = ipaddress.ip_address(body[start + _ATTRIBUTE.size : start + length])
            prefix = f"{address}/{bits}"
        start += max((length + 3) & ~3, _ATTRIBUTE.size)
    return RouteEvent(prefix, present) if prefix else None


def change_unneeded(channel: socket.socket) -> None:
    """Add a route that leads nowhere, and delete it, and wait for both; raises OSError where the kernel refuses."""
    address = UNNEEDED.network_address.packed
    route = _ROUTE.pack(socket.AF_INET, UNNEEDED.prefixlen, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_BLACKHOLE, 0)
    body = route + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(address), RTA_DST) + address
    for kind, flags in ((RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE), (RTM_DELROUTE, 0)):
        length = _HEADER.size + len(body)
        channel.send(_HEADER.pack(length, kind, NLM_F_REQUEST | NLM_F_ACK | flags, 0, 0) + body)
        (refused,) = _ERROR.unpack_from(channel.recv(BUFFER), _HEADER.size)
        if refused:
            raise OSError(-refused, os.strerror(-refused))


class Tables:
    """Looks at the routing tables of some namespaces, over one socket in each: it stays where it was made."""

    def __init__(self, namespaces: Mapping[NodeName, int]) -> None:
        self._channels: dict[NodeName, socket.socket] = {}
        for name, namespace in namespaces.items():
            with inside(namespace):
                channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE)
            channel.settimeout(ANSWER_SECONDS)
            self._channels[name] = channel

    def of(self, name: NodeName, family: str) -> set[str]:
        """The prefixes that routes of a namespace lead to; what leads nowhere is left out."""
        channel = self._channels[name]
        number = socket.AF_INET6 if family == "ipv6" else socket.AF_INET
        body = _ROUTE.pack(number, 0, 0, 0, 0, 0, 0, 0, 0)
        channel.send(_HEADER.pack(_HEADER.size + len(body), RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + body)
        prefixes: set[str] = set()
        while True:
            data = channel.recv(BUFFER)
            prefixes |= {event.prefix for event in events(data)}
            if NLMSG_DONE in _kinds(data):
                return prefixes

    def close(self) -> None:
        """Let go of everything."""
        for channel in self._channels.values():
            channel.close()


def _kinds(data: bytes) -> Iterator[int]:
    start = 0
    while start + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, start)
        yield kind
        start += max((length + 3) & ~3, _HEADER.size)
