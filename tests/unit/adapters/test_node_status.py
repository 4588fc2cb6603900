"""Questions by CalicoNodeStatus that are asked at once."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from rrplan.adapters.api_server import JSON, ApiServer
from rrplan.adapters.clock import SystemClock
from rrplan.adapters.node_status import NodeStatuses
from rrplan.ids import NodeName

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
