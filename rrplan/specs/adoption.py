"""What others made and the spec takes over: `reflection` for all of it, or by name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rrplan.specs.part import Part
from rrplan.specs.values import LabelKey, Switch

REFLECTION = "reflection"
"""The word for everything that serves reflection."""


class Adopt(Part):
    """What others made and rrplan takes over: ours take its place first, then it goes.

    A name that is not there is only told, because it is gone once it was taken over.
    """

    reflection: Switch = False
    """Everything that serves reflection: BGPPeers whose sessions are all between nodes of the cluster, the label by
    which alone such BGPPeers know reflectors, and the cluster IDs of nodes in no group."""
    peers: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """BGPPeers by name."""
    labels: tuple[LabelKey, ...] = ()
    """Keys of node labels; they are removed from all nodes."""
    reflectors: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Nodes in no group that stop reflecting."""


def claims(value: object) -> object:
    """The word `reflection` or a mapping, as the fields of an Adopt; raises ValueError."""
    if value == REFLECTION:
        return {"reflection": True}
    if value is None or isinstance(value, dict | Adopt):
        return value
    raise ValueError("must be `reflection` or `{peers: [NAME], labels: [KEY], reflectors: [NODE]}`")


def or_word(schema: dict[str, Any]) -> None:
    """The word is as good as the mapping in the JSON Schema."""
    schema["anyOf"] = [{"enum": [REFLECTION]}, *(kind for kind in schema["anyOf"] if kind != {"type": "null"})]
