"""Random clusters with leftovers and hand edits, and random specs for them."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from tests.walker.reading import ANNOTATION, Document

OURS = "rrplan.io/route-reflector"
CLUSTER_IDS = ("224.0.0.1", "10.0.0.0", "224.0.0.2")
SWITCH = "10.0.9.254"
POOLS = ("10.42.0.0/16", "10.44.0.0/16")
OTHER_SWITCH = "10.0.9.253"


@dataclass(frozen=True)
class Case:
    """A cluster and a spec, as documents; `about` names what was drawn."""

    cluster: tuple[Document, ...]
    spec: Document
    about: str = ""


def node(
    name: str,
    number: int,
    *,
    labels: dict[str, str] | None = None,
    cluster_id: str = "",
    as_number: int | None = None,
    ipv6: bool = False,
    ready: bool | None = None,
    cordoned: bool = False,
) -> dict[str, Any]:
    """A Kubernetes Node with Calico's annotations."""
    told = {ANNOTATION + "IPv4Address": f"10.0.0.{number}/24"}
    if ipv6:
        told[ANNOTATION + "IPv6Address"] = f"fd00::{number}/64"
    if as_number:
        told[ANNOTATION + "ASNumber"] = str(as_number)
    if cluster_id:
        told[ANNOTATION + "RouteReflectorClusterID"] = cluster_id
    metadata: dict[str, Any] = {"name": name, "annotations": told}
    if labels:
        metadata["labels"] = labels
    found: dict[str, Any] = {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
    if cordoned:
        found["spec"] = {"unschedulable": True}
    if ready is not None:
        found["status"] = {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}
    return found


def peer(name: str, *, ours: bool = False, **spec: object) -> dict[str, Any]:
    """A BGPPeer; fields by their names in the document."""
    metadata: dict[str, Any] = {"name": name}
    if ours:
        metadata["labels"] = {"app.kubernetes.io/managed-by": "rrplan"}
    told = {field: value for field, value in spec.items() if value is not None}
    return {"apiVersion": "projectcalico.org/v3", "kind": "BGPPeer", "metadata": metadata, "spec": told}


def configuration(*, mesh: bool, as_number: int | None = None, restart: str = "") -> dict[str, Any]:
    """The BGPConfiguration `default`."""
    spec: dict[str, Any] = {"nodeToNodeMeshEnabled": mesh}
    if as_number:
        spec["asNumber"] = as_number
    if restart:
        spec["nodeMeshMaxRestartTime"] = restart
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": "BGPConfiguration",
        "metadata": {"name": "default"},
        "spec": spec,
    }


def pool(name: str, cidr: str, *, exported: bool = True) -> dict[str, Any]:
    """An IPPool whose routes BIRD programs."""
    told: dict[str, Any] = {"cidr": cidr, "ipipMode": "Never", "vxlanMode": "Never"}
    if not exported:
        told["disableBGPExport"] = True
    return {"apiVersion": "projectcalico.org/v3", "kind": "IPPool", "metadata": {"name": name}, "spec": told}


def bgp_filter(name: str, rules: dict[str, list[dict[str, str]]]) -> dict[str, Any]:
    """A BGPFilter; rules by direction and family."""
    return {"apiVersion": "projectcalico.org/v3", "kind": "BGPFilter", "metadata": {"name": name}, "spec": {**rules}}


def pod(name: str, at: str, *, daemon: bool) -> dict[str, Any]:
    """A pod of calico-node, or one that a drain evicts."""
    image = "calico/node:v3.30.7" if daemon else "nginx"
    owner = {"kind": "DaemonSet", "name": "calico-node"} if daemon else {"kind": "ReplicaSet", "name": "web"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "kube-system", "ownerReferences": [{**owner, "controller": True}]},
        "spec": {"nodeName": at, "containers": [{"name": "main", "image": image}]},
    }


def spec(**body: object) -> dict[str, Any]:
    """A spec; fields of its body that are None are left out."""
    told = {field: value for field, value in body.items() if value is not None}
    return {"apiVersion": "rrplan.io/v1", "kind": "BGPTopology", "metadata": {"name": "drawn"}, "spec": told}


def group(name: str, names: list[str], *, clients: str = "", cluster_id: str = "") -> dict[str, Any]:
    """Reflectors by name."""
    found: dict[str, Any] = {"name": name, "nodes": {"names": names}}
    if clients:
        found["clients"] = clients
    if cluster_id:
        found["clusterID"] = cluster_id
    return found


class Draw:
    """One random case; everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.filters = random.Random(f"filters {seed}")
        self.outward = random.Random(f"uplinks {seed}")
        self.copied = random.Random(f"copies {seed}")
        self.played = random.Random(f"roles {seed}")
        self.named: list[str] = []
        self.names = [f"n{number}" for number in range(1, self.random.choice([3, 4, 4, 5, 5, 6]) + 1)]
        self.key = self.random.choice([OURS, OURS, "rr"])
        self.dual = self.maybe(0.25)
        self.about: list[str] = []

    def maybe(self, share: float) -> bool:
        """True in that share of draws."""
        return self.random.random() < share

    def case(self) -> Case:
        """Draw everything."""
        pools = self._pools()
        start = self.random.choice(["mesh", "mesh", "mesh", "ours", "ours", "ours", "theirs", "half", "both"])
        self.about.append(start)
        cluster = [*self._cluster(start), *pools]
        self._attach(cluster)
        wanted = self._spec(start)
        self._play(cluster, wanted["spec"])
        return Case(tuple(cluster), wanted, " ".join(self.about))

    def _pools(self) -> list[dict[str, Any]]:
        """Pools and filters, drawn by themselves so that the rest of a seed stays what it was."""
        draw = self.filters
        if draw.random() < 0.55:
            return []
        pools = [pool("pods", POOLS[0])]
        if draw.random() < 0.6:
            pools.append(pool("more", POOLS[1], exported=draw.random() < 0.7))
        self.named = [f"f{number}" for number in range(draw.choice([0, 1, 1, 2]))]
        return [*pools, *(bgp_filter(name, self._rules()) for name in self.named)]

    def _rules(self) -> dict[str, list[dict[str, str]]]:
        draw = self.filters
        found: dict[str, list[dict[str, str]]] = {}
        for _ in range(draw.choice([1, 1, 2, 3])):
            rule = {
                "action": draw.choice(["Reject", "Reject", "Accept"]),
                "matchOperator": draw.choice(["In", "In", "NotIn"]),
                "cidr": draw.choice([*POOLS, "192.168.0.0/16"]),
            }
            found.setdefault(draw.choice(["importV4", "exportV4"]), []).append(rule)
        return found

    def _attach(self, cluster: list[dict[str, Any]]) -> None:
        """Some BGPPeers between nodes get a filter, and a few of those to the outside."""
        for one in cluster:
            if one["kind"] == "BGPPeer" and "peerIP" in one["spec"] and self.named and self.outward.random() < 0.3:
                one["spec"]["filters"] = [self.outward.choice(self.named)]
                self.about.append("filter on an uplink")
            between = one["kind"] == "BGPPeer" and "peerSelector" in one["spec"]
            if between and self.named and self.filters.random() < 0.6:
                one["spec"]["filters"] = [self.filters.choice(self.named)]
                self.about.append("filter")
        cluster += [copy for one in cluster if (copy := self._copy(one))]

    def _play(self, cluster: list[dict[str, Any]], body: dict[str, Any]) -> None:
        """Some speakers outside have a part to play, and reflectors of some groups are outside."""
        draw = self.played
        dialled = any(one["kind"] == "BGPPeer" and "peerIP" in one["spec"] for one in cluster)
        if body["topology"] == "route-reflectors" and not dialled and draw.random() < 0.25:
            self._racks(cluster, body)
            return
        numbers = {
            one["spec"]["peerIP"]: one["spec"]["asNumber"]
            for one in cluster
            if one["kind"] == "BGPPeer" and one["spec"].get("peerIP") in (SWITCH, OTHER_SWITCH)
        }
        known: list[dict[str, Any]] = []
        fabric = draw.random() < 0.6
        for number, (address, as_number) in enumerate(sorted(numbers.items())):
            if draw.random() < 0.5:
                continue
            part = draw.choice(["transit", "transit", "reflects", "lost", "none"])
            told: dict[str, Any] = {"name": f"o{number}", "address": address, "asNumber": as_number}
            if part == "transit":
                told |= {"transit": True, **({"fabric": "spine"} if fabric else {})}
            elif part == "reflects":
                told["reflects"] = {"clusterID": draw.choice(["10.9.0.1", *CLUSTER_IDS])}
            elif part == "lost":
                told["required"] = False
            known.append(told)
            self.about.append(f"outside {part}")
        if body["topology"] == "route-reflectors" and draw.random() < 0.2:
            count = draw.choice([1, 2, 2])
            known += [
                {
                    "name": f"rr{number}",
                    "address": f"10.0.9.{number + 1}",
                    "asNumber": 64512,
                    "reflects": {"clusterID": draw.choice([f"10.0.9.{number + 1}", "10.0.9.9", *CLUSTER_IDS])},
                }
                for number in range(count)
            ]
            chosen = draw.choice(body["groups"])
            chosen["outside"] = [f"rr{number}" for number in range(count)]
            if draw.random() < 0.5:
                del chosen["nodes"]
            self.about.append("reflectors outside")
        if known:
            body["outside"] = known

    def _racks(self, cluster: list[dict[str, Any]], body: dict[str, Any]) -> None:
        """An AS number for each zone, a switch in each, and reflectors for the nodes of their own zone alone."""
        draw = self.played
        zones: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
        for one in cluster:
            if one["kind"] == "Node":
                zones[one["metadata"]["labels"]["zone"]].append(one)
        for one in zones["b"]:
            one["metadata"]["annotations"].setdefault(ANNOTATION + "ASNumber", "65001")
        number = draw.choice([65000, 65000, 65000, 65002])
        cluster += [
            peer("rack-a", nodeSelector="zone == 'a'", peerIP=SWITCH, asNumber=65000),
            peer("rack-b", nodeSelector="zone == 'b'", peerIP=OTHER_SWITCH, asNumber=number),
        ]
        part: dict[str, Any] = draw.choice([{}, {"transit": True}, *[{"transit": True, "fabric": "spine"}] * 3])
        if part:
            body["outside"] = [
                {"name": "tor-a", "address": SWITCH, "asNumber": 65000, **part},
                {"name": "tor-b", "address": OTHER_SWITCH, "asNumber": number, **part},
            ]
        first, second = (draw.choice(nodes)["metadata"]["name"] for nodes in zones.values())
        body["groups"] = [
            group("main", [first], clients="zone == 'a'"),
            group("second", [second], clients="zone == 'b'", cluster_id="10.0.7.7"),
        ]
        body["reflectorsPeer"] = draw.random() < 0.3
        body["policy"]["minReflectorsPerClient"] = 1
        self.about.append(f"racks {' '.join(part)}")

    def _copy(self, document: dict[str, Any]) -> dict[str, Any] | None:
        """A BGPPeer beside another that differs in its filter alone, or gives the same sessions from the other end."""
        draw = self.copied
        if document["kind"] != "BGPPeer" or not self.named or draw.random() > 0.12:
            return None
        told = {**document["spec"], "filters": draw.choice([None, *([one] for one in self.named)])}
        if "peerSelector" in told and "nodeSelector" in told and draw.random() < 0.6:
            told |= {"nodeSelector": told["peerSelector"], "peerSelector": told["nodeSelector"]}
        self.about.append("copy")
        return peer(f"{document['metadata']['name']}-copy", **told)

    def _cluster(self, start: str) -> list[dict[str, Any]]:
        reflectors = {} if start == "mesh" else self._roles(start)
        dead = self.random.choice(self.names) if self.maybe(0.2) else ""
        cordoned = self.random.choice(self.names) if self.maybe(0.15) else ""
        wrong_as = self.random.choice(self.names) if self.maybe(0.06) else ""
        found: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, str]] = {}
        for number, name in enumerate(self.names, 1):
            labels = {"zone": "ab"[number % 2]}
            role = reflectors.get(name)
            if role:
                labels[self.key] = role[0]
            elif start == "half" and self.maybe(0.2):
                labels[self.key] = "main"
            found.append(
                node(
                    name,
                    # 10.0.0.10 sorts before 10.0.0.9 as text.
                    number + 7,
                    labels=labels,
                    cluster_id=role[1] if role else "",
                    as_number=65001 if name == wrong_as else None,
                    ipv6=self.dual and self.maybe(0.9),
                    ready=False if name == dead else None,
                    cordoned=name == cordoned,
                )
            )
        if cordoned and self.maybe(0.7):
            found += [pod(f"calico-node-{name}", name, daemon=True) for name in self.names]
            if self.maybe(0.3):
                found.append(pod("web", cordoned, daemon=False))
        self.reflectors = reflectors
        mesh = start in ("mesh", "both") or (start == "half" and self.maybe(0.7))
        restart = "60s" if mesh and self.maybe(0.03) else ""
        found.append(configuration(mesh=mesh, restart=restart))
        found += self._own_peers(start)
        found += self._foreign_peers()
        return found

    def _roles(self, start: str) -> dict[str, tuple[str, str]]:
        """Reflectors that are there already: group and cluster ID."""
        chosen = self.random.sample(self.names, self.random.choice([1, 2, 2, 2, 3]))
        shared = self.random.choice(CLUSTER_IDS)
        foreign = self.maybe(0.15)
        found = {}
        for place, name in enumerate(chosen):
            label = "main" if self.maybe(0.8) or len(chosen) < 2 else ("main", "second")[place % 2]
            found[name] = (label, self.random.choice(CLUSTER_IDS) if foreign else shared)
        if start == "half" and self.maybe(0.5):
            name = chosen[0]
            found[name] = (found[name][0], "")
        return found

    def _own_peers(self, start: str) -> list[dict[str, Any]]:
        if start == "mesh":
            return []
        found = []
        groups = sorted({label for label, _ in self.reflectors.values()})
        ours = start != "theirs"
        if not ours:
            shape = self.random.choice(["all", "not"])
            local = "all()" if shape == "all" else f"!has({self.key})"
            found.append(peer("to-reflectors", nodeSelector=local, peerSelector=f"has({self.key})"))
            if shape == "not" and self.maybe(0.8):
                found.append(peer("among", nodeSelector=f"has({self.key})", peerSelector=f"has({self.key})"))
            return found
        for name in groups:
            selector = f'{self.key} == "{name}"'
            if start != "half" or self.maybe(0.5):
                found.append(
                    peer(f"rrplan-{name}-clients", ours=True, nodeSelector=f"!has({self.key})", peerSelector=selector)
                )
        if self.maybe(0.9):
            among = f"has({self.key})"
            found.append(peer("rrplan-reflectors", ours=True, nodeSelector=among, peerSelector=among))
        return found

    def _foreign_peers(self) -> list[dict[str, Any]]:
        found = []
        for number in range(self.random.choice([0, 0, 0, 1, 1, 1, 1, 2, 2])):
            kind = self.random.choice(
                [
                    "uplink",
                    "uplink",
                    "uplink-on-reflectors",
                    "uplink-on-node",
                    "uplink-on-all",
                    "uplink-ibgp",
                    "two-switches",
                    "disputed-uplink",
                    "by-address",
                    "by-address",
                    "wrong-as",
                    "duplicate",
                    "differs",
                    "differs",
                    "password",
                    "manual",
                    "hand",
                    "kernel-source",
                    "pair",
                    "zone-mesh",
                ]
            )
            self.about.append(kind)
            found += self._foreign(kind, f"x{number}-{kind}")
        return found

    def _foreign(self, kind: str, name: str) -> list[dict[str, Any]]:
        some = self.random.choice(self.names)
        at = f"10.0.0.{self.names.index(some) + 8}"
        has = f"has({self.key})"
        match kind:
            case "uplink":
                return [peer(name, nodeSelector="zone == 'a'", peerIP=SWITCH, asNumber=65000)]
            case "uplink-on-reflectors":
                restart = "60s" if self.maybe(0.3) else None
                return [peer(name, nodeSelector=has, peerIP=SWITCH, asNumber=65000, maxRestartTime=restart)]
            case "uplink-on-node":
                return [peer(name, node=some, peerIP=SWITCH, asNumber=65000)]
            case "uplink-on-all":
                return [peer(name, peerIP=SWITCH, asNumber=65000)]
            case "uplink-ibgp":
                where = self.random.choice([has, "all()", "zone == 'b'"])
                return [peer(name, nodeSelector=where, peerIP=SWITCH, asNumber=64512)]
            case "two-switches":
                return [
                    peer(name, nodeSelector="zone == 'a'", peerIP=SWITCH, asNumber=65000),
                    peer(f"{name}-b", nodeSelector=f"!{has}", peerIP=OTHER_SWITCH, asNumber=65000),
                ]
            case "disputed-uplink":
                other = self.random.choice([65001, 65000])
                return [
                    peer(name, nodeSelector="zone == 'a'", peerIP=SWITCH, asNumber=65000),
                    peer(f"{name}-b", node=some, peerIP=SWITCH, asNumber=other, maxRestartTime="60s"),
                ]
            case "by-address":
                local = self.random.choice([None, "all()", "zone == 'a'", has])
                allowed = self.names.index(some) % 2 or None
                return [peer(name, nodeSelector=local, peerIP=at, asNumber=64512, numAllowedLocalASNumbers=allowed)]
            case "wrong-as":
                local = self.random.choice([None, "zone == 'a'"])
                return [peer(name, nodeSelector=local, peerIP=at, asNumber=65001)]
            case "duplicate":
                return [peer(name, nodeSelector=f"!{has}", peerSelector=has, keepOriginalNextHop=True)]
            case "differs":
                where = self.random.choice(["all()", f"!{has}", "zone == 'a'"])
                remote = self.random.choice([has, "zone == 'b'", "all()"])
                return [peer(name, nodeSelector=where, peerSelector=remote, maxRestartTime="60s")]
            case "password":
                secret = {"secretKeyRef": {"name": "bgp", "key": "word"}}
                return [peer(name, nodeSelector="zone == 'a'", peerSelector="zone == 'b'", password=secret)]
            case "manual":
                return [peer(name, nodeSelector="zone == 'a'", peerSelector=has, reversePeering="Manual")]
            case "hand":
                return [peer(name, nodeSelector="all()", peerSelector=has)]
            case "kernel-source":
                return [peer(name, nodeSelector=f"!{has}", peerSelector=has, sourceAddress="None")]
            case "pair":
                return [peer(name, node=some, peerSelector="zone == 'b'")]
            case _:
                return [peer(name, nodeSelector="zone == 'a'", peerSelector="zone == 'a'")]

    def in_use(self) -> Case:
        """The same case, where nobody is drained and fallback tables carry what has no route meanwhile."""
        case = self.case()
        body = {name: value for name, value in case.spec["spec"].items() if name not in ("drain", "policy")}
        policy = {"minReflectorsPerClient": 1, "inUse": "fallback-table"}
        return replace(case, spec={**case.spec, "spec": {**body, "policy": policy}}, about=f"{case.about} in use")

    def _spec(self, start: str) -> dict[str, Any]:
        exposure = self.random.choice([None, None, None, "none", {"brief": "25s"}])
        policy: dict[str, Any] = {"minReflectorsPerClient": self.random.choice([1, 1, 2])}
        if exposure:
            policy["exposure"] = exposure
        common: dict[str, Any] = {
            "drain": self.maybe(0.75) or None,
            "policy": policy,
            "labelKey": self.key if self.key != OURS else None,
        }
        if start != "mesh" and self.maybe(0.3):
            self.about.append("to-mesh")
            return spec(topology="full-mesh", **common)
        has = [name for name, role in self.reflectors.items() if role[0]]
        keep = self.random.sample(has, max(0, len(has) - self.random.choice([0, 0, 1])))
        others = [name for name in self.names if name not in keep]
        more = self.random.sample(others, min(len(others), max(0, self.random.choice([1, 2, 2, 2, 3]) - len(keep))))
        chosen = keep + more
        if not chosen:
            chosen = others[:1]
        known = [role[1] for role in self.reflectors.values() if role[1]]
        identifier = known[0] if known and self.maybe(0.7) else self.random.choice(CLUSTER_IDS)
        groups = [group("main", chosen)]
        if len(chosen) > 1 and self.maybe(0.2):
            cut = self.random.randint(1, len(chosen) - 1)
            split = self.maybe(0.5)
            groups = [
                group("main", chosen[:cut], clients="zone == 'a'" if split else ""),
                group(
                    "second",
                    chosen[cut:],
                    clients="zone == 'b'" if split else "",
                    cluster_id=self.random.choice(CLUSTER_IDS),
                ),
            ]
            self.about.append("two groups")
        rollout = {"waves": self.random.choice([[1], [1, 1], ["50%"]])} if self.maybe(0.3) else None
        return spec(
            topology="route-reflectors",
            clusterID=identifier,
            groups=groups,
            reflectorsPeer=False if self.maybe(0.1) else None,
            rollout=rollout,
            **common,
        )
