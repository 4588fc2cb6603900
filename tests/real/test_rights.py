"""A plan is carried out by an account that may do no more than it needs; with one verb less, preflight says which."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rrplan import api
from rrplan.adapters.kubernetes.rights import Right, rights
from rrplan.adapters.kubernetes.server import ApiServer, Forbidden
from rrplan.errors import PreflightError
from rrplan.render.plan_json import write_plan
from rrplan.runs import Result
from tests.real.server import RealServer
from tests.support import SPEC, processes
from tests.support.account import account, applied, settled
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of five nodes."""
    made = LiveBench(crd_server, tmp_path, nodes=5)
    yield made
    made.agent.stop()
    crd_server.clear()


def test_least_rights(bench: LiveBench, tmp_path: Path) -> None:
    """`rrplan rbac` printed it, the API server took it, the plan was applied and rolled back with it; then less."""
    server, plan = bench.server, bench.plan(spec_lines="  gates: {stable: 1s}\n")
    file = tmp_path / "plan.json"
    file.write_bytes(write_plan(plan))
    printed = processes.rrplan("rbac", str(file), "--kubeconfig", str(server.kubeconfig)).stdout
    documents = list(yaml.safe_load_all(printed))
    paths = applied(server, documents)
    connection = ApiServer.connect(str(account(server, tmp_path)), "account")
    group = server.calico.removeprefix("/apis/")
    needed = [right for right in rights(plan, group) if not right.optional]
    try:
        assert settled(connection, needed, []) == []
        bench.connection = connection
        result = bench.apply()
        assert result is Result.DONE, bench.told()
        assert bench.rollback() is Result.UNDONE, bench.told()
        assert bench.objects() == bench.before
        assert not [notice for notice in bench.notices if "cannot be used" in notice or "not known" in notice]

        for right in needed:
            without(server, documents, paths, right)
            assert settled(connection, needed, [right]) == [right]
        with pytest.raises(PreflightError) as error:
            api.apply(plan, bench.cluster(), bench.control())
        assert str(error.value) == f"preflight: this account may not {needed[-1]}"
        assert error.value.hint == "nothing was changed; `rrplan rbac PLAN` prints the rights that this plan needs"
        assert error.value.exit_code == 8
        asked = processes.rrplan("plan", str(spec(tmp_path)), "--kubeconfig", str(tmp_path / "account"))
        assert f"notice: this account may not {needed[-1]}, so it cannot apply this plan" in asked.stderr
    finally:
        for path in paths:
            server.api.delete(path, "")


def spec(folder: Path) -> Path:
    """The spec as a file."""
    (folder / "spec.yaml").write_text(SPEC)
    return folder / "spec.yaml"


def without(server: RealServer, documents: list[dict[str, object]], paths: list[str], right: Right) -> None:
    """The roles as printed, less one verb on one object."""
    for document, path in zip(documents, paths, strict=True):
        if document["kind"] not in ("Role", "ClusterRole"):
            continue
        metadata, rules = document["metadata"], document["rules"]
        assert isinstance(metadata, dict)
        assert isinstance(rules, list)
        kept: list[dict[str, object]] = []
        for rule in rules:
            hit = (
                metadata.get("namespace", "") == right.namespace
                and rule["apiGroups"] == [right.group]
                and rule["resources"] == [right.resource]
                and right.verb in rule["verbs"]
                and (right.name in rule.get("resourceNames", ()) or not rule.get("resourceNames"))
            )
            if not hit:
                kept.append(rule)
                continue
            others = [verb for verb in rule["verbs"] if verb != right.verb]
            names = [name for name in rule.get("resourceNames", ()) if name != right.name]
            if others:
                kept.append({**rule, "verbs": others})
            if names:
                kept.append({**rule, "verbs": [right.verb], "resourceNames": names})
        server.api.patch(path, {"rules": kept})


def test_commands_in_pods_act_as_the_same_user(bench: LiveBench, tmp_path: Path) -> None:
    """`--as USER` holds for `birdcl` too: what USER may not do is refused, and the audit log names USER."""
    server = bench.server
    plan = bench.plan(spec_lines="  gates: {stable: 1s}\n")
    binding = {
        "metadata": {"name": "ada"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
    }
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    server.api.create(bindings, binding)
    try:
        ada = ApiServer.connect(str(server.kubeconfig), "real", "ada")
        group = server.calico.removeprefix("/apis/")
        assert settled(ada, [right for right in rights(plan, group) if not right.optional], []) == []
        moment = server.moment()
        words = ["status", "--context", "operator", "--as", "ada", "--kubeconfig", str(server.kubeconfig)]
        done = processes.rrplan(*words)
        assert done.returncode == 0, done.stderr
        users = {
            (entry["user"]["username"], entry.get("impersonatedUser", {}).get("username"))
            for entry in server.entries(moment)
            if entry.get("objectRef", {}).get("subresource") == "exec"
        }
        assert users == {("operator", "ada")}
    finally:
        server.api.delete(f"{bindings}/ada", "")
    nobody = ApiServer.connect(str(server.kubeconfig), "real", "nobody")
    with pytest.raises(Forbidden, match=r'User "nobody" cannot (get|create) resource "pods/exec"'):
        nobody.execute("kube-system", "calico-node-node-001", "calico-node", ["birdcl"])
