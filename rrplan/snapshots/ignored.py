"""What Calico cannot read of its annotations, in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, ResourceKey
from rrplan.resources.hidden import METADATA_ANNOTATION, hidden_metadata
from rrplan.resources.objects import FelixConfiguration, HostEndpoint
from rrplan.text import listed

LONG = 40
"""Characters of a value that are shown."""


def unreadable(state: ClusterState) -> dict[str, list[str]]:
    """The annotations that Calico cannot read somewhere, each with the objects and its text there."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, node in sorted(state.nodes.items()):
        for annotation, text in node.ignored.items():
            places[annotation].append(f"{name} (`{_shown(text)}`)")
    for key, resource in _annotated(state):
        text = resource.annotations.get(METADATA_ANNOTATION, "")
        if text and hidden_metadata(text) is None:
            places[METADATA_ANNOTATION].append(f"{key} (`{_shown(text)}`)")
    return dict(sorted(places.items()))


def ignored(state: ClusterState) -> list[str]:
    """The same as a sentence for each annotation, for notices."""
    return [
        f"`{name}` cannot be read, so Calico ignores it: {listed(places)}" for name, places in unreadable(state).items()
    ]


Annotated = BGPPeer | BGPConfiguration | FelixConfiguration | HostEndpoint


def _annotated(state: ClusterState) -> Iterator[tuple[ResourceKey, Annotated]]:
    """The objects of Calico whose annotations are kept."""
    for resource in (*state.peers.values(), *state.configurations.values(), *state.others.values()):
        if isinstance(resource, Annotated):
            yield resource.key, resource


def _shown(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}..."
