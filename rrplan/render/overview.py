"""What every format says of a plan as a whole: for which cluster, how long, what else is executed, what stays."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from rrplan.ids import StepId
from rrplan.plans.cost import duration
from rrplan.plans.plan import Plan
from rrplan.plans.planfile import FORMAT_VERSION
from rrplan.render.checks import finding_text
from rrplan.render.detail import Detail
from rrplan.render.escaping import prose
from rrplan.render.folding import folded_names
from rrplan.render.plan_json import plan_document
from rrplan.render.words import cluster_text, notices, observed_lines
from rrplan.resources.documents import leaves
from rrplan.specs.model import Hook, HookPoint, OnFailure

NO_HOOK = "none"
UNBOUND = (
    "the plan is bound to none: the input has no clusterGUID (ClusterInformation) and no uid of namespace kube-system"
)
WHEN = {
    HookPoint.BEFORE_RUN: "before the run",
    HookPoint.AFTER_RUN: "after the run",
    HookPoint.BEFORE_STEP: "before each step",
    HookPoint.AFTER_STEP: "after each step",
    HookPoint.ON_FAILURE: "when a step fails",
    HookPoint.ON_ROLLBACK: "when it is taken back",
}
FAILS = {
    OnFailure.UNDO: "a step that fails takes all of it back, in reverse order, each undo with its own gates",
    OnFailure.HALT: "a step that fails stops the run there",
}


def plan_digest(plan: Plan) -> str:
    """The digest of a plan: that of its file, also where an older version wrote it."""
    older = plan.written_as not in ("", FORMAT_VERSION)
    return plan.file_digest if older and plan.file_digest else str(plan_document(plan)["digest"])


def overview(plan: Plan, detail: Detail = Detail.FOLDED) -> list[tuple[str, str]]:
    """Titles and what there is to say; titles repeat where there are several lines."""
    cluster = plan.snapshot.cluster
    known = [cluster_text(cluster), "" if cluster.known else UNBOUND]
    rows = [("digest", plan_digest(plan)), ("cluster", "; ".join(filter(None, known))), ("Calico", calico_text(plan))]
    if not plan.steps:
        return rows
    takes = duration(plan)
    worst = f"at most {span(takes.worst)}, if all gates pass at their last moment"
    rows.append(("takes", f"about {span(takes.expected)}; {worst}"))
    rows.append(("way back", f"{FAILS[plan.on_failure]}; `rrplan rollback` takes the whole run back"))
    rows += [("hook", hook_text(hook)) for hook in plan.hooks] or [("hooks", NO_HOOK)]
    rows += [("stays", text) for text in left_behind(plan, detail)]
    return rows


def calico_text(plan: Plan) -> str:
    """The release, and those of single nodes."""
    reference = plan.snapshot
    others = ", ".join(str(version) for version in reference.other_versions)
    return f"{reference.calico_version}" + (f"; single nodes run {others}" if others else "")


def hook_text(hook: Hook) -> str:
    """What is executed, and when."""
    when = WHEN[hook.on]
    if hook.action is not None:
        when = f"{when.replace('each step', 'each')} {hook.action}"
    vetoes = hook.required or hook.on in (HookPoint.BEFORE_RUN, HookPoint.BEFORE_STEP)
    failure = "its failure counts" if vetoes else "its failure is told"
    return f"{when}, `{hook.name}` executes `{shlex.join(hook.command)}` (within {hook.timeout} s; {failure})"


def left_behind(plan: Plan, detail: Detail) -> list[str]:
    """The nodes that stay cordoned or tainted when the plan is done."""
    cordoned: dict[str, bool] = {}
    tainted: dict[str, tuple[int, int]] = {}
    for _, change in plan.writes:
        if change.key.kind != "Node" or change.before is None or change.after is None:
            continue
        name, before, after = change.key.name, dict(leaves(change.before)), dict(leaves(change.after))
        if CORDON in after:
            cordoned[name] = after[CORDON] is True
        if TAINTS in after:
            first = tainted[name][0] if name in tainted else _count(before[TAINTS])
            tainted[name] = first, _count(after[TAINTS])
    lines = []
    if stay := [name for name, stays in cordoned.items() if stays]:
        lines.append(f"cordoned when all is done: {folded_names(stay, detail)}; no new pod runs there")
    if stay := [name for name, (first, last) in tainted.items() if last > first]:
        lines.append(f"tainted when all is done: {folded_names(stay, detail)}; only pods that tolerate it run there")
    return lines


CORDON = ("spec", "unschedulable")
TAINTS = ("spec", "taints")


def _count(taints: object) -> int:
    return len(taints) if isinstance(taints, list | tuple) else 0


def span(seconds: int) -> str:
    """A time in words: seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds} s"
    minutes = -(-seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02} min"


def step_reasons(plan: Plan) -> Mapping[StepId, list[str]]:
    """Why each step comes after others, each reason once."""
    reasons: dict[StepId, list[str]] = {}
    for edge in plan.edges:
        known = reasons.setdefault(edge.after, [])
        if edge.reason not in known:
            known.append(edge.reason)
    return reasons


def told_sections(plan: Plan) -> list[str]:
    """What there is to tell beside the steps, as sections of Markdown, nothing folded."""
    sections = {
        "Reflectors": plan.reasons,
        "Sessions now": observed_lines(plan),
        "Notices": notices(plan),
        "Checks": [*map(finding_text, plan.findings)],
    }
    lines: list[str] = []
    for title, texts in sections.items():
        lines += [f"## {title}", "", *(f"- {prose(text)}" for text in texts), ""] if texts else []
    return lines
