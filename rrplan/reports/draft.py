"""A spec that is drafted: what of it differs from the defaults, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class DraftSpeaker:
    """A speaker outside the cluster; `cluster_id` is set where it reflects, `fabric` where it passes routes on."""

    name: str
    address: str
    as_number: int
    cluster_id: str = ""
    fabric: str = ""


@dataclass(frozen=True, slots=True)
class DraftGroup:
    """A group of reflectors; `why` says why these nodes, `per_client` that clients are shared out."""

    name: str
    names: tuple[NodeName, ...] = ()
    cluster_id: str = ""
    clients: str = ""
    parent: str = ""
    outside: tuple[str, ...] = ()
    per_client: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """The whole of it; without groups, a full mesh.

    `taint` is key, value and effect of a taint that the reflectors have already, `least` the reflectors per client.
    """

    groups: tuple[DraftGroup, ...] = ()
    outside: tuple[DraftSpeaker, ...] = ()
    cluster_id: str = ""
    label_key: str = ""
    standalone: bool = False
    adopt: bool = False
    drain: bool = True
    taint: tuple[str, str, str] | None = None
    least: int = 2
    zone_resilience: bool = False
    reflectors_peer: bool = True
    questions: Sequence[str] = ()
