"""What calicoctl's failures mean: processed, not processed, or unknown; and the line that says why.

calicoctl has one exit code for all failures, so its words decide. Sources: calicoctl/commands/{common/resources,create,
replace,delete,get,common/version_mismatch}.go, calicoctl/resourcemgr/resourcemgr.go, libcalico-go/lib/errors/errors.go
(v3.0 to v3.32); libcalico-go/lib/clientv3/node.go for the delete of a Node.
"""

from __future__ import annotations

import re

from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
)

SHOWN = 300
"""Characters of a reason that are shown."""


class UnknownKind(DatastoreRefused):
    """This release of calicoctl does not know the kind, so there are no such resources."""


UNKNOWN_KIND = re.compile(r"resource type '(\w+)' is not supported", re.IGNORECASE)
MISMATCH = re.compile(r"Client Version:\s*(\S+)\s+Cluster Version:\s*(\S+)")
CONFLICTS = ("resource does not exist", "resource already exists", "update conflict", "is out of date")
REFUSALS = (
    "unauthorized",
    "permission denied",
    "authentication failed",
    "user name is empty",
    "is forbidden",
    # Of the document: it was never sent.
    "failed to execute command",
    "error with ",
    "unknown field",
    "strict decoding error",
    "error unmarshaling",
    "unknown resource type",
    "insufficient identifiers",
    "not within any configured pools",
    "operation is not supported",
    "resource is readonly",
    # Of the command line and the configuration.
    "invalid option",
    "is not supported",
    "error reading config file",
    "datastore type",
    "invalid config",
    "syntax error in",
    "failed to parse config",
    "failed to load config",
    "no such file or directory",
    "could not load client cert",
    "command not found",
    "executable file not found",
    "host key verification failed",
)
"""Nothing was written, and the next try would end as this one did."""
AWAY = (
    "connection refused",
    "no such host",
    "could not resolve hostname",
    "no route to host",
    "network is unreachable",
    "dial tcp",
    "cannot connect to the docker daemon",
    "error response from daemon",
    "failed to create calico api client",
)
"""Nothing was sent."""
NOISE = re.compile(r"Partial (success|failure)\b.*|Use --allow-version-mismatch to override\.?|null|[\[\]{}()]+")
"""Lines that say nothing of the reason: `]` ends a list of wrong fields, v3.12 prints `null` after an error."""
ITEM = re.compile(r"-\s+\S")
HINT_OPTION = "options such as `--config FILE` belong after calicoctl's name in `--calicoctl`"


def failure(name: str, stdout: str, stderr: str, about: str = "", *, reading: bool) -> DatastoreError:
    """The error that a failed call stands for; its text begins with `about`."""
    said = f"{stderr}\n{stdout}"
    lowered = said.lower()
    mismatch = MISMATCH.search(said)
    if mismatch:
        return DatastoreRefused(
            f"{about}{name} is of version {mismatch[1]}, the cluster of {mismatch[2]}",
            hint=f"use calicoctl {mismatch[2]}, or add `--allow-version-mismatch` to the command",
        )
    if UNKNOWN_KIND.search(said):
        return UnknownKind(f"{about}{reason(stdout, stderr)}")
    kinds: tuple[tuple[type[DatastoreError], tuple[str, ...]], ...] = (
        (DatastoreConflict, CONFLICTS),
        (DatastoreRefused, REFUSALS),
        (DatastoreUnreachable, AWAY),
    )
    for kind, texts in kinds:
        if any(text in lowered for text in texts):
            return kind(f"{about}{reason(stdout, stderr)}", hint=HINT_OPTION if "invalid option" in lowered else "")
    return (DatastoreUnreachable if reading else DatastoreTimeout)(f"{about}{name} failed: {reason(stdout, stderr)}")


def reason(stdout: str, stderr: str) -> str:
    """The words that say why a call failed: the last line that says anything, with the list that it ends.

    calicoctl prints its error on stderr, and some releases part of it on stdout.
    """
    for text in (stderr, stdout):
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line and not NOISE.fullmatch(line)]
        if not lines:
            continue
        first = len(lines) - 1
        while first and ITEM.match(lines[first]):
            first -= 1
        return " ".join([lines[first], *(line.removeprefix("-").strip() for line in lines[first + 1 :])])[:SHOWN]
    return "no reason given"
