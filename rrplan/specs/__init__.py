"""The operator's document: what it may say, and what is wrong with it, all at once.

`load` takes bytes and gives a Spec or a SpecError; nothing here reads a file.
"""

from rrplan.specs.adoption import Adopt
from rrplan.specs.loading import from_document, load
from rrplan.specs.model import (
    Allow,
    DedicatedTaint,
    Drain,
    Flavor,
    Gates,
    Group,
    Hook,
    HookPoint,
    NodeChoice,
    OnFailure,
    Rollout,
    Spec,
    Topology,
    WaveSize,
)
from rrplan.specs.policy import ExposureLevel, ExposurePolicy, InUse, Policy

__all__ = [
    "Adopt",
    "Allow",
    "Drain",
    "ExposurePolicy",
    "ExposureLevel",
    "InUse",
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
    "DedicatedTaint",
    "Topology",
    "WaveSize",
    "from_document",
    "load",
]
