"""What confd does on every node: it hears of a change a little later, writes the new configuration, reloads BIRD."""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Mapping

from rrplan.ids import NodeName
from rrplan.rehearsal.configuration import Daemon
from rrplan.rehearsal.laboratory import Configurations, Laboratory
from rrplan.resources import ClusterState

SOONEST, LATEST = 0.05, 0.5
"""Seconds from a write to the reload on a node; the spread of confd, as the laboratory's figures were measured."""


class Agents:
    """Every node picks a new configuration up at its own random moment, in a thread of this process."""

    def __init__(self, laboratory: Laboratory, seed: int) -> None:
        self._laboratory = laboratory
        self._random = random.Random(seed)
        self._due: list[tuple[float, int, NodeName, Mapping[str, Daemon]]] = []
        self._known: Configurations = {}
        self._pending: tuple[float, ClusterState] | None = None
        self._number = 0
        self._written: dict[NodeName, int] = {}
        """Which of the changes, by number, each node has written last."""
        self._wake = threading.Condition()
        self._ended = False
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self, state: ClusterState) -> None:
        """Every node is as `state` wants it, at once; changes are followed from here on."""
        self._known = self._laboratory.configurations(state)
        for name, daemons in self._known.items():
            self._laboratory.apply(name, daemons)
        self._thread.start()

    def hear(self, state: ClusterState) -> None:
        """The cluster is now as `state` says."""
        with self._wake:
            self._pending = (time.monotonic(), state)
            self._wake.notify()

    def stop(self) -> None:
        """No node picks anything up any more."""
        with self._wake:
            self._ended = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        try:
            while True:
                with self._wake:
                    left = self._due[0][0] - time.monotonic() if self._due else None
                    if not self._ended and self._pending is None and (left is None or left > 0):
                        self._wake.wait(left)
                    if self._ended:
                        return
                    pending, self._pending = self._pending, None
                if pending:
                    self._plan(*pending)
                while self._due and self._due[0][0] <= time.monotonic():
                    _, number, name, daemons = heapq.heappop(self._due)
                    # Where changes follow one another quickly, an older one may be due after a newer one: confd writes
                    # what is true when it writes.
                    if number > self._written.get(name, 0):
                        self._written[name] = number
                        self._laboratory.apply(name, daemons)
        except Exception as error:  # noqa: BLE001  # whoever waits for the laboratory raises it
            self.failure = error

    def _plan(self, heard: float, state: ClusterState) -> None:
        fresh = self._laboratory.configurations(state)
        for name, daemons in fresh.items():
            if daemons != self._known.get(name):
                at = heard + self._random.uniform(SOONEST, LATEST)
                self._number += 1
                heapq.heappush(self._due, (at, self._number, name, daemons))
        self._known = fresh
