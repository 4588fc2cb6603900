"""Whether calico-node can read passwords: what is asked, what is said, and that no password is read."""

from collections.abc import Mapping
from typing import Any

import pytest

from rrplan.adapters.kubernetes.containers import METADATA_ONLY
from rrplan.adapters.kubernetes.passwords import REVIEWS, readable_check, secrets_check, secrets_of
from rrplan.adapters.kubernetes.rights import rights
from rrplan.adapters.kubernetes.server import JSON, Forbidden
from rrplan.errors import PreflightError
from rrplan.plans import Plan
from rrplan.runs.preflight import Situation, When, check_before_run, check_when_planned
from rrplan.sandbox import Sandbox
from tests.support.clusters import TO_REFLECTORS, meshed, planned, reflected
from tests.unit.adapters.memory_server import MemoryServer

WITH = f"{TO_REFLECTORS}, drain: true, peering: {{password: {{secretKeyRef: {{name: bgp, key: rr}}}}}}"
SECRET = "/api/v1/namespaces/calico-system/secrets/bgp"
ALLOW = (
    "`kubectl create role calico-node-bgp-password-bgp -n calico-system --verb=get,list,watch --resource=secrets "
    "--resource-name=bgp` and `kubectl create rolebinding calico-node-bgp-password-bgp -n calico-system "
    "--role=calico-node-bgp-password-bgp --serviceaccount=calico-system:agent`"
)


class Reviewing(MemoryServer):
    """Answers SubjectAccessReviews, and notes in which form each object is asked for."""

    def __init__(self, *allowed: str) -> None:
        super().__init__()
        self.allowed = allowed
        self.asked: list[tuple[str, str]] = []
        self.reviewed: list[Any] = []
        daemonset = {
            "metadata": {"name": "calico-node", "namespace": "calico-system"},
            "spec": {"template": {"spec": {"serviceAccountName": "agent"}}},
        }
        self.objects["/apis/apps/v1/daemonsets/calico-node"] = daemonset

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        content: str,
        *,
        missing_is_none: bool = False,
        accept: str = JSON,
    ) -> dict[str, Any] | None:
        if path == REVIEWS:
            self.before(method, path)
            spec: Any = (body or {})["spec"]
            self.reviewed.append(spec)
            return {"status": {"allowed": spec["resourceAttributes"]["verb"] in self.allowed}}
        self.asked.append((path, accept))
        return super()._send(method, path, query, body, content, missing_is_none=missing_is_none, accept=accept)


def told(server: Reviewing, plan: Plan, sandbox: Sandbox) -> list[str]:
    """What is said when a plan is made."""
    lines: list[str] = []
    checks = (secrets_check(server), readable_check(server))
    check_when_planned(checks, Situation(plan, sandbox, sandbox), lines.append)
    return lines


@pytest.fixture
def sandbox(tmp_path: Any) -> Any:
    """Stands for the cluster, which these checks do not look at."""
    made = Sandbox.make(tmp_path / "cluster", [])
    yield made
    made.close()


def test_a_password_that_calico_node_cannot_read(sandbox: Sandbox) -> None:
    """Said when the plan is made, with the two commands; refused before a run."""
    server, plan = Reviewing("get", "watch"), planned(meshed(), WITH)
    server.objects[SECRET] = {"metadata": {"name": "bgp"}}
    words = f"calico-node may not list Secret calico-system/bgp, so sessions would be without the password: {ALLOW}"

    assert told(server, plan, sandbox) == [words]
    situation = Situation(plan, sandbox, sandbox, state=meshed())
    with pytest.raises(PreflightError) as refusal:
        check_before_run([readable_check(server)], When.LOCKED, situation)
    assert words in str(refusal.value)
    assert refusal.value.hint == "nothing was changed; `rrplan explain password-readable` tells more"
    assert {spec["user"] for spec in server.reviewed} == {"system:serviceaccount:calico-system:agent"}
    assert {spec["resourceAttributes"]["name"] for spec in server.reviewed} == {"bgp"}


def test_a_secret_that_is_not_there(sandbox: Sandbox) -> None:
    """Its metadata alone is asked for."""
    server = Reviewing("list", "watch")
    words = (
        "Secret calico-system/bgp does not exist, so sessions would be without the password: "
        "`kubectl create secret generic bgp -n calico-system --from-file=rr=FILE`"
    )
    assert told(server, planned(meshed(), WITH), sandbox) == [words]
    assert [accept for path, accept in server.asked if "secrets" in path] == [METADATA_ONLY]
    server.objects[SECRET] = {"metadata": {"name": "bgp"}}
    assert told(server, planned(meshed(), WITH), sandbox) == []


def test_what_this_account_may_not_ask(sandbox: Sandbox) -> None:
    """It is told that it is not known when the plan is made; a run goes on."""
    server, plan = Reviewing(), planned(meshed(), WITH)

    def refuse(_method: str, path: str) -> None:
        if "secrets" in path or path == REVIEWS:
            raise Forbidden("no")

    server.before = refuse
    assert told(server, plan, sandbox) == [
        "not known: whether the Secrets with the passwords are there; no",
        "not known: whether calico-node may read the passwords of its sessions; no",
    ]
    situation = Situation(plan, sandbox, sandbox, state=meshed())
    check_before_run([secrets_check(server), readable_check(server)], When.LOCKED, situation)


def test_a_plan_without_passwords_asks_nothing(sandbox: Sandbox) -> None:
    """And needs no right for it."""
    server, plan = Reviewing(), planned(meshed(), f"{TO_REFLECTORS}, drain: true")
    assert (told(server, plan, sandbox), server.asked, server.reviewed) == ([], [], [])
    assert secrets_of(planned(meshed(), WITH)) == {"bgp": "rr"}
    review = "create subjectaccessreviews.authorization.k8s.io"
    assert review in map(str, rights(planned(meshed(), WITH), "crd.projectcalico.org/v1"))
    assert review not in map(str, rights(plan, "crd.projectcalico.org/v1"))
    assert secrets_of(planned(reflected(), f"{TO_REFLECTORS}, drain: true")) == {}
