"""What one node says of its BGP sessions in one family, whichever way it was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

Routes = Mapping[str, str]
"""Next hop by prefix; "" where there is none."""
DEVICE = "dev"
"""BIRD's word for a route to an interface."""


@dataclass(frozen=True, slots=True)
class SeenSession:
    """One end of a session; `imported` prefixes came over it, None where the source does not say.

    What BIRD calls `exported` is not kept: with `add paths` the counter of BIRD 1.6 goes wrong where a session flaps
    while routes change (9 to 12 for 11 routes, in a laboratory of 12 nodes), and stays wrong.
    """

    established: bool
    state: str
    imported: int | None = None

    def joined(self, other: SeenSession) -> SeenSession:
        """Established only if both sources say so; the state that is in the way, and the count if it is known."""
        return SeenSession(
            self.established and other.established,
            self.state if not self.established else other.state,
            self.imported if self.imported is not None else other.imported,
        )


@dataclass(frozen=True, slots=True)
class End:
    """One BIRD. `sessions` are the explicit ones (BGPPeers) by the other end's address, `mesh` those of the mesh.

    `routes` are all it has, best or not, by the address of the session they came over ("" for those that came over
    none). `own` are those that came over none and have no next hop, with BIRD's word for where they lead (`blackhole`,
    `unreachable`, DEVICE ...): what this node may announce as its own is among them. None: not asked.
    `counted` are the established mesh sessions where only their number was asked, or kept, and None where `mesh` says
    it.
    """

    recovering: bool
    sessions: Mapping[str, SeenSession] = field(hash=False)
    mesh: Mapping[str, SeenSession] = field(hash=False)
    routes: Mapping[str, Routes] | None = field(default=None, hash=False)
    own: Mapping[str, str] | None = field(default=None, hash=False)
    counted: int | None = None

    @property
    def mesh_up(self) -> int:
        """Mesh sessions that are established."""
        if self.counted is not None:
            return self.counted
        return sum(session.established for session in self.mesh.values())

    def without_mesh(self) -> End:
        """The same, of the mesh only the number: all nodes of a mesh have the square of their number of sessions."""
        return replace(self, mesh={}, counted=self.mesh_up)

    @classmethod
    def of(cls, ends: Sequence[End]) -> End:
        """One end from one source, or from two about the same node."""
        first, *others = ends
        for other in others:
            first = cls(
                first.recovering or other.recovering,
                _joined(first.sessions, other.sessions),
                _joined(first.mesh, other.mesh),
                first.routes if first.routes is not None else other.routes,
                first.own if first.routes is not None else other.own,
                _fewer(first.counted, other.counted),
            )
        return first


def _fewer(first: int | None, second: int | None) -> int | None:
    return min((number for number in (first, second) if number is not None), default=None)


def _joined(first: Mapping[str, SeenSession], second: Mapping[str, SeenSession]) -> dict[str, SeenSession]:
    both = {address: session.joined(second[address]) for address, session in first.items() if address in second}
    return {**second, **first, **both}
