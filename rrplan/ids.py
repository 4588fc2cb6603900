"""Names of things, as types."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

NodeName = NewType("NodeName", str)
"""The name of a Kubernetes Node; Calico's Node has the same one."""

StepId = NewType("StepId", str)
"""Names a step inside its plan, such as `promote/rr-1`; stable for the same input."""


class ActionName(StrEnum):
    """The intents a step can carry out; hooks name them, the plan prints them."""

    DRAIN_NODE = "DrainNode"
    UNCORDON_NODE = "UncordonNode"
    TAINT_NODE = "TaintNode"
    UNTAINT_NODE = "UntaintNode"
    CREATE_PEER = "CreatePeer"
    UPDATE_PEER = "UpdatePeer"
    DELETE_PEER = "DeletePeer"
    PROMOTE_REFLECTOR = "PromoteReflector"
    DEMOTE_REFLECTOR = "DemoteReflector"
    CHANGE_AS_NUMBER = "ChangeASNumber"
    FILL_FALLBACK = "FillFallbackTables"
    REMOVE_FALLBACK = "RemoveFallbackTables"
    RENEW_SESSIONS = "RenewSessions"
    UNLABEL_REFLECTOR = "UnlabelReflector"
    LABEL_CLIENT = "LabelClient"
    UNLABEL_CLIENT = "UnlabelClient"
    UNLABEL_NODE = "UnlabelNode"
    CONFINE_CALICO_NODE = "ConfineCalicoNode"
    RELEASE_HOST = "ReleaseHost"
    DELETE_CALICO_NODE = "DeleteCalicoNode"
    LABEL_REFLECTOR = "LabelReflector"
    DEPLOY_REFLECTORS = "DeployReflectors"
    RETIRE_REFLECTORS = "RetireReflectors"
    AWAIT = "Await"
    BAKE = "Bake"
    DISABLE_MESH = "DisableMesh"
    ENABLE_MESH = "EnableMesh"
