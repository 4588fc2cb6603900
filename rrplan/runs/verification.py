"""Whether a cluster is as a spec says: objects, routes by the model, sessions as the nodes report them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rrplan.bgp.model import Model
from rrplan.bgp.profile import Versions
from rrplan.checks.finding import LEFT_BY_OTHERS, Finding
from rrplan.ids import NodeName
from rrplan.planning.connected import MissingRoute, missing_routes
from rrplan.plans.plan import Plan
from rrplan.reports.difference import Difference
from rrplan.reports.standing import Standing
from rrplan.resources import ClusterState
from rrplan.specs import Spec


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a cluster is as a spec says: what differs, and its sessions where the nodes were asked.

    `missing` are routes that nodes which the spec connects do not hold by the model; `others` are routes that other
    nodes do not hold, which the spec does not speak of. `down` are the nodes that are not Ready: nobody asked them.
    """

    drift: tuple[Difference, ...]
    missing: tuple[MissingRoute, ...] = ()
    others: tuple[MissingRoute, ...] = ()
    down: tuple[str, ...] = ()
    sessions: tuple[Standing, ...] = ()
    left: tuple[Finding, ...] = ()
    """What others made and stays, which is no difference."""
    tables: tuple[NodeName, ...] = ()
    """The nodes on which the last run left a fallback table."""

    @property
    def good(self) -> bool:
        """No drift, no missing route between nodes that the spec connects, and every session as expected."""
        return (
            not self.drift
            and not self.missing
            and not self.tables
            and all(standing.complete >= standing.expected for standing in self.sessions)
        )


def verified(
    spec: Spec,
    plan: Plan,
    state: ClusterState,
    versions: Versions,
    sessions: Sequence[Standing] = (),
    tables: Sequence[NodeName] = (),
) -> Verdict:
    """Compare a state with a spec; `plan` is the plan from one to the other."""
    drift = tuple(Difference(str(change.key), step.id, step.summary) for step, change in plan.writes)
    missing = missing_routes(spec, state, versions)
    left = tuple(finding for finding in plan.findings if finding.check == LEFT_BY_OTHERS)
    down = tuple(Model(state, versions).down())
    return Verdict(drift, missing.wanted, missing.others, down, tuple(sessions), left, tuple(tables))
