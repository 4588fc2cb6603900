"""`rrplan rbac`: for which of Calico's APIs it prints rights."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from rrplan.cli.rbac import command
from rrplan.render.plan_json import write_plan
from tests.support import Bench

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""


def groups(tmp_path: Path, *words: str) -> set[str]:
    """Calico's API groups in the roles that are printed."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    (tmp_path / "plan.json").write_bytes(write_plan(Bench(tmp_path).plan))
    done = CliRunner().invoke(command, [str(tmp_path / "plan.json"), *words], catch_exceptions=False)
    rules = [rule for document in yaml.safe_load_all(done.stdout) for rule in document.get("rules", ())]
    return {group for rule in rules for group in rule["apiGroups"] if "calico" in group}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"crd.projectcalico.org"}),
        (["--calico-api", "projectcalico.org/v3"], {"projectcalico.org"}),
        (["--calico-api", "etcd"], set()),
    ],
    ids=["crds", "calico-api-server", "etcd"],
)
def test_the_api_that_is_named(words: list[str], expected: set[str], tmp_path: Path) -> None:
    """Without a cluster the usual one; etcd gives rights of its own."""
    assert groups(tmp_path, *words) == expected


def test_a_cluster_whose_calico_uses_etcd(tmp_path: Path) -> None:
    """It is named as for every other verb, and its API server is asked for nothing."""
    assert groups(tmp_path, "--kubeconfig", str(tmp_path / "kubeconfig"), "--calicoctl", "calicoctl") == set()
