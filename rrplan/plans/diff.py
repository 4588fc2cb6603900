"""Where two states meet: what differs between them as Changes, and each Change field by field.

deepdiff stays in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias, TypeVar

from rrplan.ids import NodeName
from rrplan.plans.change import Change
from rrplan.resources import CalicoNode, ClusterState, Resource, ResourceKey, encode
from rrplan.resources.documents import Document, at, leaves, partial
from rrplan.resources.node_codec import told_by, without_calico

FieldPath: TypeAlias = tuple[str, ...]
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a Change; None means absent."""

    path: FieldPath
    before: object
    after: object

    @property
    def name(self) -> str:
        """The path in Kubernetes' words: `spec.asNumber`, `metadata.labels[rrplan.io/wave]`."""
        text = ""
        for part in self.path:
            text += f".{part}" if part.isidentifier() else f"[{part}]"
        return text.removeprefix(".")


def diff(before: ClusterState, after: ClusterState) -> tuple[Change, ...]:
    """The changes from one state to another, at most one for each resource, sorted by key.

    Where a Calico Node comes or goes, what it says of its node is no change of the Node.
    """
    pairs = [
        *_differing(before.nodes, after.nodes),
        *_differing(before.peers, after.peers),
        *_differing(before.configurations, after.configurations),
        *_differing(before.others, after.others),
    ]
    differing = {present.key: (here, there) for here, there in pairs if (present := here or there) is not None}
    for here, there in pairs:
        calico_node = there if here is None else here
        if isinstance(calico_node, CalicoNode) and (here is None or there is None):
            name = told_by(calico_node).name
            was, becomes = (_without_calico(state, name) for state in (before, after))
            differing[ResourceKey("Node", name)] = (was, becomes)
    changes = (
        change_of(key, *pair) for key, pair in sorted(differing.items(), key=itemgetter(0)) if pair[0] != pair[1]
    )
    return tuple(change for change in changes if fields(change))


def _differing(
    before: Mapping[K, Resource], after: Mapping[K, Resource]
) -> list[tuple[Resource | None, Resource | None]]:
    """The resources that are others in one mapping than in another, None for one that is absent there.

    What two states share is the same object, which need not be compared.
    """
    if before is after:
        return []
    pairs: list[tuple[Resource | None, Resource | None]] = [
        (resource, after.get(key)) for key, resource in before.items()
    ]
    pairs += [(None, resource) for key, resource in after.items() if key not in before]
    return [(here, there) for here, there in pairs if here is not there and here != there]


def _without_calico(state: ClusterState, name: NodeName) -> Resource | None:
    node = state.nodes.get(name)
    return without_calico(node) if node else None


def change_of(key: ResourceKey, before: Resource | None, after: Resource | None) -> Change:
    """The change between two values of one resource, of which one may be absent."""
    if before is None:
        assert after is not None, f"{key} is absent before and after"
        return Change.create(key, encode(after))
    if after is None:
        return Change.delete(key, encode(before))
    return between(key, encode(before), encode(after))


def fields(change: Change) -> list[FieldChange]:
    """The fields that a change touches, sorted by name."""
    from deepdiff import DeepDiff

    before, after = flat(change.before), flat(change.after)
    # Without the threshold deepdiff calls two mappings that share little wholly different, and names no field.
    touched = DeepDiff(before, after, threshold_to_diff_deeper=0).affected_root_keys
    return sorted(
        (FieldChange(path, before.get(path), after.get(path)) for path in touched),
        key=lambda field_change: field_change.name,
    )


def flat(document: Document | None) -> dict[FieldPath, object]:
    """The fields of a document that say something; lists are one field each."""
    return {
        path: value
        for path, value in leaves(document or {})
        if path and path[0] not in ("apiVersion", "kind") and value not in (None, {}, [])
    }


def between(key: ResourceKey, old: Document, new: Document) -> Change:
    """The update from one document to another: the paths at which they differ."""
    paths = {path for path, _ in leaves(old)} | {path for path, _ in leaves(new)}
    differing = sorted(path for path in paths if at(old, path) != at(new, path))
    # Where a whole mapping comes or goes, it is the change: a patch of its leaves would leave an empty shell.
    outer = list(dict.fromkeys(_outermost(path, old, new) for path in differing))
    before: Mapping[tuple[str, ...], object] = {path: at(old, path) for path in outer}
    return Change.update(key, partial(before), partial({path: at(new, path) for path in outer}))


def _outermost(path: tuple[str, ...], old: Document, new: Document) -> tuple[str, ...]:
    lengths = range(1, len(path) + 1)
    absent = (length for length in lengths if at(old, path[:length]) is None or at(new, path[:length]) is None)
    return path[: next(absent, len(path))]
