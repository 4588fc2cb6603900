"""Whether what an account wrote, by the API server's own audit log, was in the plan."""

from collections.abc import Iterable, Mapping
from typing import Any

from rrplan.plans import Plan

BOOKS = {
    ("leases", "kube-system"),
    ("configmaps", "kube-system"),
    ("events", "default"),
    ("caliconodestatuses", None),
    ("selfsubjectaccessreviews", None),
    ("subjectaccessreviews", None),
}
"""Where rrplan keeps its own: lock, runs, Events, questions."""
DEFAULTS = {"logSeverityScreen": "Info", "serviceLoadBalancerAggregation": "Enabled"}
"""What native CRDs add to a BGPConfiguration before the audit log sees it (api/config/crd)."""
KINDS = {"nodes": "Node", "bgppeers": "BGPPeer", "bgpconfigurations": "BGPConfiguration"}


def outside(plan: Plan, writes: Iterable[Mapping[str, Any]]) -> list[str]:
    """The writes that no step of the plan makes, nor its undo; empty if rrplan kept its word."""
    allowed: dict[tuple[str, str], list[object]] = {}
    for _, change in plan.writes:
        for one in (change, change.inverse()):
            allowed.setdefault((one.key.kind, one.key.name), []).append(one.after)
    drained = any(gate.kind == "drained" for step in plan.steps for gate in step.gates)
    found = []
    for entry in writes:
        what = entry["objectRef"]
        resource, name = what["resource"], what.get("name", "")
        if (resource, what.get("namespace")) in BOOKS:
            continue
        if resource == "pods" and what.get("subresource") == "eviction" and drained:
            continue
        bodies = allowed.get((KINDS.get(resource, resource), name), [])
        if not any(_same(entry, body) for body in bodies):
            found.append(f"{entry['verb']} {resource}/{name}: {entry.get('requestObject')}")
    return found


def _same(entry: Mapping[str, Any], body: object) -> bool:
    sent = entry.get("requestObject") or {}
    if entry["verb"] == "delete":
        return body is None
    if not isinstance(body, Mapping):
        return False
    if entry["verb"] == "create":
        wanted = body.get("spec") or {}
        added = {name for name, value in DEFAULTS.items() if name not in wanted and sent["spec"].get(name) == value}
        return {name: value for name, value in sent["spec"].items() if name not in added} == wanted
    told = {**body, "metadata": {**body.get("metadata", {})}}
    metadata = {name: value for name, value in sent.get("metadata", {}).items() if name != "resourceVersion"}
    if metadata != told["metadata"]:
        return False
    spec, wanted = dict(sent.get("spec") or {}), dict(body.get("spec") or {})
    if "taints" in spec:
        theirs = [taint for taint in spec["taints"] or [] if not taint["key"].startswith("node.kubernetes.io/")]
        spec["taints"], wanted["taints"] = theirs, list(wanted.get("taints") or [])
    return spec == wanted
