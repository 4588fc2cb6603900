"""The commands of a runbook; `tests/real/test_runbook.py` types them."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan import api
from rrplan.plans import Plan
from rrplan.render.plan_json import plan_document
from rrplan.render.runbook import Site, runbook
from rrplan.resources import BGPConfiguration, ClusterState, decode, key_of
from rrplan.resources.documents import patched
from rrplan.sandbox import Sandbox, demo_cluster, ucp_cluster
from rrplan.snapshots import Snapshot, snapshot_of_manifests
from rrplan.specs import load
from rrplan.specs.ucp import UCP
from tests.support import SPEC as INSIDE
from tests.support.scenarios import FOLDER, parts
from tests.support.specs import STANDALONE
from tests.unit.cli.test_standing import rrplan

DRAINING = INSIDE.replace("drain: true", "drain: {force: true, deleteEmptyDirData: true, gracePeriod: 30s}")


def made(documents: list, spec: str, change=lambda state: state) -> tuple[Plan, ClusterState]:  # type: ignore[no-untyped-def,type-arg]
    """A plan, and the cluster that it is for."""
    state = change(ClusterState.of(one for one in map(decode, documents) if one is not None))
    return api.plan(load(spec.encode(), "spec.yaml"), Snapshot(state)), state


def commands(text: str) -> list[str]:
    """The lines that change something, in order."""
    found = re.findall(r"^\*Do\*\n\n```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [line for block in found for line in block.splitlines() if line.startswith(("kubectl", "calicoctl"))]


def test_standalone() -> None:
    """UCP's procedure as commands, in our order; calicoctl as its documentation runs it."""
    plan, state = made(ucp_cluster(4), STANDALONE)
    text = runbook(plan, Site.of(state, UCP))
    forward, back = text.split("## Back")
    key = "com.docker.ucp.kubernetes.calico/route-reflector"
    done = commands(forward)
    assert done[:4] == [
        "kubectl drain rr-1 --ignore-daemonsets --timeout=600s",
        "kubectl drain rr-2 --ignore-daemonsets --timeout=600s",
        f"kubectl taint node rr-1 {key}=true:NoSchedule",
        f"kubectl taint node rr-2 {key}=true:NoSchedule",
    ]
    assert done[4].startswith("kubectl patch -n kube-system daemonset calico-node --type=merge --patch='{")
    assert done[5:] == [
        "kubectl label node rr-1 --overwrite rrplan.io/calico-node=away",
        "calicoctl get node rr-1 -o yaml > calico-node-rr-1.yaml",
        "calicoctl delete node rr-1",
        "kubectl label node rr-2 --overwrite rrplan.io/calico-node=away",
        "calicoctl get node rr-2 -o yaml > calico-node-rr-2.yaml",
        "calicoctl delete node rr-2",
        f"kubectl label node rr-1 --overwrite {key}=true",
        f"kubectl label node rr-2 --overwrite {key}=true",
        "kubectl create -f - <<'EOF'",
        "calicoctl create -f - <<'EOF'",
        "calicoctl create -f - <<'EOF'",
        "calicoctl create -f - <<'EOF'",
    ]
    undone = commands(back)
    assert undone[:4] == [
        "calicoctl delete bgpconfiguration default",
        "calicoctl delete bgppeer rrplan-rr-2",
        "calicoctl delete bgppeer rrplan-rr-1",
        "kubectl delete -n kube-system daemonset calico-rr",
    ]
    assert undone[-4:] == [
        f"kubectl taint node rr-2 {key}=true:NoSchedule-",
        f"kubectl taint node rr-1 {key}=true:NoSchedule-",
        "kubectl uncordon rr-2",
        "kubectl uncordon rr-1",
    ]
    assert "docker/ucp-dsinfo:" in text
    # Whoever reads it knows which plan it is, and whether this shell leads to that cluster.
    assert f"- **digest**: {plan_document(plan)['digest']}" in text
    assert "- **Calico**: v3.8.9" in text
    assert "$(kubectl config current-context), $(kubectl get nodes -o name | wc -l) nodes; the plan is for 9" in text
    # The host has no Calico Node any more, so its address is Kubernetes'.
    assert f'routed "$node" bird {state.nodes["rr-1"].host_ip.replace(".", "_")} 6' in forward  # type: ignore[index]


def test_inside() -> None:
    """A role is one patch; a BGPConfiguration that exists is patched."""
    plan, state = made(
        demo_cluster(8, 2), INSIDE, lambda state: state.put(BGPConfiguration("default", as_number=64512))
    )
    text = runbook(plan, Site.of(state, "ssh master calicoctl"))
    assert 'calicoctl() { ssh master calicoctl "$@"; }' in text
    done = commands(text)
    role = '{"metadata":{"labels":{"rrplan.io/route-reflector":"main"},'
    role += '"annotations":{"projectcalico.org/RouteReflectorClusterID":"224.0.0.1"}}}'
    assert f"kubectl patch node rr-1 --type=merge --patch='{role}'" in done
    mesh = '\'{"spec":{"nodeToNodeMeshEnabled":false}}\''
    assert f"calicoctl patch bgpconfiguration default --patch={mesh}" in done

    patched = f"calicoctl patch bgpconfiguration default --type=merge --patch={mesh}"
    assert patched in commands(runbook(plan, Site.of(state, "kubectl --context main")))


def test_role_where_calico_uses_etcd() -> None:
    """Calico's half comes first and goes last, or kube-controllers would show half a role."""

    plan, state = made(demo_cluster(8, 2), INSIDE)
    site = Site.of(state, "calicoctl")
    assert not site.etcd
    assert Site.of(made(ucp_cluster(4), STANDALONE)[1], UCP).etcd
    forward, back = runbook(plan, replace(site, etcd=True)).split("## Back")
    role = '{"metadata":{"labels":{"rrplan.io/route-reflector":"main"}},'
    role += '"spec":{"bgp":{"routeReflectorClusterID":"224.0.0.1"}}}'
    calico = f"calicoctl patch node rr-1 --patch='{role}'"
    label = "kubectl label node rr-1 --overwrite rrplan.io/route-reflector=main"
    assert [line for line in commands(forward) if "rr-1" in line][1:3] == [calico, label]
    taken = [line for line in commands(back) if "rr-1" in line]
    assert taken[1] == "kubectl label node rr-1 --overwrite rrplan.io/route-reflector-"
    assert '"routeReflectorClusterID":null' in taken[2]


def test_a_cluster_id_alone_where_calico_uses_etcd() -> None:
    """The label is there already: Kubernetes' half has nothing to do, and kubectl refuses to label with nothing."""
    label = {"metadata": {"labels": {"rrplan.io/route-reflector": "main"}}}
    documents = [
        patched(one, label) if key_of(one).name in ("rr-1", "rr-2") and one["kind"] == "Node" else one
        for one in demo_cluster(8, 2)
    ]
    plan, state = made(documents, INSIDE)
    forward = runbook(plan, replace(Site.of(state, "calicoctl"), etcd=True))

    assert "calicoctl patch node rr-1 --patch=" in forward
    assert "kubectl label" not in forward


def test_drain_flags() -> None:
    """What the spec allows a drain, in kubectl's words."""
    plan, state = made(demo_cluster(8, 2), DRAINING)
    assert commands(runbook(plan, Site.of(state, "calicoctl")))[0] == (
        "kubectl drain rr-1 --ignore-daemonsets --force --delete-emptydir-data --grace-period=30 --timeout=600s"
    )


@pytest.mark.parametrize(("documents", "spec"), [(ucp_cluster(4), STANDALONE), (demo_cluster(8, 2), INSIDE)])
def test_bash_reads_it(documents: list, spec: str) -> None:  # type: ignore[type-arg]
    """Every block is bash."""
    plan, state = made(documents, spec)
    blocks = re.findall(r"^```bash\n(.*?)^```$", runbook(plan, Site.of(state, UCP)), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 20
    for block in blocks:
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block


def test_nothing_to_do() -> None:
    """No steps, no blocks."""
    plan, state = made(demo_cluster(8, 2), INSIDE)
    empty = replace(plan, steps=())
    assert "```" not in runbook(empty, Site.of(state, "calicoctl"))


def test_command_line(tmp_path: Path) -> None:
    """`-o runbook` takes UCP's calicoctl by itself; `--runbook-calicoctl` without it is refused."""
    Sandbox.make(tmp_path / "cluster", ucp_cluster(4)).close()
    (tmp_path / "spec.yaml").write_text(STANDALONE)
    words = ["spec.yaml", "--sandbox", "cluster"]
    assert "docker/ucp-dsinfo:" in rrplan(tmp_path, "plan", *words, "-o", "runbook").stdout
    done = rrplan(tmp_path, "plan", *words, "-o", "runbook", "--runbook-calicoctl", "ssh m calicoctl")
    assert 'calicoctl() { ssh m calicoctl "$@"; }' in done.stdout
    done = rrplan(tmp_path, "plan", *words, "--runbook-calicoctl", "calicoctl")
    assert (done.returncode, done.stderr) == (
        64,
        "error: `--runbook-calicoctl` is for runbooks\n\nhint: give `-o runbook` too\n",
    )


def test_names_that_differ() -> None:
    """Each command has the name that its program knows."""
    cluster, document, _ = parts(FOLDER / "names-differ")
    state = snapshot_of_manifests([("cluster.yaml", cluster)]).state
    plan = api.plan(load(document, "spec.yaml"), Snapshot(state))
    done = commands(runbook(plan, Site.of(state, "calicoctl")).split("## Back")[0])
    assert done[0] == "kubectl drain 192.168.9.3 --ignore-daemonsets --timeout=600s"
    assert [line.split(" --")[0] for line in done if " node k8s" in line] == [
        "calicoctl patch node k8s403",
        "calicoctl patch node k8s404",
    ]
    assert not [line for line in done if line.startswith("kubectl") and "k8s40" in line]


def test_many_nodes_are_one_loop() -> None:
    """What differs in a name alone is one loop, which does the same as a command for each; no line is long."""
    spec = INSIDE + "  rollout: {waves: [10%, 40%]}\n"
    plan, state = made(demo_cluster(80, 2), spec)
    text = runbook(plan, Site.of(state, "calicoctl"))
    assert max(map(len, text.splitlines())) < 200
    blocks = re.findall(r"^\*Do\*\n\n```bash\n(.*?)^```$", text.split("## Back")[0], re.DOTALL | re.MULTILINE)
    stand_in = 'kubectl() { printf "%s " "$@"; echo; }; calicoctl() { cat > /dev/null; }\n'
    typed = subprocess.run(
        ["bash", "-eu"], input=stand_in + "".join(blocks), capture_output=True, text=True, check=True
    )
    labelled = [line.split()[2] for line in typed.stdout.splitlines() if line.startswith("label node ")]
    waves = [change for step in plan.steps if step.wave for change in step.changes]
    assert len(waves) > 70
    assert labelled[: len(waves)] == [change.key.name for change in waves]
    assert text.count("kubectl label node") < 10
