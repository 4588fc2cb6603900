"""The operator's document: what it may say, and what is wrong with it, all at once.

`load` takes bytes and gives a Spec or a SpecError; nothing here reads a file.
"""

from rrplan.specs.loading import from_document, load
from rrplan.specs.model import (
    Allow,
    Drain,
    Exposure,
    ExposureLevel,
    Flavor,
    Gates,
    Group,
    Hook,
    HookPoint,
    NodeChoice,
    OnFailure,
    Policy,
    Rollout,
    Spec,
    Taint,
    Topology,
    WaveSize,
    json_schema,
)

__all__ = [
    "Allow",
    "Drain",
    "Exposure",
    "ExposureLevel",
    "Flavor",
    "Gates",
    "Group",
    "Hook",
    "HookPoint",
    "NodeChoice",
    "OnFailure",
    "Policy",
    "Rollout",
    "Spec",
    "Taint",
    "Topology",
    "WaveSize",
    "from_document",
    "json_schema",
    "load",
]
