"""`make bench`: planning, applying and start-up, in processes of their own, beside a peer in the same run.

`python -m tests.bench [--full] [PART...]`; with `--full` Terraform applies 5,000 resources too (many minutes).
Wall and CPU are seconds, memory is the peak of the process in MB (`wait4`).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import log, log2
from pathlib import Path

from rrplan.cli.main import VERBS

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
RRPLAN = [sys.executable, "-m", "rrplan"]

SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: bench}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups:
    - name: main
      nodes:
        selector: role == 'rr'
        count: 6
        spreadOver: topology.kubernetes.io/zone
  drain: true
"""
WAVES = SPEC + "  dedicated: true\n  rollout: {waves: [10%, 40%]}\n"


PARTS = {
    "switches_by_node": 500,
    "racks_with_switches": 100,
    "racks_with_systems": 100,
    "racks_to_reflectors": 50,
    "nodes_with_systems": 100,
    "groups": 50,
    "groups_below_three": 50,
    "zones": 200,
    "three_peers_of_each_node": 900,
}
"""How many of its hard things each shape of `tests.bench.shapes` has here."""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    wall: float
    cpu: float
    memory: float


def cost(command: list[str], folder: Path, codes: Iterable[int] = (0,)) -> Cost:
    """Run a command to its end and measure it; a surprising exit code ends the benchmark with its output."""
    with (folder / "output").open("w+b") as output:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in codes:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {child.returncode}:\n{output.read()[-2000:].decode()}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def row(name: str, size: object, one: Cost, ratio: str = "") -> None:
    """One line of the table."""
    print(f"{name:<34} {size!s:>7} {one.wall:>9.2f} {one.cpu:>9.2f} {one.memory:>9.0f}  {ratio}", flush=True)


def package(folder: Path) -> None:
    """How large the wheel is, and what an installation of it takes without its dependencies."""
    wheels = folder / "wheels"
    words = [
        *("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"),
        str(wheels),
        str(Path(__file__).parents[2]),
    ]
    built = cost([sys.executable, *words], folder)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        unpacked = sum(file.file_size for file in archive.infolist())
    row("the wheel, built", "", built, f"{wheel.stat().st_size / 1000:.0f} kB, unpacked {unpacked / 1000:.0f} kB")


def startup(folder: Path) -> None:
    """`rrplan --help` and the help of every verb beside the bare interpreter, the best of ten and of five."""
    bare = min((cost([sys.executable, "-c", "pass"], folder) for _ in range(10)), key=lambda one: one.wall)
    script = shutil.which("rrplan", path=str(Path(sys.executable).parent)) or "rrplan"
    helped = min((cost([script, "--help"], folder) for _ in range(10)), key=lambda one: one.wall)
    row("python -c pass", "", bare)
    row("rrplan --help", "", helped, f"+{(helped.wall - bare.wall) * 1000:.0f} ms over the bare interpreter")
    for verb in VERBS:
        one = min((cost([script, verb, "--help"], folder) for _ in range(5)), key=lambda each: each.wall)
        more = f"{one.wall / bare.wall:.1f}x the bare interpreter, +{(one.wall - bare.wall) * 1000:.0f} ms"
        row(f"rrplan {verb} --help", "", one, more)


def planning(folder: Path, sizes: Iterable[int]) -> None:
    """Plan and prove from a snapshot file, the whole command."""
    (folder / "spec.yaml").write_text(SPEC)
    before: tuple[int, Cost] | None = None
    for size in sizes:
        # In processes of their own: a child starts with the peak memory of its parent.
        cost([*RRPLAN, "sandbox", f"plain-{size}", "--nodes", str(size)], folder)
        cost([*RRPLAN, "snapshot", "--sandbox", f"plain-{size}", "--out", "snapshot.json"], folder)
        shutil.rmtree(folder / f"plain-{size}")
        one = cost([*RRPLAN, "plan", "spec.yaml", "--snapshot", "snapshot.json", "--out", "plan.json"], folder)
        ratio = ""
        if before is not None:
            ratio = exponent(before[0], before[1], size, one)
        row("rrplan plan (nodes)", size, one, ratio)
        before = (size, one)


def reporting(folder: Path, sizes: Iterable[int]) -> None:
    """Write the page of a plan from its snapshot, and open it in Chromium where there is one."""
    (folder / "report.yaml").write_text(SPEC)
    for size in sizes:
        cost([*RRPLAN, "sandbox", f"report-{size}", "--nodes", str(size)], folder)
        cost([*RRPLAN, "snapshot", "--sandbox", f"report-{size}", "--out", "report.snapshot"], folder)
        shutil.rmtree(folder / f"report-{size}")
        words = ["plan", "report.yaml", "--snapshot", "report.snapshot", "--out", "report.json"]
        planned = cost([*RRPLAN, *words], folder)
        words = ["report", "report.json", "--snapshot", "report.snapshot", "--out", "report.html"]
        one = cost([*RRPLAN, *words], folder)
        kilobytes = (folder / "report.html").stat().st_size / 1000
        row("rrplan report (nodes)", size, one, f"{kilobytes:.0f} kB; {one.cpu / planned.cpu:.1f}x CPU of its planning")
        chromium = shutil.which("chromium")
        if chromium:
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
            address = (folder / "report.html").as_uri()
            empty = min((cost([chromium, *flags, "about:blank"], folder) for _ in range(3)), key=lambda each: each.wall)
            opened = min((cost([chromium, *flags, address], folder) for _ in range(3)), key=lambda each: each.wall)
            row("  opened in Chromium", size, opened, f"{opened.wall - empty.wall:.2f} s more than an empty page")


def exponent(before: int, then: Cost, size: int, now: Cost) -> str:
    """By which power of the size the CPU seconds have grown."""
    return f"exponent {log(now.cpu / then.cpu) / log(size / before):.1f}"


def many(folder: Path, sizes: Iterable[int]) -> None:
    """The same with 60 reflectors in 20 zones, reading the file included."""
    before: tuple[int, Cost] | None = None
    for size in sizes:
        cost([sys.executable, "-c", f"from tests.bench.shapes import write_plain; write_plain({size})"], folder)
        one = cost([*RRPLAN, "plan", "many.yaml", "--snapshot", "snapshot.json", "--out", "plan.json"], folder)
        row("rrplan plan, 60 reflectors (nodes)", size, one, exponent(*before, size, one) if before else "")
        before = size, one


def structures(folder: Path, sizes: Iterable[int]) -> None:
    """Plan and prove clusters whose structure is hard; the exponent is that of CPU seconds over twice the parts."""
    for size in sizes:
        for name, parts in PARTS.items():
            before: Cost | None = None
            for some in (parts // 4, parts // 2, parts):
                one = cost([sys.executable, "-m", "tests.bench.shapes", name, str(size), str(some)], folder)
                if before:
                    ratio = one.cpu / before.cpu
                    row(f"{name} ({some} parts)", size, one, f"{ratio:.1f}x CPU, exponent {log2(ratio):.1f}")
                before = one


def applying(folder: Path, sizes: Iterable[int]) -> dict[int, Cost]:
    """Apply a plan whose clients move in waves, two writes per node, journal on disk; costs by thousands of writes."""
    (folder / "waves.yaml").write_text(WAVES)
    costs: dict[int, Cost] = {}
    before: tuple[int, Cost] | None = None
    for size in sizes:
        cluster = folder / f"sandbox-{size}"
        cost([*RRPLAN, "sandbox", str(cluster), "--nodes", str(size)], folder)
        cost([*RRPLAN, "plan", "waves.yaml", "--sandbox", str(cluster), "--out", "waves.json"], folder)
        one = cost([*RRPLAN, "apply", "waves.json", "--sandbox", str(cluster), "--auto-approve"], folder)
        writes = len(json.loads((folder / "waves.json").read_text())["resource_changes"])
        row("rrplan apply (writes)", writes, one, exponent(*before, writes, one) if before else "")
        before = writes, one
        costs[round(writes, -3)] = one
        shutil.rmtree(cluster)
    return costs


def terraform(folder: Path, sizes: Iterable[int], ours: dict[int, Cost]) -> None:
    """The same number of trivial resources planned and applied by Terraform, where it is installed."""
    program = shutil.which("terraform")
    if program is None:
        print("terraform is not on PATH: no peer in this run")
        return
    for size in sizes:
        place = folder / f"terraform-{size}"
        place.mkdir()
        (place / "main.tf").write_text(
            "".join(f'resource "terraform_data" "r{number}" {{ input = {number} }}\n' for number in range(size))
        )
        cost([program, "init", "-input=false", "-no-color"], place)
        row("terraform plan (resources)", size, cost([program, "plan", "-out=plan", "-no-color"], place))
        one = cost([program, "apply", "-no-color", "plan"], place)
        ratio = f"{one.wall / ours[size].wall:.1f}x rrplan" if size in ours else ""
        row("terraform apply (resources)", size, one, ratio)
        shutil.rmtree(place)


def main() -> None:
    """The whole table, or parts of it."""
    words = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parts: dict[str, Callable[[Path], None]] = {
        "package": package,
        "startup": startup,
        "planning": lambda folder: planning(folder, (120, 1_000, 5_000, 20_000)),
        "reporting": lambda folder: reporting(folder, (120, 5_000)),
        "many": lambda folder: many(folder, (20_000, 100_000)),
        "structures": lambda folder: structures(folder, (1_000, 5_000)),
        "applying": lambda folder: terraform(
            folder, (1_000, 5_000) if full else (1_000,), applying(folder, (500, 2_500, 10_000))
        ),
    }
    words.add_argument("--full", action="store_true", help="let Terraform apply 5,000 resources too")
    words.add_argument("parts", nargs="*", metavar="PART", help=f"some parts alone: {', '.join(parts)}")
    options = words.parse_args()
    full = options.full
    if unknown := {*options.parts} - parts.keys():
        words.error(f"there is no part {', '.join(sorted(unknown))}")
    print(f"{'what':<34} {'size':>7} {'wall s':>9} {'CPU s':>9} {'peak MB':>9}  ratio")
    with tempfile.TemporaryDirectory(prefix="rrplan-bench-") as name:
        for part in options.parts or parts:
            parts[part](Path(name))


if __name__ == "__main__":
    main()
