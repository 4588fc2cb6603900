"""The sentences about a run: one row for each kind of fact."""

import pytest

from rrplan.ids import NodeName, StepId
from rrplan.plans.gate import GateKind
from rrplan.plans.plan import SessionDown
from rrplan.render.run import (
    drift_text,
    ending_text,
    node_short_text,
    read_back_text,
    reason_text,
    unready_texts,
)
from rrplan.reports.drift import Drift, DriftKind
from rrplan.reports.events import Result, RunFinished
from rrplan.reports.gates import GateFailed, GateUnknown, NodeShort, NodesShort, Shortfall
from rrplan.reports.observation import Unready
from rrplan.reports.reasons import (
    DatastoreFailed,
    Drifted,
    HookObjected,
    MayStillLand,
    NeitherState,
    NotWritten,
    Outcome,
    ReadBack,
    Reason,
)

A = NodeName("a")
DRIFTS = [
    (Drift("BGPPeer/p", DriftKind.NEW), "BGPPeer/p is new"),
    (Drift("BGPPeer/p", DriftKind.GONE), "BGPPeer/p is gone"),
    (Drift("BGPPeer/p", DriftKind.CHANGED), "BGPPeer/p was changed"),
    (Drift("BGPPeer/p", DriftKind.MADE_AGAIN), "BGPPeer/p is there again, the run removed it"),
    (Drift("BGPPeer/p", DriftKind.REMOVED), "BGPPeer/p is gone, the run made or changed it"),
    (
        Drift("BGPPeer/p", DriftKind.OVERWRITTEN, "spec.asNumber", 65001, None),
        "BGPPeer/p has spec.asNumber `65001`, the run wrote none",
    ),
    (
        Drift("BGPPeer/p", DriftKind.OVERWRITTEN, "spec.node", None, "a"),
        'BGPPeer/p has spec.node none, the run wrote `"a"`',
    ),
    (
        Drift("BGPPeer/p", DriftKind.NOT_RESTORED, node="a"),
        "BGPPeer/p is deleted with CalicoNode/a, and the plan does not restore it",
    ),
]


@pytest.mark.parametrize(("drift", "text"), DRIFTS, ids=[f"{drift.kind} {drift.found}" for drift, _ in DRIFTS])
def test_drift(drift: Drift, text: str) -> None:
    """What somebody else changed."""
    assert drift_text(drift) == text


SHORTS = [
    (NodeShort(A, Shortfall.NO_ANSWER, "ipv4"), "a: does not answer"),
    (NodeShort(A, Shortfall.NO_FAMILY, "ipv4"), "a: has no ipv4"),
    (NodeShort(A, Shortfall.RECOVERING, "ipv6"), "a: graceful-restart recovery in progress (ipv6)"),
    (NodeShort(A, Shortfall.SESSION, "ipv4", "b"), "a: session with b is not established (ipv4)"),
    (
        NodeShort(A, Shortfall.SESSION, "ipv4", "b", why="BIRD says `start Active`"),
        "a: session with b is not established (ipv4): BIRD says `start Active`",
    ),
    (NodeShort(A, Shortfall.MESH_SESSIONS, "ipv4", found=1, wanted=2), "a: 1 of 2 mesh sessions (ipv4)"),
    (NodeShort(A, Shortfall.ROUTES, "ipv4", "b", 2, 3), "a: 2 of 3 routes from b (ipv4)"),
]


@pytest.mark.parametrize(("short", "text"), SHORTS, ids=[f"{short.shortfall} {short.why}" for short, _ in SHORTS])
def test_node(short: NodeShort, text: str) -> None:
    """What a node lacks."""
    assert node_short_text(short) == text


LACK = NodesShort(1, 2, SHORTS[0][0])
REASONS: list[tuple[Reason | MayStillLand, str]] = [
    (
        Drifted((DRIFTS[0][0], DRIFTS[1][0])),
        "somebody else changed the cluster: BGPPeer/p is new, BGPPeer/p is gone",
    ),
    (DatastoreFailed("no route to host"), "no route to host"),
    (NotWritten(Outcome.REFUSED, "asNumber is too large"), "asNumber is too large"),
    (HookObjected("page", 3, "not now"), "hook `page` ended with 3: not now"),
    (HookObjected("page", None, ""), "hook `page` did not end in time"),
    (GateFailed(GateKind.DRAINED, "no pod is left", GateUnknown("no"), None), "no pod is left: no"),
    (
        GateFailed(GateKind.ROUTES, "every route", LACK, 120),
        "gate timed out after 120 s: every route; 1 of 2 nodes ready; a: does not answer",
    ),
    (NeitherState("Node/a", StepId("drain/a")), "Node/a is neither as before nor as after `drain/a`"),
    (MayStillLand("Node/a"), "Node/a: the write got no answer and may still land"),
]


@pytest.mark.parametrize(("why", "text"), REASONS, ids=[text for _, text in REASONS])
def test_reason(why: Reason | MayStillLand, text: str) -> None:
    """Why a step does not begin, fails, or waits."""
    assert reason_text(why) == text


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (RunFinished(Result.DONE, 9), ""),
        (RunFinished(Result.STOPPED, 9), "`rrplan resume` goes on, `rrplan rollback` takes everything back"),
        (RunFinished(Result.INTERRUPTED, 9), "`rrplan resume` goes on, `rrplan rollback` takes everything back"),
        (RunFinished(Result.UNDONE, 9), "the cluster is as it was before the run"),
        (RunFinished(Result.UNDONE, 9, DatastoreFailed("away")), "every step was taken back; away"),
    ],
    ids=["done", "partial", "interrupted", "undone", "not compared"],
)
def test_ending(event: RunFinished, text: str) -> None:
    """What may be done next, or how the cluster is."""
    assert ending_text(event) == text


def test_read_back() -> None:
    """What a journal says of a step that was cut off."""
    assert [read_back_text(read_back) for read_back in ReadBack] == ["landed in part", "did not land"]


def test_unready() -> None:
    """Nodes first, then sessions, of which five are named."""
    sessions = tuple(SessionDown(A, f"b{number}", "ipv4", "BIRD says `down`") for number in range(7))
    assert unready_texts(Unready((A,), (NodeName("c"),), sessions[:1])) == [
        "a is down now, and was not when the plan was made",
        "c was asked for its sessions and does not answer",
        "the session of a with b0 (ipv4) is down: BIRD says `down`",
    ]
    assert unready_texts(Unready(sessions=sessions))[4:] == [
        "the session of a with b4 (ipv4) is down: BIRD says `down`",
        "2 more sessions that the plan counts on are down",
    ]
    assert unready_texts(Unready()) == []
