"""A change: one resource goes from one document to another, and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rrplan.resources import ClusterState, DaemonSet, ResourceKey, decode, encode
from rrplan.resources.documents import Document, differing, patched


@dataclass(frozen=True, slots=True)
class Change:
    """`before` -> `after`; None means that the resource does not exist.

    Where both exist they are partial documents of equal shape: only the paths that change, null for "not
    there". So `after` is the merge patch that makes the change and `before` the condition for it, and fields
    that nobody here touches survive.
    """

    key: ResourceKey
    before: Document | None = field(hash=False)
    after: Document | None = field(hash=False)

    def inverse(self) -> Change:
        """The change that takes this one back."""
        return replace(self, before=self.after, after=self.before)

    @property
    def verb(self) -> str:
        """`create`, `update` or `delete`, Terraform's words."""
        if self.before is None:
            return "create"
        return "delete" if self.after is None else "update"

    def conflicts(self, observed: Document | None) -> list[str]:
        """Why the change cannot be made to what is observed: absent, present, or the paths that differ."""
        if self.before is None:
            return [f"{self.key} exists already"] if observed is not None else []
        if observed is None:
            return [f"{self.key} does not exist"]
        whole = "kind" in self.before
        seen = understood(observed) if whole else observed
        return [".".join(path) for path in differing(seen, decisive(self.before))]

    def landed(self, observed: Document | None) -> bool:
        """Whether what is observed is the result of this change."""
        return not self.inverse().conflicts(observed)


def decisive(document: Document) -> Document:
    """Of a whole document, what must be equal: a server fills in the rest (uid, timestamps, versions)."""
    if "kind" not in document:
        return document
    return {"spec": understood(document).get("spec", {})}


def understood(document: Document) -> Document:
    """A DaemonSet as far as we read it: the API server fills in so much, lists included, that the whole never fits."""
    if document.get("kind") != "DaemonSet":
        return document
    resource = decode(document)
    assert isinstance(resource, DaemonSet)
    return encode(replace(resource, spec={}))


def changed(state: ClusterState, change: Change) -> ClusterState:
    """The state after a change; raises AssertionError where the change does not fit, which is a bug of the planner."""
    if change.after is None:
        return state.remove(change.key)
    if change.before is None:
        resource = decode(change.after)
    else:
        present = state.get(change.key)
        assert present is not None, f"{change.key} is not there to be changed"
        resource = decode(patched(encode(present), change.after))
    assert resource is not None
    return state.put(resource)
