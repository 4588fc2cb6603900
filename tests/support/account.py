"""An account that may do what `rrplan rbac` printed and no more, on a real API server."""

from pathlib import Path

import yaml

from rrplan.adapters.kubernetes.rights import Right, lacking
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.clock import SystemClock
from tests.real.server import RealServer

COLLECTIONS = {
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
}


def applied(server: RealServer, documents: list[dict[str, object]]) -> list[str]:
    """Create what `rrplan rbac` printed; the paths."""
    paths = []
    for document in documents:
        metadata = document["metadata"]
        assert isinstance(metadata, dict)
        path = COLLECTIONS[str(document["kind"])].format(namespace=metadata.get("namespace", ""))
        server.api.create(path, document)
        paths.append(f"{path}/{metadata['name']}")
    return paths


def account(server: RealServer, folder: Path) -> Path:
    """A kubeconfig with a token of the ServiceAccount."""
    path = "/api/v1/namespaces/kube-system/serviceaccounts/rrplan/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = server.api.create(path, request)["status"]["token"]
    value = yaml.safe_load(server.kubeconfig.read_text())
    value["users"].append({"name": "account", "user": {"token": token}})
    value["contexts"].append({"name": "account", "context": {"cluster": "real", "user": "account"}})
    (folder / "account").write_text(yaml.safe_dump({**value, "current-context": "account"}))
    return folder / "account"


def settled(server: ApiServer, needed: list[Right], wanted: list[Right]) -> list[Right]:
    """What lacks, once the API server has taken the roles in: it follows them a moment later."""
    for _ in range(100):
        found = lacking(server, needed)
        if found == wanted:
            break
        SystemClock().sleep(0.05)
    return found
