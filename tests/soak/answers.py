"""What stands outside of files, for `tests.soak.readers`: answers of programs on nodes, and runs kept in a cluster.

Each piece is a text that the real program, or the API server, may say; its reader is what rrplan reads it with. A
reader of answers may say no with ValueError, because whoever asks it turns that into an error in words.
"""

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rrplan.adapters.calicoctl.answers import failure
from rrplan.adapters.etcd.answers import GatewayAnswer, words_of
from rrplan.adapters.etcd.config import etcd_access
from rrplan.adapters.kubernetes.kubeconfig import configuration, contexts
from rrplan.adapters.kubernetes.runs import ClusterRuns
from rrplan.adapters.nodes import bird_output, calicoctl_status
from rrplan.adapters.nodes.bird_output import BirdOutputProblem
from rrplan.adapters.nodes.calico_node_status import ends_of
from rrplan.ports import KeptRun
from tests.support import JumpingClock
from tests.unit.adapters.kubernetes.test_kubeconfig import GOOD
from tests.unit.adapters.memory_server import MemoryServer
from tests.unit.adapters.nodes.test_bird_output import ESTABLISHED, ROUTES, STATUS
from tests.unit.adapters.nodes.test_calicoctl_status import WHOLE

Reader = Callable[[bytes], object]
MAPS = "/api/v1/namespaces/kube-system/configmaps"
RUN = "20260101t1000-ab"
ETCD = b"apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {etcdEndpoints: 'https://127.0.0.1:1'}\n"
NODE_STATUS: dict[str, Any] = {
    "agent": {"birdV4": {"state": "Ready"}, "birdV6": {"state": "Ready"}},
    "bgp": {"peersV4": [{"peerIP": "10.0.0.1", "state": "Established", "type": "NodeMesh"}], "peersV6": []},
    "routes": {
        "routesV4": [
            {
                "destination": "10.1.0.0/26",
                "gateway": "10.0.0.1",
                "interface": "eth0",
                "learnedFrom": {"peerIP": "10.0.0.1", "sourceType": "NodeMesh"},
            }
        ]
    },
}


def _text(data: bytes) -> str:
    """As what a program printed is decoded."""
    return data.decode(errors="replace")


def _refusing(read: Callable[[str], object]) -> Reader:
    def reader(data: bytes) -> object:
        try:
            return read(_text(data))
        except (BirdOutputProblem, ValueError) as error:
            return str(error)

    return reader


def _status(data: bytes) -> object:
    """As the API server has it: a JSON object whose fields have the types that the CRD gives them."""
    return ends_of(json.loads(data))


def _as_file(read: Callable[[str], object]) -> Reader:
    def reader(data: bytes) -> object:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(data)
            return read(file.name)

    return reader


def _kubeconfig(name: str) -> object:
    return contexts(name), configuration(name, None), configuration(name, "production")


def _gateway(data: bytes) -> object:
    return str(words_of(GatewayAnswer.read(_text(data)), "https://127.0.0.1:1", "ada"))


def _calicoctl(data: bytes) -> object:
    return [str(failure("calicoctl", "", _text(data), reading=reading)) for reading in (True, False)]


def _kept(data: bytes) -> object:
    """A run whose ConfigMaps hold these texts: values of their data, and the annotations of the first."""
    server = MemoryServer()
    for name, document in json.loads(data).items():
        metadata = {"name": name, "labels": document["labels"], "annotations": document["annotations"]}
        server.create(MAPS, {"metadata": metadata, "data": document["data"], "binaryData": document["binaryData"]})
    store = ClusterRuns(server, JumpingClock())
    return store.runs(), store.log(RUN).lines(), store.plan(RUN)


def _maps() -> dict[str, dict[str, Any]]:
    server = MemoryServer()
    store = ClusterRuns(server, JumpingClock())
    store.begin(KeptRun(RUN, "plan", "ada", "2026-01-01T00:00:00Z"), b'{"format_version": "2.3"}' * 40)
    log = store.log(RUN)
    for number in range(4):
        log.append(f'{{"number": {number}}}'.encode(), durable=True)
    return {
        path.rpartition("/")[2]: {
            "labels": document["metadata"]["labels"],
            "annotations": document["metadata"].get("annotations", {}),
            "data": document.get("data", {}),
            "binaryData": document.get("binaryData", {}),
        }
        for path, document in server.objects.items()
    }


def changed_texts(value: dict[str, dict[str, dict[str, str]]], choose: Callable[[list[Any]], Any]) -> object:
    """ConfigMaps with one text changed or left out, as far as the API server lets anybody: texts stay texts."""
    name = choose(sorted(value))
    part = choose([part for part in ("annotations", "data", "binaryData") if value[name][part]])
    key = choose(sorted(value[name][part]))
    if choose([True, False, False]):
        del value[name][part][key]
        return value
    odd = [
        "",
        "{}",
        "[1]",
        "null",
        "9" * 40,
        "\x1b[2J",
        "\u202e",
        '{"number": "-1"}',
        "sha256:0",
        "7 sha256:x",
        "x" * 9000,
    ]
    text = choose(odd)
    value[name][part][key] = base64.b64encode(text.encode()).decode() if part == "binaryData" else text
    return value


PIECES: tuple[tuple[str, Reader, bytes], ...] = (
    ("bird-protocols", _refusing(bird_output.protocols), ESTABLISHED.encode()),
    ("bird-routes", _refusing(bird_output.routes), ROUTES.encode()),
    ("bird-status", _refusing(bird_output.recovering), STATUS.encode()),
    ("node-status-table", _refusing(calicoctl_status.parse), WHOLE.encode()),
    ("etcd-config", _as_file(etcd_access), ETCD),
    ("kubeconfig", _as_file(_kubeconfig), GOOD.encode()),
    ("gateway", _gateway, b'{"code": 7, "message": "etcdserver: permission denied"}'),
    ("calicoctl", _calicoctl, b"Failed to get resources: connection is unauthorized\n"),
    ("kept-run", _kept, json.dumps(_maps()).encode()),
)
TEXTS_ALONE = ("bird-protocols", "bird-routes", "bird-status", "node-status-table", "calicoctl", "gateway")
"""Kinds that are damaged as text alone."""
