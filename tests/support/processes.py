"""The command line in processes of its own, on a sandbox."""

import subprocess
import sys
from pathlib import Path

from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture
from tests.support.bench import SPEC


def rrplan(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run([sys.executable, "-m", "rrplan", *words], capture_output=True, text=True, check=False)


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
