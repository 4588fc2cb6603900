"""A recording beside a promise."""

from dataclasses import replace

import pytest

from rrplan.ids import ActionName, NodeName, StepId
from rrplan.planning.promise import Pair, Promise
from rrplan.plans.plan import Step
from rrplan.rehearsal.judging import Findings, Judge, Timeline, Window
from rrplan.rehearsal.recorder import Flow, Gap, Recording
from rrplan.rehearsal.witness import Stall
from rrplan.reports import events
from tests.support import Remembering
from tests.support.plans import plan_of

ONE, TWO = StepId("promote/rr-1"), StepId("mesh-off")
A, B, R = NodeName("a"), NodeName("b"), NodeName("rr-1")
NODES = (A, B, R)
OWNERS = {"10.244.0.0/26": A, "10.244.0.64/26": B, "10.244.0.128/26": R}
FLOWS = [Flow("ipv4", A, B), Flow("ipv4", A, R)]
WINDOWS = [
    Window(ONE, False, 0.0, 10.0, 10.0),
    Window(TWO, False, 10.0, 20.0, 10.0),
    Window(TWO, True, 20.0, 30.0, 9.0),
]


def pair(at: NodeName, origin: NodeName) -> Pair:
    return Pair("ipv4", at, origin)


def recording(gaps: list[Gap], lost: dict[int, list[int]]) -> Recording:
    """Thirty seconds, a probe every tenth."""
    ticks = [number / 10 for number in range(300)]
    return Recording(FLOWS, ticks, [lost.get(number, []) for number in range(2)], gaps)


@pytest.fixture
def judge() -> Judge:
    """rr-1 is promoted: what ends there is exposed."""
    steps = tuple(Step(one, ActionName.AWAIT, one) for one in (ONE, TWO))
    plan = plan_of(steps)
    exposed = frozenset({pair(A, R), pair(R, A), pair(B, R), pair(R, B)})
    told = {ONE: Promise(ONE, exposed, frozenset()), TWO: Promise(TWO, frozenset(), frozenset())}
    pairs = frozenset(pair(at, origin) for at in NODES for origin in NODES if at != origin)
    return Judge(plan, told, OWNERS, pairs, frozenset({R}))


def test_as_promised(judge: Judge) -> None:
    """What the proof exposes may be lost while it is exposed; a change of a route is no loss."""
    seen = recording([Gap(A, "10.244.0.128/26", 2.0, 3.5), Gap(A, "10.244.0.64/26", 12.0, 0.004)], {1: [20, 21, 22]})
    assert judge.findings(seen, WINDOWS) == Findings()
    first, second, _ = judge.measures(seen, WINDOWS)
    rows = {row.kind: row for row in first.traffic}
    assert (rows["client to reflector"].routes, rows["client to reflector"].away_ms) == (1, 3500)
    assert (rows["client to reflector"].lost, rows["client to reflector"].silence_ms) == (3, 300)
    assert (rows["client to reflector"].exposed, rows["client to reflector"].pairs) == (2, 2)
    assert rows["client to client"].sent == 100
    assert not any(row.lost or row.routes for row in second.traffic)
    exposed, owed = (judge.count(seen, WINDOWS, exposed=which) for which in (True, False))
    assert (exposed.sent, exposed.lost, exposed.routes, exposed.away_ms) == (100, 3, 1, 3500)
    assert (owed.sent, owed.lost, owed.routes) == (500, 0, 0)


def test_route_that_should_stay(judge: Judge) -> None:
    """A route that nobody exposed, the same while the step is undone, and one that never came back."""
    gaps = [Gap(A, "10.244.0.64/26", 3.0, 1.25), Gap(A, "10.244.0.128/26", 21.0, 2.0)]
    gaps.append(Gap(B, "10.244.0.0/26", 29.0, None))
    because = "; the proof says that nobody but exposed pairs is without a route"
    back = "a had no route of rr-1 (ipv4) for 2.00 s, b had no route of a (ipv4) for 1.00 s"
    assert judge.findings(recording(gaps, {}), WINDOWS).contradictions == [
        f"while `promote/rr-1` takes effect, a had no route of b (ipv4) for 1.25 s{because}",
        f"while `mesh-off` is undone, {back}{because}",
    ]


def test_longer_than_told(judge: Judge) -> None:
    """Exposed, but for longer than the plan says."""
    long = [Window(ONE, False, 0.0, 30.0, 30.0)]
    seen = recording([Gap(A, "10.244.0.128/26", 2.0, 25.5)], {})
    assert judge.findings(seen, long) == Findings()
    slow = "while `promote/rr-1` takes effect, a had no route of rr-1 (ipv4) for 25.50 s"
    assert [*judge.longer(seen, long)] == [f"{slow}; plans say 22 s, the longest that was measured"]


def test_probes(judge: Judge) -> None:
    """One probe may fall between deleting and adding a route, two may not."""
    assert judge.findings(recording([], {0: [150]}), WINDOWS) == Findings()
    assert judge.findings(recording([], {0: [150, 151]}), WINDOWS).contradictions == [
        "while `mesh-off` takes effect, 2 probes from a to b (ipv4) were lost, and this pair is not exposed"
    ]


def test_probes_of_carried_pairs(judge: Judge) -> None:
    """A pair that fallback tables carry may be without a route, and loses no more probes than others."""
    told = judge._promises[ONE]
    judge._promises = {**judge._promises, ONE: replace(told, carried=told.exposed)}
    carrying = Judge(
        plan_of(tuple(Step(one, ActionName.AWAIT, one) for one in (ONE, TWO))),
        judge._promises,
        OWNERS,
        judge._pairs,
        frozenset({R}),
    )
    away = [Gap(A, "10.244.0.128/26", 2.0, 3.5)]
    assert carrying.findings(recording(away, {1: [20]}), WINDOWS) == Findings()
    lost = "while `promote/rr-1` takes effect, 2 probes from a to rr-1 (ipv4) were lost"
    assert carrying.findings(recording(away, {1: [20, 21]}), WINDOWS).contradictions == [
        f"{lost}, and fallback tables carry this pair"
    ]
    exposed, owed = (carrying.count(recording(away, {1: [20]}), WINDOWS, exposed=which) for which in (True, False))
    assert (exposed.sent, exposed.lost, exposed.routes) == (0, 0, 1)
    assert (owed.sent, owed.lost, owed.routes) == (600, 1, 0)


def test_busy_machine(judge: Judge) -> None:
    """What is shorter than the recorder had to wait is nobody's loss; what is longer is."""
    for late, contradictions in ((0.25, 0), (0.15, 1)):
        seen = recording([Gap(A, "10.244.0.64/26", 12.0, 0.2)], {0: [120, 121]})
        seen.lateness = late
        findings = judge.findings(seen, WINDOWS)
        assert (len(findings.contradictions), findings.unsettled) == (contradictions, [])


def test_bird_that_waited(judge: Judge) -> None:
    """Nothing follows from an absence that is shorter than a BIRD waited for the processor."""
    long, short = Gap(A, "10.244.0.64/26", 12.0, 0.5), Gap(B, "10.244.0.0/26", 13.0, 0.2)
    seen = recording([long, short], {0: [150, 151]})
    windows = [replace(window, waited=0.3) for window in WINDOWS]
    findings = judge.findings(seen, windows)
    proved = "the proof says that nobody but exposed pairs is without a route"
    assert findings.contradictions == [
        f"while `mesh-off` takes effect, a had no route of b (ipv4) for 0.50 s; {proved}"
    ]
    because = "a BIRD may have waited 0.30 s for the processor and the kernel, so nothing follows from it"
    assert findings.unsettled == [
        f"while `mesh-off` takes effect, b had no route of a (ipv4) for 0.20 s; {because}",
        f"while `mesh-off` takes effect, 2 probes from a to b (ipv4) were lost; {because}",
    ]


def test_recorder_that_did_not_run(judge: Judge) -> None:
    """What it did not see cannot be called no loss."""
    seen = recording([], {})
    seen.lateness = 1.5
    findings = judge.findings(seen, WINDOWS)
    assert findings.unsettled == ["the recorder did not run for 1.5 s, so it saw no loss that is shorter"]
    assert findings.contradictions == []


def test_timeline() -> None:
    """A step lasts until the next one begins; its gates passed before."""
    moments = iter([1.0, 4.0, 5.0, 5.0, 7.0])
    listener = Remembering()
    waits = iter([{A: 1.0, B: 2.0}, {A: 1.5, B: 2.1}, {}, {A: 0.25}])
    timeline = Timeline(listener, lambda: next(waits), lambda: next(moments))
    timeline.report(events.StepStarted(ONE, 1, 1, "one"))
    timeline.report(events.StepSettled(ONE, 3))
    timeline.report(events.UndoStarted(ONE))
    timeline.close()
    assert timeline.windows == [Window(ONE, False, 1.0, 5.0, 3.0, 0.5), Window(ONE, True, 5.0, 7.0, 0.0, 0.25)]
    assert len(listener.events) == 3


def test_kernel_that_let_nobody_change_a_route(judge: Judge) -> None:
    """What is shorter than the kernel's lock was held just then is nobody's loss; at another time it is."""
    gap = Gap(A, "10.244.0.64/26", 12.0, 0.3)
    for began, contradictions in ((11.9, 0), (5.0, 1)):
        seen = recording([gap], {})
        seen.stalls = [Stall(began, 0.4), Stall(began + 0.5, 0.1)]
        findings = judge.findings(seen, WINDOWS)
        assert (len(findings.contradictions), len(findings.unsettled)) == (contradictions, 1 - contradictions)


def test_speakers_outside() -> None:
    """They are a kind of their own; what one of them hears of another is nobody's concern."""
    switch, other = NodeName("outside 10.0.9.1 (AS 65100)"), NodeName("outside 10.0.9.2 (AS 65100)")
    owners = {**OWNERS, "10.244.1.0/26": switch, "10.244.1.64/26": other}
    plan = plan_of([Step(TWO, ActionName.AWAIT, TWO)])
    told = {TWO: Promise(TWO, frozenset(), frozenset())}
    pairs = frozenset({pair(A, switch), pair(switch, A)})
    judge = Judge(plan, told, owners, pairs, frozenset({R}), {switch, other})
    gaps = [Gap(A, "10.244.1.0/26", 12.0, 2.0), Gap(switch, "10.244.1.64/26", 12.0, 3.0)]
    (text,) = judge.findings(recording(gaps, {}), WINDOWS[1:2]).contradictions
    assert text.startswith(f"while `mesh-off` takes effect, a had no route of {switch} (ipv4) for 2.00 s; the proof")
    (step,) = judge.measures(recording(gaps, {}), WINDOWS[1:2])
    assert {row.kind: row.routes for row in step.traffic if row.pairs} == {
        "client to outside": 1,
        "outside to client": 0,
    }


def test_model_that_sees_no_route() -> None:
    """A route that was there is owed, whatever the model makes of it, until a step that is said to expose it."""
    steps = tuple(Step(one, ActionName.AWAIT, one) for one in (ONE, TWO))
    plan = plan_of(steps)
    every = frozenset(pair(at, origin) for at in NODES for origin in NODES if at != origin)
    gap = Gap(A, "10.244.0.64/26", 12.0, 2.0)
    seen = recording([gap], {0: [121, 122, 123]})

    def told(exposed: frozenset[Pair], begun: frozenset[Pair]) -> list[str]:
        promises = {ONE: Promise(ONE, exposed, exposed), TWO: Promise(TWO, frozenset(), every)}
        judge = Judge(plan, promises, OWNERS, begun, frozenset({R}))
        assert judge.count(seen, WINDOWS[:2], exposed=False).routes == (pair(A, B) in begun - exposed)
        return judge.findings(seen, WINDOWS[:2]).contradictions

    because = "the proof says that nobody but exposed pairs is without a route"
    assert told(frozenset(), every) == [
        f"while `mesh-off` takes effect, a had no route of b (ipv4) for 2.00 s; {because}",
        "while `mesh-off` takes effect, 3 probes from a to b (ipv4) were lost, and this pair is not exposed",
    ]
    assert told(frozenset({pair(A, B), pair(B, A)}), every) == []
    assert told(frozenset(), frozenset()) == []


def test_packets_through_a_node_that_changes() -> None:
    """Who takes rr-1 for the next hop may lose packets when rr-1 loses its own route, until it has said so.

    No longer than a withdrawal takes, not where rr-1 kept its route, nor where nobody takes it for the next hop.
    """
    steps = (Step(ONE, ActionName.AWAIT, ONE),)
    exposed = frozenset({pair(R, B), pair(B, R)})
    pairs = frozenset(pair(at, origin) for at in NODES for origin in NODES if at != origin)
    gone, lost = Gap(R, "10.244.0.64/26", 2.0, 3.0), {0: [20, 21]}

    def found(gap: Gap, probes: dict[int, list[int]], next_hops: set[tuple[str, NodeName]]) -> Findings:
        promises = {ONE: Promise(ONE, exposed, frozenset())}
        judge = Judge(plan_of(steps), promises, OWNERS, pairs, frozenset({R}), (), next_hops)
        return judge.findings(recording([gap], probes), WINDOWS[:1])

    text = "while `promote/rr-1` takes effect, 2 probes from a to b (ipv4) were lost"
    told = Findings(transit=[f"{text}; they may have gone through rr-1"])
    contradiction = Findings([f"{text}, and this pair is not exposed"])
    assert found(gone, lost, {("ipv4", R)}) == told
    assert found(gone, lost, set()) == contradiction
    assert found(gone, lost, {("ipv6", R)}) == contradiction
    assert found(Gap(R, "10.244.0.0/26", 2.0, 0.001), lost, {("ipv4", R)}) == contradiction
    assert found(gone, {0: [*range(20, 32)]}, {("ipv4", R)}).contradictions
