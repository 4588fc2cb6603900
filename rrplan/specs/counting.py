"""How many reflectors a group has: a number, or as many as its nodes ask for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from rrplan.specs.part import Part

SLACK = 10
"""Per cent by which the number of nodes may be off before the number of reflectors follows it."""
_LEAST = 2


class NodesPerReflector(Part):
    """One reflector for so many nodes, and never fewer than `minimum`."""

    nodes_per_reflector: Annotated[int, Field(ge=1, strict=True)]
    minimum: Annotated[int, Field(ge=1, strict=True)] = _LEAST

    def of(self, nodes: int, present: int) -> int:
        """The number of reflectors for a group of `nodes` in which `present` nodes reflect already.

        Those are enough, and not too many, as long as `nodes` is within SLACK of what they are for: a node that comes
        or goes moves no reflector.
        """
        fewest, most = (self._for(nodes * 100, 100 + slack) for slack in (SLACK, -SLACK))
        return present if fewest <= present <= most else self._for(nodes, 1)

    def _for(self, nodes: int, per_cent: int) -> int:
        return max(self.minimum, -(-nodes // (self.nodes_per_reflector * per_cent)))


def _count(value: object) -> object:
    """A number of reflectors, or NodesPerReflector; raises ValueError."""
    if value is None or isinstance(value, NodesPerReflector):
        return value
    if isinstance(value, dict):
        fields: dict[Any, Any] = {"minimum": _LEAST, **value}
        whole = all(isinstance(number, int) and not isinstance(number, bool) for number in fields.values())
        if fields.keys() == {"nodesPerReflector", "minimum"} and whole and min(fields.values()) > 0:
            return NodesPerReflector.model_validate(fields)
        raise ValueError("must be a number or `{nodesPerReflector: N, minimum: M}` with whole numbers from 1 on")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a whole number or `{nodesPerReflector: N, minimum: M}`")
    if value < 1:
        raise ValueError("must be 1 or more")
    return value


_NUMBER = {"type": "integer", "minimum": 1}
_MAPPING = {
    "type": "object",
    "required": ["nodesPerReflector"],
    "additionalProperties": False,
    "properties": {"nodesPerReflector": _NUMBER, "minimum": _NUMBER},
}
Count = Annotated[
    int | NodesPerReflector | None, BeforeValidator(_count), WithJsonSchema({"anyOf": [_NUMBER, _MAPPING]})
]
