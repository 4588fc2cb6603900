"""Shared settings of the tests, and the real API servers that several of them need."""

import gc
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from tests.real.etcd import EtcdMembers
from tests.real.mixed import MixedCluster
from tests.real.parts import missing
from tests.real.server import RealServer
from tests.support.order import Groups, arrange, group

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("soak", deadline=None, derandomize=False, database=None, print_blob=True)
settings.load_profile(os.environ.get("RRPLAN_PROFILE", "ci"))

_running: list[Callable[[], None]] = []
FAST_SECONDS = 60
LIMITS = {"real": 900, "bird": 900, "crash": 300, "slow": 600}
"""Seconds that a test may take, by its mark; a test with several marks has the longest of them."""


def limit(marks: Iterable[str]) -> int:
    """Seconds that a test with these marks may take."""
    return max((LIMITS[mark] for mark in marks if mark in LIMITS), default=FAST_SECONDS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, and every test ends: what hangs fails, with the stack of every thread."""
    arrange(items)
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(limit(mark.name for mark in item.iter_markers())))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: to look through it again and again for garbage took a twelfth of the fast tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """What uses the same real server runs on the same worker, whatever `--dist` says."""
    return Groups(config, log)


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """A command that a test ran in this process leaves nothing behind that answers to signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def lacks(text: str) -> NoReturn:
    """Skip a test that needs a real part; where all parts are demanded, fail."""
    if os.environ.get("RRPLAN_REQUIRE_REAL"):
        pytest.fail(text)
    pytest.skip(text)


@contextmanager
def needed(stop: Callable[[], None]) -> Iterator[None]:
    """Something that runs beside tests, which `stop` ends after the last test that may ask for it."""
    _running.append(stop)
    yield
    if stop in _running:
        _running.remove(stop)
        stop()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """The groups that use real servers come first on every worker: after them no server takes time from other tests."""
    if nextitem is not None and not group(nextitem.nodeid):
        while _running:
            _running.pop()()


def _server(factory: pytest.TempPathFactory, crds: str) -> Iterator[RealServer]:
    lacking = missing()
    if lacking:
        lacks(f"no real API server; missing: {'; '.join(lacking)}")
    server = RealServer(factory.mktemp("server"), crds)
    with needed(server.stop):
        yield server


@pytest.fixture(scope="session")
def crd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A real API server with Calico's CRDs of group crd.projectcalico.org."""
    yield from _server(tmp_path_factory, "crd-v1.yaml")


@pytest.fixture(scope="session")
def v3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A real API server with native projectcalico.org/v3 CRDs, which validate (Calico v3.32 and later)."""
    yield from _server(tmp_path_factory, "native-v3.yaml")


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """A real API server that knows nothing of Calico, as where Calico keeps its resources in etcd."""
    yield from _server(tmp_path_factory, "")


@pytest.fixture(scope="session")
def mixed_cluster(plain_server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MixedCluster]:
    """That server, and a real etcd where Calico keeps its resources."""
    etcd = EtcdMembers(tmp_path_factory.mktemp("etcd"))
    made = MixedCluster(plain_server, etcd)
    with needed(etcd.stop), needed(made.stop):
        yield made
