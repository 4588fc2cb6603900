"""CalicoNodeStatus: what calico-node itself reports of its sessions and routes (v3.21 and later).

A fresh object for each question, deleted after the answer: an old one is not written again while nothing changes,
so its age says nothing (node/pkg/status/reporter.go).
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.nodes.ends import DEVICE, End, SeenSession
from rrplan.errors import DatastoreError, DatastoreRefused
from rrplan.ids import NodeName
from rrplan.ports import Clock
from rrplan.retry import Patience, retry

AT_ONCE = 9
"""Docs of CalicoNodeStatus: made for fewer than ten nodes at a time."""
ANSWER_SECONDS = 15
POLL_SECONDS, LONGEST_POLL_SECONDS = 1, 4
"""Between the first two looks for the answer, and later: each look is a request."""
LABELS = {"app.kubernetes.io/managed-by": "rrplan"}
FAMILIES = {"ipv4": "V4", "ipv6": "V6"}
NOWHERE = ("blackhole", "unreachable")


class NotServed(DatastoreRefused):
    """The cluster is too old for the kind."""


class NoAnswer(DatastoreRefused):
    """The calico-node of a node did not report within ANSWER_SECONDS."""


class NodeStatuses:
    """Asks nodes; a cluster that does not serve the kind is asked once."""

    def __init__(self, server: ApiServer, group: str, clock: Clock) -> None:
        self._server = server
        self._group = group
        self._clock = clock
        self._path = collection("CalicoNodeStatus", calico=group)
        self._room = threading.Semaphore(AT_ONCE)
        self._begins = threading.Lock()
        self._served: bool | None = None

    def ask(self, node: NodeName) -> Mapping[str, End]:
        """What the node reports, by family; raises NotServed, NoAnswer, or DatastoreRefused."""
        # One at a time: what the first removes as left behind could be the question that another has just asked.
        with self._begins:
            if self._served is None:
                self._served = self._begin()
        if not self._served:
            raise NotServed("this cluster does not serve CalicoNodeStatus (Calico v3.21 and later do)")
        name = f"rrplan-{uuid.uuid4().hex[:12]}"
        body = {
            "apiVersion": self._group,
            "kind": "CalicoNodeStatus",
            "metadata": {"name": name, "labels": LABELS},
            "spec": {"node": node, "classes": ["Agent", "BGP", "Routes"], "updatePeriodSeconds": 10},
        }
        with self._room:
            self._server.create(self._path, body)
            try:
                return ends_of(self._answer(name, node))
            finally:
                self._remove(name)

    def _begin(self) -> bool:
        """Whether the kind is served; what a run that died left behind is removed."""
        if self._server.get(self._path, limit="1") is None:
            return False
        for item in self._server.listed(self._path, dict, labelSelector="app.kubernetes.io/managed-by=rrplan"):
            self._remove(str(item["metadata"]["name"]))
        return True

    def _remove(self, name: str) -> None:
        # What cannot be removed now is removed by the next run.
        with suppress(DatastoreError):
            self._server.delete(f"{self._path}/{name}", "")

    def _answer(self, name: str, node: NodeName) -> Mapping[str, Any]:
        def read() -> Mapping[str, Any]:
            status: Mapping[str, Any] = (self._server.get(f"{self._path}/{name}") or {}).get("status") or {}
            if not status.get("lastUpdated"):
                raise NoAnswer(f"{node} did not answer CalicoNodeStatus within {ANSWER_SECONDS} s")
            return status

        return retry(read, NoAnswer, Patience(self._clock, ANSWER_SECONDS, POLL_SECONDS, LONGEST_POLL_SECONDS))


def ends_of(status: Mapping[str, Any]) -> dict[str, End]:
    """What a status says, by family; a family without BIRD is left out."""
    ends: dict[str, End] = {}
    for family, suffix in FAMILIES.items():
        agent = (status.get("agent") or {}).get(f"bird{suffix}") or {}
        peers = (status.get("bgp") or {}).get(f"peers{suffix}") or []
        if agent.get("state") != "Ready" and not peers:
            continue
        sessions: dict[str, SeenSession] = {}
        mesh: dict[str, SeenSession] = {}
        for peer in peers:
            # BIRD's other states (`Passive`, `Down`) come as "" (calico-bgp: peer state enum).
            state = str(peer.get("state") or "not up")
            session = SeenSession(state == "Established", state)
            alike, address = mesh if peer.get("type") == "NodeMesh" else sessions, str(peer.get("peerIP"))
            # Of two to one address, on different ports, one may be up.
            if address not in alike or session.established:
                alike[address] = session
        table = (status.get("routes") or {}).get(f"routes{suffix}")
        held_back = _held_back(status, suffix)
        ends[family] = End(held_back, sessions, mesh, _routes(table), None if table is None else _own(table))
    return ends


def _held_back(status: Mapping[str, Any], suffix: str) -> bool:
    """Whether BIRD announces nothing yet over some session that says Established.

    The numbers count sessions in state `up`; one that waits for the end of a graceful-restart recovery is in `wait`,
    and one that has not sent its routes yet in `feed` (node/pkg/status/populators/bgp.go, v3.21 to v3.32).
    """
    bgp = status.get("bgp") or {}
    number = bgp.get(f"numberEstablished{suffix}")
    says = sum(peer.get("state") == "Established" for peer in bgp.get(f"peers{suffix}") or [])
    return isinstance(number, int) and number < says


def _routes(routes: list[Mapping[str, Any]] | None) -> dict[str, dict[str, str]] | None:
    if routes is None:
        return None
    by_sender: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for route in routes:
        by_sender[_sender(route)][str(route.get("destination"))] = _gateway(route)
    return dict(by_sender)


def _own(routes: list[Mapping[str, Any]]) -> dict[str, str]:
    """What came over no session and has no next hop; `interface` is a name, `blackhole` or `unreachable`."""
    targets: dict[str, str] = {}
    for route in routes:
        prefix = str(route.get("destination"))
        if not _sender(route) and not _gateway(route) and targets.get(prefix, DEVICE) == DEVICE:
            where = str(route.get("interface"))
            targets[prefix] = where if where in NOWHERE else DEVICE
    return targets


def _sender(route: Mapping[str, Any]) -> str:
    return str((route.get("learnedFrom") or {}).get("peerIP") or "")


def _gateway(route: Mapping[str, Any]) -> str:
    """The next hop; "" where there is none (node/pkg/status/populators/route.go writes `N/A`)."""
    gateway = str(route.get("gateway") or "")
    return "" if gateway == "N/A" else gateway
