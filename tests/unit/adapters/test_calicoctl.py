"""What calicoctl says, and what it means: processed, not processed, or unknown."""

import json
from pathlib import Path

import pytest

from rrplan.adapters.calicoctl import Calicoctl
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.resources import ResourceKey

KEY = ResourceKey("BGPPeer", "one")
PEER = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "one", "resourceVersion": "7"},
    "spec": {"nodeSelector": "all()", "peerSelector": "has(rr)"},
}
MISMATCH = """\
Version mismatch.
Client Version:   v3.21.0
Cluster Version:  v3.8.9
Use --allow-version-mismatch to override.
"""


def saying(folder: Path, stdout: str = "", stderr: str = "", code: int = 0) -> Calicoctl:
    """A calicoctl that keeps what it is given, and says this."""
    (folder / "out").write_text(stdout)
    (folder / "err").write_text(stderr)
    script = folder / "calicoctl"
    script.write_text(
        f'#!/bin/sh\necho "$@" > {folder}/words\ncat > {folder}/given\n'
        f"cat {folder}/out; cat {folder}/err >&2; exit {code}\n"
    )
    script.chmod(0o755)
    return Calicoctl(str(script), seconds=5)


def test_lists_of_every_shape(tmp_path: Path) -> None:
    """A list object, one object, several lists, none at all."""
    lists = {"kind": "BGPPeerList", "items": [PEER]}
    for value in (lists, PEER, [lists], [PEER]):
        found = saying(tmp_path, json.dumps(value)).everything(["BGPPeer"])
        assert [(stored.document["spec"], stored.version) for stored in found] == [(PEER["spec"], "7")]
        assert (tmp_path / "words").read_text() == "get bgppeers -o json\n"
    assert saying(tmp_path, '{"kind": "BGPPeerList", "items": null}').everything(["BGPPeer"]) == []


def test_what_is_given(tmp_path: Path) -> None:
    """A version is in the document, for calicoctl to compare; a new object has none."""
    calico = saying(tmp_path)
    calico.create(KEY, PEER)
    assert "resourceVersion" not in json.loads((tmp_path / "given").read_text())["metadata"]
    calico.replace(KEY, PEER, "8")
    assert json.loads((tmp_path / "given").read_text())["metadata"]["resourceVersion"] == "8"
    calico.delete(KEY, "9")
    assert (tmp_path / "words").read_text() == "delete -f -\n"
    assert json.loads((tmp_path / "given").read_text())["metadata"] == {"name": "one", "resourceVersion": "9"}


WRITES: list[tuple[str, type[DatastoreError], str]] = [
    ("Hit error: update conflict: BGPPeer(one)", DatastoreConflict, "update conflict: BGPPeer(one)"),
    ("resource already exists: BGPPeer(one)", DatastoreConflict, "already exists"),
    ("resource does not exist: BGPPeer(one) with error: <nil>", DatastoreConflict, "does not exist"),
    ("Hit error: connection is unauthorized: etcdserver: permission denied", DatastoreRefused, "permission denied"),
    ("Hit error: error with field spec.peerIP = 'x' (...)", DatastoreRefused, "spec.peerIP"),
    ("Failed to create Calico API client: context deadline exceeded", DatastoreUnreachable, "Failed to create"),
    ("Hit error: dial tcp 127.0.0.1:12378: connect: connection refused", DatastoreUnreachable, "connection refused"),
    ("Hit error: context deadline exceeded", DatastoreTimeout, "context deadline exceeded"),
    ("Hit error: operation partially failed: x", DatastoreTimeout, "operation partially failed"),
    (MISMATCH, DatastoreRefused, "is of version v3.21.0, the cluster of v3.8.9"),
    ("", DatastoreTimeout, "no reason given"),
]


@pytest.mark.parametrize(("said", "kind", "words"), WRITES, ids=[case[2] for case in WRITES])
def test_refused_writes(said: str, kind: type[DatastoreError], words: str, tmp_path: Path) -> None:
    """Only a definite no is a no."""
    with pytest.raises(DatastoreError) as error:
        saying(tmp_path, stderr=said, code=1).replace(KEY, PEER, "7")
    assert type(error.value) is kind
    assert words in str(error.value)
    assert str(error.value).startswith("BGPPeer/one: ")


def test_mismatch_has_a_remedy(tmp_path: Path) -> None:
    """Which calicoctl would do."""
    with pytest.raises(DatastoreRefused) as error:
        saying(tmp_path, stderr=MISMATCH, code=1).everything(["Node"])
    assert error.value.hint == "use calicoctl v3.8.9, or add `--allow-version-mismatch` to the command"


def test_partial_output(tmp_path: Path) -> None:
    """Half a list is no list."""
    with pytest.raises(DatastoreUnreachable, match="printed something that is not JSON, or not all of it"):
        saying(tmp_path, '{"kind": "NodeList", "items": [').everything(["Node"])
    with pytest.raises(DatastoreUnreachable, match="a resource without name or resourceVersion"):
        saying(tmp_path, '{"kind": "NodeList", "items": [{"metadata": {"name": "x"}}]}').everything(["Node"])


def test_silence(tmp_path: Path) -> None:
    """A command that does not end leaves it open what became of a write; a read may be tried again."""
    script = tmp_path / "calicoctl"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o755)
    with pytest.raises(DatastoreTimeout, match=r"BGPPeer/one: `.*calicoctl` did not end within 0\.2 s"):
        Calicoctl(str(script), seconds=0.2).delete(KEY, "7")


@pytest.mark.parametrize("command", ["/no/such/calicoctl", "", "'unclosed"])
def test_no_command(command: str) -> None:
    """It says how to say it."""
    with pytest.raises((PreflightError, DatastoreUnreachable)) as error:
        Calicoctl(command).everything(["Node"])
    assert error.value.hint == "say in `--calicoctl` how calicoctl is called here, such as `ssh manager calicoctl`"


def test_absent_is_none(tmp_path: Path) -> None:
    """`get` of a name that is not there."""
    said = "resource does not exist: BGPPeer(one) with error: <nil>"
    assert saying(tmp_path, stderr=said, code=1).get(KEY) is None


def test_blocks_are_not_known(tmp_path: Path) -> None:
    """Routes are then counted by next hop."""
    with pytest.raises(DatastoreRefused, match="calicoctl does not tell it"):
        saying(tmp_path).blocks()
