"""Where a live cluster keeps Calico's resources, and what follows from it."""

from pathlib import Path

import pytest

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.kubernetes.kinds import CRD, V3
from rrplan.adapters.nodes.directory import ApiDirectory, EtcdDirectory
from rrplan.errors import PreflightError
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
