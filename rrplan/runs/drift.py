"""Whether a cluster, less what a run has written to it, is still what its plan was made for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from rrplan.bgp.profile import calico_versions
from rrplan.ids import ActionName, NodeName
from rrplan.plans.change import Change, changed, understood
from rrplan.plans.fingerprint import deleted_nodes, fingerprints
from rrplan.plans.plan import Plan
from rrplan.resources import ClusterState, ResourceKey, encode
from rrplan.resources.cascade import cascades
from rrplan.resources.documents import at, leaves


def drift(plan: Plan, state: ClusterState, landed: Sequence[Change] = ()) -> dict[str, str]:
    """What somebody else changed, in words, by resource key; `landed` are the run's own changes, in their order."""
    ours = dict(_ours(state, landed))
    for change in reversed(landed):
        inverse = change.inverse()
        # What is gone altogether cannot be taken back in thought: it stays missing, and is reported.
        if inverse.before is None or state.get(change.key) is not None:
            state = changed(state, inverse)
    return dict(sorted({**dict(_uncovered(plan, state, landed)), **dict(_others(plan, state)), **ours}.items()))


def _uncovered(plan: Plan, state: ClusterState, landed: Sequence[Change]) -> Iterator[tuple[str, str]]:
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
                yield str(resource.key), f"is deleted with CalicoNode/{name}, and the plan does not restore it"


def _others(plan: Plan, state: ClusterState) -> Iterator[tuple[str, str]]:
    """What the plan relied on and is different now."""
    planned = plan.snapshot.calico_version
    versions = calico_versions(state)
    if versions.assumed or versions.default != planned:
        versions = calico_versions(state, planned)
    present = fingerprints(plan.spec, state, versions, deleted_nodes(plan.steps))
    past = plan.fingerprints
    for key in present.keys() | past.keys():
        if key not in past:
            yield key, "is new"
        elif key not in present:
            yield key, "is gone"
        elif present[key] != past[key]:
            yield key, "was changed"


def _ours(state: ClusterState, landed: Sequence[Change]) -> Iterator[tuple[str, str]]:
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
            yield str(key), "is there again, the run removed it"
        elif paths is not None and resource is None:
            yield str(key), "is gone, the run made or changed it"
        elif paths is not None and resource is not None:
            observed = understood(encode(resource))
            for path, value in paths.items():
                found = at(observed, path)
                if (found or None) != (value or None):
                    yield str(key), f"has {'.'.join(path)} {_told(found)}, the run wrote {_told(value)}"


def _told(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"
