"""Nobody sleeps: time is a port, and the machine's clock is its only implementation that waits."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLEEPERS = {
    "rrplan/adapters/local/clock.py": "the clock",
    "rrplan/adapters/kubernetes/lease.py": "a thread renews the lease until it is told to stop",
    "rrplan/rehearsal/agents.py": "a thread acts when something is due, or heard",
    "tests/bench/journey.py": "the time of a real run passes for the nodes too",
    "tests/bird/cases.py": "real BIRDs are watched",
    "tests/bird/measuring.py": "real BIRDs are watched",
    "tests/bird/paths.py": "real BIRDs are watched",
    "tests/crashes/test_live_two_at_once.py": "simulated time passes beside real processes",
    "tests/crashes/test_signals.py": "a real process gets its signals one by one",
    "tests/e2e/laboratory.py": "real daemons are watched",
    "tests/e2e/operator.py": "a real process is waited for",
    "tests/e2e/story.py": "real daemons are watched",
    "tests/real/agent.py": "real daemons are watched",
    "tests/real/calicoctl.py": "a write is late on purpose",
    "tests/real/etcd.py": "a real election is watched",
    "tests/real/kubelet.py": "a kubelet is slow, or silent, on purpose",
    "tests/real/proxy.py": "a reply is late on purpose",
    "tests/real/server.py": "real daemons are watched",
    "tests/real/test_calicoctl_words.py": "a write that is late on purpose is waited for",
    "tests/real/test_etcd.py": "a real election is waited for",
    "tests/unit/adapters/local/test_command.py": "a process is watched until it is gone",
    "tests/unit/runs/test_walk.py": "writes that take a while are made beside each other",
    "tests/unit/adapters/nodes/test_calico_node_status.py": "a first look waits for a second one, which must not come",
}
"""Who may wait on the machine's time, and why."""
WAITERS = {"asyncio", "multiprocessing", "threading"}
"""Modules with objects whose `wait` takes a time limit: waiting for what never comes is sleeping."""


def sleeps(source: str) -> list[int]:
    """The lines that name a function that sleeps, called or not.

    An alias (`wait = time.sleep`) names it too, so it is the reference that counts and not the call.
    """
    tree = ast.parse(source)
    modules, waiting = {"time", "asyncio"}, False
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname for alias in node.names if alias.name in ("time", "asyncio") and alias.asname}
            waiting |= any(alias.name.partition(".")[0] in WAITERS for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            waiting |= (node.module or "").partition(".")[0] in WAITERS
            if node.module in ("time", "asyncio") and {alias.name for alias in node.names} & {"sleep", "*"}:
                found.add(node.lineno)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            if node.attr == "sleep":
                found.add(node.lineno)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            named = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if isinstance(node.args[0], ast.Name) and node.args[0].id in modules and "sleep" in named:
                found.add(node.lineno)
    if waiting:
        found |= {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "wait"}
    return sorted(found)


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "import time\nwait = time.sleep\nwait(1)",
        "import time as t\nt.sleep(1)",
        "import time\npauses = [time.sleep]",
        "import time\ngetattr(time, 'sleep')(1)",
        "from time import sleep",
        "from time import monotonic, sleep as nap",
        "from time import *",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)",
        "import threading\nthreading.Event().wait(1)",
        "from threading import Event\npause = Event().wait",
    ],
)
def test_sleeping_is_seen(source: str) -> None:
    """Under whatever name."""
    assert sleeps(source)


@pytest.mark.parametrize(
    "source",
    [
        "import time\nnow = time.monotonic()",
        "def f(clock):\n    clock.sleep(1)",
        "import subprocess\nsubprocess.Popen(['true']).wait(5)",
        "import threading\nthreading.Event().set()",
    ],
)
def test_what_does_not_sleep_is_left_alone(source: str) -> None:
    """A clock that is handed in, a process that ends, an event that is set."""
    assert not sleeps(source)


def test_nobody_sleeps() -> None:
    """Only those that are listed, and all of those."""
    paths = [path for folder in ("rrplan", "tests") for path in (ROOT / folder).rglob("*.py")]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in paths}
    found = {name: lines for name, text in texts.items() if (lines := sleeps(text))}
    assert sorted(found) == sorted(SLEEPERS), found
