"""Durations do not care when somebody sets the date."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from rrplan.adapters.kubernetes.lease import LeaseLock
from rrplan.adapters.kubernetes.runs import GIVE_UP_SECONDS, ClusterLog
from rrplan.adapters.local.clock import SystemClock, timestamp
from rrplan.adapters.nodes.calico_node_status import ANSWER_SECONDS, NoAnswer, NodeStatuses
from rrplan.errors import DatastoreTimeout, JournalUnwritable, LockHeldError
from rrplan.ids import NodeName
from tests.support import JumpingClock
from tests.unit.adapters.memory_server import MemoryServer

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/rrplan"


def test_system_clock() -> None:
    """Seconds come from the monotonic clock, the date is in UTC."""
    clock = SystemClock()
    before = time.monotonic()

    assert before <= clock.now() <= time.monotonic()
    assert abs(clock.wall() - datetime.now(UTC)) < timedelta(minutes=1)
    assert timestamp(datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC)) == "2026-02-03T04:05:06Z"


def held(server: MemoryServer) -> None:
    """Somebody holds the lease."""
    spec = {"holderIdentity": "bob", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00Z"}
    server.objects[LEASE] = {"metadata": {"name": "rrplan", "resourceVersion": "1"}, "spec": spec}


def test_living_holder_is_not_taken_for_dead() -> None:
    """A holder that renews every ten seconds keeps its lease, whatever the date does meanwhile."""
    server, clock = MemoryServer(), JumpingClock()
    held(server)

    def renew(_method: str, _path: str) -> None:
        if clock.now() >= 1010:
            server.objects[LEASE]["spec"]["renewTime"] = "2026-01-01T00:00:10Z"

    server.before = renew
    lock = LeaseLock(server, clock, lambda _notice: None)

    assert lock.alive()
    assert sum(clock.waits) == 10


def test_dead_holder_is_watched_for_its_whole_lease() -> None:
    """A lease that nobody renews is free after its 15 s of watching: no earlier, no later."""
    server, clock = MemoryServer(), JumpingClock()
    held(server)
    lock = LeaseLock(server, clock, lambda _notice: None)

    lock.acquire({"who": "ada", "where": "here", "run": "r1"})

    assert sum(clock.waits) == 15
    lock.release()


def test_renewed_lease_is_sure_for_half_its_length() -> None:
    """Who renewed asks nobody for 7.5 s; after that the server is asked who holds it."""
    server, clock = MemoryServer(), JumpingClock()
    lock = LeaseLock(server, clock, lambda _notice: None)
    lock.acquire({"who": "ada", "where": "here", "run": "r1"})
    held(server)
    clock.sleep(7)
    lock.confirm()
    clock.sleep(1)

    with pytest.raises(LockHeldError, match="this run lost its lock to bob"):
        lock.confirm()
    lock.release()


def test_journal_in_the_cluster_waits_its_time() -> None:
    """Five minutes of trying are five minutes."""
    server, clock = MemoryServer(), JumpingClock()

    def away(method: str, _path: str) -> None:
        raise DatastoreTimeout(f"no reply to {method}")

    server.before = away
    log = ClusterLog(server, clock, "r1")

    with pytest.raises(JournalUnwritable):
        log.append(b"{}\n", durable=True)
    assert sum(clock.waits) == GIVE_UP_SECONDS


def test_node_gets_its_time_to_answer() -> None:
    """A node that says nothing is waited for as long as any other."""
    server, clock = MemoryServer(), JumpingClock()

    with pytest.raises(NoAnswer, match=r"n1 did not answer CalicoNodeStatus within 15 s"):
        NodeStatuses(server, "projectcalico.org/v3", clock).ask(NodeName("n1"))
    assert sum(clock.waits) == ANSWER_SECONDS
