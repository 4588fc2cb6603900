"""What a drain may evict."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rrplan.resources.objects import Pod


class EvictionRefusal(StrEnum):
    """Why a pod may not be evicted."""

    NO_CONTROLLER = "no-controller"
    """No controller makes it again."""
    LOCAL_DATA = "local-data"
    """It has data in an emptyDir, which would be lost."""


@dataclass(frozen=True, slots=True)
class Eviction:
    """What a drain may evict, in the words of `kubectl drain`, and the seconds that a pod gets (None: its own)."""

    force: bool = False
    delete_empty_dir_data: bool = False
    grace: int | None = None

    @property
    def losses(self) -> str:
        """What goes for good, for the title of a gate; "" for nothing."""
        lost = ["pods that no controller makes again"] if self.force else []
        lost += ["data in emptyDir volumes"] if self.delete_empty_dir_data else []
        return f", {' and '.join(lost)} included" if lost else ""

    def refusal(self, pod: Pod) -> EvictionRefusal | None:
        """Why this pod may not be evicted, None if it may."""
        if not pod.owner and not self.force:
            return EvictionRefusal.NO_CONTROLLER
        if pod.local_data and not self.delete_empty_dir_data:
            return EvictionRefusal.LOCAL_DATA
        return None


def refusal_text(refusal: EvictionRefusal, pod: str, node: str) -> str:
    """Why a pod, by namespace and name, may not be evicted, in a sentence.

    It stands here because the checks of a plan, which are on a floor below `render/`, say it too.
    """
    match refusal:
        case EvictionRefusal.NO_CONTROLLER:
            return f"{pod} on {node} has no controller that makes it again (`force` evicts it)"
        case EvictionRefusal.LOCAL_DATA:
            return f"{pod} on {node} has data in an emptyDir (`deleteEmptyDirData` evicts it)"
