"""`rrplan demo`: the whole story, on a cluster of its own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from rrplan.adapters.local.files import read_bytes
from rrplan.cli.say import say
from rrplan.text import wrapped

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


UCP_SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: ucp}
spec:
  topology: route-reflectors
  flavor: standalone
  standalone: {platform: ucp}
  groups:
    - name: main
      nodes: {names: [rr-1, rr-2]}
  drain: true
"""

WIDTH = 80


@click.command("demo")
@click.option("--keep", metavar="DIR", help="Keep the embedded clusters, the spec and the plan in a directory.")
@click.option("--pace", default=0.02, show_default=True, help="Real seconds per simulated second.")
@click.option("--ucp", is_flag=True, help="A cluster like one of Docker Enterprise UCP, and standalone reflectors.")
def command(keep: str | None, pace: float, *, ucp: bool) -> None:
    """Watch a 120-node dual-stack cluster move from the mesh to route reflectors, fail once, and come back."""
    with tempfile.TemporaryDirectory(prefix="rrplan-demo-") as directory:
        place = Path(keep or directory)
        place.mkdir(parents=True, exist_ok=True)
        story = _Story(place, pace)
        if ucp:
            story.tell_ucp()
        else:
            story.tell()


class _Story:
    """Verbs run in processes of their own, in one directory, as a reader would run them."""

    def __init__(self, directory: Path, pace: float) -> None:
        self.directory = directory
        self.apply = ["apply", "plan.json", "--auto-approve", "--pace", str(pace)]
        self.resume = ["resume", "--pace", str(pace)]

    def tell(self) -> None:
        """Show the way to reflectors, a failure that undoes itself, a crash, and the way back."""
        from rrplan.plans import read_plan
        from rrplan.render.proof import outside_lines, proof_lines
        from rrplan.render.words import totals

        (self.directory / "spec.yaml").write_text(SPEC)
        _title("1. A cluster of 120 nodes; every node peers with every other")
        self._run("sandbox", "one")
        self._run("sessions", "--sandbox", "one", "--summary")

        _title("2. The plan: six route reflectors in three zones, then the mesh off")
        self._show("spec.yaml", SPEC)
        self._run("plan", "spec.yaml", "--sandbox", "one", "--out", "plan.json", quiet=True)
        plan, _ = read_plan(read_bytes(self.directory / "plan.json"), "plan.json")
        say(_paragraph(totals(plan)))
        say("Why no route is lost:")
        for line in proof_lines(plan, outside_lines(plan)):
            say(_paragraph(line, "  - "))
        say("All of it, with the reason of every step: rrplan show plan.json\n")

        _title("3. Apply exactly that plan; every step waits for the routes themselves")
        self._run(*self.apply, "--sandbox", "one")
        self._run("sessions", "--sandbox", "one", "--summary")
        self._run("routes", "--sandbox", "one", "--from", "node-007", "--to", "node-011")
        self._run("plan", "spec.yaml", "--sandbox", "one")

        _title("4. Once more, but the sessions of rr-3 never come up")
        self._run("sandbox", "two", quiet=True)
        self._run(*self.apply, "--sandbox", "two", "--fault", "session-never-up=rr-3")
        self._run("routes", "--sandbox", "two")

        _title("5. Once more, but the process is killed in the middle (kill -9)")
        self._run("sandbox", "three", quiet=True)
        self._run(*self.apply, "--sandbox", "three", "--fault", "kill-after-entry=49")
        self._run(*self.resume, "--sandbox", "three")
        self._run("routes", "--sandbox", "three")

        _title("Where to look next")
        say("rrplan sessions -f YOUR.yaml     the sessions that your cluster should have")
        say("rrplan plan SPEC -f YOUR.yaml    a plan for your cluster; nothing is written")
        say("docs/guide.md                    the spec, the gates, the run")

    def tell_ucp(self) -> None:
        """Show the documented procedure of UCP, in an order that loses no route, and its undo."""
        from rrplan.adapters.local.runs import RunDirectory
        from rrplan.plans import read_plan
        from rrplan.render.proof import outside_lines, proof_lines

        (self.directory / "spec.yaml").write_text(UCP_SPEC)
        _title("1. A UCP cluster: Calico v3.8 with etcd, 3 managers, 120 workers, 2 nodes meant to reflect")
        self._run("sandbox", "ucp", "--ucp")
        self._run("sessions", "--sandbox", "ucp", "--summary")

        _title("2. The plan: the documented procedure, in an order that loses no route")
        self._show("spec.yaml", UCP_SPEC)
        self._run("plan", "spec.yaml", "--sandbox", "ucp", "--out", "plan.json", quiet=True)
        plan, _ = read_plan(read_bytes(self.directory / "plan.json"), "plan.json")
        for number, step in enumerate(plan.steps, 1):
            say(_paragraph(step.summary, f"{number:3}. "))
        say()
        say("Why no route is lost:")
        for line in proof_lines(plan, outside_lines(plan)):
            say(_paragraph(line, "  - "))
        say()

        _title("3. Apply exactly that plan")
        self._run(*self.apply, "--sandbox", "ucp")
        self._run("sessions", "--sandbox", "ucp", "--node", "worker-007")
        self._run("routes", "--sandbox", "ucp", "--from", "worker-007", "--to", "worker-011")

        _title("4. All the way back")
        run = RunDirectory(self.directory / "ucp").runs()[-1].run
        self._run("rollback", run, "--sandbox", "ucp", *self.apply[-3:])
        self._run("sessions", "--sandbox", "ucp", "--summary")

    def _run(self, *words: str, quiet: bool = False) -> None:
        """Run a verb on this terminal, so that its progress is live; `quiet` keeps only its errors."""
        say(f"$ rrplan {_shell(words)}")
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-m", "rrplan", *words],
            cwd=self.directory,
            stdout=subprocess.DEVNULL if quiet else None,
            check=False,
        )
        if done.returncode < 0:
            say(f"(ended by signal {-done.returncode})")
        elif done.returncode:
            say(f"(exit code {done.returncode})")
        say()

    def _show(self, name: str, text: str) -> None:
        say(f"$ cat {name}\n{text}")


def _shell(words: Sequence[str]) -> str:
    """A command line, broken before an option where it is too long for the terminal."""
    line, lines = "", []
    for word in words:
        if word.startswith("--") and len(line) + len(word) > WIDTH - 30:
            lines.append(line)
            line = "   "
        line += f" {word}" if line else word
    return " \\\n".join([*lines, line])


def _paragraph(text: str, lead: str = "") -> str:
    return "\n".join(wrapped(text, WIDTH, lead))


def _title(text: str) -> None:
    click.secho(f"== {text}\n", bold=True)
