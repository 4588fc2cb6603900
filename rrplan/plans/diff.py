"""What differs: resources as Changes for the planner, fields for the reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rrplan.plans.change import Change
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Resource, ResourceKey, encode
from rrplan.resources.documents import Document, at, leaves, partial

SHOWN = 5
"""Resources that an assertion names."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a Change, for display; None means absent."""

    path: str
    before: object
    after: object


def fields(change: Change) -> list[FieldChange]:
    """The fields that a change touches, sorted by path."""
    from deepdiff import DeepDiff

    before, after = dict(_flat(change.before)), dict(_flat(change.after))
    different = DeepDiff(before, after, verbose_level=2)
    touched = {
        path
        for kind in ("values_changed", "type_changes", "dictionary_item_added", "dictionary_item_removed")
        for path in (_key(text) for text in different.get(kind, ()))
    }
    # DeepDiff reports lists by element; the field is the list.
    touched |= {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    # Where a whole mapping goes, the other side names it as absent, and its fields tell the rest.
    return [
        FieldChange(path, before.get(path), after.get(path))
        for path in sorted(touched & (before.keys() | after.keys()))
        if before.get(path) is not None or after.get(path) is not None
    ]


def check_end(end: ClusterState, desired: ClusterState) -> None:
    """Assert that a plan ends where it is wanted to, exactly: a change that no step makes is a bug of the planner."""
    here, there = ({resource.key: resource for resource in state} for state in (end, desired))
    wrong = sorted(str(key) for key in here.keys() | there.keys() if not _same(here.get(key), there.get(key)))
    assert not wrong, f"the steps of the plan end otherwise than desired: {', '.join(wrong[:SHOWN])}"


def _same(one: Resource | None, other: Resource | None) -> bool:
    return one == other or (one is not None and other is not None and encode(one) == encode(other))


def _key(text: str) -> str:
    return text.removeprefix("root['").partition("']")[0]


def _flat(document: Document | None) -> list[tuple[str, object]]:
    if document is None:
        return []
    return [(_text(path), value) for path, value in leaves(document) if path[0] not in ("apiVersion", "kind")]


def _text(path: tuple[str, ...]) -> str:
    text = ""
    for part in path:
        text += f".{part}" if part.isidentifier() else f"[{part}]"
    return text.removeprefix(".")


def whole(
    key: ResourceKey, before: BGPPeer | BGPConfiguration | None, after: BGPPeer | BGPConfiguration | None
) -> Change:
    """The change between two values: whole documents where one is missing, else the paths that differ."""
    old = encode(before) if before is not None else None
    new = encode(after) if after is not None else None
    if old is None or new is None:
        return Change(key, old, new)
    return between(key, old, new)


def between(key: ResourceKey, old: Document, new: Document) -> Change:
    """The paths at which two documents differ, as partial documents of equal shape."""
    paths = {path for path, _ in leaves(old)} | {path for path, _ in leaves(new)}
    differing = sorted(path for path in paths if at(old, path) != at(new, path))
    # Where a whole mapping comes or goes, it is the change: a patch of its leaves would leave an empty shell.
    outer = list(dict.fromkeys(_outermost(path, old, new) for path in differing))
    before: Mapping[tuple[str, ...], object] = {path: at(old, path) for path in outer}
    return Change(key, partial(before), partial({path: at(new, path) for path in outer}))


def _outermost(path: tuple[str, ...], old: Document, new: Document) -> tuple[str, ...]:
    lengths = range(1, len(path) + 1)
    absent = (length for length in lengths if at(old, path[:length]) is None or at(new, path[:length]) is None)
    return path[: next(absent, len(path))]
