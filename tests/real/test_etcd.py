"""Calico's resources in a real etcd with TLS: shapes, races, certificates, members that go away."""

import base64
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from rrplan.adapters import etcd
from rrplan.adapters.etcd import Access, CalicoEtcd, Etcd
from rrplan.errors import (
    DatastoreConflict,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.resources import ResourceKey
from tests.conftest import lacks
from tests.real.etcd import Certificates, EtcdCluster
from tests.real.parts import HINTS, find

KEY = ResourceKey("BGPPeer", "rr-1")
PEER = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "BGPPeer",
    "metadata": {"name": "rr-1"},
    "spec": {"peerIP": "10.0.0.1", "asNumber": 64512},
}


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    """One member."""
    missing = [f"{name} ({HINTS[name]})" for name in ("etcd", "openssl") if find(name) is None]
    if missing:
        lacks(f"no real etcd; missing: {'; '.join(missing)}")
    made = EtcdCluster(tmp_path_factory.mktemp("etcd"))
    yield made
    made.stop()


@pytest.fixture
def store(members: EtcdCluster) -> Iterator[CalicoEtcd]:
    """Empty."""
    yield CalicoEtcd(members.access)
    everything = {"key": base64.b64encode(b"/").decode(), "range_end": base64.b64encode(b"0").decode()}
    Etcd(members.access).ask("/kv/deleterange", everything, writes=True)


def version(store: CalicoEtcd, key: ResourceKey = KEY) -> str:
    """The present version."""
    found = store.get(key)
    assert found is not None
    return found.version


def test_written_as_calico_writes(store: CalicoEtcd, members: EtcdCluster) -> None:
    """Key and JSON are Calico's: no resourceVersion inside, a uid and a time, and its own Node is a Node."""
    store.create(KEY, PEER)
    node = {"kind": "CalicoNode", "metadata": {"name": "w1"}, "spec": {"bgp": {"ipv4Address": "10.0.0.9/24"}}}
    store.create(ResourceKey("CalicoNode", "w1"), node)
    for path, kind, own in (("bgppeers/rr-1", "BGPPeer", KEY), ("nodes/w1", "Node", ResourceKey("CalicoNode", "w1"))):
        key = base64.b64encode(f"/calico/resources/v3/projectcalico.org/{path}".encode()).decode()
        pair = Etcd(members.access).ask("/kv/range", {"key": key}, writes=False)["kvs"][0]
        value = json.loads(base64.b64decode(pair["value"]))
        assert (value["kind"], value["apiVersion"]) == (kind, "projectcalico.org/v3")
        assert set(value["metadata"]) == {"name", "uid", "creationTimestamp"}
        assert version(store, own) == pair["mod_revision"]
    found = store.get(ResourceKey("CalicoNode", "w1"))
    assert found is not None
    assert found.document["kind"] == "CalicoNode"
    assert store.get(ResourceKey("CalicoNode", "w2")) is None


def test_compare_and_swap(store: CalicoEtcd) -> None:
    """Created once, changed and deleted at its version alone; what we do not know of it stays."""
    store.create(KEY, {**PEER, "spec": {**PEER["spec"], "future": {"field": [1]}}})  # type: ignore[dict-item]
    with pytest.raises(DatastoreConflict, match="BGPPeer/rr-1 exists already"):
        store.create(KEY, PEER)
    old = version(store)
    store.patch(KEY, {"spec": {"asNumber": 65001}}, old)
    found = store.get(KEY)
    assert found is not None
    assert found.document["spec"] == {"peerIP": "10.0.0.1", "asNumber": 65001, "future": {"field": [1]}}
    for stale in (lambda: store.patch(KEY, {"spec": {"asNumber": 1}}, old), lambda: store.delete(KEY, old)):
        with pytest.raises(DatastoreConflict, match=f"BGPPeer/rr-1 is not at version {old} any more"):
            stale()
    store.delete(KEY, found.version)
    assert store.get(KEY) is None
    with pytest.raises(DatastoreConflict, match="BGPPeer/rr-1 does not exist"):
        store.patch(KEY, {}, old)


def test_two_writers(store: CalicoEtcd) -> None:
    """Of many that write at one version exactly one wins."""
    store.create(KEY, PEER)
    at = version(store)

    def write(number: int) -> bool:
        try:
            store.patch(KEY, {"spec": {"asNumber": number}}, at)
        except DatastoreConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(1, 9))) == 1


def test_pages_at_one_revision(store: CalicoEtcd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list goes over several answers, all of one moment; keys of other kinds are not in it."""
    monkeypatch.setattr(etcd, "PAGE", 3)
    names = [f"w{number}" for number in range(10)]
    for name in names:
        store.create(ResourceKey("CalicoNode", name), {"metadata": {"name": name}, "spec": {}})
    store.create(KEY, PEER)
    found = [(one.document["kind"], one.document["metadata"]["name"]) for one in store.everything()]  # type: ignore[index]
    assert found == [*(("CalicoNode", name) for name in names), ("BGPPeer", "rr-1")]


def test_compaction(store: CalicoEtcd, members: EtcdCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list whose revision is compacted in its middle is read again; one that always is, is given up."""
    monkeypatch.setattr(etcd, "PAGE", 1)
    for number in range(3):
        store.create(ResourceKey("CalicoNode", f"w{number}"), {"metadata": {"name": f"w{number}"}, "spec": {}})
    direct, asked = Etcd(members.access), store._etcd.ask
    times = 1

    def ask(path: str, body: dict[str, object], *, writes: bool) -> dict[str, object]:
        nonlocal times
        answer = asked(path, body, writes=writes)
        if times and answer.get("more"):
            times -= 1
            put = {"key": base64.b64encode(b"/x").decode(), "value": ""}
            revision = direct.ask("/kv/put", put, writes=True)["header"]["revision"]
            direct.ask("/kv/compaction", {"revision": revision, "physical": True}, writes=True)
        return answer

    monkeypatch.setattr(store._etcd, "ask", ask)
    assert len(store.everything()) == 3
    times = 1000
    with pytest.raises(DatastoreUnreachable, match="etcd was compacted 5 times while Calico's resources were read"):
        store.everything()


def test_certificates(members: EtcdCluster, tmp_path: Path) -> None:
    """Each wrong file is named as what it is; the key is in no message."""
    access = members.access
    other = Certificates(tmp_path / "other", "other")
    stranger, strangers_key = other.signed("stranger")
    old, old_key = members.certificates.signed("old", expired=True)
    cases = [
        (replace(access, ca=str(other.ca)), "certificate verify failed: unable to get local issuer certificate"),
        (replace(access, certificate=str(stranger), key=str(strangers_key)), "alert bad certificate"),
        (replace(access, certificate=str(old), key=str(old_key)), "alert bad certificate"),
        (replace(access, certificate="", key=""), "alert bad certificate|certificate required"),
    ]
    for wrong, words in cases:
        with pytest.raises(DatastoreRefused, match=f"TLS failed: .*({words})") as error:
            CalicoEtcd(wrong).get(KEY)
        assert error.value.hint.startswith("check the CA, the certificate and the key; an expired certificate")
    for field in ("ca", "certificate", "key"):
        with pytest.raises(DatastoreRefused, match=r"nothing\.pem") as refused:
            CalicoEtcd(replace(access, **{field: str(tmp_path / "nothing.pem")})).get(KEY)
        assert refused.value.hint == "check the files of the CA, the certificate and the key"


def test_endpoints(members: EtcdCluster) -> None:
    """A dead member is passed over; all dead is a definite no; a wrong word is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"https://127.0.0.1:{taken.getsockname()[1]}"
    access = members.access
    assert CalicoEtcd(replace(access, endpoints=(dead, *access.endpoints))).get(KEY) is None
    with pytest.raises(DatastoreUnreachable, match=f"etcd at {dead} does not answer"):
        CalicoEtcd(replace(access, endpoints=(dead,))).get(KEY)
    with pytest.raises(PreflightError, match="`ftp://x` is no endpoint of etcd") as error:
        CalicoEtcd(Access(("ftp://x",)))
    assert error.value.hint == "an endpoint is written like `https://10.0.0.1:2379`"


def test_silence(members: EtcdCluster) -> None:
    """A member that does not reply: reads go to the next one, of a write nothing is known."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = f"https://127.0.0.1:{silent.getsockname()[1]}"
        access = members.access
        assert CalicoEtcd(replace(access, endpoints=(mute, *access.endpoints)), 0.5).get(KEY) is None
        with pytest.raises(DatastoreTimeout, match=f"no reply from etcd at {mute}"):
            CalicoEtcd(replace(access, endpoints=(mute, *access.endpoints)), 0.5).create(KEY, PEER)


def test_no_permission(members: EtcdCluster) -> None:
    """etcd's own access control says no: in its words, with what to ask for."""
    certificate, key = members.certificates.signed("nameless", named=False)
    nameless = replace(members.access, certificate=str(certificate), key=str(key))
    direct = Etcd(nameless)
    direct.ask("/auth/user/add", {"name": "root", "password": "x"}, writes=True)
    direct.ask("/auth/role/add", {"name": "root"}, writes=True)
    direct.ask("/auth/user/grant", {"user": "root", "role": "root"}, writes=True)
    direct.ask("/auth/enable", {}, writes=True)
    try:
        with pytest.raises(DatastoreRefused, match="user name is empty") as error:
            CalicoEtcd(nameless).get(KEY)
        assert error.value.hint == "the account may not do this; ask for the right to read and write below /calico"
        with pytest.raises(DatastoreRefused, match="CommonName of client sending a request") as error:
            CalicoEtcd(members.access).get(KEY)
        assert error.value.hint.endswith("use a certificate without CN where etcd has users")
    finally:
        token = direct.ask("/auth/authenticate", {"name": "root", "password": "x"}, writes=False)["token"]
        direct._clients[0].session.headers["Authorization"] = token
        direct.ask("/auth/disable", {}, writes=True)


def test_value_that_is_no_json(members: EtcdCluster, store: CalicoEtcd) -> None:
    """Said by its key."""
    key = base64.b64encode(b"/calico/resources/v3/projectcalico.org/bgppeers/rr-1").decode()
    Etcd(members.access).ask("/kv/put", {"key": key, "value": base64.b64encode(b"{").decode()}, writes=True)
    with pytest.raises(DatastoreRefused, match=r"the value of /calico/.*/bgppeers/rr-1 in etcd is no JSON"):
        store.everything()


def test_members_die(tmp_path: Path, members: EtcdCluster) -> None:
    """Three members, the leader killed in the middle of a series of writes: nothing is lost, nothing doubled."""
    three = EtcdCluster(tmp_path / "three", 3)
    try:
        store = CalicoEtcd(three.access, 2.0)
        leader = three.leader()
        written: list[str] = []
        killer = threading.Timer(0.0, three.processes[leader].kill)
        for number in range(40):
            if number == 15:
                killer.start()
            key = ResourceKey("BGPPeer", f"p{number:02}")
            for _ in range(100):
                try:
                    if store.get(key) is None:
                        store.create(key, {**PEER, "metadata": {"name": key.name}})
                    written.append(key.name)
                    break
                except (DatastoreTimeout, DatastoreUnreachable):
                    continue
        assert three.processes[leader].poll() is not None
        assert written == [f"p{number:02}" for number in range(40)]
        assert [one.document["metadata"]["name"] for one in store.everything()] == written  # type: ignore[index]
        assert three.leader() != leader
    finally:
        three.stop()
