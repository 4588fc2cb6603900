"""What calicoctl says, and what it means: processed, not processed, or unknown."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
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
        f'#!/bin/sh\necho "$@" >> {folder}/words\ncat > {folder}/given\n'
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
        words = (tmp_path / "words").read_text().splitlines()
        assert words[-2:] == ["get clusterinformations -o json", "get bgppeers -o json"]
    assert not saying(tmp_path, '{"kind": "BGPPeerList", "items": null}').everything(["BGPPeer"])


def test_what_is_given(tmp_path: Path) -> None:
    """A version is in the document, for calicoctl to compare; a new object has none."""
    calico = saying(tmp_path)
    calico.create(KEY, PEER)
    assert "resourceVersion" not in json.loads((tmp_path / "given").read_text())["metadata"]
    calico.replace(KEY, PEER, "8")
    assert json.loads((tmp_path / "given").read_text())["metadata"]["resourceVersion"] == "8"
    calico.delete(KEY, "9")
    words = (tmp_path / "words").read_text().splitlines()
    assert words == ["create -f -", "replace -f -", "delete -f -"]
    assert json.loads((tmp_path / "given").read_text())["metadata"] == {"name": "one", "resourceVersion": "9"}


PARTIAL = "Partial success: replaced the first 1 out of 1 'BGPPeer' resources:\n"
FIELDS = """\
Failed to create 'BGPPeer' resource: [error with the following fields:
-  PeerIP = '10.0.0.1' (Reason: PeerIP field must be empty)
-  PeerSelector = 'all()' (Reason: PeerIP field must be empty)
]
"""
UNAUTHORIZED = """\
Unable to get Cluster Information to verify version mismatch: connection is unauthorized: etcdserver: permission denied
Use --allow-version-mismatch to override.
"""
AWAY_BEHIND_THE_CHECK = """\
Unable to get Cluster Information to verify version mismatch: Get "https://10.0.0.9:6443": connection refused
Use --allow-version-mismatch to override.
"""
UNKNOWN_FIELD = """\
Failed to execute command: error unmarshaling JSON: while decoding JSON: json: unknown field "nodeSelektor"
"""
WRONG_PASSWORD = "Failed to create Calico API client: etcdserver: authentication failed, invalid user ID or password\n"
NO_KEY = "Failed to create Calico API client: open /etc/no.key: no such file or directory\n"
NO_TYPE = "Failed to create Calico API client: unknown datastore type: etcd\n"
POOLS = "Failed to delete 'Node' resource: [10.9.0.0/26 is not within any configured pools]"

C, R, U, T = DatastoreConflict, DatastoreRefused, DatastoreUnreachable, DatastoreTimeout
WRITES: list[tuple[str, str, type[DatastoreError], str]] = [
    # stdout, stderr, what it means, what is shown
    ("", "Hit error: update conflict: BGPPeer(one)", C, "Hit error: update conflict: BGPPeer(one)"),
    (PARTIAL, "Hit error: update conflict: BGPPeer(one)", C, "Hit error: update conflict: BGPPeer(one)"),
    ("", "resource already exists: BGPPeer(one)", C, "resource already exists: BGPPeer(one)"),
    (
        PARTIAL,
        "Hit error: resource does not exist: BGPPeer(one)",
        C,
        "Hit error: resource does not exist: BGPPeer(one)",
    ),
    ("null\n", "etcdserver: permission denied", R, "etcdserver: permission denied"),
    ("", UNAUTHORIZED, R, UNAUTHORIZED.splitlines()[0]),
    ("", "Hit error: error with field spec.peerIP = 'x'", R, "Hit error: error with field spec.peerIP = 'x'"),
    ("", FIELDS, R, " ".join(line.removeprefix("-").strip() for line in FIELDS.splitlines()[:3])),
    ("", UNKNOWN_FIELD, R, UNKNOWN_FIELD.strip()),
    (WRONG_PASSWORD, "", R, WRONG_PASSWORD.strip()),
    (NO_KEY, "", R, NO_KEY.strip()),
    (NO_TYPE, "", R, NO_TYPE.strip()),
    ("Error reading config file: /etc/no.cfg\n", "", R, "Error reading config file: /etc/no.cfg"),
    ("", POOLS, R, POOLS),
    ("", "bash: line 1: calicoctl: command not found", R, "bash: line 1: calicoctl: command not found"),
    ("", AWAY_BEHIND_THE_CHECK, U, AWAY_BEHIND_THE_CHECK.splitlines()[0]),
    ("Failed to create Calico API client: context deadline exceeded\n", "", U, "client: context deadline exceeded"),
    ("", "Hit error: dial tcp 127.0.0.1:12378: connect: connection refused", U, "connection refused"),
    ("", "ssh: connect to host manager port 22: Connection refused", U, "port 22: Connection refused"),
    ("", "Cannot connect to the Docker daemon at unix:///x", U, "Cannot connect to the Docker daemon at unix:///x"),
    ("", "Hit error: context deadline exceeded", T, "failed: Hit error: context deadline exceeded"),
    ("", "Hit error: operation partially failed: x", T, "operation partially failed: x"),
    ("", MISMATCH, R, "is of version v3.21.0, the cluster of v3.8.9"),
    ("[]\nnull\n", "", T, "no reason given"),
]


@pytest.mark.parametrize(("stdout", "stderr", "kind", "shown"), WRITES, ids=[case[3][:60] for case in WRITES])
def test_refused_writes(stdout: str, stderr: str, kind: type[DatastoreError], shown: str, tmp_path: Path) -> None:
    """Only a definite no is a no, and the line that is shown is the one that says why."""
    with pytest.raises(DatastoreError) as error:
        saying(tmp_path, stdout, stderr, code=1).replace(KEY, PEER, "7")
    assert type(error.value) is kind
    assert str(error.value).startswith("BGPPeer/one: ")
    assert str(error.value).endswith(shown)


@pytest.mark.parametrize("text", ["Hit error: context deadline exceeded", "null"])
def test_a_read_is_never_in_doubt(text: str, tmp_path: Path) -> None:
    """A read that failed for no known reason may be tried again."""
    with pytest.raises(DatastoreUnreachable):
        saying(tmp_path, stderr=text, code=1).everything(["Node"])


def test_an_option_before_the_verb(tmp_path: Path) -> None:
    """calicoctl refuses it; the hint says where it belongs."""
    said = "Invalid option: 'calicoctl --konfig x get nodes'. Use flag '--help' to read about a specific subcommand."
    with pytest.raises(DatastoreRefused, match="Invalid option") as error:
        saying(tmp_path, stderr=said, code=1).everything(["Node"])
    assert error.value.hint == "options such as `--config FILE` belong after calicoctl's name in `--calicoctl`"


BESIDE = [
    ("Unauthorized access to this system is forbidden", "Failed to create 'BGPPeer' resource: request timed out"),
    ("Could not chdir to home directory /home/op: No such file or directory", "Hit error: request timed out"),
    (
        "bash: warning: setlocale: LC_ALL: cannot change locale (de_DE.UTF-8): No such file or directory",
        "Connection to manager closed by remote host.",
    ),
]


@pytest.mark.parametrize(("beside", "said"), BESIDE, ids=["banner", "home", "locale"])
def test_what_a_login_prints_decides_nothing(beside: str, said: str, tmp_path: Path) -> None:
    """A banner or a warning beside an error is no refusal: the write may have landed."""
    with pytest.raises(DatastoreTimeout) as error:
        saying(tmp_path, stderr=f"{beside}\n{said}", code=1).create(KEY, PEER)
    assert str(error.value).endswith(f"failed: {said}")


HINTS = [
    ("etcdserver: permission denied", "that may read and write `/calico/`"),
    ("Failed to create Calico API client: etcdserver: authentication failed", "check the user and password"),
    ("Failed to create Calico API client: open /no.key: no such file or directory", "check the paths"),
    ("the input device is not a TTY", "leave `-t` out"),
    ("sudo: a password is required", "NOPASSWD"),
    ("docker: permission denied while trying to connect to the Docker daemon socket", "let this account use docker"),
    ("Permission denied (publickey).", "ssh needs a key"),
    ("Invalid option: 'calicoctl get --allow-version-mismatch nodes'. Use flag", "from v3.17 on"),
    ("Failed to create Calico API client: unknown datastore type: x", "`etcdv3` or `kubernetes`"),
]


@pytest.mark.parametrize(("said", "hint"), HINTS, ids=[case[0][:40] for case in HINTS])
def test_a_refusal_says_what_to_do(said: str, hint: str, tmp_path: Path) -> None:
    """Each kind of refusal has its remedy."""
    with pytest.raises(DatastoreRefused) as error:
        saying(tmp_path, stderr=said, code=1).replace(KEY, PEER, "7")
    assert hint in error.value.hint


def test_the_line_that_docker_adds(tmp_path: Path) -> None:
    """It says how to get help, and not what is wrong."""
    said = "docker: Cannot connect to the Docker daemon at unix:///x.\n\nRun 'docker run --help' for more information\n"
    with pytest.raises(DatastoreUnreachable, match=r"BGPPeer/one: docker: Cannot connect .* at unix:///x\.$"):
        saying(tmp_path, stderr=said, code=125).replace(KEY, PEER, "7")


@pytest.mark.parametrize("printed", ["null", "5", "[null]", '{"items": 5}', '{"items": [5]}', "[" * 100_000])
def test_what_is_no_listing(printed: str, tmp_path: Path) -> None:
    """Whatever is printed, there is an error in words."""
    for ask in (lambda: saying(tmp_path, printed).everything(["Node"]), lambda: saying(tmp_path, printed).get(KEY)):
        with pytest.raises(DatastoreUnreachable, match="printed"):
            ask()


def calicoctl_of(folder: Path, version: str, **listings: list[dict[str, object]]) -> Calicoctl:
    """A calicoctl of a release that lists these resources and notes what it deletes."""
    for plural in ("bgppeers", "felixconfigurations", "bgpconfigurations", "hostendpoints", "nodes"):
        (folder / plural).write_text(json.dumps({"items": listings.get(plural, [])}))
    script = folder / "calicoctl"
    script.write_text(
        f'#!/bin/sh\ncase $1 in version) echo "Client Version:    {version}";; get) cat {folder}/$2;; '
        f"delete) cat > {folder}/deleted;; esac\n"
    )
    script.chmod(0o755)
    return Calicoctl(str(script), seconds=5)


NODE = ResourceKey("Node", "rr-1")
ENDPOINT = {"metadata": {"name": "rr-1-eth0", "resourceVersion": "3"}, "spec": {"node": "rr-1"}}
OTHER = {"metadata": {"name": "other", "resourceVersion": "4"}, "spec": {"node": "rr-2"}}


@pytest.mark.parametrize(
    ("version", "listings", "taken"),
    [
        ("v3.12.3", {"bgppeers": [OTHER]}, ""),
        ("v3.12.3", {"hostendpoints": [ENDPOINT]}, ""),
        ("v3.30.7", {"hostendpoints": [ENDPOINT]}, "HostEndpoint/rr-1-eth0"),
        ("unknown", {"hostendpoints": [ENDPOINT]}, "HostEndpoint/rr-1-eth0"),
        ("v3.12.3", {"bgppeers": [ENDPOINT]}, "BGPPeer/rr-1-eth0"),
        (
            "v3.12.3",
            {"felixconfigurations": [{"metadata": {"name": "node.rr-1", "resourceVersion": "5"}}]},
            "FelixConfiguration/node.rr-1",
        ),
    ],
)
def test_a_node_is_deleted_alone(version: str, listings: dict[str, Any], taken: str, tmp_path: Path) -> None:
    """What this calicoctl would delete with it is in the plan and gone before, or the Node is not deleted."""
    calico = calicoctl_of(tmp_path, version, **listings)
    if not taken:
        calico.delete(NODE, "7")
        assert json.loads((tmp_path / "deleted").read_text())["metadata"]["name"] == "rr-1"
        return
    with pytest.raises(DatastoreRefused, match=f"would delete {taken} with it, which is not in the plan") as error:
        calico.delete(NODE, "7")
    assert not (tmp_path / "deleted").exists()
    assert error.value.hint.startswith("make a new plan")


def test_kinds_that_a_release_does_not_know(tmp_path: Path) -> None:
    """v3.24 and earlier have no BGPFilters: there are none, which is no error."""
    script = tmp_path / "calicoctl"
    script.write_text(
        "#!/bin/sh\n"
        "if [ $2 = bgpfilters ]; then\n"
        "echo \"Failed to get resources: resource type '$2' is not supported\" >&2; exit 1; fi\n"
        f"echo '{json.dumps({'items': [PEER]})}'\n"
    )
    script.chmod(0o755)
    calico = Calicoctl(str(script))
    assert [stored.version for stored in calico.everything(["BGPPeer", "BGPFilter"])] == ["7"]
    assert calico.get(ResourceKey("BGPFilter", "x")) is None


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


def silent(folder: Path, body: str = "exec sleep 30") -> Path:
    """A calicoctl that does not end."""
    script = folder / "calicoctl"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    return script


def test_silence_of_a_write(tmp_path: Path) -> None:
    """A command that does not end leaves it open what became of a write."""
    with pytest.raises(DatastoreTimeout, match=r"BGPPeer/one: `.*calicoctl` did not end within 0\.2 s$"):
        Calicoctl(str(silent(tmp_path)), seconds=0.2).delete(KEY, "7")
    with pytest.raises(DatastoreTimeout, match=r"within 0\.2 s; what it started may go on and still write$"):
        Calicoctl(f"nice {silent(tmp_path)}", seconds=0.2).delete(KEY, "7")


def test_silence_of_the_first_read(tmp_path: Path) -> None:
    """It has a short limit of its own, and what is known of the etcd behind it is said."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    away = f"env ETCD_ENDPOINTS=http://127.0.0.1:{port} {silent(tmp_path)}"
    with pytest.raises(DatastoreUnreachable) as error:
        Calicoctl(away, first_seconds=0.2).everything(["Node"])
    assert str(error.value) == (
        "`env` did not answer `get clusterinformations` within 0.2 s: "
        f"etcd http://127.0.0.1:{port} does not answer: Connection refused; "
        "calicoctl waits for ever for an etcd that does not answer or does not accept its certificate"
    )
    assert error.value.hint == "start etcd, or correct calicoctl's configuration"


def test_silence_where_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says what to look at."""
    monkeypatch.delenv("ETCD_ENDPOINTS", raising=False)
    with pytest.raises(DatastoreUnreachable, match="where its etcd is, the command does not say") as error:
        Calicoctl(str(silent(tmp_path)), first_seconds=0.2).everything(["Node"])
    assert error.value.hint == "call it once by hand, and check the endpoints and certificates of its configuration"


def test_a_datastore_of_type_kubernetes(tmp_path: Path) -> None:
    """There calicoctl is no way to anything else than Kubernetes itself."""
    for words in ("env DATASTORE_TYPE=kubernetes calicoctl", "docker run -i -e DATASTORE_TYPE=kubernetes calico/ctl"):
        with pytest.raises(DatastoreRefused, match="keeps Calico's data in Kubernetes") as error:
            Calicoctl(words).everything(["Node"])
        assert error.value.hint == ("leave `--calicoctl` out; rrplan reads Calico's resources from Kubernetes itself")
    config = tmp_path / "calicoctl.cfg"
    config.write_text("kind: CalicoAPIConfig\nspec:\n  datastoreType: 'kubernetes'\n")
    with pytest.raises(DatastoreRefused, match="keeps Calico's data in Kubernetes"):
        Calicoctl(f"calicoctl --config {config}").everything(["Node"])


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
