"""A real etcd: who may in, what is stored, and what happens when members, endpoints or other writers get in the way."""

import json
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rrplan.adapters.etcd import calico as etcd_calico
from rrplan.adapters.etcd.calico import PREFIX, CalicoEtcd
from rrplan.adapters.etcd.client import Access, Etcd
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreRefused,
    DatastoreTimeout,
    DatastoreUnreachable,
    PreflightError,
)
from rrplan.ports import Document, Stored
from rrplan.resources import ResourceKey
from rrplan.resources.documents import patched
from tests.conftest import lacks
from tests.real.etcd import Certificates, EtcdMembers, free_ports, peer
from tests.real.parts import HINTS, find

pytestmark = pytest.mark.real

SECRET = "n0t-for-messages"
KEY, PEER = peer("one")
READ_SECONDS = 2.0
"""For a member that was stopped on purpose."""


@pytest.fixture(scope="module", autouse=True)
def parts() -> None:
    """What these tests need."""
    missing = [f"{name} ({HINTS[name]})" for name in ("etcd", "openssl") if find(name) is None]
    if missing:
        lacks(f"no real etcd; missing: {'; '.join(missing)}")


@pytest.fixture(scope="module")
def certificates(parts: None, tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Good and bad ones."""
    return Certificates(tmp_path_factory.mktemp("tls") / "certificates")


@pytest.fixture(scope="module")
def secure(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdMembers]:
    """One member that asks for client certificates."""
    made = EtcdMembers(tmp_path_factory.mktemp("secure"), server="server", certificates=certificates)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shared(parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdMembers]:
    """One member without TLS."""
    made = EtcdMembers(tmp_path_factory.mktemp("plain"))
    yield made
    made.stop()


@pytest.fixture
def plain(shared: EtcdMembers) -> EtcdMembers:
    """That member with nothing in it."""
    shared.clear()
    return shared


@pytest.fixture
def three(tmp_path: Path) -> Iterator[EtcdMembers]:
    """A cluster of three members, of this test only."""
    made = EtcdMembers(tmp_path / "three", 3)
    yield made
    made.stop()


def raw(etcd: Etcd, key: str) -> bytes:
    """The bytes at a key."""
    return etcd.range(key).entries[0].value


def calico(etcd: Etcd) -> CalicoEtcd:
    """Calico's resources there."""
    return CalicoEtcd(etcd)


# --- who may in -----------------------------------------------------------------------------------


def test_tls(secure: EtcdMembers) -> None:
    """With the right CA and client certificate, everything works."""
    store = calico(secure.connect())
    store.create(KEY, PEER)
    found = store.get(KEY)
    assert found is not None
    store.delete(KEY, found.version)


@pytest.mark.parametrize(
    ("told", "message", "hint"),
    [
        (
            {"ca": "other-ca.crt"},
            "cannot be trusted: unable to get local issuer certificate",
            "check the CA file: it must be the one that signed etcd's certificate",
        ),
        (
            {"client": ""},
            "asks for a client certificate, and none was given",
            "give the certificate and key files that Calico itself uses",
        ),
        ({"client": "expired"}, "does not accept the client certificate: it expired on 2021-02-03 04:05 UTC", "renew "),
        (
            {"client": "stranger"},
            "does not accept the client certificate (",
            "it must be signed by the CA that etcd trusts for its clients: ",
        ),
    ],
    ids=["wrong-ca", "no-certificate", "expired", "of-another-ca"],
)
def test_refused_by_tls(secure: EtcdMembers, told: dict[str, str], message: str, hint: str) -> None:
    """Who does not fit is told why, and what to do; it is a definite no, also for a write."""
    assert secure.certificates is not None
    given = {name: secure.certificates.path(value) if name == "ca" else value for name, value in told.items()}
    attempts: list[Callable[[], object]] = [
        lambda: calico(secure.connect(**given)).get(KEY),
        lambda: calico(secure.connect(**given)).create(KEY, PEER),
    ]
    for attempt in attempts:
        with pytest.raises(DatastoreRefused, match=re.escape(f"etcd {secure.endpoints[0]} {message}")) as caught:
            attempt()
        assert caught.value.hint.startswith(hint)
    assert calico(secure.connect()).get(KEY) is None


def test_expired_server(certificates: Certificates, tmp_path: Path) -> None:
    """etcd's own certificate has expired."""
    old = EtcdMembers(tmp_path / "old", server="old-server", certificates=certificates)
    try:
        with pytest.raises(DatastoreRefused, match="cannot be trusted: certificate has expired") as caught:
            old.connect().range("x")
        assert caught.value.hint == "etcd's own certificate has to be renewed"
    finally:
        old.stop()


def test_other_name(secure: EtcdMembers) -> None:
    """An endpoint whose name is not in etcd's certificate."""
    other = secure.endpoints[0].replace("127.0.0.1", "localhost")
    with pytest.raises(DatastoreRefused, match="cannot be trusted: Hostname mismatch") as caught:
        secure.connect(endpoints=[other]).range("x")
    assert caught.value.hint.startswith("name the endpoint as etcd's certificate does")


def test_server_certificate_that_the_gateway_cannot_use(certificates: Certificates, tmp_path: Path) -> None:
    """etcd's JSON gateway shows the server's certificate to etcd itself; where that is not allowed, we say so."""
    half = EtcdMembers(tmp_path / "half", server="server-only", certificates=certificates)
    try:
        with pytest.raises(DatastoreError) as caught:
            half.connect().range("x")
        assert "extended key usage clientAuth" in caught.value.hint
    finally:
        half.stop()


def test_wrong_scheme(secure: EtcdMembers, plain: EtcdMembers) -> None:
    """`http` where etcd speaks TLS, and `https` where it does not: nothing was processed."""
    with pytest.raises(DatastoreError) as caught:
        Etcd(Access([secure.endpoints[0].replace("https", "http")])).range("x")
    assert "begins with `https://`" in caught.value.hint or "begin with `https://`" in caught.value.hint
    with pytest.raises(DatastoreError) as caught:
        Etcd(Access([plain.endpoints[0].replace("http", "https")])).range("x")
    assert "speak TLS" in caught.value.hint or "begin with `http://`" in caught.value.hint


def test_environment_changes_nothing(secure: EtcdMembers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy, nor another CA bundle, nor a gateway path of the environment is used."""
    assert secure.certificates is not None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", secure.certificates.path("other-ca.crt"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ETCD3GW_API_PATH", "/nowhere/")
    assert secure.connect().range("x").entries == ()


@pytest.mark.parametrize(
    ("access", "message"),
    [
        (Access([]), "no etcd endpoint was given"),
        (Access(["10.0.0.1:2379"]), "`10.0.0.1:2379` is not an etcd endpoint"),
        (Access(["https://10.0.0.1:port"]), "`https://10.0.0.1:port` is not an etcd endpoint"),
        (Access([f"https://me:{SECRET}@10.0.0.1:2379"]), "an etcd endpoint holds a user name or password"),
        (Access([f"ftp://me:{SECRET}@10.0.0.1"]), "`10.0.0.1` is not an etcd endpoint"),
        (Access(["http://x"], certificate="a.crt"), "a client certificate needs its key"),
        (Access(["http://x"], ca="not-there.crt"), "the CA file not-there.crt cannot be used: No such file"),
    ],
)
def test_what_can_be_said_before(access: Access, message: str) -> None:
    """Wrong settings are named before anything is sent, secrets are not repeated."""
    with pytest.raises(PreflightError, match=re.escape(message)) as caught:
        Etcd(access)
    assert SECRET not in str(caught.value) + caught.value.hint + repr(caught.value)


def test_unusable_key_files(certificates: Certificates) -> None:
    """A key of another certificate, and a file that is no PEM."""
    certificate, key = certificates.path("calico.crt"), certificates.path("stranger.key")
    with pytest.raises(PreflightError, match="cannot be used: key values mismatch"):
        Etcd(Access(["https://127.0.0.1:1"], certificate=certificate, key=key))
    with pytest.raises(PreflightError, match=r"the CA file \S+ cannot be used") as caught:
        Etcd(Access(["https://127.0.0.1:1"], ca=certificates.path("calico.key")))
    assert caught.value.hint == "PEM files are expected, a key without pass phrase"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[EtcdMembers]:
    """A member with users: `calico` may read and write, `reader` may read `/calico/`."""
    made = EtcdMembers(tmp_path / "guarded")
    for name, kind in (("calico", "READWRITE"), ("reader", "READ")):
        made.post("auth/user/add", {"name": name, "password": SECRET})
        made.post("auth/role/add", {"name": name})
        area = {"permType": kind, "key": "L2NhbGljby8=", "range_end": "L2NhbGljbzA="}
        made.post("auth/role/grant", {"name": name, "perm": area})
        made.post("auth/user/grant", {"user": name, "role": name})
    made.post("auth/user/add", {"name": "root", "password": SECRET})
    made.post("auth/user/grant", {"user": "root", "role": "root"})
    made.post("auth/enable", {})
    yield made
    made.stop()


def test_no_permission(guarded: EtcdMembers) -> None:
    """A role that may only read: reading works, a write is refused before and while it is made, with words."""
    calico(guarded.connect(user="calico", password=SECRET)).create(KEY, PEER)
    reader = calico(guarded.connect(user="reader", password=SECRET))
    found = reader.get(KEY)
    assert found is not None
    attempts: list[Callable[[], None]] = [
        lambda: reader.create(*peer("two")),
        lambda: reader.replace(KEY, found.document, found.version),
        lambda: reader.delete(KEY, found.version),
        lambda: reader.create(*peer("two"), dry_run=True),
        lambda: reader.delete(KEY, "1", dry_run=True),
    ]
    for attempt in attempts:
        with pytest.raises(
            DatastoreRefused, match=r"user `reader` may not do this in etcd .*permission denied"
        ) as told:
            attempt()
        assert told.value.hint == "grant its role readwrite on the prefix `/calico/`"
        assert SECRET not in str(told.value)
    assert [one.version for one in reader.everything()] == [found.version]


def test_users(guarded: EtcdMembers) -> None:
    """No user, a wrong password, and a token that etcd forgot: each has its words, the last one is renewed."""
    with pytest.raises(DatastoreRefused, match="has users, and none was given") as caught:
        guarded.connect().range("/calico/x")
    assert "user and password" in caught.value.hint
    with pytest.raises(DatastoreRefused, match="does not accept user `reader` with this password") as caught:
        guarded.connect(user="reader", password=SECRET + "x").range("/calico/x")
    told = "".join(traceback.format_exception(caught.value)) + repr(guarded.access(user="reader", password=SECRET))
    assert SECRET not in told
    etcd = guarded.connect(user="reader", password=SECRET)
    etcd.range("/calico/x")
    guarded.post("auth/user/changepw", {"name": "reader", "password": SECRET}, user="root", password=SECRET)
    assert etcd.range("/calico/x").entries == ()


# --- what is stored -------------------------------------------------------------------------------


def test_keys_and_json_are_calicos(plain: EtcdMembers) -> None:
    """The key, the order and the escapes of the JSON, and no resourceVersion in it."""
    etcd = plain.connect()
    spec = {"nodeSelector": "has(a) && b > 'ü'", "peerIP": "10.0.0.1"}
    given = {"name": "one", "resourceVersion": "7", "selfLink": "/x", "labels": {"a": "b"}, "annotations": {}}
    calico(etcd).create(KEY, {**PEER, "metadata": given, "spec": spec})
    value = raw(etcd, "/calico/resources/v3/projectcalico.org/bgppeers/one")
    metadata = json.loads(value)["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert (
        value
        == (
            '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3","metadata":{"name":"one",'
            f'"uid":"{metadata["uid"]}","creationTimestamp":"{metadata["creationTimestamp"]}","labels":{{"a":"b"}}}},'
            '"spec":{"nodeSelector":"has(a) \\u0026\\u0026 b \\u003e \'ü\'","peerIP":"10.0.0.1"}}'
        ).encode()
    )


def test_update_keeps_what_it_does_not_know(plain: EtcdMembers) -> None:
    """uid, time and fields of later versions survive; the version shown is the key's revision and is not stored."""
    etcd = plain.connect()
    calico(etcd).create(KEY, {**PEER, "spec": {"nodeSelector": "all()", "future": {"a": [1, None, 2.5]}}})
    before = calico(etcd).get(KEY)
    assert before is not None
    calico(etcd).replace(KEY, patched(before.document, {"spec": {"peerIP": "10.0.0.9"}}), before.version)
    stored = json.loads(raw(etcd, f"{PREFIX}bgppeers/one"))
    old = dict(before.document["metadata"])  # type: ignore[call-overload]
    assert old.pop("resourceVersion") == before.version
    assert stored["metadata"] == old
    assert stored["spec"] == {"nodeSelector": "all()", "future": {"a": [1, None, 2.5]}, "peerIP": "10.0.0.9"}
    after = calico(etcd).get(KEY)
    assert after is not None
    assert int(after.version) == etcd.range(f"{PREFIX}bgppeers/one").entries[0].revision > int(before.version)


def test_what_is_no_resource(plain: EtcdMembers) -> None:
    """A value that is not JSON is named by its key."""
    plain.post(
        "kv/put", {"key": "L2NhbGljby9yZXNvdXJjZXMvdjMvcHJvamVjdGNhbGljby5vcmcvYmdwcGVlcnMvb25l", "value": "eA=="}
    )
    with pytest.raises(DatastoreRefused, match=f"what etcd holds at {PREFIX}bgppeers/one is no Calico resource"):
        calico(plain.connect()).everything()


def test_checks_write_nothing(plain: EtcdMembers) -> None:
    """What a dry run sends leaves the revision of etcd as it was."""
    etcd = plain.connect()
    calico(etcd).create(KEY, PEER)
    before = etcd.range("x").revision
    calico(etcd).delete(KEY, "1", dry_run=True)
    calico(etcd).replace(KEY, PEER, "1", dry_run=True)
    calico(etcd).create(*peer("two"), dry_run=True)
    assert etcd.range("x").revision == before


class Between(Etcd):
    """An etcd where something happens before each page of a list but the first."""

    def __init__(self, access: Access, happens: Callable[[], None]) -> None:
        super().__init__(access)
        self._happens = happens
        self.pages: list[int] = []

    def range(self, start: str, end: str = "", *, limit: int = 0, revision: int = 0) -> Any:
        """A page, after whatever happens."""
        if revision:
            self._happens()
        self.pages.append(revision)
        return super().range(start, end, limit=limit, revision=revision)


@pytest.fixture
def many(plain: EtcdMembers, monkeypatch: pytest.MonkeyPatch) -> EtcdMembers:
    """25 peers, in pages of 10."""
    monkeypatch.setattr(etcd_calico, "PAGE", 10)
    for number in range(25):
        calico(plain.connect()).create(*peer(f"p{number:02}"))
    return plain


def names(found: Iterable[Stored]) -> list[str]:
    """The names of documents, in their order."""
    return [one.document["metadata"]["name"] for one in found]  # type: ignore[index]


def test_lists_are_of_one_moment(many: EtcdMembers) -> None:
    """What is written while a list is read is in no page of it."""
    other = calico(many.connect())
    count = iter(range(100))
    reading = Between(many.access(), lambda: other.create(*peer(f"p99-{next(count)}")))
    found = CalicoEtcd(reading).everything()
    assert names(found) == [f"p{number:02}" for number in range(25)]
    assert len(set(reading.pages) - {0}) == 1
    assert len(names(other.everything())) > 25


def compacted(members: EtcdMembers, times: int) -> Callable[[], None]:
    """Compacts away everything old, so many times, after one more write."""
    left = iter(range(times))

    def happen() -> None:
        if next(left, None) is not None:
            calico(members.connect()).create(*peer(f"q-{time.monotonic_ns()}"))
            members.post("kv/compaction", {"revision": members.connect().range("x").revision, "physical": True})

    return happen


def test_compaction_in_the_middle_of_a_list(many: EtcdMembers) -> None:
    """The list is read again from its beginning, and is whole."""
    reading = Between(many.access(), compacted(many, 2))
    found = names(CalicoEtcd(reading).everything())
    assert found[:25] == [f"p{number:02}" for number in range(25)]
    assert len(found) == len(set(found)) == 27
    assert reading.pages.count(0) == 3


def test_compaction_again_and_again(many: EtcdMembers) -> None:
    """It ends, with words, and nothing is made up."""
    with pytest.raises(DatastoreUnreachable, match="etcd was compacted 5 times while its lists were read"):
        CalicoEtcd(Between(many.access(), compacted(many, 1000))).everything()


# --- members that go away -------------------------------------------------------------------------


def written_through(members: EtcdMembers, count: int, at: int, happen: Callable[[], None]) -> dict[str, int]:
    """Count peers up one after the other as a run writes, `happen` in the middle; how often each answer came.

    A write whose fate is unknown is read back and repeated only where it did not land.
    """
    store = calico(members.connect(connect_seconds=1.0, read_seconds=READ_SECONDS))
    answers = {"unknown": 0, "away": 0}
    for number in range(count):
        if number == at:
            threading.Thread(target=happen).start()
        key, document = peer(f"p{number:03}")
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, "the cluster did not come back"
            try:
                if store.get(key) is None:
                    store.create(key, document)
                break
            except DatastoreTimeout:
                answers["unknown"] += 1
            except DatastoreUnreachable:
                answers["away"] += 1
            time.sleep(0.02)  # a real election is waited for
    return answers


def versions_are_creations(members: EtcdMembers, endpoint: str, count: int) -> None:
    """Every peer is there once and was written once."""
    found = calico(members.connect(endpoints=[endpoint])).everything()
    assert names(found) == [f"p{number:03}" for number in range(count)]
    assert len({one.version for one in found}) == count
    told = members.post(
        "kv/range",
        {"key": "L2NhbGljby8=", "range_end": "L2NhbGljbzA=", "keys_only": True},
        endpoints=[endpoint],
    )
    assert {one["version"] for one in told["kvs"]} == {"1"}


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_member_is_killed_while_we_write(three: EtcdMembers, who: str) -> None:
    """`kill -9` in a series of writes: nothing is lost, nothing is there twice."""
    leader = three.leader()
    victim = leader if who == "leader" else (leader + 1) % 3
    # The endpoint of the member that dies is the one in use.
    three.endpoints = [three.endpoints[victim], *(one for one in three.endpoints if one != three.endpoints[victim])]
    written_through(three, 60, 20, lambda: three.kill(victim))
    versions_are_creations(three, three.endpoints[1], 60)


def test_a_member_stalls_while_we_write(three: EtcdMembers) -> None:
    """A leader that keeps its connections and answers nothing: after the timeout the next endpoint is asked."""
    leader = three.leader()
    three.endpoints = [three.endpoints[leader], *(one for one in three.endpoints if one != three.endpoints[leader])]
    written_through(three, 30, 10, lambda: three.stall(leader))
    versions_are_creations(three, three.endpoints[1], 30)


def test_a_dead_endpoint_from_the_start(plain: EtcdMembers) -> None:
    """The next one is asked at once, for writes too, and the dead one is not asked again and again."""
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    store = calico(plain.connect(endpoints=[nobody, *plain.endpoints]))
    store.create(KEY, PEER)
    assert store.get(KEY) is not None
    assert store._etcd._first == 1


def test_all_endpoints_dead() -> None:
    """A definite no, with each endpoint and its reason; nothing was processed, so trying again is safe."""
    nobody = [f"http://127.0.0.1:{port}" for port in free_ports(2)]
    with pytest.raises(DatastoreUnreachable) as caught:
        calico(Etcd(Access(nobody))).create(KEY, PEER)
    assert str(caught.value) == (
        f"none of 2 etcd endpoints answers: etcd {nobody[0]} does not answer: Connection refused; "
        f"etcd {nobody[1]} does not answer: Connection refused"
    )
    with pytest.raises(DatastoreUnreachable, match=f"^etcd {nobody[0]} does not answer: Connection refused$"):
        Etcd(Access(nobody[:1])).range("x")


def test_a_stalled_endpoint(plain: EtcdMembers, tmp_path: Path) -> None:
    """A read goes on at the next endpoint; what became of a write is not known, and the next request goes elsewhere."""
    stalled = EtcdMembers(tmp_path / "stalled")
    try:
        endpoints = [*stalled.endpoints, *plain.endpoints]
        store = calico(plain.connect(endpoints=endpoints, read_seconds=READ_SECONDS))
        store.get(KEY)
        stalled.stall(0)
        with pytest.raises(DatastoreTimeout, match=f"^no reply from etcd {stalled.endpoints[0]}: timed out$"):
            store.create(KEY, PEER)
        assert store._etcd._first == 1
        assert store.get(KEY) is None
        store._etcd._first = 0
        assert store.get(KEY) is None
        alone = calico(plain.connect(endpoints=stalled.endpoints, read_seconds=READ_SECONDS))
        with pytest.raises(DatastoreUnreachable, match="timed out"):
            alone.create(KEY, PEER)  # not even etcd's version was told, so the write was never sent
    finally:
        stalled.stop()


def test_without_a_quorum(three: EtcdMembers) -> None:
    """One member of three cannot say what became of a write."""
    store = calico(three.connect(endpoints=three.endpoints[:1]))
    store.get(KEY)
    three.kill(1)
    three.kill(2)
    with pytest.raises(DatastoreTimeout, match="did not say what became of the request: request timed out"):
        store.create(KEY, PEER)
    store = calico(three.connect(endpoints=three.endpoints[:1], read_seconds=READ_SECONDS))
    with pytest.raises(DatastoreTimeout, match="timed out"):
        store.get(KEY)
    three.start(1)
    deadline = time.monotonic() + 30
    while True:
        # a real election; then the write is either there or can be made
        with suppress(DatastoreTimeout, DatastoreUnreachable):
            if store.get(KEY) is None:
                store.create(KEY, PEER)
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)  # a real election is waited for


class Foreign(BaseHTTPRequestHandler):
    """A web server that is no etcd; it may say that it is."""

    told = (200, b"")
    version = b'{"etcdserver":"3.5.0"}'

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """What asks for the version."""
        self._answer(200, self.version)

    def do_POST(self) -> None:
        """Everything else."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(*self.told)


@pytest.mark.parametrize(
    ("version", "told", "kind", "message"),
    [
        (b"<html>", (200, b""), DatastoreRefused, "does not answer as etcd v3 does"),
        (b"{}", (200, b""), DatastoreRefused, "does not answer as etcd v3 does"),
        (None, (200, b"<html>"), DatastoreTimeout, "answered something that is not JSON"),
        (None, (200, b"[]"), DatastoreTimeout, "did not answer as etcd v3 does"),
        (None, (200, b'{"responses":[{}]}'), DatastoreTimeout, "did not answer as etcd v3 does"),
        (None, (502, b"Bad Gateway"), DatastoreTimeout, "did not say what became of the request: Bad Gateway"),
        (
            None,
            (503, b'{"code":14,"message":"etcdserver: leader changed"}'),
            DatastoreTimeout,
            "leader changed",
        ),
        (
            None,
            (429, b'{"code":8,"message":"etcdserver: too many requests"}'),
            DatastoreUnreachable,
            "too many requests",
        ),
        (None, (429, b'{"code":8,"message":"etcdserver: mvcc: database space exceeded"}'), DatastoreRefused, "is full"),
        (None, (400, b'{"code":3,"message":"etcdserver: request is too large"}'), DatastoreRefused, "is too large"),
        (None, (404, b"404 page not found"), DatastoreRefused, "has no JSON gateway"),
    ],
)
def test_what_is_not_etcd_or_does_not_answer_well(
    version: bytes | None, told: tuple[int, bytes], kind: type[DatastoreError], message: str
) -> None:
    """A wrong port, a load balancer, an etcd in trouble: never taken for a done write."""
    handler = type("Handler", (Foreign,), {"told": told, **({"version": version} if version else {})})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with pytest.raises(kind, match=message) as caught:
            calico(Etcd(Access([f"http://127.0.0.1:{http.server_port}"]))).create(KEY, PEER)
        assert type(caught.value) is kind or kind is DatastoreRefused
        http.shutdown()


# --- others ---------------------------------------------------------------------------------------


def attempt(store: CalicoEtcd, document: Document, version: str, barrier: threading.Barrier) -> str:
    """Write when all are ready; "" or the words of the conflict."""
    barrier.wait()
    try:
        store.replace(KEY, document, version)
    except DatastoreConflict as error:
        return str(error)
    return ""


def test_two_writers_race_for_one_key(plain: EtcdMembers) -> None:
    """Of all who follow one version exactly one wins, round after round; the others are told of the conflict."""
    stores = [calico(plain.connect()) for _ in range(4)]
    stores[0].create(KEY, PEER)
    barrier = threading.Barrier(len(stores))
    for number in range(20):
        seen = stores[0].get(KEY)
        assert seen is not None
        meant = [patched(seen.document, {"spec": {"nodeSelector": f"n == '{number}-{who}'"}}) for who in range(4)]
        with ThreadPoolExecutor(len(stores)) as pool:
            count = len(stores)
            told = list(pool.map(attempt, stores, meant, [seen.version] * count, [barrier] * count))
        after = stores[0].get(KEY)
        assert after is not None
        assert after.document["spec"] == meant[told.index("")]["spec"]
        assert sorted(told) == ["", *[f"BGPPeer/one is at version {after.version}, not {seen.version}"] * 3]


def test_conflicts_say_what_is_there(plain: EtcdMembers) -> None:
    """Created twice, gone, a version of nothing."""
    store = calico(plain.connect())
    store.create(KEY, PEER)
    found = store.get(KEY)
    assert found is not None
    with pytest.raises(DatastoreConflict, match=r"^BGPPeer/one exists already$"):
        store.create(KEY, PEER)
    store.delete(KEY, found.version)
    with pytest.raises(DatastoreConflict, match=r"^BGPPeer/one does not exist$"):
        store.delete(KEY, found.version)
    with pytest.raises(DatastoreConflict, match=r"^BGPPeer/one does not exist$"):
        store.replace(KEY, found.document, found.version)
    with pytest.raises(DatastoreConflict, match="BGPPeer/one does not exist, or `` is no version of it"):
        store.replace(KEY, found.document, "")
    assert store.get(ResourceKey("IPPool", "none")) is None
