"""Questions by CalicoNodeStatus that are asked at once."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from rrplan.adapters.kubernetes.server import JSON, ApiServer
from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.calico_node_status import NodeStatuses, ends_of
from rrplan.ids import NodeName

TWICE = (("NodePeer", "Established"), ("GlobalPeer", "Active"))
BESIDE_SECONDS = 0.3
"""How long the first look waits for a second one beside it."""


class Answering(ApiServer):
    """Answers every question at once; two first looks at what is left behind meet, if both are made."""

    def __init__(self) -> None:
        self._meeting = threading.Barrier(2)
        self._asked: dict[str, Any] = {}
        self.looks = 0

    def get(self, path: str, *, accept: str = JSON, **query: str) -> dict[str, Any] | None:
        """A first look, or an answer."""
        if query:
            self.looks += 1
            with suppress(threading.BrokenBarrierError):
                self._meeting.wait(BESIDE_SECONDS)
            return {}
        agent = {"birdV4": {"state": "Ready"}}
        return {"status": {"lastUpdated": "now", "agent": agent}} if path.rpartition("/")[2] in self._asked else None

    def items(self, path: str, *, accept: str = JSON, **query: str) -> Iterator[dict[str, Any]]:
        """Everything that was asked and is not removed."""
        return iter(list(self._asked.values()))

    def create(
        self, path: str, body: Mapping[str, Any], *, manager: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """A question."""
        self._asked[body["metadata"]["name"]] = dict(body)
        return {}

    def delete(self, path: str, version: str, *, dry_run: bool = False) -> None:
        """It is removed."""
        self._asked.pop(path.rpartition("/")[2], None)


def test_what_is_left_behind_is_looked_for_once() -> None:
    """A second look would remove the questions that were asked after the first one."""
    server = Answering()
    statuses = NodeStatuses(server, "crd.projectcalico.org/v1", SystemClock())
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(statuses.ask, [NodeName("a"), NodeName("b")]))
    assert server.looks == 1
    assert [list(answer) for answer in answers] == [["ipv4"], ["ipv4"]]


def test_routes_without_next_hop() -> None:
    """calico-node writes `N/A` for a gateway, and BIRD's word or a name for the interface."""
    kernel, static, direct = ({"sourceType": kind} for kind in ("Kernel", "Static", "Direct"))
    reflector = {"sourceType": "BGPPeer", "peerIP": "10.0.0.9"}
    rows = [
        ("10.244.1.0/26", "N/A", "blackhole", static),
        ("10.244.1.0/32", "N/A", "tunl0", direct),
        ("10.244.2.0/26", "10.0.0.2", "eth0", reflector),
        ("10.244.3.0/26", "N/A", "unreachable", reflector),
        ("0.0.0.0/0", "10.0.0.254", "eth0", kernel),
    ]
    names = ("destination", "gateway", "interface", "learnedFrom")
    routes = [dict(zip(names, row, strict=True)) for row in rows]
    end = ends_of({"agent": {"birdV4": {"state": "Ready"}}, "routes": {"routesV4": routes}})["ipv4"]
    assert end.own == {"10.244.1.0/26": "blackhole", "10.244.1.0/32": "dev"}
    assert end.routes is not None
    assert end.routes["10.0.0.9"] == {"10.244.2.0/26": "10.0.0.2", "10.244.3.0/26": ""}


def test_a_bird_that_holds_sessions_back_is_in_recovery() -> None:
    """calico-node counts sessions in state `up`: of two that say Established, one waits for the recovery to end."""
    peers = [{"peerIP": f"10.0.0.{number}", "type": "NodePeer", "state": "Established"} for number in (8, 9)]

    def recovering(**numbers: int) -> bool:
        bgp = {"peersV4": peers, **numbers}
        return ends_of({"agent": {"birdV4": {"state": "Ready"}}, "bgp": bgp})["ipv4"].recovering

    assert recovering(numberEstablishedV4=1)
    assert not recovering(numberEstablishedV4=2)
    assert not recovering(numberEstablishedV6=0)


def test_of_two_sessions_to_one_address_the_one_that_is_up_counts() -> None:
    """On different ports both are rendered; which of them is reported last says nothing."""
    up, waiting = ({"peerIP": "10.0.0.9", "type": kind, "state": state} for kind, state in TWICE)
    for peers in ([up, waiting], [waiting, up]):
        end = ends_of({"agent": {"birdV4": {"state": "Ready"}}, "bgp": {"peersV4": peers}})["ipv4"]
        assert end.sessions["10.0.0.9"].established
