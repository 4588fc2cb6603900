"""The scenario folders: a cluster, a spec, and what is expected of them."""

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"
SCENARIOS = sorted(path for path in FOLDER.iterdir() if path.is_dir())


def parts(folder: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    """Cluster, spec and expectation of a scenario."""
    expect: dict[str, Any] = yaml.safe_load((folder / "expect.yaml").read_text())
    return (folder / "cluster.yaml").read_bytes(), (folder / "spec.yaml").read_bytes(), expect
