"""What was recorded beside what the plan promised, less what the faults explain that were made on the way."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from rrplan.bgp.profile import Versions
from rrplan.ids import ActionName, NodeName
from rrplan.planning.promise import promises, reflecting
from rrplan.plans import Plan
from rrplan.plans.rehearsal import Count
from rrplan.rehearsal.judging import BUSY_SECONDS, Judge, Window
from rrplan.rehearsal.recorder import Recording
from rrplan.resources import ClusterState
from tests.e2e.laboratory import Facts

RECOVERY_SECONDS = 30.0
"""A BIRD that begins again may lose its sessions once more when they collide (`bird-lab`: stable after up to 23 s)."""


@dataclass(frozen=True, slots=True)
class Death:
    """The BIRDs of a node ended at a moment and came back `away` seconds later."""

    node: NodeName
    began: float
    away: float

    def explains(self, at: NodeName, origin: NodeName | None, moment: float) -> bool:
        """Whether a pair may be without its route at a moment: until the node that died has its sessions again."""
        return self.node in (at, origin) and self.began <= moment < self.began + self.away + RECOVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Verdict:
    """What contradicts the plan, in words, and what was counted on pairs while they were exposed or not."""

    contradictions: tuple[str, ...]
    safe: Count
    exposed: Count
    explained: int
    """Routes that went away of pairs that end at a dead node, or at a host that calico-node left."""
    late_ms: int
    unsettled: tuple[str, ...]
    """Absences that were not longer than a BIRD waited for the processor or the kernel's lock: nothing follows."""
    longer: tuple[str, ...]
    """Where exposed pairs were without a route for longer than plans say: figures, no contradiction."""

    def text(self, seconds: float) -> str:
        """One line of figures."""
        return (
            f"{seconds:.0f} s; not exposed: {self.safe.sent} probes, {self.safe.lost} lost, {self.safe.routes} routes "
            f"away; exposed: {self.exposed.sent} probes, {self.exposed.lost} lost, {self.exposed.routes} routes away, "
            f"up to {self.exposed.away_ms} ms; {self.explained} routes of dead reflectors' own pods away; "
            f"the recorder was late by up to {self.late_ms} ms"
        )


def verdict(
    plan: Plan,
    state: ClusterState,
    versions: Versions,
    facts: Facts,
    recording: Recording,
    windows: Sequence[Window],
    deaths: Sequence[Death],
) -> Verdict:
    """Judge a run there and back; pairs that end at a dead node are left out until it is itself again.

    So are those of hosts that calico-node leaves: without it a host has no routes, as the plan says, and owes none.
    """
    leaving = {step.node for step in plan.steps if step.action is ActionName.RELEASE_HOST and step.node}
    judge = Judge(plan, promises(plan, state, versions), facts.owners, facts.pairs, reflecting(plan, state))
    kept = without(recording, facts, leaving, deaths)
    findings = judge.findings(kept, windows)
    # A recorder that did not look saw nothing that could be excused.
    blind = recording.lateness > BUSY_SECONDS
    return Verdict(
        (*findings.contradictions, *(findings.unsettled if blind else ())),
        judge.count(kept, windows, exposed=False),
        judge.count(kept, windows, exposed=True),
        len(recording.gaps) - len(kept.gaps),
        round(recording.lateness * 1000),
        () if blind else tuple(findings.unsettled),
        tuple(judge.longer(kept, windows)),
    )


def without(recording: Recording, facts: Facts, leaving: Set[NodeName], deaths: Sequence[Death]) -> Recording:
    """A recording without what befell the dead nodes' own pairs, and without all pairs of hosts that are left."""

    def explained(at: NodeName, origin: NodeName | None, moment: float) -> bool:
        return at in leaving or origin in leaving or any(death.explains(at, origin, moment) for death in deaths)

    ticks = recording.ticks
    staying = [
        (flow, [tick for tick in lost if not explained(flow.source, flow.target, ticks[tick])])
        for flow, lost in zip(recording.flows, recording.lost, strict=True)
        if leaving.isdisjoint((flow.source, flow.target))
    ]
    return replace(
        recording,
        flows=[flow for flow, _ in staying],
        lost=[lost for _, lost in staying],
        gaps=[gap for gap in recording.gaps if not explained(gap.at, facts.owners.get(gap.prefix), gap.began)],
    )
