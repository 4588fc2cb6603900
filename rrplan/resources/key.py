"""The name of a resource inside one cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ResourceKey:
    """Kind, name and, for namespaced kinds, namespace; prints as `BGPPeer/tor` or `Pod/kube-system/x`."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)

    @classmethod
    def parse(cls, text: str) -> ResourceKey:
        """The inverse of `str()`; raises ValueError for anything else."""
        parts = text.split("/")
        if len(parts) == 2:
            return cls(parts[0], parts[1])
        if len(parts) == 3:
            return cls(parts[0], parts[2], parts[1])
        raise ValueError(f"{text!r} is not a resource key")
