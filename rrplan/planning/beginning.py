"""The state that a plan begins with, found in a cluster that may have gone on since."""

from __future__ import annotations

from rrplan.bgp.profile import Versions
from rrplan.plans.change import changed
from rrplan.plans.fingerprint import deleted_nodes, fingerprints
from rrplan.plans.plan import Plan
from rrplan.resources import ClusterState, encode


def beginning(plan: Plan, state: ClusterState, versions: Versions) -> ClusterState | None:
    """The state as it is, or with the steps of the plan taken back that it shows; None where neither is what the plan
    was made for."""
    deleted = deleted_nodes(plan.steps)

    def fits(candidate: ClusterState) -> bool:
        return fingerprints(plan.spec, candidate, versions, deleted) == dict(plan.fingerprints)

    if fits(state):
        return state
    before = _taken_back(plan, state)
    return before if fits(before) else None


def _taken_back(plan: Plan, state: ClusterState) -> ClusterState:
    for step in reversed(plan.steps):
        for change in reversed(step.changes):
            present = state.get(change.key)
            if change.landed(encode(present) if present is not None else None):
                state = changed(state, change.inverse())
    return state
