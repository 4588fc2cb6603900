"""What a preflight check sees, and what it answers with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from rrplan.bgp.profile import Versions
from rrplan.bgp.refusals import rendered_on
from rrplan.bgp.sessions import Speakers
from rrplan.checks.finding import Severity
from rrplan.desired import Desired
from rrplan.resources import BGPPeer, ClusterState
from rrplan.specs import Spec
from rrplan.text import listed

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
        found = {peer.name: rendered_on(speakers.rules, speakers.by_name, peer) for peer in asked}
        return frozenset(name for name, node in found.items() if node is not None)

    def of(self, kind: type[T]) -> Iterator[T]:
        """The other resources of one kind."""
        return (one for one in self.state.others.values() if isinstance(one, kind))


Findings = Iterator[tuple[Severity, str]]


def some(names: Iterable[object]) -> str:
    """The first few names in their order, and how many more."""
    return listed(sorted(str(name) for name in names))
