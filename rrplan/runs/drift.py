"""Whether a cluster, less what a run has written to it, is still what its plan was made for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rrplan.bgp.profile import calico_versions
from rrplan.ids import ActionName, NodeName
from rrplan.plans.change import Change, changed, understood
from rrplan.plans.fingerprint import deleted_nodes, fingerprints
from rrplan.plans.plan import Plan
from rrplan.reports.drift import Drift, DriftKind
from rrplan.resources import ClusterState, ResourceKey, encode
from rrplan.resources.cascade import cascades
from rrplan.resources.documents import at, leaves


def drift(plan: Plan, state: ClusterState, landed: Sequence[Change] = ()) -> tuple[Drift, ...]:
    """What somebody else changed, once for each resource and in the order of their keys.

    `landed` are the run's own changes, in their order.
    """
    ours = list(_ours(state, landed))
    for change in reversed(landed):
        inverse = change.inverse()
        # What is gone altogether cannot be taken back in thought: it stays missing, and is reported.
        if inverse.before is None or state.get(change.key) is not None:
            state = changed(state, inverse)
    # Of a resource that is told of several times the last is kept: what the run itself wrote says most.
    by_key = {drift.key: drift for drift in (*_uncovered(plan, state, landed), *_others(plan, state), *ours)}
    return tuple(by_key[key] for key in sorted(by_key))


def _uncovered(plan: Plan, state: ClusterState, landed: Sequence[Change]) -> Iterator[Drift]:
    """What would go with a Calico Node and is not in its step, as in plans of before 1.1."""
    done = {change.key for change in landed}
    steps = {
        step.node: step
        for step in plan.steps
        if step.node and step.action is ActionName.DELETE_CALICO_NODE and step.changes[-1].key not in done
    }
    for name, resources in cascades(state, steps, plan.snapshot.calico_version).items():
        covered = {change.key for change in steps[NodeName(name)].changes}
        for resource in resources:
            if resource.key not in covered:
                yield Drift(str(resource.key), DriftKind.NOT_RESTORED, node=name)


def _others(plan: Plan, state: ClusterState) -> Iterator[Drift]:
    """What the plan relied on and is different now."""
    planned = plan.snapshot.calico_version
    versions = calico_versions(state)
    if versions.assumed or versions.default != planned:
        versions = calico_versions(state, planned)
    present = fingerprints(plan.spec, state, versions, deleted_nodes(plan.steps))
    past = plan.fingerprints
    for key in present.keys() | past.keys():
        if key not in past:
            yield Drift(key, DriftKind.NEW)
        elif key not in present:
            yield Drift(key, DriftKind.GONE)
        elif present[key] != past[key]:
            yield Drift(key, DriftKind.CHANGED)


def _ours(state: ClusterState, landed: Sequence[Change]) -> Iterator[Drift]:
    """What the run wrote and is no longer so."""
    expected: dict[ResourceKey, dict[tuple[str, ...], object] | None] = {}
    for change in landed:
        if change.outcome is None:
            expected[change.key] = None
        else:
            earlier = expected.get(change.key) if change.before is not None else None
            expected[change.key] = {**(earlier or {}), **dict(leaves(change.outcome))}
    for key, paths in expected.items():
        resource = state.get(key)
        if paths is None and resource is not None:
            yield Drift(str(key), DriftKind.MADE_AGAIN)
        elif paths is not None and resource is None:
            yield Drift(str(key), DriftKind.REMOVED)
        elif paths is not None and resource is not None:
            observed = understood(encode(resource))
            for path, value in paths.items():
                present = at(observed, path)
                if (present or None) != (value or None):
                    yield Drift(str(key), DriftKind.OVERWRITTEN, ".".join(path), present, value)
