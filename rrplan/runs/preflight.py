"""What is asked of a cluster before the first step of a run; nothing is written."""

from __future__ import annotations

import ipaddress

from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.errors import PreflightError, UsageProblem
from rrplan.plans.plan import Plan
from rrplan.ports import Datastore, Probe, Write
from rrplan.render.run import kept_text, unready_texts
from rrplan.resources import ClusterState
from rrplan.runs.gates import undrainable
from rrplan.runs.observation import observe, unready


def check_sessions(plan: Plan, state: ClusterState, probe: Probe, accepted: frozenset[str]) -> None:
    """Raise PreflightError where sessions that the plan counts on, or nodes, are down now and not `accepted`.

    Raises UsageProblem where what is accepted is no node and no address.
    """
    unknown = sorted(name for name in accepted if name not in state.nodes and not _is_address(name))
    if unknown:
        raise UsageProblem(
            f"`--accept-down {unknown[0]}`: there is no such node, and it is no address of a speaker outside",
            hint="nothing was changed; `rrplan sessions` lists the nodes",
        )
    versions = calico_versions(state)
    versions = calico_versions(state, plan.snapshot.calico_version) if versions.assumed else versions
    refused = unready_texts(unready(plan, observe(state, versions, probe), Model(state, versions).down(), accepted))
    if refused:
        raise PreflightError(
            refused, hint="nothing was changed; bring them up, or accept what is named with `--accept-down NODE`"
        )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def check_drains(plan: Plan, datastore: Datastore) -> None:
    """Raise PreflightError where a drain of the plan would not evict some pod."""
    refused = [kept_text(pod) for pod in undrainable(plan, datastore)]
    if refused:
        raise PreflightError(
            refused, hint="nothing was changed; move these pods, or say in `drain` of the spec that they may go"
        )


def dry_run(plan: Plan, datastore: Datastore) -> None:
    """Ask the server about every write that fits what is there now; raises PreflightError."""
    seen: set[object] = set()
    writes = []
    for _, change in plan.writes:
        # A second change of one object builds on the first: the server cannot judge it before that is made.
        if change.key not in seen:
            writes.append(Write(change.key, change.before, change.after))
        seen.add(change.key)
    refusals = datastore.dry_run(writes)
    if refusals:
        raise PreflightError(refusals, hint="nothing was changed; the server refuses these writes, see its reason")
