"""Calico's resources by way of calicoctl, called by any command: plain, over ssh, or as UCP's container.

Sources: calicoctl/commands/*.go, calicoctl/resourcemgr/resourcemgr.go (v3.0 to v3.20);
libcalico-go/lib/errors/errors.go for the texts, which are all that calicoctl tells of an error.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from typing import NoReturn

from rrplan.adapters.etcd_calico import PLURALS, V3, check
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.ids import NodeName
from rrplan.ports import Document, Stored
from rrplan.resources import ResourceKey
from rrplan.specs.ucp import FUNCTION, UCP

SECONDS = 60
ABSENT = "resource does not exist"
CONFLICTS = (ABSENT, "resource already exists", "update conflict", "is out of date")
AWAY = (
    "connection refused",
    "no such host",
    "Failed to create Calico API client",
    "Cannot connect to the Docker daemon",
)
"""Nothing was sent."""
REFUSALS = (
    "nauthorized",
    "permission denied",
    "error with ",
    "insufficient identifiers",
    "Invalid option",
    "is not supported",
)
NOT_KEPT = ("selfLink",)


class Calicoctl:
    """Implements the port CalicoResources; a version is what calicoctl shows as resourceVersion."""

    def __init__(self, command: str, seconds: float = SECONDS) -> None:
        """`command` is what a shell would split into words, or `ucp`; raises PreflightError for no words."""
        self._words = ["bash", "-c", f'{FUNCTION}calicoctl "$@"', "calicoctl"] if command == UCP else _split(command)
        self._name = "calicoctl of UCP" if command == UCP else f"`{self._words[0]}`"
        self._seconds = seconds

    def everything(self, kinds: Sequence[str] = tuple(PLURALS)) -> list[Stored]:
        """All resources of these kinds; calicoctl gives one kind after another, not one moment."""
        return [stored for kind in kinds for stored in self._listed(PLURALS[kind])]

    def blocks(self) -> list[tuple[str, NodeName, str]]:
        """Raises DatastoreRefused: no calicoctl shows which node owns which address block."""
        raise DatastoreRefused("calicoctl does not tell it")

    def get(self, key: ResourceKey) -> Stored | None:
        """One resource, or None."""
        try:
            found = self._listed(PLURALS[key.kind], key.name)
        except DatastoreConflict:
            return None
        return found[0] if found else None

    def create(self, key: ResourceKey, document: Document) -> None:
        """Make a resource; DatastoreConflict where it exists."""
        check(key, document)
        metadata = {name: value for name, value in _metadata(document).items() if name != "resourceVersion"}
        self._write("create", key, {**document, "metadata": metadata})

    def replace(self, key: ResourceKey, document: Document, version: str) -> None:
        """Write a resource anew at a version, which calicoctl compares."""
        check(key, document)
        metadata = {name: value for name, value in _metadata(document).items() if name not in NOT_KEPT}
        self._write("replace", key, {**document, "metadata": {**metadata, "resourceVersion": version}})

    def delete(self, key: ResourceKey, version: str) -> None:
        """Remove a resource at a version; of a Node, calicoctl gives its addresses free too."""
        metadata = {"name": key.name, "resourceVersion": version}
        self._write("delete", key, {"apiVersion": V3, "kind": key.kind, "metadata": metadata})

    def check(self, key: ResourceKey, document: Document | None) -> None:
        """What Calico's validation would say; calicoctl cannot try a write, so rights are not known before."""
        if document is not None:
            check(key, document)

    # --- calling -------------------------------------------------------------------------------

    def _listed(self, *what: str) -> list[Stored]:
        text = self._run(["get", *what, "-o", "json"], None)
        try:
            value = json.loads(text)
        except ValueError as error:
            raise DatastoreUnreachable(
                f"{self._name} printed something that is not JSON, or not all of it: {text[:80]!r}"
            ) from error
        lists = value if isinstance(value, list) else [value]
        items = [item for one in lists for item in (one.get("items", [one]) or [])]
        return [_stored(item) for item in items]

    def _write(self, verb: str, key: ResourceKey, document: Document) -> None:
        self._run([verb, "-f", "-"], json.dumps(document), f"{key}: ")

    def _run(self, words: Sequence[str], text: str | None, about: str = "") -> str:
        """What a command prints; raises the DatastoreError family."""
        try:
            done = subprocess.run(
                [*self._words, *words],
                input=text or "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DatastoreTimeout(f"{about}{self._name} did not end within {self._seconds:g} s") from error
        except OSError as error:
            raise DatastoreUnreachable(f"{about}{self._name} cannot be started: {error.strerror}", hint=HINT) from error
        if done.returncode:
            self._refuse(about, f"{done.stderr}\n{done.stdout}", reading=text is None)
        return done.stdout

    def _refuse(self, about: str, told: str, *, reading: bool) -> NoReturn:
        """What a failure means: processed, not processed, or unknown."""
        said = _last(told)
        mismatch = re.search(r"Client Version:\s*(\S+)\s+Cluster Version:\s*(\S+)", told)
        if mismatch:
            raise DatastoreRefused(
                f"{about}{self._name} is of version {mismatch[1]}, the cluster of {mismatch[2]}",
                hint=f"use calicoctl {mismatch[2]}, or add `--allow-version-mismatch` to the command",
            )
        kinds: tuple[tuple[type[DatastoreError], Sequence[str]], ...] = (
            (DatastoreConflict, CONFLICTS),
            (DatastoreUnreachable, AWAY),
            (DatastoreRefused, REFUSALS),
        )
        for kind, texts in kinds:
            if any(one in told for one in texts):
                raise kind(f"{about}{said}")
        raise (DatastoreUnreachable if reading else DatastoreTimeout)(f"{about}{self._name} failed: {said}")


HINT = "say in `--calicoctl` how calicoctl is called here, such as `ssh manager calicoctl`"


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise PreflightError([f"`{command}` is no command"], hint=HINT)
    return words


def _metadata(document: Document) -> Mapping[str, object]:
    found = document.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _stored(item: object) -> Stored:
    metadata = _metadata(item) if isinstance(item, Mapping) else {}
    if not isinstance(item, Mapping) or not metadata.get("name") or not metadata.get("resourceVersion"):
        raise DatastoreUnreachable("calicoctl printed a resource without name or resourceVersion")
    return Stored(item, str(metadata["resourceVersion"]))


def _last(told: str) -> str:
    """The line that says most: calicoctl prints the error last, and some versions usage before it."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"
