"""What a preflight check looks at, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rrplan.bgp.profile import Versions
from rrplan.bgp.refusals import rendered_on
from rrplan.bgp.sessions import Speakers
from rrplan.checks.finding import CheckResult
from rrplan.desired import Desired
from rrplan.resources import BGPPeer, ClusterState
from rrplan.specs import Spec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What a check may look at."""

    spec: Spec
    state: ClusterState
    desired: Desired
    versions: Versions

    def rendered(self, peers: Iterable[BGPPeer]) -> frozenset[str]:
        """The names of those of these BGPPeers for whose `peerIP` some node has a block in its file."""
        asked = list(peers)
        if not asked:
            return frozenset()
        speakers = Speakers.of(self.state, self.versions)
        first_nodes = {peer.name: rendered_on(speakers.rules, speakers.by_name, peer) for peer in asked}
        return frozenset(name for name, node in first_nodes.items() if node is not None)

    def of(self, kind: type[T]) -> Iterator[T]:
        """The other resources of one kind."""
        return (resource for resource in self.state.others.values() if isinstance(resource, kind))


CheckResults: TypeAlias = Iterator[CheckResult]
"""What a check gives."""


def names(things: Iterable[object]) -> tuple[str, ...]:
    """All of them as a fact: texts in their order."""
    return tuple(sorted(str(thing) for thing in things))
