"""A laboratory of real BIRDs in a process of its own, which follows what it is told of a cluster.

Namespaces need such a process; API server, etcd and agent stay outside. BIRD's control sockets are files, so whoever
asks a BIRD needs no word with this process.
"""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rrplan.bgp.profile import Versions
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair, held_pairs
from rrplan.rehearsal.agents import Agents
from rrplan.rehearsal.isolation import alone, die_with
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.rehearsal.recorder import Flow, Recorder, Recording
from rrplan.rehearsal.witness import Witness
from rrplan.resources import ClusterState

SETTLE_SECONDS = 90.0
CALM_SECONDS = 4.0
RUNSV_SECONDS = 1.0
"""After which runsv starts again what ended (runit, `runsv`)."""
PAIRS_OF_A_KIND = 6
_spawned = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Facts:
    """A laboratory: `blocks` by node and family, `owners` of prefixes, `pairs` that had routes in the beginning.

    `flows` are how many pairs are probed.
    """

    blocks: dict[NodeName, dict[str, str]]
    owners: dict[str, NodeName]
    pairs: frozenset[Pair]
    flows: int


class Birds:
    """The handle of that process; safe to use from several threads.

    Every BIRD has the configuration of `state` when this is made, all routes are there, and recording has begun, with
    `probes` in a second. The folder of a node has its sockets, `bird.ctl` and `bird6.ctl`.
    """

    def __init__(
        self,
        state: ClusterState,
        versions: Versions,
        folder: Path,
        *,
        seed: int,
        probes: float,
        reflecting: Collection[NodeName],
    ) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._ours, theirs = _spawned.Pipe()
        words = (theirs, os.getpid(), state, versions, folder, seed, probes, frozenset(reflecting))
        self._process = _spawned.Process(target=_begin, args=words)
        self._process.start()
        theirs.close()
        try:
            self.facts: Facts = self._answer()
        except BaseException:
            self.stop()
            raise

    def hear(self, state: ClusterState) -> None:
        """The cluster is now so: each node renders and reloads a little later, as with confd."""
        self._ask("hear", state)

    def kill(self, node: NodeName, away: float = RUNSV_SECONDS) -> None:
        """`kill -9` of a node's BIRDs, which are started again, in recovery, after `away` seconds."""
        self._ask("kill", node, away)

    def held(self) -> frozenset[Pair]:
        """The pairs whose route is in the kernel."""
        pairs: frozenset[Pair] = self._ask("held")
        return pairs

    def waits(self) -> Mapping[NodeName, float]:
        """How long the BIRDs of each node have waited for the processor so far, in seconds."""
        waits: Mapping[NodeName, float] = self._ask("waits")
        return waits

    def recorded(self) -> Recording:
        """End recording; what was recorded."""
        recording: Recording = self._ask("recorded")
        return recording

    def stop(self) -> None:
        """End it, with everything in it."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._ours.close()

    def _ask(self, *words: object) -> Any:
        with self._lock:
            self._ours.send(words)
            return self._answer()

    def _answer(self) -> Any:
        try:
            good, answer = self._ours.recv()
        except EOFError:
            self._process.join()
            raise AssertionError(f"the laboratory ended (exit code {self._process.exitcode})") from None
        if not good:
            raise answer
        return answer


def _begin(
    control: Connection,
    parent: int,
    state: ClusterState,
    versions: Versions,
    folder: Path,
    seed: int,
    probes: float,
    reflecting: frozenset[NodeName],
) -> None:
    die_with(parent)
    try:
        alone()
        work = _Work(state, versions, folder, seed)
        answer: object = work.begin(held_pairs(state, versions), reflecting, probes)
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it
        control.send((False, error))
        return
    control.send((True, answer))
    while True:
        # BIRDs are started by this thread alone: they end with the thread that started them.
        while not control.poll(work.until_next()):
            work.restart()
        try:
            verb, *words = control.recv()
            control.send((True, getattr(work, verb)(*words)))
        except EOFError:
            return
        except Exception as error:  # noqa: BLE001  # whatever it is, the parent raises it
            control.send((False, error))


class _Work:
    """What is done in that process; public methods answer the parent."""

    def __init__(self, state: ClusterState, versions: Versions, folder: Path, seed: int) -> None:
        self._state = state
        self._seed = seed
        self._laboratory = Laboratory([state], versions, folder)
        self._agents = Agents(self._laboratory, seed)
        self._recorder: Recorder
        self._witness: Witness
        self._due: list[tuple[float, NodeName, dict[Family, subprocess.Popen[bytes]]]] = []

    def begin(self, held: frozenset[Pair], reflecting: frozenset[NodeName], probes: float) -> Facts:
        """Bring it up, wait until all routes are there and nothing moves, begin to record."""
        self._agents.start(self._state)
        began = calm = time.monotonic()
        last = frozenset[Pair]()
        while not (held <= last and time.monotonic() - calm > CALM_SECONDS):
            now = self.held()
            calm, last = (calm, last) if now == last else (time.monotonic(), now)
            missing = sorted(held - now)[:3]
            assert time.monotonic() - began < SETTLE_SECONDS, f"not up after {SETTLE_SECONDS} s: {missing}"
            time.sleep(0.5)  # real daemons are watched
        owners = {prefix: NodeName(name) for prefix, name in self._laboratory.origins().items()}
        flows = self._flows(last, reflecting)
        namespaces = {name: self._laboratory.network.hosts[name] for name in owners.values()}
        self._recorder = Recorder(namespaces, self._laboratory.pods, flows, len(flows) / probes)
        self._witness = Witness(self._laboratory.network.bridge)
        blocks = {
            name: {family: each[0] for family, each in of_families.items()}
            for name, of_families in self._laboratory.announcements.blocks.items()
        }
        return Facts(blocks, owners, last, len(flows))

    def _flows(self, pairs: frozenset[Pair], reflecting: frozenset[NodeName]) -> list[Flow]:
        """Some pairs of each kind: both, one or none of them will reflect."""
        dice = random.Random(self._seed)
        kinds: dict[tuple[str, bool, bool], list[Flow]] = {}
        for pair in sorted(pairs):
            kind = pair.family, pair.at in reflecting, pair.origin in reflecting
            kinds.setdefault(kind, []).append(Flow(pair.family, pair.at, pair.origin))
        return [flow for flows in kinds.values() for flow in dice.sample(flows, min(len(flows), PAIRS_OF_A_KIND))]

    def hear(self, state: ClusterState) -> None:
        """See `Birds.hear`."""
        self._check()
        self._agents.hear(state)

    def kill(self, node: NodeName, away: float) -> None:
        """See `Birds.kill`."""
        running = {**self._laboratory._birds[node].running}
        for process in running.values():
            process.kill()
            process.wait()
        self._due.append((time.monotonic() + away, node, running))

    def until_next(self) -> float | None:
        """Seconds until a BIRD is to be started again."""
        return max(0.0, min(at for at, _, _ in self._due) - time.monotonic()) if self._due else None

    def restart(self) -> None:
        """Start what is due, unless it was meant to end meanwhile, or another began in its place."""
        now = time.monotonic()
        for _, node, dead in [due for due in self._due if due[0] <= now]:
            daemons = self._laboratory._birds[node]
            for family in [family for family, process in dead.items() if daemons.running.get(family) is process]:
                daemons.start(family)
        self._due = [due for due in self._due if due[0] > now]

    def held(self) -> frozenset[Pair]:
        """See `Birds.held`."""
        return frozenset(
            Pair(str(family), at, origin)
            for family in FAMILIES
            for at, origin in self._laboratory.held(self._laboratory.speaking(family), family)
        )

    def waits(self) -> Mapping[NodeName, float]:
        """See `Birds.waits`."""
        return self._laboratory.waits()

    def recorded(self) -> Recording:
        """See `Birds.recorded`."""
        self._check()
        return replace(self._recorder.end(), stalls=self._witness.end())

    def _check(self) -> None:
        if self._agents.failure:
            raise self._agents.failure
