"""The rights that a plan needs on a live cluster: asked for before anything is written, and printed as RBAC.

Each right is one verb on one resource. What is read by names that are not known before (pods of a drained node)
needs the whole resource; what is written is granted by name where RBAC can do that (not `create` and `list`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from rrplan.adapters.kubernetes.kinds import KINDS
from rrplan.adapters.kubernetes.lease import NAME, NAMESPACE
from rrplan.adapters.kubernetes.passwords import secrets_of
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.ids import ActionName
from rrplan.plans import Plan
from rrplan.plans.change import ChangeAction
from rrplan.plans.gate import GateKind
from rrplan.resources.decoding import OWN_NAMESPACE
from rrplan.runs.preflight import Effect, PreflightCheck, Situation

AT_ONCE = 10
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WRITES = {ChangeAction.CREATE: "create", ChangeAction.UPDATE: "patch", ChangeAction.DELETE: "delete"}


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb; `name` "" is any object, `namespace` "" all namespaces or an object without one."""

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""
    optional: bool = False

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}{f' `{self.name}`' if self.name else ''}{where}"


def rights(plan: Plan, calico: str) -> tuple[Right, ...]:
    """All rights of a plan, its undo included, where Calico's API group is `calico` (`group/version`).

    `calico` is "" where Calico keeps its data in etcd, which gives rights of its own.
    """
    return tuple(sorted(set(_reading(plan, calico)) | set(_writing(plan, calico)) | set(_running())))


def _right(
    verb: str, kind: str, group: str = "", namespace: str = "", name: str = "", *, optional: bool = False
) -> Right:
    """A verb on a kind, where Calico's API group is `group`."""
    row = KINDS[kind]
    return Right(group if row.group is None else row.group, row.plural, verb, namespace, name, optional=optional)


def _reading(plan: Plan, calico: str) -> Iterator[Right]:
    group = calico.partition("/")[0]
    yield _right("list", "Node")
    if group:
        for kind in ("BGPPeer", "BGPConfiguration"):
            yield _right("list", kind, group)
        for kind in ("ClusterInformation", "IPPool", "BGPFilter", "FelixConfiguration", "BlockAffinity"):
            yield _right("list", kind, group, optional=True)
    if not plan.snapshot.cluster.guid:
        yield Right("", "namespaces", "get", name=OWN_NAMESPACE, optional=True)
    yield _right("list", "DaemonSet", optional=True)
    yield _right("list", "Installation", optional=True)
    yield _right("list", "Pod")
    for gate in (gate for step in plan.steps for gate in step.gates):
        if gate.daemonset is not None:
            yield _right("get", "DaemonSet", "", gate.daemonset.namespace, gate.daemonset.name)
    kinds = {gate.kind for step in plan.steps for gate in step.gates}
    if kinds & {GateKind.ROUTES, GateKind.MESH}:
        for verb in ("list", "get", "create", "delete") if group else ():
            yield _right(verb, "CalicoNodeStatus", group)
    if kinds & {GateKind.ROUTES, GateKind.MESH, GateKind.FALLBACK}:
        for verb in ("get", "create"):
            yield Right("", "pods/exec", verb)


def _writing(plan: Plan, calico: str) -> Iterator[Right]:
    group = calico.partition("/")[0]
    for _, change in plan.writes:
        kind = KINDS.get(change.key.kind)
        if kind is None or (kind.group is None and not group):
            continue  # in etcd, where the API server gives no rights
        for verb in ("get", WRITES[change.action], WRITES[change.action.inverse]):
            name = "" if verb == "create" else change.key.name
            yield _right(verb, change.key.kind, group, change.key.namespace, name)
    if secrets_of(plan):
        # Not the Secret itself: who may `get` it may read the password.
        yield Right("authorization.k8s.io", "subjectaccessreviews", "create", optional=True)
    if any(step.action in (ActionName.DRAIN_NODE, ActionName.UNCORDON_NODE) for step in plan.steps):
        yield _right("get", "Pod")
        yield Right("", "pods/eviction", "create")


def _running() -> Iterator[Right]:
    """Lease, runs, Events."""
    for verb in ("get", "patch"):
        yield _right(verb, "Lease", "", NAMESPACE, NAME)
    yield _right("create", "Lease", "", NAMESPACE)
    for verb in ("create", "get", "list", "patch"):
        yield _right(verb, "ConfigMap", "", NAMESPACE)
    yield _right("create", "Event", "", "default", optional=True)


def rights_check(server: ApiServer, calico: str) -> PreflightCheck:
    """Whether this account has every right that a plan cannot do without."""

    def problems(situation: Situation) -> list[str]:
        return [f"this account may not {right}" for right in lacking(server, rights(situation.plan, calico))]

    return PreflightCheck(
        "rights",
        problems,
        hint="nothing was changed; `rrplan rbac PLAN` prints the rights that this plan needs",
        at_plan=Effect.TOLD,
        as_told="{}, so it cannot apply this plan",
    )


def lacking(server: ApiServer, needed: Iterable[Right]) -> list[Right]:
    """The rights that this account does not have; one object is asked about only where not all are allowed."""
    wanted = sorted(right for right in needed if not right.optional)
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def refused(asked: list[Right]) -> list[Right]:
            allowed = pool.map(lambda right: _allowed(server, right), asked)
            return [right for right, yes in zip(asked, allowed, strict=True) if not yes]

        general = set(refused(sorted({replace(right, name="") for right in wanted})))
        return refused([right for right in wanted if replace(right, name="") in general])


def _allowed(server: ApiServer, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {"group": right.group, "resource": resource, "verb": right.verb}
    for field, value in (("subresource", subresource), ("namespace", right.namespace), ("name", right.name)):
        if value:
            attributes[field] = value
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = server.create(REVIEW, body, manager=False)
    return bool((answer.get("status") or {}).get("allowed"))


def manifests(plan: Plan, calico: str, account: str, namespace: str) -> list[dict[str, object]]:
    """ServiceAccount, ClusterRole, Roles and bindings that are just enough for a plan."""
    everything = rights(plan, calico)
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    documents: list[dict[str, object]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}}
    ]
    for place in sorted({right.namespace for right in everything}):
        role, binding = ("Role", "RoleBinding") if place else ("ClusterRole", "ClusterRoleBinding")
        metadata = {"name": account, **({"namespace": place} if place else {})}
        rules = _rules(right for right in everything if right.namespace == place)
        api = {"apiVersion": "rbac.authorization.k8s.io/v1"}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": account}
        documents.append({**api, "kind": role, "metadata": metadata, "rules": rules})
        documents.append({**api, "kind": binding, "metadata": metadata, "roleRef": reference, "subjects": [subject]})
    return documents


def _rules(rights: Iterable[Right]) -> list[dict[str, object]]:
    """Rules with the same group, names and verbs are one."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for right in rights:
        names.setdefault((right.group, right.resource, right.verb), []).append(right.name)
    verbs: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (group, resource, verb), objects in names.items():
        kept = () if "" in objects else tuple(sorted(set(objects)))
        verbs.setdefault((group, resource, kept), []).append(verb)
    return [
        {
            "apiGroups": [group],
            "resources": [resource],
            "verbs": sorted(words),
            **({"resourceNames": list(kept)} if kept else {}),
        }
        for (group, resource, kept), words in sorted(verbs.items())
    ]
