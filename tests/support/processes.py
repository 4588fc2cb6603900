"""The command line in processes of its own, on a sandbox."""

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture
from tests.support.bench import SPEC
from tests.support.warm import WarmProcess


@lru_cache(maxsize=1)
def _warm(_pid: int) -> WarmProcess:
    """One for each process that asks: a child may be in a network of its own."""
    return WarmProcess()


def rrplan(
    *words: str,
    folder: Path | None = None,
    typed: str = "",
    env: Mapping[str, str] | None = None,
    module: str = "rrplan",
) -> subprocess.CompletedProcess[str]:
    """`rrplan WORDS`, or those of another module, in a process of its own; `env` is all of its environment."""
    env = os.environ if env is None else env
    warm = _warm(os.getpid())
    if warm.fits(env):
        return warm.run(module, words, folder or Path.cwd(), typed, env)
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=folder, input=typed, env=env, capture_output=True, text=True, check=False)


def prepared(path: Path) -> tuple[Path, Path]:
    """A sandbox of 12 nodes and a spec."""
    spec = path / "spec.yaml"
    spec.write_text(SPEC)
    made = rrplan("sandbox", str(path / "cluster"), "--nodes", "12")
    assert made.returncode == 0, made.stderr
    return path / "cluster", spec


def end(cluster: Path) -> dict[str, object]:
    """The objects of a sandbox, without pods (an eviction is not taken back)."""
    state = capture(Sandbox.open(cluster)).state
    return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}
