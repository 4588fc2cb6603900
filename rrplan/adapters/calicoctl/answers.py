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
    "sudo: ",
    "not a tty",
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
NOISE = re.compile(
    r"Partial (success|failure)\b.*|Use --allow-version-mismatch to override\.?|null|[\[\]{}()]+"
    r"|(Run|See) '.*--help'.*|exit status \d+|goroutine \d+.*"
)
"""Lines that say nothing of the reason: `]` ends a list of wrong fields, v3.12 prints `null` after an error."""
OWN = re.compile(
    r"Failed to |Hit error|Unable to |Error |error |resource |Invalid option|Unknown |connection is |etcdserver|panic: "
)
"""How calicoctl's own errors begin; what a login or a shell prints beside them says nothing of the write."""
ITEM = re.compile(r"-\s+\S")
HINTS = (
    (
        "--allow-version-mismatch",
        "leave `--allow-version-mismatch` out: calicoctl knows it from v3.17 on, and checks no versions before",
    ),
    ("invalid option", "options such as `--config FILE` belong after calicoctl's name in `--calicoctl`"),
    ("not a tty", "leave `-t` out: calicoctl is not called from a terminal here"),
    ("sudo: ", "let sudo run calicoctl without asking for a password (NOPASSWD)"),
    ("docker", "let this account use docker, or call it with `sudo -n`"),
    ("publickey", "ssh needs a key that asks for no pass phrase"),
    ("host key verification", "log in by hand once and accept the host key"),
    ("authentication failed", "check the user and password in calicoctl's configuration"),
    ("user name is empty", "etcd has users: give one in calicoctl's configuration"),
    ("unauthorized", RIGHTS := "give calicoctl an etcd user or certificate that may read and write `/calico/`"),
    ("permission denied", RIGHTS),
    ("is forbidden", "give calicoctl's account the right to do this"),
    ("datastore type", "`datastoreType` is `etcdv3` or `kubernetes`"),
    ("no such file", "check the paths in calicoctl's configuration; in a container they are those inside it"),
    ("config file", "check the path after `--config`; in a container it is the one inside it"),
    ("not found", "check how calicoctl is called: the program is not there"),
)
"""What to do about a refusal, by the first of these words in its reason."""


def failure(name: str, stdout: str, stderr: str, about: str = "", *, reading: bool) -> DatastoreError:
    """The error that a failed call stands for; its text begins with `about`."""
    said = f"{stderr}\n{stdout}"
    why = reason(stdout, stderr)
    mismatch = MISMATCH.search(said)
    if mismatch:
        return DatastoreRefused(
            f"{about}{name} is of version {mismatch[1]}, the cluster of {mismatch[2]}",
            hint=f"use calicoctl {mismatch[2]}, or add `--allow-version-mismatch` to the command",
        )
    if UNKNOWN_KIND.search(why):
        return UnknownKind(f"{about}{why}")
    kinds: tuple[tuple[type[DatastoreError], tuple[str, ...]], ...] = (
        (DatastoreConflict, CONFLICTS),
        (DatastoreRefused, REFUSALS),
        (DatastoreUnreachable, AWAY),
    )
    lowered = why.lower()
    for kind, texts in kinds:
        if any(text in lowered for text in texts):
            hint = next((hint for word, hint in HINTS if word in lowered), "") if kind is DatastoreRefused else ""
            return kind(f"{about}{why}", hint=hint)
    return (DatastoreUnreachable if reading else DatastoreTimeout)(f"{about}{name} failed: {why}")


def reason(stdout: str, stderr: str) -> str:
    """The words that say why a call failed, and that alone decide what it means.

    That is calicoctl's own last error, with the list that it ends, wherever it was printed; else the last line on
    stderr that says anything. A banner of ssh or a warning of a shell beside it must not make a refusal of it.
    """
    lines = [[line.strip() for line in text.splitlines()] for text in (stderr, stdout)]
    lines = [[line for line in part if line and not NOISE.fullmatch(line)] for part in lines]
    for own in (True, False):
        for part in lines:
            places = [index for index, line in enumerate(part) if not own or OWN.match(line)]
            if not places:
                continue
            first = places[-1]
            while first and ITEM.match(part[first]):
                first -= 1
            items = []
            for line in part[first + 1 :]:
                if not ITEM.match(line):
                    break
                items.append(line.removeprefix("-").strip())
            return " ".join([part[first], *items])[:SHOWN]
    return "no reason given"
