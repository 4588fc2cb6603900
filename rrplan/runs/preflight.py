"""What is asked of a cluster before the first step of a run, as values in one order; nothing is written.

Most of it is asked when a plan is made too, where a problem is told and refuses nothing. Each check stands beside what
it asks; `rrplan.wiring` has the list for each kind of cluster.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.errors import DatastoreRefused, PlanMismatch, PreflightError, Problem, StalePlanError, UsageProblem
from rrplan.fallback import NO_TABLES, FallbackTables
from rrplan.planning.reproof import differences, is_older
from rrplan.plans.plan import Plan
from rrplan.ports import Datastore, Probe, Write
from rrplan.render.run import drift_text, kept_text, tables_texts, unready_texts
from rrplan.render.words import cluster_text
from rrplan.resources import ClusterIdentity, ClusterState
from rrplan.runs.drift import drift
from rrplan.runs.fallback import in_the_way
from rrplan.runs.gates import undrainable
from rrplan.runs.observation import observe, unready

SHOWN = 10
"""Differences that a refusal names."""


class When(StrEnum):
    """When a check is made before a run."""

    UNLOCKED = "before the lock is taken"
    LOCKED = "once the lock is ours, with a fresh look at the cluster"


class Effect(StrEnum):
    """What follows from a problem."""

    REFUSED = "refused"
    TOLD = "told"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Situation:
    """What checks look at: a plan, and the cluster that it is for.

    `state` is a fresh look at it, None before the lock is taken; what is `accepted` may be down.
    """

    plan: Plan
    datastore: Datastore
    probe: Probe
    state: ClusterState | None = None
    accepted: frozenset[str] = frozenset()
    name: str = ""
    """The name of the cluster, for people."""
    tables: FallbackTables = NO_TABLES


@dataclass(frozen=True, slots=True)
class PreflightCheck:
    """One thing that is asked; `problems` gives in words what is in the way, or raises an RRPlanError of its own."""

    name: str
    problems: Callable[[Situation], Sequence[str]]
    hint: str = ""
    when: When = When.UNLOCKED
    at_run: Effect = Effect.REFUSED
    at_plan: Effect = Effect.NOT_ASKED
    as_told: str = "{}"
    """A problem in the words of a plan that is being made."""
    unknown: str = ""
    """What is not known where the account that plans may not ask; "" where that is an error."""


def check_before_run(
    checks: Iterable[PreflightCheck], when: When, situation: Situation, tell: Callable[[str], None] = lambda _text: None
) -> None:
    """Make the checks of one moment, in their order; raises PreflightError, or what a check raises."""
    for check in checks:
        if check.when is when:
            _follow(check.at_run, check.problems(situation), check.hint, tell)


def check_when_planned(checks: Iterable[PreflightCheck], situation: Situation, tell: Callable[[str], None]) -> None:
    """Tell what would be in the way of a plan that was just made; raises PreflightError where it is no use at all."""
    for check in checks:
        if check.at_plan is Effect.NOT_ASKED:
            continue
        try:
            problems = check.problems(situation)
        except DatastoreRefused as error:
            if not check.unknown:
                raise
            tell(f"not known: {check.unknown}; {error}")
        else:
            _follow(check.at_plan, [check.as_told.format(text) for text in problems], check.hint, tell)


def _follow(effect: Effect, problems: Sequence[str], hint: str, tell: Callable[[str], None]) -> None:
    if problems and effect is Effect.REFUSED:
        raise PreflightError(problems, hint=hint)
    for problem in problems:
        tell(problem)


# --- checks of every cluster -----------------------------------------------------------------------


def check_fresh(plan: Plan, state: ClusterState) -> None:
    """Raise StalePlanError where the cluster is not what the plan was made for."""
    changed = drift(plan, state)
    if changed:
        raise StalePlanError(changed, [drift_text(drifted) for drifted in changed])


def _stale(situation: Situation) -> Sequence[str]:
    check_fresh(situation.plan, _looked_at(situation))
    return []


def _another_cluster(situation: Situation) -> Sequence[str]:
    """Raise PlanMismatch where the plan was made for another cluster than this."""
    planned = situation.plan.snapshot.cluster
    here = ClusterIdentity.of(_looked_at(situation), situation.name)
    if planned.is_another(here):
        raise PlanMismatch.one(
            f"it was made for another cluster: for {cluster_text(planned)}; this is {cluster_text(here)}",
            file="the plan",
            hint="nothing was changed; name the cluster that it was made for, or make a new plan for this one",
        )
    return []


def _as_made_again(situation: Situation) -> Sequence[str]:
    """A plan from a file is made again from its spec and the cluster; raises PlanMismatch where it is another one."""
    plan = situation.plan
    faults = differences(plan, _looked_at(situation)) if plan.written_as else []
    if not faults:
        return []
    hint = "the plan was edited, or it was made from less or more than the cluster has; nothing was changed"
    if is_older(plan):
        hint = f"the plan is of format version {plan.written_as}, and this rrplan plans otherwise; nothing was changed"
    problems = [Problem(f"not what its spec comes to on this cluster: {fault}", "the plan") for fault in faults]
    shown = problems[:SHOWN]
    if len(faults) > SHOWN:
        shown.append(Problem(f"and {len(faults) - SHOWN} more differences", "the plan"))
    shown[-1] = replace(shown[-1], hint=f"{hint}; make a new plan from the cluster as it is")
    raise PlanMismatch(shown)


def _down(situation: Situation) -> Sequence[str]:
    """Sessions that the plan counts on, and nodes, that are down now and not accepted.

    Raises UsageProblem where what is accepted is no node and no address.
    """
    plan, state, accepted = situation.plan, _looked_at(situation), situation.accepted
    strangers = sorted(name for name in accepted if name not in state.nodes and not _is_address(name))
    if strangers:
        raise UsageProblem(
            f"`--accept-down {strangers[0]}`: there is no such node, and it is no address of a speaker outside",
            hint="nothing was changed; `rrplan sessions` lists the nodes",
        )
    versions = calico_versions(state)
    versions = calico_versions(state, plan.snapshot.calico_version) if versions.assumed else versions
    # Nobody waits for sessions whose loss is nobody's concern.
    accepted |= {address for role in plan.spec.roles if not role.required for address in role.addresses}
    problems = unready(plan, observe(state, versions, situation.probe), Model(state, versions).down(), accepted)
    return unready_texts(problems)


def _looked_at(situation: Situation) -> ClusterState:
    assert situation.state is not None, "this check needs the lock and a fresh look"
    return situation.state


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _refused_writes(situation: Situation) -> Sequence[str]:
    """What the server would refuse of the writes that fit what is there now."""
    seen: set[object] = set()
    writes = []
    for _, change in situation.plan.writes:
        # A second change of one object builds on the first: the server cannot judge it before that is made.
        if change.key not in seen:
            writes.append(Write(change.key, change.before, change.after))
        seen.add(change.key)
    return situation.datastore.dry_run(writes)


FRESH = PreflightCheck("fresh", _stale, when=When.LOCKED)
SAME_CLUSTER = PreflightCheck("same-cluster", _another_cluster, when=When.LOCKED)
AS_MADE_AGAIN = PreflightCheck("as-made-again", _as_made_again, when=When.LOCKED)
SESSIONS = PreflightCheck(
    "sessions",
    _down,
    hint="nothing was changed; bring them up, or accept what is named with `--accept-down NODE`",
    when=When.LOCKED,
)
DRAINS = PreflightCheck(
    "drains",
    lambda situation: [kept_text(pod) for pod in undrainable(situation.plan, situation.datastore)],
    hint="nothing was changed; move these pods, or say in `drain` of the spec that they may go",
    when=When.LOCKED,
    at_plan=Effect.TOLD,
    as_told="a drain would be refused: {}",
    unknown="which pods a drain would not evict",
)
WRITES = PreflightCheck(
    "writes",
    _refused_writes,
    hint="nothing was changed; the server refuses these writes, see its reason",
    when=When.LOCKED,
)
TABLES = PreflightCheck(
    "fallback-tables",
    lambda situation: tables_texts(in_the_way(situation.plan, situation.tables)),
    hint="nothing was changed; remove what is in the way, or leave `policy.inUse` out of the spec",
    when=When.LOCKED,
    at_plan=Effect.TOLD,
    as_told="a fallback table cannot be had: {}",
    unknown="whether every node can have a fallback table",
)
EVERY_CLUSTER = (SAME_CLUSTER, FRESH, AS_MADE_AGAIN, SESSIONS, DRAINS, TABLES, WRITES)
"""In this order: what is told of sessions, pods and writes holds for the cluster that the plan was made for."""
