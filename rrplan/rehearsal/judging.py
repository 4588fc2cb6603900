"""A recording beside what the proof promised."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from statistics import median

from rrplan.ids import NodeName, StepId
from rrplan.planning.promise import Pair, Promise
from rrplan.plans import Plan
from rrplan.plans.gate import LONGEST_SECONDS
from rrplan.plans.rehearsal import Count, StepMeasure, Traffic
from rrplan.rehearsal.recorder import Flow, Recording
from rrplan.rehearsal.witness import Stall
from rrplan.reports import events
from rrplan.reports.events import Listener
from rrplan.reports.reasons import Reason
from rrplan.text import listed

MICRO_SECONDS = 0.005
"""BIRD changes a route in the kernel by deleting and adding it; shorter absences are that.

On a busy machine BIRD may have to wait between the two: what is shorter than the recorder itself had to wait may be
that.
"""
WITHDRAWAL_SECONDS = 1.0
"""A node that is the next hop of routes of others may lose packets until its withdrawal arrives; longer is a loss."""
BUSY_SECONDS = 1.0
"""A recorder that did not look for longer saw too little."""
SPARE = 1
"""Probes that a run may lose on pairs that are not exposed: one can fall between deleting and adding, or as many as are
sent while the machine lets nobody work."""
NAMED = 3


@dataclass(slots=True)
class Window:
    """The time of one step: from its start to the start of the next one; `seconds` until its gates passed.

    `waited` is the longest time that a BIRD waited for the processor meanwhile, all its waits together.
    """

    step: StepId
    back: bool
    began: float
    ended: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0


@dataclass(slots=True)
class Findings:
    """Where it did not go as the plan says, in words; `unsettled` are absences that a busy machine may have made.

    `transit` are packets that were lost on their way through a node that had just lost its route: the check
    `next-hop-self` tells of it, and no proof speaks of it.
    """

    contradictions: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    transit: list[str] = field(default_factory=list)


class Timeline:
    """Hears a run and remembers when which step was under way; passes everything on.

    `waits` tells how long each BIRD has waited for the processor since it began. `why` are the reasons of the last run
    that ended.
    """

    def __init__(
        self,
        listener: Listener,
        waits: Callable[[], Mapping[NodeName, float]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._waits = waits
        self._waited: Mapping[NodeName, float] = {}
        self.windows: list[Window] = []
        self.why: Sequence[Reason] = ()

    def report(self, event: events.RunEvent) -> None:
        """Take notice, and pass it on."""
        match event:
            case events.StepStarted():
                self._open(event.step, back=False)
            case events.UndoStarted():
                self._open(event.step, back=True)
            case events.StepSettled() | events.StepUndone() | events.StepFailed() | events.UndoFailed():
                if self.windows:
                    self.windows[-1].seconds = self._clock() - self.windows[-1].began
            case events.RunFinished():
                self.why = event.why
            case _:
                pass
        self._listener.report(event)

    def _open(self, step: StepId, *, back: bool) -> None:
        self.close()
        self.windows.append(Window(step, back, self._clock()))
        self._waited = self._waits()

    def close(self) -> None:
        """The last step has ended."""
        if self.windows and not self.windows[-1].ended:
            self.windows[-1].ended = self._clock()
            waits = self._waits().items()
            self.windows[-1].waited = max((now - self._waited.get(bird, 0.0) for bird, now in waits), default=0.0)


class Judge:
    """Compares; `owners` are the speakers by prefix, `pairs` those that really held a route when it all began.

    `outside` are the speakers that are no node. `next_hops` are the nodes, with a family, that
    somebody takes for the next hop of routes of other nodes.
    """

    def __init__(
        self,
        plan: Plan,
        promises: Mapping[StepId, Promise],
        owners: Mapping[str, NodeName],
        pairs: frozenset[Pair],
        reflecting: frozenset[NodeName],
        outside: Collection[NodeName] = (),
        next_hops: Collection[tuple[str, NodeName]] = (),
    ) -> None:
        self._steps = {step.id: step for step in plan.steps}
        self._promises = promises
        self._owners = owners
        self._pairs = pairs
        self._reflecting = reflecting
        self._outside = frozenset(outside)
        self._next_hops = sorted(next_hops)
        self._excused = dict(_excused(plan, promises, pairs))
        self._unheard = {step: pairs - promises[step].carried for step, pairs in self._excused.items()}
        """Whose probes may be lost: those without a route, but not those that fallback tables carry."""

    def measures(self, recording: Recording, windows: Sequence[Window]) -> list[StepMeasure]:
        """What happened in each window."""
        return [self._measure(recording, window) for window in windows]

    def count(self, recording: Recording, windows: Sequence[Window], *, exposed: bool) -> Count:
        """All windows together: pairs while they are exposed, or while they are not."""
        sent = lost = routes = 0
        silence = away = 0.0
        for window in windows:
            excused, unheard = self._excused[window.step], self._unheard[window.step]
            for number, flow in enumerate(recording.flows):
                if (Pair(flow.family, flow.source, flow.target) in unheard) is exposed:
                    missed = self._lost(recording, window, number)
                    sent += _ticks(recording, window)
                    lost += len(missed)
                    silence = max(silence, _longest(missed, recording.ticks))
            gone = [seconds for pair, seconds in self._away(recording, window) if (pair in excused) is exposed]
            routes += len(gone)
            away = max(away, *gone, 0.0)
        return Count(sent, lost, _ms(silence), routes, _ms(away))

    def findings(self, recording: Recording, windows: Sequence[Window]) -> Findings:
        """Where it did not go as the proof says."""
        findings = Findings()
        if recording.lateness > BUSY_SECONDS:
            text = f"the recorder did not run for {recording.lateness:.1f} s, so it saw no loss that is shorter"
            findings.unsettled.append(text)
        steps = [after - before for before, after in pairwise(recording.ticks)]
        every = median(steps) if steps else 0.0
        allowed = max(SPARE, ceil(recording.lateness / every)) if every else SPARE
        spare = {False: allowed, True: allowed}
        for window in windows:
            excused = self._excused[window.step]
            doing = _doing(window)
            waited = _waited(recording, window)
            away = sorted(self._away(recording, window), key=lambda absence: -absence[1])
            broken = [(pair, seconds) for pair, seconds in away if pair not in excused]
            certain = [absence for absence in broken if absence[1] > waited]
            if certain:
                because = "the proof says that nobody but exposed pairs is without a route"
                findings.contradictions.append(f"{doing}, {_named(certain)}; {because}")
            if broken[len(certain) :]:
                text = f"{doing}, {_named(broken[len(certain) :])}; {_nothing_follows(waited)}"
                findings.unsettled.append(text)
            for number, flow in enumerate(recording.flows):
                pair = Pair(flow.family, flow.source, flow.target)
                lost = self._lost(recording, window, number)
                if pair in self._unheard[window.step] or not lost:
                    continue
                if len(lost) > spare[window.back]:
                    text = f"{doing}, {_probes(flow, len(lost))}"
                    through = self._through(recording, window, pair)
                    if through and _longest(lost, recording.ticks) <= WITHDRAWAL_SECONDS:
                        findings.transit.append(f"{text}; they may have gone through {listed(through, NAMED)}")
                    elif len(lost) * every > waited:
                        why = "fallback tables carry this pair" if pair in excused else "this pair is not exposed"
                        findings.contradictions.append(f"{text}, and {why}")
                    else:
                        findings.unsettled.append(f"{text}; {_nothing_follows(waited)}")
                spare[window.back] = max(0, spare[window.back] - len(lost))
        return findings

    def _through(self, recording: Recording, window: Window, pair: Pair) -> list[NodeName]:
        """Who may have had the packets of a pair, and had lost its own route just then, as the proof says it may."""
        lost = {
            gap.at
            for gap in recording.gaps
            if window.began <= gap.began < window.ended and self._leads(gap.prefix, pair)
        }
        return [
            name
            for family, name in self._next_hops
            if family == pair.family and name in lost and Pair(family, name, pair.origin) in self._excused[window.step]
        ]

    def _leads(self, prefix: str, pair: Pair) -> bool:
        """Whether a prefix is one of the routes of that pair."""
        return self._owners.get(prefix) == pair.origin and (":" in prefix) is (pair.family == "ipv6")

    def longer(self, recording: Recording, windows: Sequence[Window]) -> Iterator[str]:
        """Where exposed pairs were without a route for longer than plans say, in words."""
        for window in windows:
            promise = self._promises[window.step]
            late = [
                (pair, seconds)
                for pair, seconds in self._away(recording, window)
                if pair in promise.exposed - promise.without and seconds > LONGEST_SECONDS
            ]
            if late:
                late.sort(key=lambda absence: -absence[1])
                yield f"{_doing(window)}, {_named(late)}; plans say {LONGEST_SECONDS} s, the longest that was measured"

    def _away(self, recording: Recording, window: Window) -> Iterator[tuple[Pair, float]]:
        """The routes that went away in a window, and for how long."""
        for gap in recording.gaps:
            origin = self._owners.get(gap.prefix)
            if origin is None or origin == gap.at or not window.began <= gap.began < window.ended:
                continue
            if {gap.at, origin} <= self._outside:
                continue
            seconds = window.ended - gap.began if gap.seconds is None else gap.seconds
            if seconds > max(MICRO_SECONDS, recording.lateness):
                yield Pair("ipv6" if ":" in gap.prefix else "ipv4", gap.at, origin), seconds

    def _lost(self, recording: Recording, window: Window, flow: int) -> list[int]:
        """The numbers of the ticks in a window whose probe of a flow was lost."""
        first, last = (bisect_left(recording.ticks, at) for at in (window.began, window.ended))
        lost = recording.lost[flow]
        return lost[bisect_left(lost, first) : bisect_left(lost, last)]

    def _kind(self, at: NodeName, origin: NodeName) -> str:
        return " to ".join(kind_of(name, self._reflecting, self._outside) for name in (at, origin))

    def _measure(self, recording: Recording, window: Window) -> StepMeasure:
        excused = self._excused[window.step]
        ticks = _ticks(recording, window)
        pairs: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for pair in self._pairs:
            counted = pairs[self._kind(pair.at, pair.origin)]
            counted[0] += 1
            counted[1] += pair in excused
        sent: defaultdict[str, int] = defaultdict(int)
        lost: defaultdict[str, int] = defaultdict(int)
        silence: defaultdict[str, float] = defaultdict(float)
        for number, flow in enumerate(recording.flows):
            kind = self._kind(flow.source, flow.target)
            missed = self._lost(recording, window, number)
            sent[kind] += ticks
            lost[kind] += len(missed)
            silence[kind] = max(silence[kind], _longest(missed, recording.ticks))
        routes: defaultdict[str, int] = defaultdict(int)
        away: defaultdict[str, float] = defaultdict(float)
        for pair, seconds in self._away(recording, window):
            kind = self._kind(pair.at, pair.origin)
            routes[kind] += 1
            away[kind] = max(away[kind], seconds)
        traffic = [
            Traffic(
                kind,
                every,
                exposed,
                sent[kind],
                lost[kind],
                _ms(silence[kind]),
                routes[kind],
                _ms(away[kind]),
            )
            for kind, (every, exposed) in sorted(pairs.items())
        ]
        step = self._steps[window.step]
        gates = step.undo_gates if window.back else step.gates
        usually = sum(gate.expected for gate in gates)
        return StepMeasure(window.step, window.back, round(window.seconds), usually, tuple(traffic))


def _excused(
    plan: Plan, promises: Mapping[StepId, Promise], begun: frozenset[Pair]
) -> Iterator[tuple[StepId, frozenset[Pair]]]:
    """Who may be without a route while a step is done or undone.

    A route that was really there is owed until the proof itself says which step takes it: that the model sees no way
    for it is no excuse, or a model that sees nothing would never be contradicted.
    """
    owed = begun
    for step in plan.steps:
        promise = promises.get(step.id)
        if promise is not None:
            yield step.id, promise.exposed | (promise.without - owed)
            owed -= promise.exposed


def kind_of(name: NodeName, reflecting: Collection[NodeName], outside: Collection[NodeName]) -> str:
    """What a speaker is in the traffic that is measured."""
    if name in outside:
        return "outside"
    return "reflector" if name in reflecting else "client"


def _probes(flow: Flow, lost: int) -> str:
    probes, were = (f"{lost} probes", "were") if lost > 1 else ("1 probe", "was")
    return f"{probes} from {flow.source} to {flow.target} ({flow.family}) {were} lost"


def _doing(window: Window) -> str:
    return f"while `{window.step}` {'is undone' if window.back else 'takes effect'}"


def _waited(recording: Recording, window: Window) -> float:
    """How long a BIRD may have waited for the processor, and then for the kernel's lock, before it changed a route."""
    stalls = (stall.seconds for stall in recording.stalls if _meets(stall, window))
    return window.waited + max(stalls, default=0.0)


def _meets(stall: Stall, window: Window) -> bool:
    return stall.began < window.ended and window.began < stall.began + stall.seconds


def _nothing_follows(waited: float) -> str:
    return f"a BIRD may have waited {waited:.2f} s for the processor and the kernel, so nothing follows from it"


def _ticks(recording: Recording, window: Window) -> int:
    return bisect_left(recording.ticks, window.ended) - bisect_left(recording.ticks, window.began)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _longest(missed: Sequence[int], ticks: Sequence[float]) -> float:
    """The longest time from a lost probe to the next one that arrived."""
    longest, began = 0.0, -1
    for place, tick in enumerate(missed):
        began = tick if place == 0 or missed[place - 1] != tick - 1 else began
        longest = max(longest, ticks[min(tick + 1, len(ticks) - 1)] - ticks[began])
    return longest


def _named(away: Sequence[tuple[Pair, float]]) -> str:
    gaps = [f"{pair.at} had no route of {pair.origin} ({pair.family}) for {seconds:.2f} s" for pair, seconds in away]
    return listed(gaps, NAMED)
