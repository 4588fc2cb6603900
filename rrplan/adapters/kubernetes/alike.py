"""Writes to nodes that admission cannot tell apart: a dry-run of some of them speaks for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from rrplan.adapters.kubernetes.documents import compact_json, mapping
from rrplan.ports import Document, Stored, Write
from rrplan.resources import ResourceKey

SAMPLE = 20
"""Of writes that are alike, so many are sent as a dry-run."""
OWN = ("podCIDR", "podCIDRs", "providerID")
"""What each node has by itself in its spec."""


def sampled(writes: Sequence[Write], seen: Mapping[ResourceKey, Stored]) -> list[Write]:
    """All writes, but of those that are alike only some, from the first to the last of them; in their order.

    Alike are patches of nodes that say the same, where the nodes have the same labels, taints and names of annotations,
    and the same of everything else in their spec that is not each node's own. So what admission decides by a node's
    name, its addresses or the value of an annotation may not show.
    """
    groups: defaultdict[str, list[Write]] = defaultdict(list)
    chosen: set[ResourceKey] = set()
    for write in writes:
        stored = seen.get(write.key)
        if write.key.kind == "Node" and write.before is not None and write.after is not None and stored is not None:
            groups[_shape(write, stored.document)].append(write)
        else:
            chosen.add(write.key)
    chosen.update(write.key for alike in groups.values() for write in _spread(alike))
    return [write for write in writes if write.key in chosen]


def _shape(write: Write, document: Document) -> str:
    metadata, spec = mapping(document.get("metadata")), mapping(document.get("spec"))
    labels = {name: value for name, value in mapping(metadata.get("labels")).items() if value != write.key.name}
    kept = {name: value for name, value in spec.items() if name not in OWN}
    return compact_json([write.before, write.after, labels, sorted(mapping(metadata.get("annotations"))), kept])


def _spread(alike: Sequence[Write]) -> Iterable[Write]:
    if len(alike) <= SAMPLE:
        return alike
    return (alike[number * (len(alike) - 1) // (SAMPLE - 1)] for number in range(SAMPLE))
