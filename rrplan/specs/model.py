"""What a spec can say, with its defaults: the one place that knows the fields.

Python names are snake_case, the document's camelCase. Durations are whole seconds, fractions per cent.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from rrplan.bgp.roles import Roles
from rrplan.ids import ActionName
from rrplan.resources.eviction import Eviction
from rrplan.resources.names import EFFECTS
from rrplan.specs.adoption import Adopt, claims, or_word
from rrplan.specs.counting import Count
from rrplan.specs.outside import OutsideSpeaker
from rrplan.specs.part import Part as _Part
from rrplan.specs.peering import Peering
from rrplan.specs.policy import Policy
from rrplan.specs.values import ClusterID, LabelKey, LabelValue, Name, Percent, Seconds, SelectorText, Switch, Word

LABEL_KEY = "rrplan.io/route-reflector"
ZONE_LABEL = "topology.kubernetes.io/zone"
UCP_KEY = "com.docker.ucp.kubernetes.calico/route-reflector"


class Topology(StrEnum):
    """Which topology the cluster shall have."""

    ROUTE_REFLECTORS = "route-reflectors"
    FULL_MESH = "full-mesh"


class Flavor(StrEnum):
    """What reflects: calico-node itself, or a container of its own on dedicated nodes."""

    IN_CLUSTER = "in-cluster"
    STANDALONE = "standalone"


class Platform(StrEnum):
    """Whose names of objects are meant where none are given."""

    UCP = "ucp"


class OnFailure(StrEnum):
    """What a run does when a step fails."""

    UNDO = "undo"
    HALT = "halt"


class Allow(StrEnum):
    """Nodes that are chosen only when the spec says so."""

    CONTROL_PLANE = "control-plane"
    NOT_READY = "not-ready"


class HookPoint(StrEnum):
    """When a hook runs."""

    BEFORE_RUN = "before-run"
    AFTER_RUN = "after-run"
    BEFORE_STEP = "before-step"
    AFTER_STEP = "after-step"
    ON_FAILURE = "on-failure"
    ON_ROLLBACK = "on-rollback"


class WaveSize(_Part):
    """How many clients a wave has: a count or a percentage."""

    count: int = 0
    percent: int = 0

    def of(self, clients: int) -> int:
        """The number of nodes, at least one."""
        return self.count or max(1, clients * self.percent // 100)


def _wave(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return {"count": value}
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}%", value) and 1 <= int(value[:-1]) <= 100:
        return {"percent": int(value[:-1])}
    if isinstance(value, WaveSize):
        return value
    raise ValueError("must be a number of nodes or a percentage such as `10%`")


class DedicatedTaint(_Part):
    """The taint of dedicated reflector nodes."""

    key: LabelKey = LABEL_KEY
    value: LabelValue = ""
    effect: str = Field(default="NoSchedule", pattern=f"^({'|'.join(EFFECTS)})$")


def _dedicated(value: object) -> object:
    if value is True:
        return {}
    if value is False or value is None:
        return None
    if isinstance(value, dict) and set(value) == {"taint"}:
        return value["taint"]
    if isinstance(value, DedicatedTaint):
        return value
    raise ValueError("must be `true`, `false` or `{taint: {key, value, effect}}`")


class Drain(_Part):
    """What a drain may evict beyond pods that lose nothing and come back elsewhere, in the words of `kubectl drain`."""

    force: Switch = False
    """Evict pods that no controller makes again."""
    delete_empty_dir_data: Switch = False
    """Evict pods with an emptyDir volume, whose content is lost."""
    grace_period: Seconds | None = None
    """How long a pod has to end; without it, as long as it says itself."""


def _or_boolean(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": "boolean"}, *(choice for choice in schema["anyOf"] if choice != {"type": "null"})]


def _drain(value: object) -> object:
    if value is True:
        return {}
    if value is False or value is None:
        return None
    if isinstance(value, dict | Drain):
        return value
    raise ValueError("must be `true`, `false` or `{force, deleteEmptyDirData, gracePeriod}`")


class NodeChoice(_Part):
    """Reflector nodes by name, or by selector with a count."""

    names: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """These nodes, by name; instead of `selector`."""
    selector: SelectorText = ""
    """Nodes that this Calico selector matches; `count` of them are chosen."""
    count: Count = None
    """How many nodes of `selector` reflect: a number, or `{nodesPerReflector: 50, minimum: 2}` (2 if left out)."""
    spread_over: LabelKey | None = None
    """Spread the chosen nodes evenly over the values of this label."""
    allow: tuple[Allow, ...] = ()
    """Nodes that are otherwise never chosen."""


class Standalone(_Part):
    """Reflectors in containers of `calico/routereflector`, for Calico with etcd; the defaults are those of UCP."""

    platform: Platform = Platform.UCP
    """Whose defaults the other fields have."""
    label_key: LabelKey = UCP_KEY
    """The label and the taint of the dedicated nodes; their value is `true`."""
    image: Annotated[str, Field(min_length=1)] = "calico/routereflector:v0.6.1"
    """The image of the containers."""
    namespace: Name = "kube-system"
    """Where their DaemonSet `calico-rr` lives."""
    config_map: Name = "calico-config"
    """The ConfigMap with `etcd_endpoints`, `etcd_ca`, `etcd_cert` and `etcd_key`."""
    secret: Name = "calico-etcd-secrets"
    """The Secret with the files that those keys name."""
    as_number: Annotated[int, Field(ge=1, le=4294967295, strict=True)] | None = None
    """The AS number that the cluster must have; it is checked, never set."""


class Group(_Part):
    """Reflectors that serve the same clients."""

    name: Name
    """The name of the group: the value of the label on its reflectors, unless they reflect by another value already,
    and part of the names of its BGPPeers."""
    nodes: NodeChoice = NodeChoice()
    """Which nodes reflect; left out where reflectors outside the cluster do."""
    outside: tuple[Name, ...] = ()
    """Reflectors outside the cluster that serve these clients, by their names in `outside` of the spec."""
    cluster_id: ClusterID | None = None
    """The cluster ID of this group, where the groups do not share one."""
    clients: SelectorText | None = None
    """The clients as a Calico selector; every node that is no reflector, where it is left out, and none of them in a
    group that is the `parent` of others."""
    parent: Name | None = None
    """The group whose reflectors serve the reflectors of this one: a second level. Reflectors of groups with a parent
    have no sessions to those of other groups."""
    reflectors_per_client: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Clients are shared out evenly: each has so many of the reflectors, by a label on it, and not all of them. The
    shares have consecutive cluster IDs, from `clusterID` on."""
    peering: Peering = Peering()
    """Options of the sessions between these reflectors and their clients, where they are not those of the spec."""

    @property
    def reflects_inside(self) -> bool:
        """Whether nodes of the cluster reflect for it, and not speakers outside alone."""
        return bool(self.nodes.names or self.nodes.selector)


class NodesOfSystem(_Part):
    """Nodes that have an AS number of their own, such as those of a rack."""

    nodes: SelectorText
    """Which nodes, as a Calico selector."""
    as_number: Annotated[int, Field(ge=1, le=4294967295, strict=True)]
    """Their AS number. A node that gets another one loses its sessions for seconds: accept that as brief exposure."""


class Rollout(_Part):
    """How clients come under the reflectors."""

    waves: tuple[Annotated[WaveSize, BeforeValidator(_wave), WithJsonSchema({"type": ["integer", "string"]})], ...] = ()
    """Batches of clients, as counts or percentages; the rest forms a last wave. None: all clients at once."""
    pause: Seconds = 0
    """How long a wave must hold before the next begins."""
    bake: Seconds = 0
    """How long the final topology is watched before the run ends."""


class Gates(_Part):
    """How long gates wait, and how long their condition must hold."""

    sessions: Seconds = 120
    """How long sessions may take."""
    routes: Seconds = 120
    """How long routes may take."""
    recovery: Seconds = 270
    """How long a gate waits while a BIRD is in graceful-restart recovery (240 s at most, by its own timer)."""
    drain: Seconds = 600
    """How long a drain may take."""
    stable: Seconds = 10
    """How long a condition must hold without a break."""
    fraction: Percent = 100
    """The share of nodes for which a gate must hold."""


class Hook(_Part):
    """A command of the operator at a point of the run."""

    name: Name
    """A name for messages."""
    on: HookPoint
    """When it runs."""
    command: Annotated[tuple[Word, ...], Field(min_length=1)]
    """The program and its words; no shell in between. It gets JSON about the run on stdin."""
    action: ActionName | None = None
    """Only for steps of this action."""
    timeout: Seconds = 30
    """After this long it is ended, which counts as a failure."""
    required: Switch = False
    """Its failure fails the step or the run; `before-` hooks veto anyway."""


class Spec(_Part):
    """What the operator wants: one topology, who reflects for whom, and how to get there."""

    name: Name
    topology: Topology
    """Which topology the cluster shall have."""
    flavor: Flavor = Flavor.IN_CLUSTER
    """What reflects: calico-node on reflector nodes, or containers of their own (`standalone`)."""
    standalone: Standalone = Standalone()
    """The containers of `flavor: standalone`."""
    cluster_id: ClusterID | None = None
    """One cluster ID for all groups."""
    label_key: LabelKey = LABEL_KEY
    """The label that rrplan sets on reflector nodes, and removes again; nobody else may use it."""
    groups: tuple[Group, ...] = ()
    """The reflectors and their clients."""
    outside: tuple[OutsideSpeaker, ...] = ()
    """Speakers outside the cluster that have a part to play; of others nothing is known, and they pass nothing on."""
    as_numbers: tuple[NodesOfSystem, ...] = ()
    """AS numbers of nodes, changed one node at a time; nodes that are not selected keep theirs."""
    adopt: Annotated[Adopt | None, BeforeValidator(claims)] = Field(default=None, json_schema_extra=or_word)
    """What others made and rrplan takes over and retires: `reflection` for all that serves it, or an Adopt."""
    reflectors_peer: Switch = True
    """Whether reflectors peer with one another."""
    peering: Peering = Peering()
    """Options of all sessions; what is left out is kept from the sessions that are replaced."""
    dedicated: Annotated[
        DedicatedTaint | None,
        BeforeValidator(_dedicated),
        WithJsonSchema({"oneOf": [{"type": "boolean"}, {"type": "object"}]}),
    ] = None
    """Taint reflector nodes, so that no pod runs there: `true`, or `{taint: {key, value, effect}}`."""
    drain: Annotated[Drain | None, BeforeValidator(_drain)] = Field(default=None, json_schema_extra=_or_boolean)
    """Cordon and drain a reflector node before its role changes and it loses its routes: `true`, or a Drain."""
    rollout: Rollout = Rollout()
    """How clients come under the reflectors."""
    gates: Gates = Gates()
    """How long gates wait."""
    policy: Policy = Policy()
    """What must be true of the result, and what may happen on the way."""
    on_failure: OnFailure = OnFailure.UNDO
    """What a run does when a step fails: take everything back, or stop there."""
    hooks: tuple[Hook, ...] = ()
    """Commands at points of the run."""

    def cluster_id_of(self, group: Group) -> str:
        """The group's cluster ID, or the shared one."""
        return group.cluster_id or self.cluster_id or ""

    @property
    def roots(self) -> tuple[Group, ...]:
        """The groups without a parent."""
        return tuple(group for group in self.groups if group.parent is None)

    def children(self, group: Group) -> tuple[Group, ...]:
        """The groups whose reflectors are clients of this group's."""
        return tuple(other for other in self.groups if other.parent == group.name)

    def serves_nodes(self, group: Group) -> bool:
        """Whether nodes are clients of a group, and not reflectors of other groups alone."""
        return bool(group.clients) or not self.children(group)

    @property
    def roles(self) -> Roles:
        """What is known of speakers outside the cluster."""
        return tuple(speaker.role for speaker in self.outside)

    def reflectors_outside(self, group: Group) -> tuple[OutsideSpeaker, ...]:
        """The reflectors outside the cluster that serve a group, in the order of the group."""
        by_name = {speaker.name: speaker for speaker in self.outside}
        return tuple(by_name[name] for name in group.outside)

    @property
    def eviction(self) -> Eviction:
        """What its drains may evict."""
        drain = self.drain or Drain()
        return Eviction(drain.force, drain.delete_empty_dir_data, drain.grace_period)

    def to_document(self) -> dict[str, Any]:
        """The canonical document with every default filled in, as JSON."""
        body = self.model_dump(mode="json", by_alias=True, exclude={"name"})
        if self.flavor is Flavor.IN_CLUSTER:
            del body["standalone"]
        if self.adopt is None:
            del body["adopt"]
        for part in (body, *body["groups"]):
            if part["peering"] == Peering().model_dump(mode="json", by_alias=True):
                del part["peering"]
        body["outside"] = [speaker.to_document() for speaker in self.outside]
        for part in (body, *body["groups"]):
            if not part["outside"]:
                del part["outside"]
        if not body["asNumbers"]:
            del body["asNumbers"]
        for group in body["groups"]:
            for name in ("parent", "reflectorsPerClient"):
                if group[name] is None:
                    del group[name]
        if self.dedicated is not None:
            body["dedicated"] = {"taint": body["dedicated"]}
        body["rollout"]["waves"] = [size.count or f"{size.percent}%" for size in self.rollout.waves]
        return {
            "apiVersion": "rrplan.io/v1",
            "kind": "BGPTopology",
            "metadata": {"name": self.name},
            "spec": body,
        }
