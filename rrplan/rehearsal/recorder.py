"""Who lost what, when: probes between pods all the time, and every change of every kernel routing table.

A process of its own sends and listens, so that nothing else delays it. A socket stays in the namespace in which it
was made, so one process holds the sockets of all nodes.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from rrplan.ids import NodeName
from rrplan.rehearsal.background import Background
from rrplan.rehearsal.namespaces import inside
from rrplan.rehearsal.netlink import events, listening
from rrplan.rehearsal.witness import Stall

PORT = 20000
LOOK_SECONDS = 0.002
"""How often sockets are looked at, at least."""
GRACE_SECONDS = 1.0
"""A probe that did not arrive by then is lost."""
_PROBE = struct.Struct("=II")


@dataclass(frozen=True, slots=True)
class Flow:
    """Probes from a pod of one node to a pod of another."""

    family: str
    source: NodeName
    target: NodeName


@dataclass(frozen=True, slots=True)
class Gap:
    """A route that was away from the kernel table of `at`: from when, and for how long at least; None: to the end."""

    at: NodeName
    prefix: str
    began: float
    seconds: float | None


@dataclass(slots=True)
class Recording:
    """What was seen; times are of the monotonic clock. `lost[i]` are the numbers of the ticks whose probe was lost."""

    flows: Sequence[Flow]
    ticks: list[float] = field(default_factory=list)
    lost: list[list[int]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    changes: int = 0
    """Routes that went and came back at once, as BIRD changes a route: deleted, then added."""
    lateness: float = 0.0
    """The longest time between two looks."""
    stalls: Sequence[Stall] = ()
    """When the kernel let nobody change a route."""


class Recorder:
    """Records from its making to `end`."""

    def __init__(
        self,
        namespaces: Mapping[NodeName, int],
        pods: Mapping[tuple[NodeName, str], str],
        flows: Sequence[Flow],
        every: float,
    ) -> None:
        """`pods` are addresses by node and family; `every` is the time between two probes of a flow, in seconds."""
        self._work = Background(
            lambda: _Work(namespaces, pods, flows, every).run, "the recorder did not see every change"
        )

    def end(self) -> Recording:
        """Stop; raises Unsettled where not everything was seen."""
        return self._work.end()

    def stop(self) -> None:
        """End it, whatever it does."""
        self._work.stop()


class _Work:
    def __init__(
        self,
        namespaces: Mapping[NodeName, int],
        pods: Mapping[tuple[NodeName, str], str],
        flows: Sequence[Flow],
        every: float,
    ) -> None:
        self._recording = Recording(flows, lost=[[] for _ in flows])
        self._every = every
        self._poll = select.epoll()
        self._watches: dict[int, tuple[socket.socket, NodeName]] = {}
        self._pods: dict[int, socket.socket] = {}
        for name, namespace in namespaces.items():
            with inside(namespace):
                watch = listening()
            self._watches[watch.fileno()] = (watch, name)
            self._poll.register(watch, select.EPOLLIN)
        ends = {(flow.source, flow.family) for flow in flows} | {(flow.target, flow.family) for flow in flows}
        sockets = {end: self._pod(namespaces[end[0]], pods[end]) for end in sorted(ends)}
        self._sending = [(sockets[flow.source, flow.family], (pods[flow.target, flow.family], PORT)) for flow in flows]
        self._arrived: list[bytearray] = [bytearray() for _ in flows]
        self._away: dict[tuple[NodeName, str], float] = {}
        self._looked = time.monotonic()

    def _pod(self, namespace: int, address: str) -> socket.socket:
        with inside(namespace):
            channel = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        channel.setblocking(False)
        channel.bind((address, PORT))
        self._pods[channel.fileno()] = channel
        self._poll.register(channel, select.EPOLLIN)
        return channel

    def run(self, control: Connection) -> Recording:
        """Until `control` says something."""
        recording = self._recording
        due = time.monotonic()
        while not control.poll():
            now = time.monotonic()
            if now >= due:
                self._send()
                due = max(due + self._every, now)
            self._look(min(max(due - time.monotonic(), 0), LOOK_SECONDS))
        end = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < end:
            self._look(LOOK_SECONDS)
        for lost, arrived in zip(recording.lost, self._arrived, strict=True):
            lost += [tick for tick, came in enumerate(arrived) if not came]
        recording.gaps += [Gap(at, prefix, began, None) for (at, prefix), began in self._away.items()]
        return recording

    def _send(self) -> None:
        tick = len(self._recording.ticks)
        self._recording.ticks.append(time.monotonic())
        for number, (pod, target) in enumerate(self._sending):
            self._arrived[number].append(0)
            # No route: the probe is lost.
            with suppress(OSError):
                pod.sendto(_PROBE.pack(number, tick), target)

    def _look(self, seconds: float) -> None:
        ready = self._poll.poll(seconds)
        before, self._looked = self._looked, time.monotonic()
        self._recording.lateness = max(self._recording.lateness, self._looked - before)
        for number, _ in ready:
            if number in self._watches:
                self._routes(*self._watches[number], before)
            else:
                self._probes(self._pods[number])

    def _probes(self, pod: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                number, tick = _PROBE.unpack(pod.recv(_PROBE.size))
                self._arrived[number][tick] = 1

    def _routes(self, watch: socket.socket, name: NodeName, before: float) -> None:
        """A route is away from the look that saw it go to the look before the one that saw it come back."""
        with suppress(BlockingIOError):
            while True:
                for event in events(watch.recv(65536)):
                    key = (name, event.prefix)
                    if not event.present:
                        self._away[key] = self._looked
                    elif key in self._away:
                        began = self._away.pop(key)
                        if before > began:
                            self._recording.gaps.append(Gap(name, event.prefix, began, before - began))
                        else:
                            self._recording.changes += 1
