"""Observed state at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rrplan.digest import digest
from rrplan.errors import ManifestError
from rrplan.ports import Document, Inventory
from rrplan.resources import ClusterIdentity, ClusterState, DecodeProblem, Resource, decode, public


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A ClusterState, when it was taken (RFC 3339, "" where unknown) and what the reader should know.

    `name` and `server` say how a live cluster was reached: by which context, at which address.
    """

    state: ClusterState
    taken_at: str = ""
    notices: tuple[str, ...] = ()
    name: str = ""
    server: str = ""

    @property
    def cluster(self) -> ClusterIdentity:
        """Which cluster it is of."""
        return ClusterIdentity.of(self.state, self.name, self.server)

    @property
    def digest(self) -> str:
        """SHA-256 over the resources in canonical form."""
        return digest([public(resource) for resource in self.state])


def capture(datastore: Inventory, taken_at: str = "") -> Snapshot:
    """Read everything that matters from a datastore; `taken_at` is the time that the snapshot bears (RFC 3339).

    Raises DatastoreError, or ManifestError for an object that cannot be right.
    """
    read = datastore.everything()
    return Snapshot(state_of(stored.document for stored in read), taken_at, read.notices)


def state_of(documents: Iterable[Document]) -> ClusterState:
    """The state that documents of one cluster make; raises ManifestError for an object that cannot be right."""
    return ClusterState.of(resource for document in documents if (resource := resource_of(document)) is not None)


def resource_of(document: Document) -> Resource | None:
    """The value of a document of a cluster, None for one that does not matter; raises ManifestError."""
    try:
        return decode(document)
    except DecodeProblem as problem:
        raise ManifestError.one(problem.message, file="the cluster", hint=problem.hint) from problem
