"""Documents as the walker understands them: its own merge, and its own small vocabulary of a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import Any

from rrplan.resources.selector import Selector, SelectorSyntaxError, parse

Document = Mapping[str, Any]
Objects = dict[tuple[str, str], Document]
"""Documents by kind and name (the few kinds that matter here have no namespace but pods, whose names differ)."""

ANNOTATION = "projectcalico.org/"
FAMILIES = ("ipv4", "ipv6")
Pool = IPv4Network | IPv6Network


def objects_of(documents: Iterable[Document]) -> Objects:
    """Documents by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, mappings merge, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = merged(kept.get(key), value)
    return kept


def applied(objects: Objects, kind: str, name: str, before: Document | None, after: Document | None) -> Objects:
    """The documents after one change: made, merged or removed. A change that does not fit is a bug of the plan."""
    found = dict(objects)
    if before is None:
        assert after is not None
        assert (kind, name) not in found, f"{kind} {name} is made twice"
        found[kind, name] = merged({}, after)
    elif after is None:
        del found[kind, name]
    else:
        found[kind, name] = merged(found[kind, name], after)
    return found


@dataclass(frozen=True)
class Member:
    """A node: what others see of it, and whether anybody needs its routes on the way."""

    name: str
    labels: Mapping[str, str]
    addresses: Mapping[str, str]
    as_number: int
    cluster_id: str
    down: bool
    cordoned: bool
    networks: Mapping[str, Pool] = field(default_factory=dict)
    """By family, where the prefix length of its address is given."""

    def near(self, address: str, family: str) -> bool:
        """Whether an address is in its network, or that network is not known."""
        return family not in self.networks or ip_address(address) in self.networks[family]


@dataclass(frozen=True)
class Peering:
    """A BGPPeer, every field as text ("" where it is not given)."""

    name: str
    node: str
    node_selector: str
    peer_selector: str
    address: str
    as_number: int
    manual: bool
    kernel_source: bool
    options: tuple[tuple[str, str], ...]
    filters: tuple[str, ...] = ()
    allowed: int = 0

    @property
    def everywhere(self) -> bool:
        """Whether it holds for every node and is therefore written under a global key."""
        return not self.node and not self.node_selector

    def at(self, node: Member) -> bool:
        """Whether it is configured on that node."""
        if self.node_selector:
            return selects(self.node_selector, node)
        return not self.node or self.node == node.name


@dataclass(frozen=True)
class Filtering:
    """Pools that are announced, and BGPFilters by name, direction and family."""

    pools: tuple[Pool, ...]
    known: frozenset[str]
    """The families of which there is any pool."""
    rules: Mapping[tuple[str, str, str], tuple[Mapping[str, Any], ...]]

    def owed(self, family: str) -> tuple[Pool | None, ...]:
        """The pools that routes are of; None stands for all where no pool is known."""
        if family not in self.known:
            return (None,)
        return tuple(pool for pool in self.pools if f"ipv{pool.version}" == family)

    def passes(self, filters: Iterable[str], direction: str, pool: Pool | None) -> bool:
        """What the first rule that matches says; without one, everything goes through."""
        if pool is None:
            return True
        for name in filters:
            for rule in self.rules[name, direction, f"ipv{pool.version}"]:
                within = ip_network(rule["cidr"]).supernet_of(pool)  # type: ignore[arg-type]
                if within is (rule["matchOperator"] == "In"):
                    return bool(rule["action"] == "Accept")
        return True


@dataclass(frozen=True)
class Part:
    """What a speaker outside does: it reflects with a cluster ID, or passes routes on between ASes and in a fabric."""

    addresses: tuple[str, ...]
    as_number: int
    cluster_id: str
    transit: bool
    fabric: str
    required: bool

    @property
    def passes(self) -> bool:
        """Whether it hands anything on."""
        return self.transit or self.cluster_id != ""

    @property
    def owed(self) -> bool:
        """Whether it has, or needs, routes of its own."""
        return self.required and not self.cluster_id


def parts_of(spec: Document) -> tuple[Part, ...]:
    """Read `outside` of a spec; there no reflector announces anything."""
    return tuple(
        Part(
            (one["address"],) if isinstance(one["address"], str) else tuple(one["address"]),
            one["asNumber"],
            one.get("reflects", {}).get("clusterID", ""),
            one.get("transit", False),
            one.get("fabric", ""),
            one.get("required", True),
        )
        for one in spec["spec"].get("outside", ())
    )


@dataclass(frozen=True)
class Cluster:
    """Everything that decides about sessions at one moment."""

    members: Mapping[str, Member]
    peerings: tuple[Peering, ...]
    mesh: bool
    global_as: int
    mesh_options: tuple[tuple[str, str], ...]
    filtering: Filtering
    parts: tuple[Part, ...] = ()
    """What is known of speakers outside."""

    def part(self, address: str, as_number: int) -> Part | None:
        """What is known of one of them."""
        return next((one for one in self.parts if address in one.addresses and as_number == one.as_number), None)

    def owner(self, address: str) -> str | None:
        """The node that has an address."""
        return next((one.name for one in self.members.values() if address in one.addresses.values()), None)


@lru_cache(maxsize=4096)
def _selector(text: str) -> Selector | None:
    try:
        return parse(text)
    except SelectorSyntaxError:
        return None


def selects(text: str, node: Member) -> bool:
    """Whether a selector matches a node; one that cannot be read matches nobody."""
    selector = _selector(text)
    return selector is not None and selector.matches(node.labels)


OPTIONS = ("keepOriginalNextHop", "maxRestartTime", "numAllowedLocalASNumbers", "password", "ttlSecurity")


def cluster_of(objects: Objects, parts: tuple[Part, ...] = ()) -> Cluster:
    """Read what matters of the documents."""
    settings = objects.get(("BGPConfiguration", "default"), {}).get("spec", {})
    global_as = int(settings.get("asNumber", 64512))
    mesh_options = tuple(
        (name, str(settings[field]))
        for name, field in (("maxRestartTime", "nodeMeshMaxRestartTime"), ("password", "nodeMeshPassword"))
        if settings.get(field)
    )
    ready = {
        one["spec"]["nodeName"]: _ready(one) for (kind, _), one in objects.items() if kind == "Pod" and _agent(one)
    }
    members = {}
    for (kind, name), one in sorted(objects.items()):
        if kind == "Node":
            told = one["metadata"].get("annotations", {})
            members[name] = Member(
                name=name,
                labels={**_own_labels(told), **one["metadata"].get("labels", {})},
                addresses={
                    family: address
                    for family, key in (("ipv4", ANNOTATION + "IPv4Address"), ("ipv6", ANNOTATION + "IPv6Address"))
                    if (address := _address(told.get(key, "")))
                },
                as_number=_number(told.get(ANNOTATION + "ASNumber", ""), global_as),
                cluster_id=told.get(ANNOTATION + "RouteReflectorClusterID", ""),
                down=_ready(one) is False or ready.get(name) is False,
                cordoned=bool(one.get("spec", {}).get("unschedulable")),
                networks={
                    family: ip_interface(text).network
                    for family, key in (("ipv4", ANNOTATION + "IPv4Address"), ("ipv6", ANNOTATION + "IPv6Address"))
                    if "/" in (text := told.get(key, "")) and _address(text)
                },
            )
    peerings = tuple(_peering(one) for (kind, _), one in sorted(objects.items()) if kind == "BGPPeer")
    mesh = settings.get("nodeToNodeMeshEnabled") is not False
    return Cluster(members, peerings, mesh, global_as, mesh_options, _filtering(objects), parts)


def _own_labels(annotations: Mapping[str, str]) -> dict[str, str]:
    """Labels that only Calico has; an annotation that is no mapping of texts says nothing."""
    try:
        found = json.loads(annotations.get(ANNOTATION + "labels", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _address(text: str) -> str:
    """The address of `10.0.0.1/24`; "" for what is none."""
    try:
        return str(ip_interface(text).ip)
    except ValueError:
        return ""


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() else otherwise


def _filtering(objects: Objects) -> Filtering:
    pools = {name: one["spec"] for (kind, name), one in sorted(objects.items()) if kind == "IPPool"}
    announced = tuple(ip_network(spec["cidr"]) for spec in pools.values() if not spec.get("disableBGPExport"))
    rules = {
        (name, direction, family): tuple(one["spec"].get(f"{direction}{suffix}", ()))
        for (kind, name), one in objects.items()
        if kind == "BGPFilter"
        for direction in ("import", "export")
        for family, suffix in (("ipv4", "V4"), ("ipv6", "V6"))
    }
    return Filtering(announced, frozenset(f"ipv{ip_network(spec['cidr']).version}" for spec in pools.values()), rules)


def _peering(document: Document) -> Peering:
    spec = document["spec"]
    return Peering(
        name=document["metadata"]["name"],
        node=spec.get("node", ""),
        node_selector=spec.get("nodeSelector", ""),
        peer_selector=spec.get("peerSelector", ""),
        address=spec.get("peerIP", ""),
        as_number=int(spec.get("asNumber", 0)),
        manual=spec.get("reversePeering") == "Manual",
        kernel_source=spec.get("sourceAddress") == "None",
        options=tuple((name, str(spec[name])) for name in OPTIONS if spec.get(name)),
        filters=tuple(spec.get("filters", ())),
        allowed=int(spec.get("numAllowedLocalASNumbers", 0)),
    )


def _ready(document: Document) -> bool | None:
    conditions = document.get("status", {}).get("conditions", [])
    return next((one["status"] == "True" for one in conditions if one["type"] == "Ready"), None)


def _agent(pod: Document) -> bool:
    return any("calico/node" in one.get("image", "") for one in pod["spec"]["containers"])


def idle_nodes(objects: Objects) -> frozenset[str]:
    """Cordoned nodes whose pods are known, and none of which a drain would evict."""
    pods: dict[str, list[Document]] = {}
    for (kind, _), one in objects.items():
        if kind == "Pod":
            pods.setdefault(one["spec"]["nodeName"], []).append(one)
    return frozenset(
        name
        for name, found in pods.items()
        if ("Node", name) in objects
        and objects["Node", name].get("spec", {}).get("unschedulable")
        and all(_stays(pod) for pod in found)
    )


def _stays(pod: Document) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return any(one["kind"] in ("DaemonSet", "Node") for one in owners)


def family_of(address: str) -> str:
    """`ipv4` or `ipv6`."""
    return f"ipv{ip_address(address).version}"
