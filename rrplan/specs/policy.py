"""What must be true of the result of a plan, and what may happen on the way."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from rrplan.specs.part import Part as _Part
from rrplan.specs.values import Seconds, Switch


class ExposureLevel(StrEnum):
    """Which node pairs may be without a route while a step takes effect."""

    NONE = "none"
    DRAINED_ONLY = "drained-only"
    BRIEF = "brief"


class ExposurePolicy(_Part):
    """`none`, `drained-only`, or `brief` with the longest time that is accepted."""

    level: ExposureLevel = ExposureLevel.DRAINED_ONLY
    maximum: Seconds = 0


def _exposure(value: object) -> object:
    if value in ("none", "drained-only"):
        return {"level": value}
    if isinstance(value, dict) and set(value) == {"brief"}:
        return {"level": "brief", "maximum": value["brief"]}
    if isinstance(value, ExposurePolicy):
        return value
    raise ValueError("must be `none`, `drained-only` or `{brief: 25s}`")


def _exposure_text(exposure: ExposurePolicy) -> object:
    return {"brief": f"{exposure.maximum}s"} if exposure.level is ExposureLevel.BRIEF else exposure.level.value


class Approvals(_Part):
    """How many people must approve a plan before it is applied."""

    required: Annotated[int, Field(ge=1, strict=True)]
    """So many, by their names in the trusted keys."""
    maximum_age: Seconds = 0
    """An approval that is older does not count; any age, where it is left out."""


class InUse(StrEnum):
    """How nodes in use keep their routes while their role changes."""

    FALLBACK_TABLE = "fallback-table"
    """A second routing table in the kernel of every node has a copy of the routes meanwhile."""


class Policy(_Part):
    """What must be true of the result, and what may happen on the way."""

    min_reflectors_per_client: Annotated[int, Field(ge=1, strict=True)] = 2
    """Every client has at least that many reflectors."""
    max_clients_per_reflector: Annotated[int, Field(ge=1, strict=True)] | None = None
    """No reflector has more clients than that; reflectors of groups below its own are not counted."""
    max_paths_per_route: Annotated[int, Field(ge=1, strict=True)] = 100
    """No node holds more paths of a route than that, on average, where it holds more than 100,000 altogether."""
    zone_resilience: Switch = False
    """The loss of any one zone keeps all routes of the others."""
    approvals: Approvals | None = None
    """Signatures by other people that `rrplan apply` asks for. Whoever may edit the spec can remove them: what holds
    against them is `--require-approvals`."""
    in_use: InUse | None = None
    """How nodes in use keep their routes while their role changes, so that none need be drained: in a second routing
    table of every node, by commands in calico-node pods. For experts."""
    exposure: Annotated[
        ExposurePolicy,
        BeforeValidator(_exposure),
        PlainSerializer(_exposure_text),
        WithJsonSchema(
            {
                "oneOf": [
                    {"enum": ["none", "drained-only"]},
                    {"type": "object", "required": ["brief"], "properties": {"brief": {"type": "string"}}},
                ]
            }
        ),
    ] = ExposurePolicy()
    """Which node pairs may be without a route while a step takes effect."""
