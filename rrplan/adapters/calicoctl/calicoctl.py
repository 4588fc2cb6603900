"""Calico's resources by way of calicoctl, called by any command: plain, over ssh, or as UCP's container.

Every calicoctl from v3.0 on will do: what a release does not know is recognised by its answer.
Sources: calicoctl/commands/*.go, calicoctl/resourcemgr/resourcemgr.go (v3.0 to v3.32).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rrplan.adapters.calicoctl.answers import UnknownKind, failure
from rrplan.adapters.calicoctl.command import HINT, CalicoctlCommand
from rrplan.adapters.etcd.calico import PLURALS, PREFIX, check, patch_whole
from rrplan.adapters.etcd.client import Etcd
from rrplan.adapters.kubernetes.documents import mapping
from rrplan.adapters.kubernetes.kinds import V3
from rrplan.adapters.local.command import CommandTimeout, run_command
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.ids import NodeName
from rrplan.ports import Document, Listed, Stored
from rrplan.resources import CalicoVersion, ResourceKey
from rrplan.resources.cascade import takes_host_endpoints
from rrplan.resources.documents import at

SECONDS = 60
FIRST_SECONDS = 20
"""For the first, small read: time for a login or the start of a container, not for an etcd that never answers."""
DIRECT_SECONDS = 3.0
"""For etcd itself, asked only to find out why calicoctl does not answer."""
LATE_SECONDS = 60
"""A calicoctl that was given up may still write for so long after etcd answers again: its client drops a dead
connection after 40 s (libcalico-go/lib/backend/etcdv3/etcdv3.go: keepalive 30 s and 10 s), and etcd ends a request
within 7 s (etcd server/config: ReqTimeout)."""
NOT_KEPT = ("selfLink",)


class Calicoctl:
    """Implements the port SeparateCalico; a version is what calicoctl shows as resourceVersion.

    A dry run asks Calico's validation alone: calicoctl cannot try a write, so rights are not known before.
    """

    kinds = tuple(PLURALS)
    late_seconds = LATE_SECONDS

    def __init__(self, command: str, seconds: float = SECONDS, first_seconds: float = FIRST_SECONDS) -> None:
        """`command` is what a shell would split into words, or `ucp`; raises PreflightError where it cannot work."""
        self._command = CalicoctlCommand.parse(command)
        self._seconds = seconds
        self._first_seconds = first_seconds
        self._answered = False

    def everything(self, kinds: Sequence[str] = tuple(PLURALS)) -> Listed:
        """All resources of these kinds; calicoctl gives one kind after another, not one moment.

        A kind that this release of calicoctl does not know has no resources. The first call asks for little, with a
        short limit of its own. Raises DatastoreRefused where the datastore is Kubernetes.
        """
        self._answers()
        return Listed(tuple(stored for kind in kinds for stored in self._of_kind(PLURALS[kind])))

    def blocks(self) -> Sequence[tuple[str, NodeName, str]]:
        """Raises DatastoreRefused: no calicoctl shows which node owns which address block."""
        raise DatastoreRefused("calicoctl does not tell it")

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        try:
            resources = self._listed(PLURALS[key.kind], key.name)
        except (DatastoreConflict, UnknownKind):
            return None
        return resources[0] if resources else None

    def appliers(self, key: ResourceKey) -> Sequence[str]:
        """Nobody that is known: nothing in etcd says who applies."""
        return []

    def create(self, key: ResourceKey, document: Document, *, dry_run: bool = False) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        check(key, document)
        if dry_run:
            return
        metadata = mapping(document.get("metadata"))
        metadata.pop("resourceVersion", None)
        self._write("create", key, {**document, "metadata": metadata})

    def patch(self, key: ResourceKey, patch: Document, version: str, *, dry_run: bool = False) -> None:
        """A merge patch at a version."""
        patch_whole(self, key, patch, version, dry_run=dry_run)

    def replace(self, key: ResourceKey, document: Document, version: str, *, dry_run: bool = False) -> None:
        """Write a resource anew at a version, which calicoctl compares."""
        check(key, document)
        if dry_run:
            return
        metadata = {name: value for name, value in mapping(document.get("metadata")).items() if name not in NOT_KEPT}
        self._write("replace", key, {**document, "metadata": {**metadata, "resourceVersion": version}})

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Remove a resource at a version; of a Node, calicoctl gives its addresses free too.

        Raises DatastoreRefused for a Node with which calicoctl would delete anything else.
        """
        if dry_run:
            return
        if key.kind == "Node":
            self._check_alone(key)
        metadata = {"name": key.name, "resourceVersion": version}
        self._write("delete", key, {"apiVersion": V3, "kind": key.kind, "metadata": metadata})

    # --- reading -------------------------------------------------------------------------------

    def _answers(self) -> None:
        """Find out once, with one small read, whether calicoctl reaches a datastore, and which."""
        if self._answered:
            return
        if self._command.datastore_type() == "kubernetes":
            raise DatastoreRefused(
                f"{self._command.name} keeps Calico's data in Kubernetes",
                hint="leave `--calicoctl` out; rrplan reads Calico's resources from Kubernetes itself",
            )
        self._listed(PLURALS["ClusterInformation"], seconds=self._first_seconds)
        self._answered = True

    def _of_kind(self, plural: str) -> list[Stored]:
        try:
            return self._listed(plural)
        except UnknownKind:
            return []

    def _listed(self, *what: str, seconds: float | None = None) -> list[Stored]:
        limit = seconds or self._seconds
        try:
            text = self._run("get", [*what, "-o", "json"], "", limit)
        except CommandTimeout as error:
            text, hint = self._silence()
            raise DatastoreUnreachable(
                f"{self._command.name} did not answer `get {what[0]}` within {limit:g} s: {text}", hint=hint
            ) from error
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DatastoreUnreachable(
                f"{self._command.name} printed something that is not JSON, or not all of it: {text[:80]!r}"
            ) from error
        return [
            _stored(item) for listing in (value if isinstance(value, list) else [value]) for item in _items(listing)
        ]

    def _silence(self) -> tuple[str, str]:
        """Why calicoctl says nothing, as far as its etcd can be asked directly, and what to do."""
        general = "calicoctl waits for ever for an etcd that does not answer or does not accept its certificate"
        access = self._command.etcd()
        if access is None:
            hint = "call it once by hand, and check the endpoints and certificates of its configuration"
            return f"{general}; where its etcd is, the command does not say", hint
        problems = []
        for endpoint in access.endpoints:
            member = replace(access, endpoints=(endpoint,), connect_seconds=DIRECT_SECONDS, read_seconds=DIRECT_SECONDS)
            try:
                Etcd(member).range(f"{PREFIX}clusterinformations/default")
            except (DatastoreError, PreflightError) as error:
                # Without the files that calicoctl has elsewhere, only silence says something.
                if not self._command.elsewhere or isinstance(error, DatastoreUnreachable):
                    problems.append((str(error), error.hint))
                    continue
            return f"{general}, but etcd {endpoint} answers rrplan", "call it once by hand where it runs"
        text = "; ".join(text for text, _ in problems)
        hint = next((hint for _, hint in problems if hint), "start etcd, or correct calicoctl's configuration")
        return f"{text}; {general}", hint

    # --- calling -------------------------------------------------------------------------------

    def _write(self, verb: str, key: ResourceKey, document: Document) -> None:
        try:
            self._run(verb, ["-f", "-"], json.dumps(document), self._seconds, f"{key}: ")
        except CommandTimeout as error:
            rest = "; what it started may go on and still write" if self._command.wrapped else ""
            raise DatastoreTimeout(
                f"{key}: {self._command.name} did not end within {self._seconds:g} s{rest}"
            ) from error

    def _check_alone(self, key: ResourceKey) -> None:
        """Nothing is left that calicoctl would delete with a Node: what a plan knows of went before.

        Which kinds these are depends on the release of calicoctl, not on that of the cluster.
        """
        kinds = ["BGPPeer", "FelixConfiguration", "BGPConfiguration"]
        if takes_host_endpoints(self._version()):
            kinds.append("HostEndpoint")
        for kind in kinds:
            for stored in self._of_kind(PLURALS[kind]):
                name = str(mapping(stored.document.get("metadata"))["name"])
                if name == f"node.{key.name}" or at(stored.document, ("spec", "node")) == key.name:
                    raise DatastoreRefused(
                        f"{key}: {self._command.name} would delete {kind}/{name} with it, which is not in the plan",
                        hint="make a new plan; it takes a calicoctl of the cluster's release, or `--calico-config`",
                    )

    def _version(self) -> CalicoVersion | None:
        """The release of calicoctl, None where it does not say."""
        try:
            finished = run_command(self._command.call("version"), "", self._seconds)
        except (CommandTimeout, OSError):
            return None
        match = re.search(r"Client Version:\s*(\S+)", finished.stdout)
        return CalicoVersion.parse(match[1]) if match else None

    def _run(self, verb: str, words: Sequence[str], text: str, seconds: float, about: str = "") -> str:
        """What a call prints; raises CommandTimeout and the DatastoreError family."""
        try:
            finished = run_command(self._command.call(verb, *words), text, seconds)
        except OSError as error:
            raise DatastoreUnreachable(
                f"{about}{self._command.name} cannot be started: {error.strerror}", hint=HINT
            ) from error
        if finished.code:
            raise failure(self._command.name, finished.stdout, finished.stderr, about, reading=verb == "get")
        return finished.stdout


def _items(listing: object) -> list[object]:
    """The resources of a listing, which may have none; or one resource by itself."""
    items = listing.get("items", [listing]) if isinstance(listing, dict) else listing
    if items is None and isinstance(listing, dict):
        return []
    if not isinstance(items, list):
        raise DatastoreUnreachable(f"calicoctl printed `{str(items)[:80]}` where resources belong")
    return items


def _stored(item: object) -> Stored:
    metadata = mapping(item.get("metadata")) if isinstance(item, Mapping) else {}
    if not isinstance(item, Mapping) or not metadata.get("name") or not metadata.get("resourceVersion"):
        raise DatastoreUnreachable("calicoctl printed a resource without name or resourceVersion")
    return Stored(item, str(metadata["resourceVersion"]))
