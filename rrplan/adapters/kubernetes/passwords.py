"""Whether calico-node can read the passwords that a plan gives sessions; none of them is read here.

confd lists and watches the Secret by its name, in the namespace of calico-node (confd secret_watcher.go, v3.16.3 to
v3.32). Without the right, or without the Secret, it renders the session without a password, at both ends, and says so
in its log alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rrplan.adapters.kubernetes.containers import METADATA_ONLY
from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.errors import DatastoreRefused
from rrplan.plans import Plan
from rrplan.resources.decoding import OWN_NAMESPACE
from rrplan.resources.documents import at
from rrplan.resources.password import allowing, secret_of
from rrplan.runs.preflight import Effect, PreflightCheck, Situation, When

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
VERBS = ("list", "watch")
AGENT = "calico-node"
HINT = "nothing was changed; `rrplan explain password-readable` tells more"


@dataclass(frozen=True, slots=True)
class Agent:
    """The ServiceAccount of calico-node."""

    namespace: str
    account: str


NOBODY = Agent("", "")


def secrets_of(plan: Plan) -> dict[str, str]:
    """The Secrets whose passwords a plan writes into BGPPeers or BGPConfigurations, each with the key that is used."""
    secrets: dict[str, str] = {}
    for _, change in plan.writes:
        spec = at(change.after, ("spec",)) if change.after is not None else None
        for field in ("password", "nodeMeshPassword") if isinstance(spec, Mapping) else ():
            name, key = secret_of(at(spec, (field,)))
            if name:
                secrets.setdefault(name, key)
    return dict(sorted(secrets.items()))


def readable_check(server: ApiServer) -> PreflightCheck:
    """Whether calico-node may read each of these Secrets: asked by a SubjectAccessReview."""
    unknown = "whether calico-node may read the passwords of its sessions"
    return _check("password-readable", lambda plan: _unreadable(server, plan), unknown)


def secrets_check(server: ApiServer) -> PreflightCheck:
    """Whether each of these Secrets is there: its metadata is asked for, so that no password leaves the cluster.

    Whether it has the key is not looked at: keys come with their values alone.
    """
    unknown = "whether the Secrets with the passwords are there"
    return _check("password-there", lambda plan: _missing(server, plan), unknown)


def _check(name: str, problems: Callable[[Plan], Iterator[str]], unknown: str) -> PreflightCheck:
    return PreflightCheck(
        name,
        lambda situation: _answers(problems(situation.plan), situation),
        hint=HINT,
        when=When.LOCKED,
        at_plan=Effect.TOLD,
        unknown=unknown,
    )


def _answers(problems: Iterator[str], situation: Situation) -> list[str]:
    """The problems; a run does without what this account may not ask, and the plan has told that it is not known."""
    try:
        return list(problems)
    except DatastoreRefused:
        if situation.state is None:
            raise
        return []


def _unreadable(server: ApiServer, plan: Plan) -> Iterator[str]:
    secrets = secrets_of(plan)
    agent = _agent(server) if secrets else NOBODY
    for name in secrets:
        refused = [verb for verb in VERBS if not _may(server, agent, verb, name)]
        if refused:
            yield (
                f"calico-node may not {' and '.join(refused)} Secret {agent.namespace}/{name}, so sessions would be "
                f"without the password: {allowing(agent.namespace, name, agent.account)}"
            )


def _missing(server: ApiServer, plan: Plan) -> Iterator[str]:
    secrets = secrets_of(plan)
    agent = _agent(server) if secrets else NOBODY
    for name, key in secrets.items():
        path = f"{collection('Secret', agent.namespace)}/{name}"
        if server.get(path, accept=METADATA_ONLY) is None:
            yield (
                f"Secret {agent.namespace}/{name} does not exist, so sessions would be without the password: "
                f"`kubectl create secret generic {name} -n {agent.namespace} --from-file={key}=FILE`"
            )


def _agent(server: ApiServer) -> Agent:
    """As the DaemonSet of calico-node has it; its manifest's where there is none (kube-system)."""
    for document in server.items(collection("DaemonSet"), fieldSelector=f"metadata.name={AGENT}"):
        metadata = document.get("metadata") or {}
        if metadata.get("name") == AGENT:
            account = at(document, ("spec", "template", "spec", "serviceAccountName"))
            return Agent(str(metadata.get("namespace") or OWN_NAMESPACE), str(account or AGENT))
    return Agent(OWN_NAMESPACE, AGENT)


def _may(server: ApiServer, agent: Agent, verb: str, secret: str) -> bool:
    accounts = "system:serviceaccounts"
    spec = {
        "user": f"system:serviceaccount:{agent.namespace}:{agent.account}",
        "groups": [accounts, f"{accounts}:{agent.namespace}", "system:authenticated"],
        "resourceAttributes": {
            "namespace": agent.namespace,
            "verb": verb,
            "group": "",
            "resource": "secrets",
            "name": secret,
        },
    }
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    answer = server.create(REVIEWS, body, manager=False)
    return bool((answer.get("status") or {}).get("allowed"))
