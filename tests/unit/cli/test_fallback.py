"""Fallback tables for people: what `status` and `verify` say of a run that was killed, and what is typed by hand."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from rrplan import api
from rrplan.fallback import SCRIPT, TABLE, TABLE_PRIORITY
from rrplan.render.runbook import Site, runbook
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.snapshots.snapshot import state_of
from rrplan.specs import load
from tests.support.specs import FALLBACK
from tests.unit.cli.test_night import rrplan

DOCS = Path(__file__).parents[3] / "docs"
LEFT = "fallback tables are left on node-001, node-002, rr-1, rr-2, rr-3 and 3 more; `rrplan resume` or"


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A cluster on which a run was killed (`kill -9`) while its first node was promoted."""
    (tmp_path / "spec.yaml").write_text(FALLBACK)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "8").returncode == 0
    words = ("apply", "spec.yaml", "--sandbox", "one", "--auto-approve", "--fault", "kill-after-entry=12")
    assert rrplan(tmp_path, *words).returncode == -9
    return tmp_path


@pytest.mark.parametrize(("verb", "good"), [("resume", 0), ("rollback", 2)])
def test_a_run_that_was_killed(killed: Path, verb: str, good: int) -> None:
    """What is left is told with exit code 2, and goes with the rest of the run or with the way back."""
    status = rrplan(killed, "status", "--sandbox", "one")
    said = " ".join(status.stdout.split())
    assert (status.returncode, LEFT in said) == (2, True), said
    assert "carried by fallback tables" in said
    approved = ["--auto-approve"] if verb == "rollback" else []
    assert rrplan(killed, verb, "--sandbox", "one", *approved).returncode == 0
    document = json.loads(rrplan(killed, "status", "--sandbox", "one", "-o", "json").stdout)
    assert document["fallback_tables"] == []
    verified = rrplan(killed, "verify", "spec.yaml", "--sandbox", "one", "-o", "json")
    assert (verified.returncode, json.loads(verified.stdout)["fallback_tables"]) == (good, [])


def test_a_table_alone_is_a_difference(tmp_path: Path) -> None:
    """Where all objects are as the spec says and a table is there, the cluster is not as it says."""
    (tmp_path / "spec.yaml").write_text(FALLBACK)
    assert rrplan(tmp_path, "sandbox", "one", "--nodes", "8").returncode == 0
    assert rrplan(tmp_path, "apply", "spec.yaml", "--sandbox", "one", "--auto-approve").returncode == 0
    (tmp_path / "one" / "fallback-tables.json").write_text('["node-002"]')
    verified = rrplan(tmp_path, "verify", "spec.yaml", "--sandbox", "one")
    said = " ".join(verified.stdout.split())
    assert verified.returncode == 2
    assert "a fallback table is left on node-002; `rrplan resume` or `rrplan rollback` takes it away" in said
    assert said.endswith("the objects are as the spec says, and fallback tables of the last run are left")


def test_the_command_for_people() -> None:
    """The documents have the numbers of the script."""
    text = (DOCS / "on-call.md").read_text()
    assert f"rule del priority {TABLE_PRIORITY}" in text
    assert f"route flush table {TABLE}" in text
    assert "rule del priority 32000" in text


KUBECTL = """\
#!/bin/sh
case "$*" in
"get pods"*) echo "kube-system pod";;
*fill) printf '%s\\n' "$FILL";;
*remove) printf '%s\\n' "$REMOVE";;
esac
"""
FULL = "rrplan: 4 is 7 7 2\nrrplan: 6 is 7 7 2\nrrplan: done"
NONE = "rrplan: 4 is 7 0 0\nrrplan: 6 is 7 0 0\nrrplan: done"


def typed() -> str:
    """The runbook of a plan with fallback tables."""
    state = state_of(demo_cluster(8, 2))
    plan = api.plan(load(FALLBACK.encode(), "spec.yaml"), Snapshot(state))
    return runbook(plan, Site.of(state, "calicoctl"))


@pytest.mark.parametrize(
    ("fill", "remove", "code"),
    [
        (FULL, NONE, 0),
        (FULL.replace("6 is 7 7", "6 is 7 6"), NONE, 1),
        (FULL.replace("7 7 2", "7 7 1", 1), NONE, 1),
        (f"rrplan: 4 obstacle rule 32500: from all lookup 7\n{FULL}", NONE, 1),
        (FULL.removesuffix("rrplan: done"), NONE, 1),
        (FULL, FULL, 2),
    ],
    ids=["good", "a copy lacks", "a rule lacks", "obstacle", "broke off", "left"],
)
def test_a_runbook(tmp_path: Path, fill: str, remove: str, code: int) -> None:
    """What is typed fills the tables and takes them away, and says where that did not work."""
    text = typed()
    assert "Here" not in text
    assert "blocks under *Wait until* also fill fallback tables" in text
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    assert subprocess.run(["bash", "-n"], input=blocks, text=True, check=False).returncode == 0
    assert 'fallback "$node" fill' in text.split("## Step 2")[0].split("## Step 1")[1]
    assert 'fallback "$node" remove' in text.split("## Step 6")[1].split("## Step 7")[0]
    helper = blocks[blocks.index("FALLBACK=") : blocks.index("nodes_1=")]
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    words = f'{helper}\n[ "$FALLBACK" = "$SCRIPT" ] || exit 9\nfallback a fill || exit 1\nfallback a remove || exit 2\n'
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "FILL": fill, "REMOVE": remove}
    done = subprocess.run(
        ["bash", "-c", words], capture_output=True, text=True, check=False, env={**env, "SCRIPT": SCRIPT}
    )
    assert done.returncode == code, done.stderr
    assert ("IPv4: rule 32500: from" in done.stdout) is ("obstacle" in fill)
