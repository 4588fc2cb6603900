"""Which cluster it is: what no two clusters share."""

from __future__ import annotations

from dataclasses import dataclass

from rrplan.resources.objects import ClusterInformation, Namespace
from rrplan.resources.state import ClusterState


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """Calico's clusterGUID and, for clusters without one, the uid of namespace kube-system; "" where not known.

    `name` (of a context) and `server` are for people: how the cluster was reached when it was read.
    """

    guid: str = ""
    namespace_uid: str = ""
    name: str = ""
    server: str = ""

    @classmethod
    def of(cls, state: ClusterState, name: str = "", server: str = "") -> ClusterIdentity:
        """What a state says of it."""
        guids = [resource.guid for resource in state.others.values() if isinstance(resource, ClusterInformation)]
        uids = [resource.uid for resource in state.others.values() if isinstance(resource, Namespace)]
        return cls(next(filter(None, guids), ""), next(filter(None, uids), ""), name, server)

    @property
    def known(self) -> bool:
        """Whether it can be told apart from others."""
        return bool(self.guid or self.namespace_uid)

    def is_another(self, other: ClusterIdentity) -> bool:
        """Whether both say the same kind of thing, and not the same."""
        if self.guid and other.guid:
            return self.guid != other.guid
        return bool(self.namespace_uid and other.namespace_uid) and self.namespace_uid != other.namespace_uid
