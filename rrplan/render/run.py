"""Sentences about a run: what gates lack, what was changed by others, why a step does not begin or fails."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rrplan.fallback import TABLE
from rrplan.plans.cost import GatesCost
from rrplan.plans.plan import SessionDown
from rrplan.reports.difference import Difference
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.events import Result, RunFinished
from rrplan.reports.gates import (
    GateFailed,
    GateUnknown,
    NodeShort,
    NodesShort,
    PodKept,
    PodLeft,
    PodsKept,
    PodsLeft,
    PodState,
    RolloutLack,
    RolloutShort,
    Shortfall,
    StillHolding,
    Sweeping,
    Waiting,
)
from rrplan.reports.observation import Unready
from rrplan.reports.reasons import (
    DatastoreFailed,
    Drifted,
    HookObjected,
    MayStillLand,
    NeitherState,
    NotWritten,
    ReadBack,
    Reason,
)
from rrplan.resources.eviction import refusal_text
from rrplan.resources.reading import parse_ip
from rrplan.text import SHOWN, listed

GO_ON = "`rrplan resume` goes on, `rrplan rollback` takes everything back"


def reason_text(why: Reason | MayStillLand) -> str:
    """Why a step does not begin, fails, is not taken back or waits for the datastore, in a sentence."""
    match why:
        case Drifted(drifts):
            return f"somebody else changed the cluster: {listed([drift_text(drift) for drift in drifts])}"
        case DatastoreFailed(detail) | NotWritten(_, detail):
            return detail
        case HookObjected(hook, code, output):
            return f"hook `{hook}` {hook_ending(code)}: {output}".rstrip(": ")
        case GateFailed(_, gate, lack, None):
            return f"{gate}: {lack_text(lack)}"
        case GateFailed(_, gate, lack, timeout):
            return f"gate timed out after {timeout} s: {gate}; {lack_text(lack)}{_other_side(lack)}"
        case NeitherState(key, step):
            return f"{key} is neither as before nor as after `{step}`"
        case MayStillLand(key):
            return f"{key}: the write got no answer and may still land"


def approved_text(approvers: Sequence[str]) -> str:
    """Who approved a plan, all of them by name."""
    return f"approved by {', '.join(approvers)}"


def hook_ending(code: int | None) -> str:
    """How a hook ended, as the end of a sentence."""
    return "did not end in time" if code is None else f"ended with {code}"


def read_back_text(read_back: ReadBack) -> str:
    """What was found of a step that was cut off, for the journal."""
    return "landed in part" if read_back is ReadBack.IN_PART else "did not land"


def ending_text(event: RunFinished) -> str:
    """What may be done after a run, or how its cluster is; "" where a plan was carried out and no more is to say."""
    match event.result:
        case Result.DONE:
            return ""
        case Result.STOPPED | Result.INTERRUPTED:
            return GO_ON
        case Result.UNDONE if event.difference is not None:
            return f"every step was taken back; {reason_text(event.difference)}"
        case Result.UNDONE:
            return "the cluster is as it was before the run"


def drift_text(drift: Drift) -> str:
    """A resource that somebody else changed, in a sentence."""
    return f"{drift.key} {_drifted(drift)}"


def _drifted(drift: Drift) -> str:
    match drift.kind:
        case DriftKind.NEW:
            return "is new"
        case DriftKind.GONE:
            return "is gone"
        case DriftKind.CHANGED:
            return "was changed"
        case DriftKind.MADE_AGAIN:
            return "is there again, the run removed it"
        case DriftKind.REMOVED:
            return "is gone, the run made or changed it"
        case DriftKind.OVERWRITTEN:
            return f"has {drift.path} {_value(drift.found)}, the run wrote {_value(drift.written)}"
        case DriftKind.NOT_RESTORED:
            return f"is deleted with CalicoNode/{drift.node}, and the plan does not restore it"


def _value(value: object) -> str:
    return "none" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


# --- gates ----------------------------------------------------------------------------------------


def _other_side(lack: Waiting) -> str:
    """Where to look, for a session whose other end is no node."""
    if not isinstance(lack, NodesShort) or parse_ip(lack.example.peer) is None:
        return ""
    return f"; `rrplan outside SPEC` prints what {lack.example.peer} must have configured"


def lack_text(lack: Waiting) -> str:
    """Why a gate is not passed, in a sentence."""
    match lack:
        case NodesShort(ready, nodes, example):
            return f"{ready} of {nodes} nodes ready; {node_short_text(example)}"
        case PodsLeft(pods):
            return f"{len(pods)} of its pods are left: {listed([_left(pod) for pod in pods])}"
        case PodsKept(pods):
            return listed([kept_text(pod) for pod in pods])
        case RolloutShort():
            return _rollout(lack)
        case GateUnknown(detail):
            return detail
        case StillHolding(stable):
            return f"holds, must hold {stable} s"
        case Sweeping(asked, nodes):
            return f"{asked:,} of {nodes:,} nodes asked"


def gates_cost_text(cost: GatesCost) -> str:
    """What the gates of a plan cost a live cluster, in a sentence."""
    gates = "gate asks" if cost.gates == 1 else f"{cost.gates} gates ask"
    return (
        f"the {gates} the nodes in about {cost.requests:,} requests if each passes at once; one look at everybody asks "
        f"up to {cost.nodes:,} nodes and takes about {cost.seconds:,} s"
    )


def alike_writes_text(alike: int, sample: int) -> str:
    """What is tried of writes to nodes that are alike, in a sentence."""
    return (
        f"before step 1 `rrplan apply` sends a dry-run of {sample} of {alike:,} alike writes to nodes, and of {sample} "
        "more for each difference of their labels, taints and names of annotations"
    )


def node_short_text(short: NodeShort) -> str:
    """What one node lacks, in a sentence."""
    return f"{short.node}: {_short(short)}"


def _short(short: NodeShort) -> str:
    match short.shortfall:
        case Shortfall.NO_ANSWER:
            return "does not answer"
        case Shortfall.NO_FAMILY:
            return f"has no {short.family}"
        case Shortfall.RECOVERING:
            return f"graceful-restart recovery in progress ({short.family})"
        case Shortfall.SESSION:
            why = f": {short.why}" if short.why else ""
            return f"session with {short.peer} is not established ({short.family}){why}"
        case Shortfall.MESH_SESSIONS:
            return f"{short.found} of {short.wanted} mesh sessions ({short.family})"
        case Shortfall.DIRECT_SESSIONS:
            return f"{short.found} of {short.wanted} sessions with other nodes ({short.family})"
        case Shortfall.ROUTES:
            return f"{short.found} of {short.wanted} routes from {short.peer} ({short.family})"
        case Shortfall.COPIES:
            return f"{short.found} of {short.wanted} routes are in its fallback table ({short.family})"
        case Shortfall.TABLE_UNUSED:
            return f"its kernel does not look into its fallback table ({short.family})"
        case Shortfall.TABLE_LEFT:
            return f"a fallback table is left, with {short.found} routes ({short.family})"
        case Shortfall.RULE_TAKEN:
            return f"another rule stands where those of a fallback table belong ({short.family}): {short.why}"
        case Shortfall.TABLE_TAKEN:
            return f"routing table {TABLE} has routes of others ({short.family}): {short.why}"
        case Shortfall.DEAD_END:
            return f"a route that leads nowhere would hide a fallback table ({short.family}): {short.why}"
        case Shortfall.COMMAND:
            return f"no fallback table can be made ({short.family}): {short.why}"


def tables_texts(shorts: Sequence[NodeShort]) -> list[str]:
    """Why fallback tables cannot be had, in sentences."""
    texts = [node_short_text(short) for short in shorts[:SHOWN]]
    more = len(shorts) - SHOWN
    return [*texts, f"{more} more nodes cannot have one"] if more > 0 else texts


def tables_left_text(nodes: Sequence[str]) -> str:
    """That a run left fallback tables, and how they go, in a sentence."""
    what = "a fallback table is" if len(nodes) == 1 else "fallback tables are"
    return (
        f"{what} left on {listed(nodes, SHOWN)}; `rrplan resume` or `rrplan rollback` takes it away, "
        "or the command in docs/on-call.md"
    )


def _left(pod: PodLeft) -> str:
    why = "is held by a PodDisruptionBudget" if pod.state is PodState.HELD else "is terminating"
    return f"{pod.namespace}/{pod.name} {why}"


def kept_text(pod: PodKept) -> str:
    """Why a drain must not evict a pod, in a sentence."""
    return refusal_text(pod.refusal, f"{pod.namespace}/{pod.name}", pod.node)


def _rollout(short: RolloutShort) -> str:
    match short.lack:
        case RolloutLack.GONE:
            return f"{short.daemonset} is gone"
        case RolloutLack.UNSEEN:
            return "its controller has not seen the change"
        case RolloutLack.MISSCHEDULED:
            return f"{short.found} of its pods still run where none belongs"
        case RolloutLack.PODS:
            return f"{short.found} of {short.wanted} pods are available"


def difference_text(difference: Difference) -> str:
    """A resource that is not as the spec says, in a sentence."""
    return f"{difference.key}: {difference.summary}"


# --- before a run ---------------------------------------------------------------------------------


def unready_texts(unready: Unready) -> list[str]:
    """What stands against beginning a plan, in sentences."""
    texts = [f"{name} is down now, and was not when the plan was made" for name in unready.down]
    texts += [f"{name} was asked for its sessions and does not answer" for name in unready.silent]
    texts += [_session(session) for session in unready.sessions[:SHOWN]]
    more = len(unready.sessions) - SHOWN
    return [*texts, f"{more} more sessions that the plan counts on are down"] if more > 0 else texts


def _session(session: SessionDown) -> str:
    return f"the session of {session.node} with {session.peer} ({session.family}) is down: {session.why}"
