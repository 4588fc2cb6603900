"""Runs on a real API server while things break; nothing is lost, and nothing is written that was not in the plan."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path

import pytest

from rrplan import api
from rrplan.adapters.kubernetes import requests
from rrplan.adapters.kubernetes import server as api_server
from rrplan.adapters.kubernetes.lease import LeaseLock
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import JournalUnwritable, LockHeldError, PreflightError
from rrplan.ids import NodeName
from rrplan.render.run import reason_text
from rrplan.reports import events
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.reasons import Drifted
from rrplan.resources import Node, encode
from rrplan.runs import Result
from tests.real.audit import outside
from tests.real.kubelet import kubelet_certificate
from tests.real.proxy import FAULTS, Fault, Proxy, fits
from tests.real.server import RealServer
from tests.support import Acting, Remembering
from tests.support.live import LiveBench

pytestmark = [pytest.mark.real, pytest.mark.slow]

EVERY = 13
"""One request of so many fails."""
QUICK = "  gates: {stable: 1s}\n"


@pytest.fixture
def bench(crd_server: RealServer, tmp_path: Path) -> Iterator[LiveBench]:
    """A cluster of five nodes."""
    made = LiveBench(crd_server, tmp_path, nodes=5)
    yield made
    made.agent.stop()
    crd_server.clear()


@pytest.fixture
def proxy(bench: LiveBench, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy that the runs of the bench go through."""
    made = Proxy(bench.server.kubeconfig, tmp_path)
    bench.kubeconfig = made.kubeconfig
    yield made
    made.stop()


def nothing_else_written(bench: LiveBench) -> None:
    """The API server's audit log against the plan."""
    assert outside(bench.made, bench.written()) == []


def begun(bench: LiveBench) -> bool:
    """Whether the run has begun: before, a failure is an error and nothing more."""
    return bool(bench.listener.of(events.StepStarted) or bench.listener.of(events.UndoStarted))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}{fault.status or ''}")
def test_requests_fail_again_and_again(
    fault: Fault, bench: LiveBench, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends where it should, whatever requests fail, and so does its rollback."""
    number = count(1)
    bench.plan(spec_lines=QUICK)

    def choose(method: str, path: str) -> Fault | None:
        if not begun(bench) or not fits(fault, method, path):
            return None
        if fault.kind == "stall":
            monkeypatch.setattr(api_server, "READ_SECONDS", 0.2)  # a client that does not wait as long as others do
        return fault if next(number) % EVERY == 0 else None

    proxy.choose = choose
    assert bench.apply() is Result.DONE, bench.told()
    there = len(proxy.seen)
    assert there > 2
    bench.listener = Remembering()
    monkeypatch.undo()
    assert bench.rollback() is Result.UNDONE, bench.told()
    assert len(proxy.seen) > there
    assert bench.objects() == bench.before
    nothing_else_written(bench)


KILLED_AT = ["drain/rr-2", "promote/rr-1", "mesh-off"]
"""A drain, a promotion, a change of Calico's own resources: three ways to write, each with its gate."""


@pytest.mark.parametrize("part", ["kube-apiserver", "etcd"])
def test_killed_at_steps_of_each_kind(part: str, bench: LiveBench) -> None:
    """The server is killed and started again as steps begin: the run waits, and nothing is lost."""
    bench.plan(spec_lines=QUICK)
    killed: list[str] = []

    def kill(event: events.RunEvent) -> None:
        if isinstance(event, events.StepStarted) and event.step in KILLED_AT:
            killed.append(event.step)
            bench.server.restart(part)

    bench.listener = Acting(kill)
    result = bench.apply()
    assert result is Result.DONE, bench.told()
    assert killed == KILLED_AT
    assert len(bench.listener.of(events.StepStarted)) == len(bench.made.steps)
    bench.listener = Remembering()
    assert not bench.plan(spec_lines=QUICK, keep=False).steps
    nothing_else_written(bench)


def test_expired_token(bench: LiveBench, proxy: Proxy) -> None:
    """401 in the middle of a run: it stops at once, exit code 4, and goes on with fresh credentials."""
    bench.plan(spec_lines=QUICK)
    promoted = [False]

    def act(event: events.RunEvent) -> None:
        promoted[0] = promoted[0] or (isinstance(event, events.StepSettled) and event.step == "promote/rr-1")

    bench.listener = Acting(act)
    proxy.choose = lambda _method, _path: Fault("status", 401) if promoted[0] else None
    with pytest.raises(JournalUnwritable) as error:
        bench.apply()
    assert error.value.exit_code == 4
    assert "(401 on PATCH" in str(error.value)
    proxy.choose = lambda _method, _path: None
    assert bench.resume() is Result.DONE, bench.told()
    nothing_else_written(bench)


def edit(kind: str, name: str, patch: dict[str, object] | None) -> Callable[[LiveBench], None]:
    """A colleague with kubectl."""

    def act(bench: LiveBench) -> None:
        base = "/api/v1/nodes" if kind == "Node" else f"{bench.server.calico}/{kind.lower()}s"
        if patch is None:
            bench.server.api.delete(f"{base}/{name}", "")
        else:
            bench.server.api.patch(f"{base}/{name}", patch)

    return act


def new_node(bench: LiveBench) -> None:
    """A node joins."""
    bench.server.fill([encode(Node(NodeName("late"), {}, ipv4="10.0.9.9"))])


COLLEAGUES = [
    (edit("BGPPeer", "rrplan-main-clients", {"spec": {"peerSelector": "has(x)"}}), "BGPPeer/rrplan-main-clients has"),
    (edit("BGPPeer", "rrplan-main-clients", None), "BGPPeer/rrplan-main-clients is gone"),
    (edit("Node", "rr-1", {"metadata": {"labels": {"rrplan.io/route-reflector": None}}}), "Node/rr-1 has"),
    (edit("Node", "rr-1", None), "Node/rr-1 is gone"),
    (new_node, "Node/late is new"),
]


@pytest.mark.parametrize(("act", "text"), COLLEAGUES, ids=[text.replace("/", "-") for _, text in COLLEAGUES])
def test_colleague_in_the_middle(
    act: Callable[[LiveBench], None], text: str, bench: LiveBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noticed before the next write, in long lists too: the run halts, shows it, and writes nothing more."""
    monkeypatch.setattr(requests, "LONG", 2)
    monkeypatch.setattr(requests, "PART", 2)
    bench.plan(spec_lines=QUICK)
    wrote: list[int] = []

    def meddle(event: events.RunEvent) -> None:
        if isinstance(event, events.StepSettled) and event.step == "promote/rr-1":
            act(bench)
            wrote.append(len(changes(bench)))

    bench.listener = Acting(meddle)
    assert bench.apply() is Result.STOPPED, bench.told()
    reasons = [reason_text(event.why) for event in bench.listener.of(events.StepFailed)]
    assert reasons[-1].startswith(f"somebody else changed the cluster: {text}")
    assert len(changes(bench)) == wrote[0]
    nothing_else_written(bench)


def test_mesh_on_again(bench: LiveBench) -> None:
    """A colleague who turns the mesh on again right after it was turned off is seen at once."""
    spec = QUICK + "  rollout: {bake: 1s}\n"
    bench.plan(spec_lines=spec)

    def meddle(event: events.RunEvent) -> None:
        if isinstance(event, events.StepSettled) and event.step == "mesh-off":
            edit("BGPConfiguration", "default", {"spec": {"nodeToNodeMeshEnabled": True}})(bench)

    bench.listener = Acting(meddle)
    result = bench.apply()
    assert result is Result.STOPPED, bench.told()
    whys = [event.why for event in bench.listener.of(events.StepFailed)]
    key, path = "BGPConfiguration/default", "spec.nodeToNodeMeshEnabled"
    assert Drifted((Drift(key, DriftKind.OVERWRITTEN, path, found=True, written=False),)) in whys
    nothing_else_written(bench)


def changes(bench: LiveBench) -> list[str]:
    """The operator's writes to the cluster itself, since the plan was made."""
    kinds = ("nodes", "bgppeers", "bgpconfigurations")
    return [entry["auditID"] for entry in bench.written() if entry["objectRef"]["resource"] in kinds]


def test_webhook_that_denies(bench: LiveBench) -> None:
    """Found by the dry-run before step 1: exit code 8, with the webhook's own words; nothing is written."""
    bench.plan(spec_lines=QUICK)
    before = len(changes(bench))
    with Denying(bench), pytest.raises(PreflightError) as error:
        bench.apply()
    assert 'admission webhook "guard.example.com" denied the request: nodes are frozen' in str(error.value)
    assert str(error.value).startswith("preflight: Node/rr-1: ")
    assert error.value.exit_code == 8
    assert len(changes(bench)) == before
    assert bench.cluster().runs.runs() == []


class Denying:
    """A validating webhook that refuses changes of Nodes by the operator."""

    def __init__(self, bench: LiveBench) -> None:
        self._bench = bench

    def __enter__(self) -> None:
        """Serve and register it."""

        class Guard(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                uid = asked["request"]["uid"]
                free = asked["request"]["userInfo"]["username"] != "operator"
                answer = {"uid": uid, "allowed": free, "status": {"message": "nodes are frozen"}}
                data = json.dumps({**asked, "request": None, "response": answer}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._http = HTTPServer(("127.0.0.1", 0), Guard)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*kubelet_certificate())
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        bundle = base64.b64encode(kubelet_certificate()[0].read_bytes()).decode()
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["nodes"]}
        webhook = {
            "name": "guard.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{self._http.server_port}/", "caBundle": bundle},
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        self._path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        self._bench.server.api.create(self._path, {"metadata": {"name": "guard"}, "webhooks": [webhook]})
        SystemClock().sleep(1.5)  # a real API server takes a moment to know its webhooks

    def __exit__(self, *_: object) -> None:
        """Take it away."""
        self._bench.server.api.delete(f"{self._path}/guard", "")
        self._http.shutdown()
        self._http.server_close()


def lock(server: RealServer, told: list[str]) -> LeaseLock:
    """A lock with a short lease, in real time."""
    return LeaseLock(server.connect(), SystemClock(), told.append, lasts=3)


HOLDER = {"who": "ada", "where": "bastion (pid 7)", "since": "2026-01-01 00:00:00 UTC", "why": "apply", "run": "r1"}


def test_lease(crd_server: RealServer) -> None:
    """Renewed, it is kept; its holder dead, it is taken over; whoever lost it is told, by name."""
    told: list[str] = []
    one, other = lock(crd_server, told), lock(crd_server, told)
    try:
        one.acquire(HOLDER)
        with pytest.raises(
            LockHeldError, match=r"locked: ada on bastion \(pid 7\) since .*, apply \(run r1\)"
        ) as error:
            other.acquire({**HOLDER, "who": "bob"})
        assert error.value.exit_code == 6
        assert error.value.hint == "wait for it to end; `rrplan unlock` shows the holder"
        assert told[0].endswith("apply (run r1); watching for 3 s whether that run is alive")
        assert other.alive()
        with pytest.raises(LockHeldError):
            other.forget()
        one.confirm()

        one._stop.set()  # the process dies: nobody renews
        assert one._renewing is not None
        one._renewing.join()
        other.acquire({**HOLDER, "who": "bob"})
        with pytest.raises(LockHeldError, match="this run lost its lock to bob on bastion"):
            one.confirm()
        one.release()
        other.confirm()
        other.release()
        assert other.holder() == {}
        assert not other.alive()
    finally:
        with suppress(LockHeldError):
            other.release()
        crd_server.clear()


def test_lease_of_two_at_the_same_moment(crd_server: RealServer) -> None:
    """Of several that ask at once exactly one gets it."""
    told: list[str] = []
    locks = [lock(crd_server, told) for _ in range(6)]
    got: list[LeaseLock] = []

    def ask(one: LeaseLock, name: str) -> None:
        with suppress(LockHeldError):
            one.acquire({**HOLDER, "who": name})
            got.append(one)

    threads = [threading.Thread(target=ask, args=(one, f"p{index}")) for index, one in enumerate(locks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()
    crd_server.clear()


def test_journal_has_one_writer(bench: LiveBench) -> None:
    """A process that lost its lease without noticing cannot write: its journal moved on."""
    plan = bench.plan(spec_lines=QUICK)
    bench.apply()
    run = api.last_run(bench.cluster())
    one, other = bench.cluster().runs.log(run), bench.cluster().runs.log(run)
    lines = one.lines()
    other.lines()
    other.append(b'{"step": ""}\n', durable=True)
    with pytest.raises(Exception, match="was written by somebody else in the meantime") as error:
        one.append(b'{"step": "mine"}\n', durable=True)
    assert error.value.hint.startswith("another process took this run over")  # type: ignore[attr-defined]
    assert len(bench.cluster().runs.log(run).lines()) == len(lines) + 1
    assert plan.steps


WAVES = QUICK + "  dedicated: true\n  rollout: {waves: [40%]}\n"


def test_labels_together(bench: LiveBench, proxy: Proxy) -> None:
    """Labels of a wave are one step, announced together: whatever of them landed is found, and taken back."""
    spec = WAVES.replace("drain: true", "")
    bench.plan(spec_lines=spec)
    waves = [step for step in bench.made.steps if step.wave]
    assert len(waves[1].changes) > 1
    number = count(1)

    def choose(method: str, path: str) -> Fault | None:
        return Fault("status", 401) if method == "PATCH" and "/nodes/node-" in path and next(number) == 2 else None

    proxy.choose = lambda method, path: choose(method, path) if begun(bench) else None
    bench.listener = Remembering()
    result = bench.apply()
    failed = [event for event in bench.listener.events if isinstance(event, events.StepFailed)]
    assert "(401 on PATCH" in reason_text(failed[0].why)
    assert result is Result.UNDONE, bench.told()
    assert bench.objects() == bench.before
    bench.listener = Remembering()
    assert bench.apply() is Result.DONE, bench.told()
    settled = [event.step for event in bench.listener.events if isinstance(event, events.StepSettled)]
    assert {wave.id for wave in waves} <= set(settled)
    assert bench.rollback() is Result.UNDONE
    nothing_else_written(bench)


def test_label_of_a_colleague_is_kept(bench: LiveBench) -> None:
    """A node that changed since the whole cluster was read is read again; a value of somebody else stays."""
    bench.plan(spec_lines=WAVES)
    label = next(step for step in bench.made.steps if step.action == "LabelClient")
    path = f"/api/v1/nodes/{label.changes[0].key.name}"

    def meddle(event: events.RunEvent) -> None:
        if isinstance(event, events.StepStarted) and event.step == label.id:
            bench.server.api.patch(path, {"metadata": {"labels": {"team": "x"}}})

    bench.listener = Acting(meddle)
    assert bench.apply() is Result.DONE, bench.told()
    labels = (bench.server.api.get(path) or {})["metadata"]["labels"]
    assert labels["team"] == "x"
    nothing_else_written(bench)


def test_server_without_leases(bench: LiveBench, proxy: Proxy) -> None:
    """An API server before Kubernetes 1.14: refused before anything is written, with the way that is left."""
    bench.plan()
    proxy.choose = lambda _method, path: Fault("status", 404) if path.startswith("/apis/coordination") else None
    with pytest.raises(PreflightError) as error:
        bench.apply()
    assert str(error.value) == (
        "preflight: this API server has no Leases, which lock a run: it is older than Kubernetes 1.14"
    )
    assert error.value.hint == "`rrplan plan -o runbook` prints the plan as commands to type"
    assert not begun(bench)
    assert bench.objects() == bench.before
