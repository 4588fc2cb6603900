"""A change: one resource goes from one document to another, and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from rrplan.resources import ClusterState, DaemonSet, ResourceKey, decode, encode
from rrplan.resources.documents import Document, differing, patched


class ChangeAction(StrEnum):
    """What a change does to its resource, in Terraform's words."""

    CREATE = "create"
    """`before` is None, `after` the whole document."""
    UPDATE = "update"
    """Both are partial documents of equal shape: the paths that change, null for "not there"."""
    DELETE = "delete"
    """`before` is the whole document, `after` is None."""

    @property
    def inverse(self) -> ChangeAction:
        """What takes it back."""
        match self:
            case ChangeAction.CREATE:
                return ChangeAction.DELETE
            case ChangeAction.DELETE:
                return ChangeAction.CREATE
            case ChangeAction.UPDATE:
                return self


@dataclass(frozen=True, slots=True)
class Change:
    """`before` -> `after`, as `action` says: whole documents, or partial ones.

    Of an update, `after` is the merge patch that makes it and `before` the condition for it, so fields that nobody
    here touches survive. Raises ValueError where documents and action contradict each other.
    """

    key: ResourceKey
    action: ChangeAction
    before: Document | None = field(hash=False)
    after: Document | None = field(hash=False)

    def __post_init__(self) -> None:
        there = (self.before is not None, self.after is not None)
        action = {(False, True): ChangeAction.CREATE, (True, False): ChangeAction.DELETE}.get(there, self.action)
        if action is not self.action or (self.action is ChangeAction.UPDATE and there != (True, True)):
            raise ValueError(f"the change of {self.key} is no {self.action}: it has the documents of something else")

    @classmethod
    def create(cls, key: ResourceKey, document: Document) -> Change:
        """The resource comes to exist."""
        return cls(key, ChangeAction.CREATE, None, document)

    @classmethod
    def update(cls, key: ResourceKey, before: Document, after: Document) -> Change:
        """Some of its paths get other values."""
        return cls(key, ChangeAction.UPDATE, before, after)

    @classmethod
    def delete(cls, key: ResourceKey, document: Document) -> Change:
        """The resource ceases to exist."""
        return cls(key, ChangeAction.DELETE, document, None)

    def inverse(self) -> Change:
        """The change that takes this one back."""
        return replace(self, action=self.action.inverse, before=self.after, after=self.before)

    @property
    def condition(self) -> Document | None:
        """What must be there before it, as far as that decides; None where nothing may be there."""
        return self._decisive(self.before)

    @property
    def outcome(self) -> Document | None:
        """What is there after it, as far as that decides; None where nothing is."""
        return self._decisive(self.after)

    def _decisive(self, document: Document | None) -> Document | None:
        """Of a whole document its spec: a server fills in the rest (uid, timestamps, versions)."""
        if document is None or self.action is ChangeAction.UPDATE:
            return document
        return {"spec": understood(document).get("spec", {})}

    def conflicts(self, observed: Document | None) -> list[str]:
        """Why the change cannot be made to what is observed: absent, present, or the paths that differ."""
        if self.condition is None:
            return [f"{self.key} exists already"] if observed is not None else []
        if observed is None:
            return [f"{self.key} does not exist"]
        seen = observed if self.action is ChangeAction.UPDATE else understood(observed)
        return [".".join(path) for path in differing(seen, self.condition)]

    def landed(self, observed: Document | None) -> bool:
        """Whether what is observed is the result of this change."""
        return not self.inverse().conflicts(observed)


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
