"""Which lines and branches the tests run, as a table: `python -m tests.soak.coverage SEED [PYTEST WORDS]`."""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.soak.lanes import ROOT

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def main() -> int:
    """The exit code of the tests; the table is for docs/reliability.md."""
    seed, *words = sys.argv[1:]
    tests = ["-m", "pytest", "-n", "auto", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}", *words]
    with tempfile.TemporaryDirectory(prefix="rrplan-coverage-") as name:
        data, report = Path(name) / "data", Path(name) / "report.json"
        environment = {**os.environ, "COVERAGE_FILE": str(data), "RRPLAN_PROFILE": "soak"}
        coverage = [sys.executable, "-m", "coverage"]
        code = subprocess.run([*coverage, "run", *tests], cwd=ROOT, env=environment, check=False).returncode
        for command in (["combine", "--quiet"], ["json", "--quiet", "-o", str(report)]):
            subprocess.run([*coverage, *command], cwd=ROOT, env=environment, check=True)
        sys.stdout.write(table(json.loads(report.read_text())["files"]))
    return code


def table(files: dict[str, dict[str, dict[str, int]]]) -> str:
    """Lines and branches of every package."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
    for path, told in files.items():
        parts = Path(path).parts[1:]
        room = f"{parts[0]}/" if len(parts) > 1 else "rrplan/*.py"
        for name in COUNTS:
            for key in (room, "all"):
                sums[key][name] += told["summary"][name]
    rows = [
        f"| {name} | {_share(one, *COUNTS[:2])} | {_share(one, *COUNTS[2:])} |" for name, one in sorted(sums.items())
    ]
    return "\n".join(["| | lines | branches |", "|---|---|---|", *rows]) + "\n"


def _share(one: dict[str, int], whole: str, part: str) -> str:
    return f"{one[part]} of {one[whole]} ({100 * one[part] / one[whole]:.0f} %)" if one[whole] else "none"


if __name__ == "__main__":
    sys.exit(main())
