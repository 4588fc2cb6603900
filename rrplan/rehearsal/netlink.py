"""Changes of a kernel's routing table as they happen (rtnetlink(7), linux/rtnetlink.h)."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

NETLINK_ROUTE = 0
GROUPS = 0x40 | 0x400
"""RTMGRP_IPV4_ROUTE and RTMGRP_IPV6_ROUTE."""
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTA_DST = 1
RTN_UNICAST = 1
BUFFER = 4 * 1024 * 1024
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")


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
    """The changes that one datagram tells of; routes that lead nowhere (blackhole, local) are left out."""
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
    _, bits, _, _, _, _, _, kind, _ = _ROUTE.unpack_from(body)
    if kind != RTN_UNICAST:
        return None
    start = _ROUTE.size
    while start + _ATTRIBUTE.size <= len(body):
        length, name = _ATTRIBUTE.unpack_from(body, start)
        if name == RTA_DST:
            address = ipaddress.ip_address(body[start + _ATTRIBUTE.size : start + length])
            return RouteEvent(f"{address}/{bits}", present)
        start += max((length + 3) & ~3, _ATTRIBUTE.size)
    return None
