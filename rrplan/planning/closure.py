"""The account of a plan: every difference to what is desired is made by a step, and no step makes another.

What a step changes for the way only (`Step.until`) is put back by the step that it names. Whatever does not add up is a
bug of the planner, so it is an AssertionError, never an answer to an operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rrplan.ids import StepId
from rrplan.plans.change import Change, ChangeAction
from rrplan.plans.diff import FieldPath, diff, fields, flat
from rrplan.plans.plan import Step
from rrplan.resources import ClusterState, ResourceKey

SHOWN = 5
"""Faults that an assertion names."""
Place: TypeAlias = tuple[ResourceKey, FieldPath]
"""A field of a resource; the empty path is whether the resource exists."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A step says that it gives a field another value; `before` and `after` are None for "not there"."""

    step: StepId
    until: StepId | None
    before: object
    after: object


def check_closed(before: ClusterState, end: ClusterState, desired: ClusterState, steps: Sequence[Step]) -> None:
    """Assert that the steps lead from `before` to `desired` exactly, and that each change is one of the differences."""
    left = [f"{change.key} ends otherwise than desired: {_names(change)}" for change in diff(end, desired)]
    faults = left or list(_faults(dict(_differences(diff(before, desired))), _claims(steps)))
    assert not faults, f"the plan does not add up: {'; '.join(faults[:SHOWN])}"


def _names(change: Change) -> str:
    return ", ".join(field.name for field in fields(change)[:SHOWN])


def _differences(changes: Iterable[Change]) -> Iterator[tuple[Place, tuple[object, object]]]:
    for change in changes:
        for path, before, after in _parts(change):
            yield (change.key, path), (before, after)


def _parts(change: Change) -> Iterator[tuple[FieldPath, object, object]]:
    """The fields of an update; of the others, that the resource exists."""
    if change.action is ChangeAction.UPDATE:
        before, after = flat(change.before), flat(change.after)
        for path in before.keys() | after.keys():
            if before.get(path) != after.get(path):
                yield path, before.get(path), after.get(path)
    else:
        yield (), change.before is not None, change.after is not None


def _claims(steps: Iterable[Step]) -> dict[Place, list[Claim]]:
    claims: dict[Place, list[Claim]] = {}
    for step in steps:
        for change in step.changes:
            for path, before, after in _parts(change):
                claims.setdefault((change.key, path), []).append(Claim(step.id, step.until, before, after))
    return claims


def _faults(differences: dict[Place, tuple[object, object]], claims: dict[Place, list[Claim]]) -> Iterator[str]:
    """What does not add up, in words."""
    ended = {key for (key, path), chain in claims.items() if not path and chain[-1].after is False}
    for place in sorted(differences.keys() | claims.keys()):
        key, path = place
        wanted, chain = differences.get(place), claims.get(place, [])
        name = f"{key} {'.'.join(path)}".rstrip()
        if wanted is not None and not chain:
            yield f"no step claims {name}"
        elif wanted is None and not _put_back(chain, gone=bool(path) and key in ended):
            yield f"{chain[-1].step} claims {name}, which is no difference and not put back"
        elif wanted is not None and (chain[0].before, chain[-1].after) != wanted:
            yield f"{chain[-1].step} claims another value of {name} than is desired"


def _put_back(chain: Sequence[Claim], *, gone: bool) -> bool:
    """Whether every claim but the last says which step ends it, and that one does; `gone`: with the whole resource."""
    first, last = chain[0], chain[-1]
    if gone:
        return all(claim.until is not None for claim in chain)
    return first.before == last.after and all(claim.until == last.step for claim in chain[:-1]) and len(chain) > 1
