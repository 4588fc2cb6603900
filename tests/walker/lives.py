"""Random lives: a cluster that went through some specs, with levels, shares and what others made, and a next spec.

`draws` has hand edits and leftovers of all kinds around one or two groups; here the groups are many, and the past is
what earlier plans made, carried out or given up half way.
"""

from __future__ import annotations

import random
from typing import Any

import yaml

from rrplan import api
from rrplan.errors import RRPlanError
from rrplan.planning.promise import states
from rrplan.resources import CalicoVersion, encode
from rrplan.snapshots.snapshot import Snapshot, state_of
from rrplan.specs import load
from tests.walker.draws import Case, configuration, node, peer, spec
from tests.walker.reading import Document

CALICO = CalicoVersion(3, 30, 7)
OTHERS = "10.7.0.0"
BRIEF = {"brief": "25s"}


class Life:
    """One random life; everything follows from the seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(f"life {seed}")
        self.zones = "abc"[: self.random.choice([1, 2, 2, 3])]
        self.names = [f"n{number}" for number in range(1, self.random.choice([6, 6, 7, 8]) + 1)]
        self.about: list[str] = []

    def maybe(self, share: float) -> bool:
        """True in that share of draws."""
        return self.random.random() < share

    def case(self) -> Case:
        """A cluster after up to three specs, and the next one."""
        documents = self._start()
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            documents = self._later(documents, self._spec())
        return Case(tuple(documents), self._spec(), " ".join(self.about))

    def _start(self) -> list[Document]:
        past = self.random.choice(["mesh", "mesh", "theirs", "global", "per-node"])
        self.about.append(past)
        theirs = self.random.sample(self.names, 2) if past != "mesh" else []
        down = self.random.choice(self.names) if self.maybe(0.1) else ""
        documents: list[Document] = []
        for number, name in enumerate(self.names, 1):
            labels = {"zone": self.zones[number % len(self.zones)]}
            labels |= {"rr": "true"} if name in theirs and past == "theirs" else {}
            # Somebody began by hand, or a run was given up whose plan is not known any more.
            labels |= {"rrplan.io/clients-of": "main-1"} if self.maybe(0.03) else {}
            labels |= {"rrplan.io/wave": "in"} if self.maybe(0.03) else {}
            identifier = OTHERS if name in theirs else ""
            ready = name != down
            documents.append(node(name, number, labels=labels, cluster_id=identifier, ready=ready))
        documents.append(configuration(mesh=past == "mesh"))
        return documents + self._theirs(past, theirs)

    def _theirs(self, past: str, reflectors: list[str]) -> list[dict[str, Any]]:
        address = {name: f"10.0.0.{number}" for number, name in enumerate(self.names, 1)}
        pairs = [(name, reflector) for reflector in reflectors for name in self.names if name != reflector]
        match past:
            case "theirs":
                return [
                    peer("theirs", nodeSelector="!has(rr)", peerSelector="has(rr)"),
                    peer("theirs-among", nodeSelector="has(rr)", peerSelector="has(rr)"),
                ]
            case "global":
                return [peer(f"global-{name}", peerIP=address[name], asNumber=64512) for name in reflectors]
            case _:
                return [
                    peer(f"{name}-to-{other}", node=name, peerIP=address[other], asNumber=64512)
                    for name, other in pairs
                ]

    def _later(self, documents: list[Document], wanted: Document) -> list[Document]:
        """The cluster after a plan, or after some of its steps; as it was where the plan is refused."""
        state = state_of(documents)
        try:
            plan = api.plan(load(yaml.safe_dump(dict(wanted)).encode(), "spec.yaml"), Snapshot(state), version=CALICO)
        except RRPlanError:
            return documents
        way = list(states(plan, state))
        half = self.maybe(0.3)
        self.about.append("half way" if half else "done")
        after = way[self.random.randrange(len(way))] if half else way[-1]
        return [encode(resource) for resource in after]

    def _spec(self) -> dict[str, Any]:
        exposure = self.random.choice([BRIEF, BRIEF, BRIEF, None, "none"])
        policy = {"minReflectorsPerClient": 1, **({"exposure": exposure} if exposure else {})}
        common: dict[str, Any] = {
            "policy": policy,
            "drain": self.maybe(0.75) or None,
            "adopt": self.random.choice([None, "reflection", "reflection"]),
            "peering": self.random.choice([None, None, {"maxRestartTime": "60s"}, {"maxRestartTime": "none"}]),
        }
        if self.maybe(0.12):
            return spec(topology="full-mesh", **common)
        groups = self._groups()
        waves = {"waves": [2]} if self.maybe(0.15) else None
        return spec(topology="route-reflectors", groups=groups, rollout=waves, **common)

    def _groups(self) -> list[dict[str, Any]]:
        pool = self.names[:] if self.maybe(0.5) else self.random.sample(self.names, len(self.names))
        shape = self.random.choice(["one", "shares", "zones", "zones", "levels", "levels"])
        self.about.append(shape)

        def group(name: str, number: int, count: int) -> dict[str, Any]:
            chosen = [pool.pop(0) for _ in range(min(count, len(pool) - 1))] or pool[-1:]
            return {"name": name, "clusterID": f"10.0.{number}.1", "nodes": {"names": chosen}}

        if shape == "one":
            return [group("main", 0, self.random.choice([1, 2, 3]))]
        if shape == "shares":
            shared = group("main", 0, self.random.choice([2, 3, 4]))
            shared["reflectorsPerClient"] = self.random.choice([1, len(shared["nodes"]["names"]) // 2])
            groups = [shared]
        else:
            way = self.random.sample(self.zones, len(self.zones)) if self.maybe(0.3) else self.zones
            groups = [
                {**group(f"z{number}", number, 1), "clients": f"zone == '{zone}'"} for number, zone in enumerate(way, 1)
            ]
        if shape == "levels" or self.maybe(0.2):
            core = group("core", 9, self.random.choice([1, 2]))
            for below in groups:
                below |= {"parent": "core"} if self.maybe(0.9) else {}
            groups.append(core)
            if self.maybe(0.25):
                groups.append(group("apex", 8, 1))
                core["parent"] = "apex"
        return groups
