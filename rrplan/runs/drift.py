"""Whether a cluster, less what a run has written to it, is still what its plan was made for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_

from rrplan.bgp.profile import calico_versions
from rrplan.ids import ActionName, NodeName
from rrplan.plans.change import Change, changed, understood
from rrplan.plans.fingerprint import Digests, deleted_nodes, fingerprints
from rrplan.plans.plan import Plan
from rrplan.reports.drift import Drift, DriftKind
from rrplan.resources import ClusterState, Resource, ResourceKey, encode
from rrplan.resources.cascade import cascades
from rrplan.resources.documents import at, leaves

CALICO_NODE = "CalicoNode"


@dataclass(frozen=True, slots=True)
class _Judged:
    """A resource that the run changed, judged: what it was before, and what is not as the run wrote it.

    The past of a Calico Node is not kept.
    """

    present: Resource | None
    changes: tuple[Change, ...]
    past: Resource | None
    drifts: tuple[Drift, ...]

    def stands(self, present: Resource | None, changes: tuple[Change, ...]) -> bool:
        """Whether it is still the same resource, changed in the same way."""
        same = len(changes) == len(self.changes) and all(map(is_, changes, self.changes))
        return same and present is self.present


class Memory:
    """What was found out about resources that have not changed since: of these, nothing is computed again."""

    def __init__(self) -> None:
        self.judged: dict[ResourceKey, _Judged] = {}
        self.digests = Digests()


def drift(
    plan: Plan, state: ClusterState, landed: Sequence[Change] = (), memory: Memory | None = None
) -> tuple[Drift, ...]:
    """What somebody else changed, once for each resource and in the order of their keys.

    `landed` are the run's own changes, in their order. With the `memory` of an earlier question about the same plan,
    resources that are the same objects as then are not looked at again.
    """
    memory = memory or Memory()
    by_resource: dict[ResourceKey, list[Change]] = {}
    for change in landed:
        by_resource.setdefault(change.key, []).append(change)
    judged = {key: _judged(key, state, tuple(changes), memory) for key, changes in by_resource.items()}
    ours = [drift for each in judged.values() for drift in each.drifts]
    past = _past(state, landed, judged)
    # Of a resource that is told of several times the last is kept: what the run itself wrote says most.
    found = (*_uncovered(plan, past, landed), *_others(plan, past, memory.digests), *ours)
    by_key = {drift.key: drift for drift in found}
    return tuple(by_key[key] for key in sorted(by_key))


def _judged(key: ResourceKey, state: ClusterState, changes: tuple[Change, ...], memory: Memory) -> _Judged:
    present = state.get(key)
    kept = memory.judged.get(key)
    if kept is None or not kept.stands(present, changes):
        alone = ClusterState.of([present] if present is not None else [])
        past = None if key.kind == CALICO_NODE else _taken_back(alone, changes).get(key)
        kept = memory.judged[key] = _Judged(present, changes, past, tuple(_ours(alone, changes)))
    return kept


def _past(state: ClusterState, landed: Sequence[Change], judged: Mapping[ResourceKey, _Judged]) -> ClusterState:
    """The state without the run's own changes."""
    if any(key.kind == CALICO_NODE for key in judged):
        # What becomes of a Calico Node shows in its Node too, so no resource stands for itself.
        return _taken_back(state, landed)
    others = [resource for resource in state if resource.key not in judged]
    return ClusterState.of([*others, *(each.past for each in judged.values() if each.past is not None)])


def _taken_back(state: ClusterState, landed: Sequence[Change]) -> ClusterState:
    for change in reversed(landed):
        inverse = change.inverse()
        # What is gone altogether cannot be taken back in thought: it stays missing, and is reported.
        if inverse.before is None or state.get(change.key) is not None:
            state = changed(state, inverse)
    return state


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


def _others(plan: Plan, state: ClusterState, known: Digests) -> Iterator[Drift]:
    """What the plan relied on and is different now."""
    planned = plan.snapshot.calico_version
    versions = calico_versions(state)
    if versions.assumed or versions.default != planned:
        versions = calico_versions(state, planned)
    present = fingerprints(plan.spec, state, versions, deleted_nodes(plan.steps), known)
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
