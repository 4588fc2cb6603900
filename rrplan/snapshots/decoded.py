"""States that are read one after the other, where most resources are as they were the last time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rrplan.ports import Stored
from rrplan.resources import ClusterState, Resource
from rrplan.snapshots.snapshot import resource_of


class Decoded:
    """Decodes a resource once at each version: while that stays, the resource stays the same object.

    A resource without a version is decoded each time. Of what is not there any more, nothing is kept.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], tuple[str, Resource | None]] = {}

    def state(self, resources: Iterable[Stored]) -> ClusterState:
        """The state that they make; raises ManifestError for one that cannot be right."""
        kept: dict[tuple[object, ...], tuple[str, Resource | None]] = {}
        made: list[Resource] = []
        for stored in resources:
            name = _name(stored)
            known = self._kept.get(name)
            if known is None or known[0] != stored.version or not stored.version:
                known = stored.version, resource_of(stored.document)
            kept[name] = known
            if known[1] is not None:
                made.append(known[1])
        self._kept = kept
        return ClusterState.of(made)


def _name(stored: Stored) -> tuple[object, ...]:
    document = stored.document
    metadata = document.get("metadata")
    named = (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, Mapping) else ()
    return (document.get("apiVersion"), document.get("kind"), *named)
