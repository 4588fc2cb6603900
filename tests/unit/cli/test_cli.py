"""The command line as its users meet it: output, errors, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rrplan.plans.planfile import FORMAT_VERSION
from rrplan.snapshots.manifests import NO_PEERS
from tests.support import processes

SCENARIOS = Path(__file__).resolve().parents[3] / "fixtures" / "scenarios"
CLUSTER = str(SCENARIOS / "bgpconfiguration-does-not-exist" / "cluster.yaml")
SPEC = str(SCENARIOS / "bgpconfiguration-does-not-exist" / "spec.yaml")


def rrplan(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return processes.rrplan(*words)


def test_sessions_json() -> None:
    """One object per protocol, in the documented shape."""
    done = rrplan("sessions", "-f", CLUSTER, "--node", "rr-1", "-o", "json")
    value = json.loads(done.stdout)
    first = value["sessions"][0]

    assert value["calico_version"] == "v3.30.4"
    assert len(value["sessions"]) == 14
    assert first == {
        "node": "rr-1",
        "family": "ipv4",
        "protocol": "Mesh_10_0_0_3",
        "kind": "mesh",
        "local_address": "10.0.0.1",
        "local_as": 64512,
        "peer_address": "10.0.0.3",
        "peer_port": None,
        "peer_as": 64512,
        "peer_node": "node-1",
        "passive": True,
        "source_address": "10.0.0.1",
        "reflector_client": False,
        "cluster_id": None,
        "established": "yes",
        "reason": None,
    }


def test_annotations_that_calico_cannot_read_are_told(tmp_path: Path) -> None:
    """They refuse nothing, and every verb that reads a cluster names them."""
    told = {"projectcalico.org/IPv4Address": "10.0.0.1/24", "projectcalico.org/ASNumber": "abc"}
    document = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "annotations": told}}
    peers = {"kind": "BGPPeerList", "items": []}
    (tmp_path / "cluster.yaml").write_text(json.dumps([document, peers]))
    found = rrplan("sessions", "-f", str(tmp_path / "cluster.yaml"))
    assert found.returncode == 0
    assert found.stderr == ("notice: `projectcalico.org/ASNumber` cannot be read, so Calico ignores it: a (`abc`)\n")


def test_plan_exit_codes(tmp_path: Path) -> None:
    """Differences are 2 when asked for, a refusal is 7 with its counterexample and a hint."""
    assert rrplan("plan", SPEC, "-f", CLUSTER).returncode == 0
    assert rrplan("plan", SPEC, "-f", CLUSTER, "--detailed-exitcode").returncode == 2
    refused = rrplan("plan", str(SCENARIOS / "reflector-in-use-without-drain" / "spec.yaml"), "-f", CLUSTER)
    assert refused.returncode == 7
    assert "loses its route to rr-1 for up to 22 s" in refused.stderr
    assert "hint: set `drain: true`" in refused.stderr
    assert "error: refused: 12 violations in the proof" in refused.stderr
    assert "\nstep `promote/rr-2`:\n  - " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_plan_file_is_canonical_and_guarded(tmp_path: Path) -> None:
    """The same input gives the same bytes; an edited plan, a newer major version and a stranger are refused."""
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    rrplan("plan", SPEC, "-f", CLUSTER, "--out", str(one))
    rrplan("plan", SPEC, "-f", CLUSTER, "--out", str(two))
    assert one.read_bytes() == two.read_bytes()
    assert rrplan("show", str(one)).returncode == 0
    edited = one.read_text().replace("224.0.0.1", "224.0.0.9")
    two.write_text(edited)
    assert rrplan("show", str(two)).returncode == 5
    assert "the file was changed after it was written" in rrplan("show", str(two)).stderr
    two.write_text(one.read_text().replace(f'"format_version":"{FORMAT_VERSION}"', '"format_version":"3.0"'))
    assert "format version 3.0 is not known here" in rrplan("show", str(two)).stderr
    assert "not a plan file" in rrplan("show", SPEC).stderr


@pytest.mark.parametrize("form", ["dot", "mermaid", "json"])
def test_graph(tmp_path: Path, form: str) -> None:
    """The graph of a plan names its steps in every format."""
    plan = tmp_path / "plan.json"
    rrplan("plan", SPEC, "-f", CLUSTER, "--out", str(plan))
    done = rrplan("graph", str(plan), "-o", form)

    assert done.returncode == 0
    assert "promote rr-1 to reflector" in done.stdout


def test_stale_plan_is_refused(tmp_path: Path) -> None:
    """A plan made for one cluster is not applied to another."""
    plan, cluster = tmp_path / "plan.json", tmp_path / "cluster"
    rrplan("plan", SPEC, "-f", CLUSTER, "--out", str(plan))
    rrplan("sandbox", str(cluster), "--nodes", "12")
    done = rrplan("apply", str(plan), "--sandbox", str(cluster), "--auto-approve")

    assert done.returncode == 5
    assert "stale plan" in done.stderr
    assert "hint: make a new plan" in done.stderr


def test_failed_gate_is_undone(tmp_path: Path) -> None:
    """A reflector whose sessions never come up: everything is taken back, exit code 3."""
    cluster = tmp_path / "cluster"
    rrplan("sandbox", str(cluster), "-f", CLUSTER)
    done = rrplan("apply", SPEC, "--sandbox", str(cluster), "--auto-approve", "--fault", "session-never-up=rr-2")

    assert done.returncode == 3
    assert "promote/rr-2: failed: gate timed out after 120 s" in done.stderr
    assert "the cluster is as it was before the run" in done.stderr
    assert rrplan("unlock", "--sandbox", str(cluster)).stdout == "nobody holds the lock\n"


ERRORS = [
    (["plan", SPEC], 64, "error: no cluster is given"),
    (["plan", SPEC, "-f", "nowhere.yaml"], 1, "error: cannot read nowhere.yaml"),
    (["sessions", "-f", CLUSTER, "--node", "rr-9"], 64, "did you mean `rr-"),
    (["sessions", "-f", SPEC], 0, ""),
    (["sessions", "-f", CLUSTER, "--calico-version", "v2.6.1"], 7, "older than v3.0.0"),
    (["plan", SPEC, "-f", CLUSTER, "--calico-version", "v3.20.1"], 7, "v3.20.1 is older than v3.21.0: its reflectors"),
    (["sessions", "-f", CLUSTER, "--calico-version", "new"], 64, "`new` is no Calico version"),
    (["plan", SPEC, "--calicoctl", "ucp"], 64, "`--calicoctl` says where Calico's data is, not which cluster"),
    (["rbac", "plan.json", "--calico-config", "a", "--calicoctl", "b"], 64, "exclude one another"),
    (["unlock", "--calico-config", "a"], 64, "`--calico-config` says where Calico's data is, not which cluster"),
    (["apply", SPEC, "--sandbox", "nowhere"], 1, "nowhere is no sandbox"),
    (["resume", "--sandbox", "nowhere", "--fault", "sesion=1"], 64, "unknown fault `sesion`"),
    (["frobnicate"], 64, "`frobnicate` is no verb of rrplan"),
]


@pytest.mark.parametrize(("words", "code", "text"), ERRORS, ids=lambda value: str(value)[:30])
def test_errors(words: list[str], code: int, text: str) -> None:
    """Bad words get a sentence, the right exit code and no traceback."""
    done = rrplan(*words)

    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_validate(tmp_path: Path) -> None:
    """For people and for programs: the same problems, exit code 1."""
    assert rrplan("validate", SPEC).stdout.endswith("the spec `scenario` is valid\n")
    assert json.loads(rrplan("validate", SPEC, "-o", "json").stdout)["valid"] is True
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(Path(SPEC).read_text().replace("route-reflectors", "star"))
    told = rrplan("validate", str(wrong), "-o", "json")
    problem = json.loads(told.stdout)["problems"][0]
    assert told.returncode == 1
    assert (problem["line"], problem["column"]) == (6, 3)
    done = rrplan("validate", str(wrong))
    assert f"{wrong}:6:3: {problem['summary']}" in done.stderr


@pytest.mark.parametrize(
    ("words", "answer", "code", "text"),
    [
        ([], "y\n", 0, "run done"),
        ([], "n\n", 1, "not applied; nothing was changed"),
        ([], "", 1, "error: nobody is there to approve\n\nhint: give `--auto-approve` or `--expect-digest`"),
        (["--no-input"], "y\n", 1, "error: nobody is there to approve"),
        (["--expect-digest", "sha256:0"], "", 5, "hint: review it again with `rrplan show`"),
    ],
    ids=["yes", "no", "nobody", "no-input", "digest"],
)
def test_approval(words: list[str], answer: str, code: int, text: str, tmp_path: Path) -> None:
    """The plan is shown and asked for; only a yes, `--auto-approve` or the reviewed digest lets it run."""
    cluster, plan = str(tmp_path / "cluster"), tmp_path / "plan.json"
    rrplan("sandbox", cluster, "-f", CLUSTER)
    rrplan("plan", SPEC, "--sandbox", cluster, "--out", str(plan))
    done = processes.rrplan("apply", str(plan), "--sandbox", cluster, *words, typed=answer)
    assert done.returncode == code
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    if code == 0:
        # What `-o json` prints is the same plan in another layout.
        plan.write_text(json.dumps(json.loads(plan.read_bytes()), indent=2))
        digest = json.loads(plan.read_bytes())["digest"]
        again = rrplan("apply", str(plan), "--sandbox", cluster, "--expect-digest", digest)
        assert again.returncode == 5
        assert "stale plan" in again.stderr


def test_output_that_nobody_reads() -> None:
    """`rrplan sessions | head -1` ends quietly."""
    words = f"{sys.executable} -m rrplan sessions -f {CLUSTER} -o json | head -1"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False)
    assert done.stderr == f"notice: {NO_PEERS}\n"
    assert done.stdout.startswith('{"format_version"')


def test_system_errors_are_words(tmp_path: Path) -> None:
    """A directory that cannot be made is no traceback."""
    (tmp_path / "file").touch()
    done = rrplan("sandbox", str(tmp_path / "file" / "x"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}/file/x: Not a directory")
    assert "hint: " in done.stderr


def test_routes() -> None:
    """The way of a route in words, and the pairs that have none."""
    done = rrplan(
        "routes", "-f", str(SCENARIOS / "reflectors-in-place" / "cluster.yaml"), "--from", "node-1", "--to", "node-2"
    )
    assert done.stdout.splitlines()[0] == "ipv4  node-1 -> rr-1 -> node-2"
    off = rrplan("routes", "-f", str(SCENARIOS / "mesh-already-off" / "cluster.yaml"))
    assert "has no session that is certain to be up" in off.stdout
