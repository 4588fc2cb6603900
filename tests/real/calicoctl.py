"""A calicoctl for tests: its words, its JSON and its errors, on a real etcd; the real one is not in any registry.

What it says, and when it says nothing, was seen of the real v3.12.3 to v3.32.1. Sources: calicoctl/commands/*.go,
resourcemgr/resourcemgr.go, libcalico-go/lib/errors/errors.go. Its command is a process that asks a server in the
process of the tests: to import what talks to etcd would take half a second each time. So a write goes on when the
command is killed, as it does in a container or on another machine.
"""

import json
import re
import shlex
import socketserver
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rrplan.adapters.etcd.answers import Unusable
from rrplan.adapters.etcd.calico import PLURALS, CalicoEtcd
from rrplan.adapters.etcd.client import Access, Etcd
from rrplan.adapters.etcd.config import etcd_access
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    FileFormatError,
)
from rrplan.ports import Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched
from tests.real.calico_client import ClientRefusal, delete_node

CLIENT = (
    "import json, socket, sys; place, *words = sys.argv[1:]; far = socket.socket(socket.AF_UNIX); far.connect(place); "
    "asked = [words, sys.stdin.read() if '-f' in words else '']; far.sendall(json.dumps(asked).encode() + b'\\n'); "
    "code, out, said = json.loads(far.makefile().readline()); sys.stdout.write(out); sys.stderr.write(said); "
    "sys.exit(code)"
)
SINCE = {"bgpfilters": (3, 26)}
"""Kinds that older releases do not know."""
CHECKS_VERSIONS = (3, 17)
PEER_FIELDS = {"node", "nodeSelector", "peerIP", "peerSelector", "asNumber", "keepOriginalNextHop", "password"}
"""Of a BGPPeer, those of v3.12 and what the tests write."""
NEWER_PEER_FIELDS = {"sourceAddress", "maxRestartTime", "filters", "reversePeering", "numAllowedLocalASNumbers"}


class Refused(Exception):
    """An error in calicoctl's words; `first` is what it prints on stdout before."""

    def __init__(self, text: str, first: str = "") -> None:
        super().__init__(text)
        self.first = first


class WaitsForEver(Exception):
    """The real one would say nothing until it is killed."""


@dataclass
class Setup:
    """The etcd and the release that a command is of; `stall` seconds pass before each write is sent."""

    access: Access
    release: str = "v3.12.3"
    stall: float = 0.0
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def version(self) -> tuple[int, int]:
        """Its first two numbers."""
        major, minor = re.findall(r"\d+", self.release)[:2]
        return int(major), int(minor)


class Server:
    """Answers the commands, on an etcd; `command` is what calls it."""

    def __init__(self, access: Access, release: str = "v3.12.3") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rrplan-calicoctl-")
        place = str(Path(self._folder.name) / "socket")
        self.command = shlex.join([sys.executable, "-I", "-S", "-c", CLIENT, place])
        self.setup = setup = Setup(access, release, closing=threading.Event())

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words, given = json.loads(self.rfile.readline())
                try:
                    answer = answered(setup, words, given)
                except WaitsForEver:
                    # Until the client is killed, which closes the connection.
                    self.rfile.read()
                    return
                with suppress(BrokenPipeError):
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

        self._server = socketserver.ThreadingUnixStreamServer(place, Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End it; stalled writes are sent no more."""
        self.setup.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._folder.cleanup()


def answered(setup: Setup, words: list[str], given: str) -> tuple[int, str, str]:
    """What calicoctl would do with these words and this standard input: exit code, output, errors."""
    try:
        verb, rest, access = _parsed(setup, words)
        if verb == "version":
            return 0, f"Client Version:    {setup.release}\nGit commit:        0123456\n", ""
        calico = CalicoEtcd(Etcd(access))
        _check_versions(setup, calico, words)
        if verb == "get":
            return 0, _got(setup, calico, rest), ""
        if rest[0] == "-f":
            document = _read(setup, given)
            if setup.stall and setup.closing.wait(setup.stall):
                raise WaitsForEver
            _write(setup, calico, verb, document)
        else:
            _named(setup, calico, verb, *rest)
    except Refused as refused:
        return 1, refused.first, f"{refused}\n"
    except (DatastoreUnreachable, DatastoreTimeout, Unusable) as error:
        raise WaitsForEver from error
    except DatastoreError as error:
        return 1, *_denied(setup, verb, str(error))
    return 0, "", ""


def _parsed(setup: Setup, words: list[str]) -> tuple[str, list[str], Access]:
    """The verb, what follows it, and the etcd of `--config`, which belongs after the verb."""
    invalid = f"Invalid option: 'calicoctl {' '.join(words)}'. Use flag '--help' to read about a specific subcommand."
    anywhere = ("--allow-version-mismatch",) if setup.version >= CHECKS_VERSIONS else ()
    plain = [word for word in words if word not in anywhere]
    if not plain or plain[0].startswith("-") or any(word.startswith("--allow") for word in plain):
        raise Refused(invalid)
    verb, *rest = plain
    access = setup.access
    for index, word in enumerate(rest):
        if word in ("--config", "-c") or word.startswith("--config="):
            place = word.removeprefix("--config=") if "=" in word else rest[index + 1]
            del rest[index : index + (1 if "=" in word else 2)]
            if not Path(place).exists():
                raise Refused("", first=f"Error reading config file: {place}\n")
            try:
                access = etcd_access(place)
            except FileFormatError as error:
                raise Refused("", first="Failed to create Calico API client: unknown datastore type: x\n") from error
            break
    for file in (access.ca, access.certificate, access.key):
        if file and not Path(file).exists():
            raise Refused("", first=f"Failed to create Calico API client: open {file}: no such file or directory\n")
    return verb, rest, access


def _check_versions(setup: Setup, calico: CalicoEtcd, words: list[str]) -> None:
    if setup.version < CHECKS_VERSIONS or "--allow-version-mismatch" in words:
        return
    try:
        found = calico.get(ResourceKey("ClusterInformation", "default"))
    except DatastoreRefused as error:
        if isinstance(error, Unusable):
            raise
        what = "connection is unauthorized: etcdserver: permission denied"
        raise Refused(
            f"Unable to get Cluster Information to verify version mismatch: {what}\n"
            "Use --allow-version-mismatch to override.\n"
        ) from error
    spec = found.document.get("spec") if found else None
    cluster = str(spec.get("calicoVersion") or "") if isinstance(spec, Mapping) else ""
    if cluster and cluster.removeprefix("v") != setup.release.removeprefix("v"):
        raise Refused(
            f"Version mismatch.\nClient Version:   {setup.release}\nCluster Version:  {cluster}\n"
            "Use --allow-version-mismatch to override.\n"
        )


def _denied(setup: Setup, verb: str, text: str) -> tuple[str, str]:
    """What is printed where etcd refuses: stdout and stderr."""
    if "with this password" in text:
        said = "etcdserver: authentication failed, invalid user ID or password"
        return f"Failed to create Calico API client: {said}\n", ""
    said = "connection is unauthorized: etcdserver: permission denied"
    if verb == "get":
        return ("null\n" if setup.version < CHECKS_VERSIONS else ""), f"{said}\n"
    return "", f"Failed to {verb} resource: [{said}]\n"


def _got(setup: Setup, calico: CalicoEtcd, words: list[str]) -> str:
    plural, *names = words[: words.index("-o")]
    kind = next((kind for kind, known in PLURALS.items() if plural.lower() in (known, kind.lower())), "")
    if not kind or setup.version < SINCE.get(PLURALS[kind], (3, 0)):
        raise Refused(f"Failed to get resources: resource type '{plural}' is not supported")
    if names:
        found = calico.get(ResourceKey(kind, names[0]))
        if found is None:
            first = "null\n" if setup.version < CHECKS_VERSIONS else ""
            raise Refused(f"resource does not exist: {kind}({names[0]}) with error: <nil>", first)
        value: Mapping[str, object] = found.document
    else:
        items = [stored.document for stored in calico.everything([kind])]
        head = {"kind": f"{kind}List", "apiVersion": "projectcalico.org/v3", "metadata": {"resourceVersion": "9"}}
        value = {**head, "items": items}
    return yaml.safe_dump(dict(value)) if words[-1] == "yaml" else json.dumps(value, indent=2) + "\n"


def _named(setup: Setup, calico: CalicoEtcd, verb: str, kind: str, name: str, *words: str) -> None:
    known = next(known for known, plural in PLURALS.items() if kind.lower() in (plural, known.lower()))
    key = ResourceKey(known, name)
    present = calico.get(key)
    if present is None:
        raise Refused(f"Failed to {verb} '{known}' resource: [{_absent(key)}]")
    if verb == "patch":
        patch = json.loads(words[0].removeprefix("--patch="))
        calico.replace(key, patched(present.document, patch), present.version)
    else:
        _delete(setup, calico, key, None)


def _delete(setup: Setup, calico: CalicoEtcd, key: ResourceKey, version: str | None) -> None:
    """A Node goes with everything that is of it, before its version is compared."""
    text = f"Failed to delete '{key.kind}' resource: [{{}}]"
    if key.kind != "Node":
        present = calico.get(key)
        if present is None:
            raise Refused(text.format(_absent(key)))
        if version not in (None, present.version):
            raise Refused(text.format(f"update conflict: {key.kind}({key.name})"))
        try:
            calico.delete(key, present.version)
        except DatastoreConflict as error:
            raise Refused(text.format(f"update conflict: {key.kind}({key.name})")) from error
        return
    try:
        delete_node(calico, key.name, version, setup.version)
    except (ClientRefusal, DatastoreConflict) as error:
        raise Refused(text.format(error)) from error


def _absent(key: ResourceKey) -> str:
    return f"resource does not exist: {key.kind}({key.name}) with error: <nil>"


def _read(setup: Setup, given: str) -> dict[str, Any]:
    """The document of standard input, as far as this release knows its fields."""
    document = yaml.safe_load(given)
    assert isinstance(document, dict)
    spec = document.get("spec") or {}
    known = PEER_FIELDS | (NEWER_PEER_FIELDS if setup.version >= CHECKS_VERSIONS else set())
    unknown = sorted(set(spec) - known) if document["kind"] == "BGPPeer" else []
    if unknown:
        raise Refused(
            "Failed to execute command: error unmarshaling JSON: while decoding JSON: "
            f'json: unknown field "{unknown[0]}"'
        )
    if spec.get("peerIP") and spec.get("peerSelector"):
        told = "Reason: failed to validate Field: PeerIP because of Tag: reason:PeerIP field must be empty"
        other = "Reason: failed to validate Field: PeerSelector because of Tag: reason:PeerIP field must be empty"
        raise Refused(
            f"Failed to create 'BGPPeer' resource: [error with the following fields:\n-  PeerIP = '{spec['peerIP']}' "
            f"({told})\n-  PeerSelector = '{spec['peerSelector']}' ({other})\n]"
        )
    return document


def _write(setup: Setup, calico: CalicoEtcd, verb: str, document: dict[str, Any]) -> None:
    metadata = document["metadata"]
    key = ResourceKey(document["kind"], metadata["name"])
    named = f"{key.kind}({key.name})"
    present = calico.get(key)
    if verb == "create":
        # Only these fields are kept (resourcemgr.go, prepareMetadataForCreate); uid and time are made anew.
        kept = {name: metadata[name] for name in ("name", "labels", "annotations") if metadata.get(name)}
        try:
            calico.create(key, {**document, "metadata": kept})
        except DatastoreConflict as error:
            raise Refused(f"Failed to create '{key.kind}' resource: [resource already exists: {named}]") from error
        return
    if verb == "delete":
        _delete(setup, calico, key, metadata.get("resourceVersion"))
        return
    first = f"Partial success: replaced the first 1 out of 1 '{key.kind}' resources:\n"
    if present is None:
        raise Refused(f"Hit error: {_absent(key)}", first)
    conflict = Refused(f"Hit error: update conflict: {named}", first)
    if metadata.get("resourceVersion") not in (None, present.version):
        raise conflict
    try:
        calico.replace(key, _merged(document, present), present.version)
    except DatastoreConflict as error:
        raise conflict from error


def _merged(document: dict[str, Any], present: Stored) -> dict[str, Any]:
    """What was there when it was made stays; labels and annotations are the new ones."""
    there = present.document["metadata"]
    assert isinstance(there, Mapping)
    told = {name: document["metadata"].get(name) for name in ("labels", "annotations")}
    kept = {name: value for name, value in there.items() if name not in told}
    return {**document, "metadata": {**kept, **{name: value for name, value in told.items() if value}}}
