"""What a drain may evict."""

from __future__ import annotations

from dataclasses import dataclass

from rrplan.resources.objects import Pod


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

    def objection(self, pod: Pod) -> str:
        """Why this pod may not be evicted, "" if it may."""
        if not pod.owner and not self.force:
            return f"{pod.namespace}/{pod.name} on {pod.node} has no controller that makes it again (`force` evicts it)"
        if pod.local_data and not self.delete_empty_dir_data:
            return f"{pod.namespace}/{pod.name} on {pod.node} has data in an emptyDir (`deleteEmptyDirData` evicts it)"
        return ""
