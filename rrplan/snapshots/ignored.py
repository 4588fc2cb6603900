"""What Calico cannot read of its Nodes, in words."""

from __future__ import annotations

from collections import defaultdict

from rrplan.resources import ClusterState

SHOWN = 5
LONG = 40
"""Characters of a value that are shown."""


def ignored(state: ClusterState) -> list[str]:
    """One sentence for each annotation that Calico cannot read on some nodes, with these nodes and its text there."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, node in sorted(state.nodes.items()):
        for annotation, text in node.ignored.items():
            shown = text if len(text) <= LONG else f"{text[:LONG]}..."
            found[annotation].append(f"{name} (`{shown}`)")
    return [
        f"`{annotation}` cannot be read, so Calico ignores it: {', '.join(places[:SHOWN])}"
        + (f" and {len(places) - SHOWN} more" if len(places) > SHOWN else "")
        for annotation, places in sorted(found.items())
    ]
