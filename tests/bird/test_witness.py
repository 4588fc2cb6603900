"""What makes a change of a route wait is seen."""

import time

import pytest

from rrplan.adapters.local.clock import SystemClock
from rrplan.ids import NodeName
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.namespaces import Host, Network
from rrplan.rehearsal.witness import LONG_SECONDS, Stall, Witness
from tests.bird.laboratory import lacking
from tests.conftest import lacks

pytestmark = [pytest.mark.bird, pytest.mark.slow]
HOSTS = [Host(NodeName(f"n{number}"), [f"10.0.0.{number}"], [], number) for number in range(1, 11)]
TIMES = 5


def _beside_others() -> tuple[list[Stall], float, float]:
    """What a witness says while networks come and go, from when to when it looked.

    The kernel removes a network some time after it was closed.
    """
    network = Network.build(HOSTS[:1])
    began = time.monotonic()
    witness = Witness(network.bridge)
    for _ in range(TIMES):
        Network.build(HOSTS).close()
    SystemClock().sleep(0.5)
    stalls = witness.end()
    ended = time.monotonic()
    network.close()
    return stalls, began, ended


def test_networks_that_come_and_go() -> None:
    """They hold the lock of all routing tables of the machine; each wait lies in the time in which we looked."""
    if missing := lacking():
        lacks(f"no laboratory; missing: {'; '.join(missing)}")
    stalls, began, ended = isolated(_beside_others)
    assert stalls
    assert all(stall.seconds > LONG_SECONDS for stall in stalls)
    assert all(began <= stall.began <= stall.began + stall.seconds <= ended for stall in stalls)
