"""How long the kernel lets nobody change a route: while other network namespaces come and go, for instance.

All changes of routes and links on a machine wait for one lock (rtnl_lock, net/core/rtnetlink.c). A BIRD that changes a
route deletes it and adds it again, so what it waits in between looks like a loss. A process of its own changes a route
that nobody needs again and again, and remembers what took long.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from rrplan.rehearsal.background import Background
from rrplan.rehearsal.namespaces import inside
from rrplan.rehearsal.netlink import change_unneeded

EVERY_SECONDS = 0.02
LONG_SECONDS = 0.005
"""What takes less is told by nobody: it is less than what counts as a loss."""


@dataclass(frozen=True, slots=True)
class Stall:
    """From when, by the monotonic clock, and for how many seconds nobody could change a route."""

    began: float
    seconds: float


class Witness:
    """Looks from its making to `end`, in a namespace that nobody watches."""

    def __init__(self, namespace: int) -> None:
        self._work = Background(lambda: _looking(namespace), "nobody could watch the kernel's lock of routing tables")

    def end(self) -> list[Stall]:
        """Stop, and say what took long; raises Unsettled where the kernel let it change nothing."""
        return self._work.end()

    def stop(self) -> None:
        """End it, whatever it does."""
        self._work.stop()


def _looking(namespace: int) -> Callable[[Connection], list[Stall]]:
    with inside(namespace):
        channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)

    def look(control: Connection) -> list[Stall]:
        stalls = []
        while not control.poll(EVERY_SECONDS):
            began = time.monotonic()
            change_unneeded(channel)
            seconds = time.monotonic() - began
            if seconds > LONG_SECONDS:
                stalls.append(Stall(began, seconds))
        return stalls

    return look
