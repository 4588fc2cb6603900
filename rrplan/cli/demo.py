"""`rrplan demo`: the whole story, on a cluster of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import click

SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups:
    - name: main
      nodes:
        selector: role == 'rr'
        count: 6
        spreadOver: topology.kubernetes.io/zone
  dedicated: true
  drain: true
  rollout: {bake: 30s}
  policy: {zoneResilience: true}
"""


@click.command("demo")
@click.option("--keep", metavar="DIR", help="Keep the sandbox in a directory.")
@click.option("--pace", default=0.02, help="Real seconds per simulated second.")
def command(keep: str | None, pace: float) -> None:
    """Watch a 120-node dual-stack cluster move from the mesh to route reflectors, fail once, and come back."""
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        _story(Path(keep), pace)
        return
    with tempfile.TemporaryDirectory(prefix="rrplan-demo-") as directory:
        _story(Path(directory), pace)


def _story(directory: Path, pace: float) -> None:
    spec, plan = directory / "spec.yaml", directory / "plan.json"
    spec.write_text(SPEC)
    for name, faults in (("one", []), ("two", ["--fault", "session-never-up=rr-3"])):
        _title(
            "1. A cluster of 120 nodes, every node peering with every other"
            if name == "one"
            else "4. The same once more, but the sessions of rr-3 never come up"
        )
        sandbox = directory / name
        _run(["sandbox", str(sandbox)])
        if name == "one":
            click.echo("sessions in the mesh: 120 x 119 x 2 families = 28560 session ends")
            _title("2. The plan, and why it is safe")
            _run(["plan", str(spec), "--sandbox", str(sandbox), "--out", str(plan)], tail=24)
            click.echo("sessions through 6 reflectors: 114 x 6 x 2 x 2 + 6 x 5 x 2 = 2796 session ends")
            _title("3. Apply exactly that plan")
        _run(["apply", str(plan), "--sandbox", str(sandbox), "--auto-approve", "--pace", str(pace), *faults])
        if name == "one":
            _run(["routes", "--sandbox", str(sandbox), "--from", "node-007", "--to", "node-011"])
            _run(["plan", str(spec), "--sandbox", str(sandbox)], tail=1)
        else:
            click.echo("every write was taken back; the mesh carried all routes throughout:")
            _run(["routes", "--sandbox", str(sandbox)])
    _title("5. The process is killed in the middle (kill -9), and resumed")
    sandbox = directory / "three"
    _run(["sandbox", str(sandbox)])
    kill = ["--fault", "kill-after-entry=45"]
    _run(["apply", str(plan), "--sandbox", str(sandbox), "--auto-approve", "--pace", str(pace), *kill], tail=3)
    _run(["resume", "--sandbox", str(sandbox), "--pace", str(pace)])
    _title("Where to look next")
    click.echo("rrplan sessions -f YOUR.yaml        the sessions that your cluster should have")
    click.echo("rrplan plan SPEC -f YOUR.yaml       a plan for your cluster; nothing is written")
    click.echo("docs/guide.md                       the spec, the gates, the run")


def _title(text: str) -> None:
    click.echo(f"\n== {text}\n")


def _run(words: list[str], tail: int = 0) -> None:
    """Run one verb in a process of its own, as a reader would, and show what it prints (the last lines of it)."""
    shown = [Path(word).name if word.startswith("/") else word for word in words]
    click.echo(f"$ rrplan {' '.join(shown)}")
    done = subprocess.run(
        [sys.executable, "-m", "rrplan", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if tail and len(lines) > tail:
        click.echo(f"[{len(lines) - tail} lines above]")
        lines = lines[-tail:]
    for line in lines:
        click.echo(line)
