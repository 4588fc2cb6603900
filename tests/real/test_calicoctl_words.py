"""calicoctl's words on a real etcd: every release, its silences, and a write that lands after it was given up."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import CalicoEtcd
from rrplan.adapters.etcd.client import Access
from rrplan.errors import (
    DatastoreConflict,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
)
from rrplan.ports import Document
from rrplan.resources import ResourceKey
from rrplan.sandbox import demo_cluster
from tests.conftest import lacks
from tests.real import calicoctl
from tests.real.etcd import Certificates, EtcdMembers, free_ports, peer
from tests.real.parts import HINTS, find

pytestmark = pytest.mark.real

RELEASES = ["v3.0.12", "v3.12.3", "v3.24.6", "v3.30.7"]
KEY, PEER = peer("one")
FILTER: tuple[ResourceKey, Document] = (
    ResourceKey("BGPFilter", "f"),
    {"apiVersion": "projectcalico.org/v3", "kind": "BGPFilter", "metadata": {"name": "f"}, "spec": {}},
)
FOREVER = "calicoctl waits for ever for an etcd that does not answer or does not accept its certificate"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Good and bad ones."""
    missing = [f"{name} ({HINTS[name]})" for name in ("etcd", "openssl") if find(name) is None]
    if missing:
        lacks(f"no real etcd; missing: {'; '.join(missing)}")
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def shared(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdMembers]:
    """One member that asks for client certificates, with a small cluster in it."""
    members = EtcdMembers(tmp_path_factory.mktemp("secure"), server="server", certificates=certificates)
    members.fill(demo_cluster(2, 1))
    yield members
    members.stop()


@pytest.fixture
def etcd(shared: EtcdMembers) -> Iterator[EtcdMembers]:
    """That member; objects of a test are removed after it."""
    yield shared
    store = CalicoEtcd(shared.connect())
    for key in (KEY, FILTER[0]):
        found = store.get(key)
        if found is not None:
            store.delete(key, found.version)


@contextmanager
def calling(access: Access, release: str = "v3.12.3") -> Iterator[calicoctl.Server]:
    """What answers for calicoctl of a release."""
    server = calicoctl.Server(access, release)
    try:
        yield server
    finally:
        server.stop()


def unchecked(server: calicoctl.Server, release: str) -> str:
    """A command that does not mind the version of the cluster."""
    return f"{server.command} --allow-version-mismatch" if release in ("v3.24.6", "v3.30.7") else server.command


@pytest.mark.parametrize("release", RELEASES)
def test_every_release(release: str, etcd: EtcdMembers) -> None:
    """All kinds are listed, those that a release does not know as none; create, replace and delete at a version."""
    CalicoEtcd(etcd.connect()).create(*FILTER)
    with calling(etcd.access(), release) as server:
        calico = Calicoctl(unchecked(server, release))
        kinds = {stored.document["kind"] for stored in calico.everything()}
        assert "Node" in kinds
        assert ("BGPFilter" in kinds) == (release == "v3.30.7")
        assert (calico.get(FILTER[0]) is not None) == (release == "v3.30.7")
        calico.create(KEY, PEER)
        with pytest.raises(DatastoreConflict, match=r"resource already exists: BGPPeer\(one\)"):
            calico.create(KEY, PEER)
        stored = calico.get(KEY)
        assert stored is not None
        calico.replace(KEY, stored.document, stored.version)
        conflict = r"BGPPeer/one: .*update conflict: BGPPeer\(one\)\]?$"
        with pytest.raises(DatastoreConflict, match=conflict):
            calico.replace(KEY, stored.document, stored.version)
        with pytest.raises(DatastoreConflict, match=conflict):
            calico.delete(KEY, stored.version)
        now = calico.get(KEY)
        assert now is not None
        calico.delete(KEY, now.version)
        assert calico.get(KEY) is None


@pytest.mark.parametrize("release", RELEASES)
def test_its_own_checks(release: str, etcd: EtcdMembers) -> None:
    """What calicoctl refuses before it writes is refused for certain, in its own words."""
    with calling(etcd.access(), release) as server:
        calico = Calicoctl(unchecked(server, release))
        spec = {"nodeSelector": "all()", "peerSelektor": "has(rr)"}
        with pytest.raises(DatastoreRefused, match=r'unknown field "peerSelektor"$'):
            calico.create(KEY, {**PEER, "spec": spec})
        assert calico.get(KEY) is None


def test_versions_that_differ(etcd: EtcdMembers) -> None:
    """From v3.17 on, calicoctl refuses a cluster of another release unless told not to."""
    key = ResourceKey("ClusterInformation", "default")
    store = CalicoEtcd(etcd.connect())
    head = {"apiVersion": "projectcalico.org/v3", "kind": "ClusterInformation", "metadata": {"name": "default"}}
    present = store.get(key)
    if present is None:
        store.create(key, {**head, "spec": {"calicoVersion": "v3.8.9"}})
    with calling(etcd.access(), "v3.30.7") as server:
        with pytest.raises(DatastoreRefused, match=r"is of version v3\.30\.7, the cluster of v3\.\d+\.\d+$") as error:
            Calicoctl(server.command).everything()
        assert error.value.hint.endswith("or add `--allow-version-mismatch` to the command")
        assert Calicoctl(f"{server.command} --allow-version-mismatch").everything()
    refused = pytest.raises(DatastoreRefused, match="Invalid option: 'calicoctl --allow-version-mismatch get")
    with calling(etcd.access(), "v3.12.3") as server, refused:
        Calicoctl(f"{server.command} --allow-version-mismatch").everything()
    if present is None:
        made = store.get(key)
        assert made is not None
        store.delete(key, made.version)


# --- configuration and silence --------------------------------------------------------------------


def configuration(folder: Path, access: Access, **told: str) -> Path:
    """calicoctl's configuration file for an etcd."""
    spec = {
        "datastoreType": "etcdv3",
        "etcdEndpoints": ",".join(access.endpoints),
        "etcdCACertFile": access.ca,
        "etcdCertFile": access.certificate,
        "etcdKeyFile": access.key,
        **told,
    }
    file = folder / "calicoctl.cfg"
    head = {"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig", "metadata": {}}
    file.write_text(yaml.safe_dump({**head, "spec": spec}))
    return file


def test_a_configuration_file(etcd: EtcdMembers, tmp_path: Path) -> None:
    """`calicoctl --config F`: calicoctl takes the option after the verb only, so it is put there."""
    with calling(Access(["http://127.0.0.1:1"])) as server:
        # The stand-in is a process of Python; a name that says calicoctl tells what the options belong to.
        script = tmp_path / "calicoctl"
        script.write_text(f'#!/bin/sh\nexec {server.command} "$@"\n')
        script.chmod(0o755)
        config = configuration(tmp_path, etcd.access())
        for words in (f"{script} --config {config}", f"{script} --config={config}", f"{script} -c {config}"):
            assert Calicoctl(words).everything(["Node"])
        with pytest.raises(DatastoreRefused, match=f"Error reading config file: {tmp_path}/no.cfg$"):
            Calicoctl(f"{script} --config {tmp_path}/no.cfg").everything(["Node"])
        missing = configuration(tmp_path, etcd.access(), etcdKeyFile="/no.key")
        with pytest.raises(DatastoreRefused, match=r"open /no\.key: no such file or directory$"):
            Calicoctl(f"{script} --config {missing}").everything(["Node"])


SILENT: list[tuple[str, Callable[[EtcdMembers], dict[str, str]], str, str]] = [
    ("closed port", lambda _: {"etcdEndpoints": f"https://127.0.0.1:{free_ports(1)[0]}"}, "refused", "start etcd, or"),
    (
        "wrong CA",
        lambda etcd: {"etcdCACertFile": etcd.access(ca=_path(etcd, "other-ca.crt")).ca},
        "cannot be trusted",
        "check the CA file",
    ),
    (
        "expired",
        lambda etcd: {"etcdCertFile": _path(etcd, "expired.crt"), "etcdKeyFile": _path(etcd, "expired.key")},
        "does not accept the client certificate: it expired on 2021-02-03",
        "renew ",
    ),
    (
        "http for https",
        lambda etcd: {"etcdEndpoints": etcd.access().endpoints[0].replace("https", "http")},
        "does not answer as etcd v3 does|speaks TLS|no reply|the connection was closed",
        "",
    ),
]


def _path(etcd: EtcdMembers, name: str) -> str:
    assert etcd.certificates is not None
    return etcd.certificates.path(name)


@pytest.mark.parametrize(("told", "text", "hint"), [case[1:] for case in SILENT], ids=[case[0] for case in SILENT])
def test_an_etcd_that_does_not_answer(
    told: Callable[[EtcdMembers], dict[str, str]], text: str, hint: str, etcd: EtcdMembers, tmp_path: Path
) -> None:
    """calicoctl waits for ever; rrplan asks its etcd directly, and says what is wrong there."""
    config = configuration(tmp_path, etcd.access(), **told(etcd))
    with calling(etcd.access()) as server:
        script = tmp_path / "calicoctl"
        script.write_text(f'#!/bin/sh\nexec {server.command} "$@"\n')
        script.chmod(0o755)
        began = time.monotonic()
        with pytest.raises(DatastoreUnreachable, match=text) as error:
            Calicoctl(f"{script} --config {config}", first_seconds=1).everything()
        assert time.monotonic() - began < 20
        assert str(error.value).startswith(f"`{script}` did not answer `get clusterinformations` within 1 s: ")
        assert str(error.value).endswith(FOREVER)
        assert error.value.hint.startswith(hint)


# --- a write that lands late ----------------------------------------------------------------------


def test_a_write_lands_after_it_was_given_up(etcd: EtcdMembers) -> None:
    """The command is killed, what it started goes on: absent now does not mean never landed."""
    store = CalicoEtcd(etcd.connect())
    with calling(etcd.access()) as server:
        calico = Calicoctl(server.command, seconds=0.5)
        server.setup.stall = 3
        with pytest.raises(DatastoreTimeout, match=r"BGPPeer/one: .* did not end within 0\.5 s"):
            calico.create(KEY, PEER)
        assert store.get(KEY) is None
        until = time.monotonic() + 30
        while store.get(KEY) is None and time.monotonic() < until:
            time.sleep(0.1)
        found = store.get(KEY)
        assert found is not None
        # The second try of the same write is the fence: it conflicts with the first.
        server.setup.stall = 0
        with pytest.raises(DatastoreConflict):
            Calicoctl(server.command).create(KEY, PEER)
