"""Where a live cluster keeps Calico's resources, and what follows from it."""

from pathlib import Path

import pytest

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.kubernetes.kinds import CRD, V3
from rrplan.adapters.nodes.directory import ApiDirectory, EtcdDirectory
from rrplan.errors import PreflightError
from rrplan.runs.preflight import Effect, When
from rrplan.wiring import Connection, LiveOptions
from tests.unit.adapters.memory_server import MemoryServer


def serving(*groups: str) -> MemoryServer:
    """An API server with these API groups."""
    server = MemoryServer()
    server.objects["/apis"] = {"groups": [{"name": group} for group in groups]}
    return server


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["apps", "crd.projectcalico.org"], CRD),
        (["crd.projectcalico.org", "projectcalico.org"], V3),
    ],
    ids=["crds", "calico-api-server"],
)
def test_calico_in_kubernetes(groups: list[str], expected: str) -> None:
    """Discovery names the API group, and both readers use it."""
    connection = Connection.on(serving(*groups), None)

    assert isinstance(connection.directory, ApiDirectory)
    assert connection.group == expected


def test_calico_in_etcd() -> None:
    """No API group of Calico's is looked for, also where one is served."""
    connection = Connection.on(serving("projectcalico.org"), Calicoctl("calicoctl"))

    assert isinstance(connection.directory, EtcdDirectory)
    assert connection.group == ""


def test_calico_nowhere() -> None:
    """The hint names both ways out."""
    with pytest.raises(PreflightError, match="this cluster serves no Calico resources") as error:
        Connection.on(serving("apps"), None)
    assert error.value.hint == "where Calico uses etcd, give `--calico-config` too, or listings with `-f`"


def test_checks_of_a_live_cluster() -> None:
    """One list, in this order, for a plan that is made and for a run that begins."""
    told, refused, no = Effect.TOLD, Effect.REFUSED, Effect.NOT_ASKED

    checks = Connection.on(serving("projectcalico.org"), None).checks()

    assert [(check.name, check.when, check.at_plan, check.at_run) for check in checks] == [
        ("leases", When.UNLOCKED, told, refused),
        ("rights", When.UNLOCKED, told, refused),
        ("containers", When.UNLOCKED, refused, refused),
        ("password-there", When.LOCKED, told, refused),
        ("password-readable", When.LOCKED, told, refused),
        ("owners", When.UNLOCKED, told, told),
        ("same-cluster", When.LOCKED, no, refused),
        ("fresh", When.LOCKED, no, refused),
        ("as-made-again", When.LOCKED, no, refused),
        ("sessions", When.LOCKED, no, refused),
        ("drains", When.LOCKED, told, refused),
        ("fallback-tables", When.LOCKED, told, refused),
        ("writes", When.LOCKED, no, refused),
    ]
    assert all(check.hint for check in checks if check.name not in ("owners", "same-cluster", "fresh", "as-made-again"))


def test_options_say_where_calico_is(tmp_path: Path) -> None:
    """A configuration file leads to etcd, a command to calicoctl, and without either Kubernetes has it."""
    config = tmp_path / "calicoctl.cfg"
    config.write_text("kind: CalicoAPIConfig\nspec: {etcdEndpoints: 'http://127.0.0.1:2379'}\n")

    assert LiveOptions(context="c").calico() is None
    assert isinstance(LiveOptions(context="c", calico_config=str(config)).calico(), CalicoEtcd)
    assert isinstance(LiveOptions(context="c", calicoctl="ssh manager calicoctl").calico(), Calicoctl)


def test_options_name_a_cluster() -> None:
    """By a kubeconfig or a context; who acts and where Calico's data is name none."""
    assert LiveOptions(kubeconfig="k").given
    assert LiveOptions(context="c").given
    assert not LiveOptions(impersonated="ada", calico_config="f", calicoctl="calicoctl", node_status="s {node}").given
