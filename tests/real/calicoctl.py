"""A calicoctl for tests: its words, its JSON and its errors, on a real etcd; the real one is not in any registry.

Verbs: get KIND [NAME] -o json|yaml; create, replace, delete -f -; delete KIND NAME; patch KIND NAME --patch=JSON.
Sources: calicoctl/resourcemgr/resourcemgr.go and libcalico-go/lib/errors/errors.go (v3.8). Its command is a process
that asks a server in the process of the tests: to import what talks to etcd would take half a second each time.
"""

import json
import shlex
import socketserver
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rrplan.adapters.etcd import Access, Etcd
from rrplan.adapters.etcd_calico import PLURALS, CalicoEtcd
from rrplan.errors import DatastoreConflict, DatastoreError
from rrplan.ports import Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched

CLIENT = (
    "import json, socket, sys; place, *words = sys.argv[1:]; far = socket.socket(socket.AF_UNIX); far.connect(place); "
    "asked = [words, sys.stdin.read() if '-f' in words else '']; far.sendall(json.dumps(asked).encode() + b'\\n'); "
    "code, out, said = json.loads(far.makefile().readline()); sys.stdout.write(out); sys.stderr.write(said); "
    "sys.exit(code)"
)


class Server:
    """Answers the commands, on an etcd; `command` is what calls it."""

    def __init__(self, access: Access) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rrplan-calicoctl-")
        place = str(Path(self._folder.name) / "socket")
        self.command = shlex.join([sys.executable, "-I", "-S", "-c", CLIENT, place])

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words, given = json.loads(self.rfile.readline())
                self.wfile.write(json.dumps(answered(access, words, given)).encode() + b"\n")

        self._server = socketserver.ThreadingUnixStreamServer(place, Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()


def answered(access: Access, words: list[str], given: str) -> tuple[int, str, str]:
    """What calicoctl would do with these words and this standard input: exit code, output, errors."""
    calico = CalicoEtcd(Etcd(access))
    verb, *rest = words
    try:
        if verb == "get":
            return 0, _got(calico, rest), ""
        if rest[0] == "-f":
            _write(calico, verb, yaml.safe_load(given))
        else:
            _named(calico, verb, *rest)
    except Refused as refused:
        return 1, "", f"{refused}\n"
    except DatastoreError as error:
        return 1, "", f"Failed to execute command: {error}\n"
    return 0, "", ""


class Refused(Exception):
    """An error in calicoctl's words."""


def _got(calico: CalicoEtcd, words: list[str]) -> str:
    plural, *names = words[: words.index("-o")]
    kind = _kind(plural)
    if names:
        found = calico.get(ResourceKey(kind, names[0]))
        if found is None:
            raise Refused(f"resource does not exist: {kind}({names[0]}) with error: <nil>")
        value: Mapping[str, object] = found.document
    else:
        items = [stored.document for stored in calico.everything([kind])]
        head = {"kind": f"{kind}List", "apiVersion": "projectcalico.org/v3", "metadata": {"resourceVersion": "9"}}
        value = {**head, "items": items}
    return yaml.safe_dump(dict(value)) if words[-1] == "yaml" else json.dumps(value, indent=2) + "\n"


def _kind(word: str) -> str:
    return next(kind for kind, plural in PLURALS.items() if word.lower() in (plural, kind.lower()))


def _named(calico: CalicoEtcd, verb: str, kind: str, name: str, *words: str) -> None:
    key = ResourceKey(_kind(kind), name)
    present = calico.get(key)
    if present is None:
        raise Refused(f"Hit error: resource does not exist: {key.kind}({name}) with error: <nil>")
    if verb == "patch":
        patch = json.loads(words[0].removeprefix("--patch="))
        calico.replace(key, patched(present.document, patch), present.version)
    else:
        calico.delete(key, present.version)


def _write(calico: CalicoEtcd, verb: str, document: dict[str, Any]) -> None:
    metadata = document["metadata"]
    key = ResourceKey(document["kind"], metadata["name"])
    named = f"{key.kind}({key.name})"
    present = calico.get(key)
    if verb == "create":
        if present is not None:
            raise Refused(f"Failed to create '{key.kind}' resource: [resource already exists: {named}]")
        calico.create(key, document)
        return
    if present is None:
        raise Refused(f"Hit error: resource does not exist: {named} with error: <nil>")
    if metadata.get("resourceVersion") not in (None, present.version):
        raise Refused(f"Hit error: update conflict: {named}")
    try:
        if verb == "replace":
            calico.replace(key, _merged(document, present), present.version)
        else:
            calico.delete(key, present.version)
    except DatastoreConflict as error:
        raise Refused(f"Hit error: update conflict: {named}") from error


def _merged(document: dict[str, Any], present: Stored) -> dict[str, Any]:
    """What was there when it was made stays; labels and annotations are the new ones."""
    there = present.document["metadata"]
    assert isinstance(there, Mapping)
    told = {name: document["metadata"].get(name) for name in ("labels", "annotations")}
    kept = {name: value for name, value in there.items() if name not in told}
    return {**document, "metadata": {**kept, **{name: value for name, value in told.items() if value}}}
