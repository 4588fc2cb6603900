"""The stage of a rehearsal: real speakers in the state from which a plan starts, agents that follow its writes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from rrplan.bgp.profile import Versions
from rrplan.bgp.roles import Roles
from rrplan.bgp.speaker import FAMILIES, Settings, as_configured, is_down
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair
from rrplan.ports import Clock, Datastore, Document, Listed, Stored, Write
from rrplan.rehearsal.agents import Agents
from rrplan.rehearsal.judging import kind_of
from rrplan.rehearsal.laboratory import Laboratory
from rrplan.rehearsal.portrait import Portrait, portrait
from rrplan.rehearsal.recorder import Flow, Recorder, Recording
from rrplan.rehearsal.unlike import silent_sessions, unlike_the_cluster
from rrplan.rehearsal.unsettled import Unsettled
from rrplan.rehearsal.witness import Witness
from rrplan.resources import ClusterState, Pod, ResourceKey
from rrplan.text import listed

PROBES_PER_SECOND = 2000
FASTEST_SECONDS = 0.01
SETTLE_SECONDS = 120.0
"""BIRD waits for up to 30 s after each connection that failed (`error wait time 5,30`), and several may in a row."""
CALM_SECONDS = 5.0
LOOK_SECONDS = 1.0


class ObservedDatastore:
    """A datastore whose every write is told of; implements the port."""

    def __init__(self, datastore: Datastore, tell: Callable[[], None]) -> None:
        self._datastore = datastore
        self._tell = tell
        self.at_once = datastore.at_once
        self.late_seconds = datastore.late_seconds

    def everything(self) -> Listed:
        """All resources of the datastore behind it."""
        return self._datastore.everything()

    def get(self, key: ResourceKey) -> Stored | None:
        """What the datastore behind it has under a key."""
        return self._datastore.get(key)

    def create(self, key: ResourceKey, document: Document) -> None:
        """Create a resource, and tell the laboratory."""
        self._datastore.create(key, document)
        self._tell()

    def patch(self, key: ResourceKey, patch: Document, version: str) -> None:
        """Patch a resource, and tell the laboratory."""
        self._datastore.patch(key, patch, version)
        self._tell()

    def delete(self, key: ResourceKey, version: str) -> None:
        """Delete a resource, and tell the laboratory."""
        self._datastore.delete(key, version)
        self._tell()

    def dry_run(self, writes: Sequence[Write]) -> Sequence[str]:
        """What the datastore behind it would refuse."""
        return self._datastore.dry_run(writes)

    def pods_to_evict(self, node: NodeName) -> Sequence[Pod]:
        """The pods that the datastore behind it has on a node."""
        return self._datastore.pods_to_evict(node)

    def evict(self, pod: ResourceKey, grace: int | None = None) -> bool:
        """Evict a pod from the datastore behind it."""
        return self._datastore.evict(pod, grace)


class Stage:
    """Real speakers of every node that is in some of `states`; the first is the one to start from."""

    def __init__(
        self,
        states: Sequence[ClusterState],
        versions: Versions,
        folder: Path,
        seed: int,
        clock: Clock,
        roles: Roles = (),
    ) -> None:
        self._start = states[0]
        self._seed = seed
        self._clock = clock
        # BIRDs that have long been there are past their recovery, which waits for sessions that never come.
        self.laboratory = Laboratory(states, versions, folder, recover=False, roles=roles)
        self._agents = Agents(self.laboratory, seed)
        self._recorder: Recorder | None = None
        self._witness: Witness | None = None
        self.every = FASTEST_SECONDS
        self.left_out: tuple[str, ...] = ()
        """What is not as in the cluster, and which sessions are not up in the beginning."""

    def begin(self, held: frozenset[Pair], reflecting: frozenset[NodeName]) -> frozenset[Pair]:
        """Bring the starting state up and wait until it is calm, then record; the pairs that have routes.

        Those that are `held` should have them; where there is doubt, what is there decides.
        """
        self._agents.start(as_configured(self._start))
        there = self._played(held)
        absent = sorted({name for pair in held - there for name in (pair.at, pair.origin)} - self._names())
        wanted = self._calm(self._start, set(there))
        self.laboratory.recover = True
        silent = list(silent_sessions(self.laboratory, self._start))
        texts = [*unlike_the_cluster(self.laboratory, self._start), *_counted(silent)]
        texts += [f"nobody plays {listed(absent, NAMED)}, so that nobody watches these routes"] if absent else []
        self.left_out = tuple(texts)
        flows = self.flows(wanted, reflecting)
        self.every = max(FASTEST_SECONDS, len(flows) / PROBES_PER_SECOND)
        self._witness = Witness(self.laboratory.network.bridge)
        self._recorder = Recorder(self.laboratory.watched, self.laboratory.pods, flows, self.every)
        return frozenset(wanted)

    def _calm(self, state: ClusterState, held: set[Pair]) -> set[Pair]:
        """Wait for a state whose nodes all run, then end those that are down; the pairs that have routes then."""
        # Nodes that are down were up once: a BIRD waits for a peer that never was for minutes (graceful restart).
        wanted = held | self._settle(held, state)
        down = {name for name, node in state.nodes.items() if is_down(node, Settings.of(state))}
        if down:
            for name in down:
                self.laboratory.apply(name, {})
            wanted = {pair for pair in wanted if not {pair.at, pair.origin} & down}
            wanted &= self._settle(wanted & held, state)
        return wanted

    def portrait(self) -> Portrait:
        """Everything that can be seen now, once it is calm."""
        self._settle(set())
        return portrait(self.laboratory)

    def cold_start(self, state: ClusterState, held: frozenset[Pair]) -> None:
        """Let every BIRD start anew in a state, and wait for its routes; nothing is recorded any more."""
        self._agents.stop()
        self.laboratory.halt()
        self.laboratory.recover = False
        self.laboratory.run(as_configured(state))
        self._calm(state, self._played(held))

    def _names(self) -> set[NodeName]:
        """All that pairs of the laboratory speak of."""
        return {*self.laboratory.watched, *self.laboratory.origins().values()}

    def _played(self, held: frozenset[Pair]) -> set[Pair]:
        """The pairs of which both ends are here; nobody plays the workloads of a node that speak BGP themselves."""
        names = self._names()
        return {pair for pair in held if {pair.at, pair.origin} <= names}

    def hear(self, state: ClusterState) -> None:
        """The cluster is now so; raises where the speakers could not follow."""
        if self._agents.failure:
            raise self._agents.failure
        self._agents.hear(state)

    def end(self) -> Recording:
        """Stop recording, and give what was recorded; raises what an agent failed with."""
        assert self._recorder is not None
        assert self._witness is not None
        if self._agents.failure:
            raise self._agents.failure
        return replace(self._recorder.end(), stalls=self._witness.end())

    def close(self) -> None:
        """End everything that was started."""
        self._agents.stop()
        for process in (self._recorder, self._witness):
            if process:
                process.stop()
        self.laboratory.close()

    def _settle(self, wanted: set[Pair], state: ClusterState | None = None) -> set[Pair]:
        """Wait for the routes and for calm; real daemons are watched. All routes that are there then.

        Raises Unsettled, with sessions that are not up where it is known which `state` is to come up.
        """
        began = calm = time.monotonic()
        last: set[Pair] | None = None
        while True:
            held = {
                Pair(str(family), at, origin)
                for family in FAMILIES
                for at, origin in self.laboratory.held(self.laboratory.speaking(family), family)
            }
            now = time.monotonic()
            if not wanted <= held or held != last:
                calm, last = now, held
            if now - calm >= CALM_SECONDS:
                return held
            if now - began > SETTLE_SECONDS:
                lacking = sorted(wanted - held)
                routes = [f"{pair.at} has no route of {pair.origin} ({pair.family})" for pair in lacking]
                text = listed(routes, NAMED) if routes else "routes come and go"
                lead = f"the speakers do not settle within {SETTLE_SECONDS:.0f} s"
                lead += ", and the plan rests on it" if routes else ""
                silent = [*islice(silent_sessions(self.laboratory, state), NAMED)] if state else []
                raise Unsettled("; ".join([f"{lead}: {text}", *silent]))
            self._clock.sleep(LOOK_SECONDS)

    def flows(self, wanted: set[Pair], reflecting: frozenset[NodeName]) -> list[Flow]:
        """Probes for every kind of pair in each family, a few pairs of each; the same for the same seed."""
        dice = random.Random(self._seed)
        kinds: dict[tuple[str, str, str], list[Pair]] = {}
        outside = self.laboratory.outside
        for pair in sorted(wanted):
            if (pair.origin, pair.family) not in self.laboratory.pods:
                # Of each origin one route is probed; the others are watched in kernel tables.
                continue
            # The route back is the other pair's: a probe goes one way.
            at, origin = (kind_of(name, reflecting, outside) for name in (pair.at, pair.origin))
            kinds.setdefault((pair.family, at, origin), []).append(pair)
        return [
            Flow(pair.family, pair.at, pair.origin)
            for pairs in kinds.values()
            for pair in dice.sample(pairs, min(len(pairs), PAIRS_OF_A_KIND))
        ]


def _counted(silent: Sequence[str]) -> list[str]:
    """Sessions that do not come up, in one sentence."""
    return [f"in the beginning, {listed(silent, NAMED)}; the plan rests on no route of these"] if silent else []


PAIRS_OF_A_KIND = 6
NAMED = 3
