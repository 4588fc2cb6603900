"""One state of a cluster as a model sees it: its classes, and who holds whose routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rrplan.bgp.holdings import Holdings
from rrplan.bgp.peering import Rules
from rrplan.bgp.population import Signature
from rrplan.bgp.speaker import Family, Speaker
from rrplan.ids import NodeName


@dataclass(frozen=True, slots=True)
class View:
    """One state: its classes in a fixed order, and who holds whose routes for certain, per family.

    `possible` counts every session that may be up; `doubtless` are the families in which all of these are.
    """

    signatures: tuple[Signature, ...]
    holdings: Mapping[Family, Holdings] = field(hash=False)
    possible: Mapping[Family, Holdings] = field(hash=False)
    doubtless: frozenset[Family]
    _places: dict[Signature, int] = field(hash=False, compare=False)

    def index(self, signature: Signature) -> int:
        """The position of a class."""
        return self._places[signature]


@dataclass(frozen=True, slots=True)
class Mark:
    """A state that a model stood at, to compare a later one with."""

    rules: Rules
    view: View
    signature_of: Mapping[NodeName, Signature] = field(hash=False)
    speakers: Mapping[NodeName, Speaker] = field(hash=False)
