"""A rehearsal in words."""

from dataclasses import replace

import pytest

from rrplan.ids import StepId
from rrplan.plans.rehearsal import (
    Count,
    Rehearsal,
    Repetition,
    SampledKind,
    StepMeasure,
    Subject,
    Traffic,
    Verdict,
)
from rrplan.render.rehearsal import rehearsal_markdown, rehearsal_text

LOSSY = Traffic("client to reflector", 40, 20, 15000, 800, 4010, 24, 4020)
QUIET = Traffic("client to client", 90, 0, 9000, 0, 0, 0, 0)
STEPS = (
    StepMeasure(StepId("drain/rr-1"), False, 0, 30, (QUIET,)),
    StepMeasure(StepId("taint/rr-1"), False, 0, 0, (QUIET,)),
    StepMeasure(StepId("promote/rr-1"), False, 25, 24, (LOSSY, QUIET)),
    StepMeasure(StepId("mesh-off"), True, 13, 24, (QUIET,)),
)


@pytest.fixture
def done() -> Rehearsal:
    """There and back."""
    kept = (
        SampledKind("clients", "node-1", 9, 100),
        SampledKind("clients", "node-7", 1, 1),
        SampledKind("reflectors", "rr-1", 2, 2),
    )
    counts = Count(200_000, 1, 11), Count(60_000, 800, 4010, 24, 4020)
    plan, spec, snapshot = (f"sha256:{letter}123456789abcdef" for letter in "0ab")
    subject = Subject(
        plan, spec, snapshot, (66, 21), ("ipv4", "ipv6"), ("no-default",), ("failures: nothing was broken on the way",)
    )
    return Rehearsal(subject, 3, 12, kept, ("hooks do not run",), "done", "undone", STEPS, *counts, 40, 20, 7)


def test_terminal(done: Rehearsal) -> None:
    """What was kept, what was lost by step and kind of pair, and the verdict."""
    assert rehearsal_text(done) == (
        "Rehearsal of plan sha256:0123456789ab on real BIRD speakers: 12 of 103 nodes,\n"
        "seed 3, 40 pairs of pods, a probe every 20 ms\n"
        "  - spec sha256:a123456789ab, snapshot sha256:b123456789ab\n"
        "  - IPv4 and IPv6; 66 sessions at the start, 21 at the end of the plan;\n"
        "    BGPFilter no-default\n"
        "  - 10 of 101 clients in 2 classes, such as node-1\n"
        "  - 2 of 2 reflectors, such as rr-1\n"
        "  - not as in the cluster: hooks do not run\n"
        "\nThere:\n\n"
        "  drain/rr-1 to taint/rr-1: 0 s; nothing lost\n"
        "  promote/rr-1: 25 s (usually 24 s)\n"
        "      client to reflector: 20 of 40 pairs exposed, 24 routes away for up to 4.0\n"
        "      s, 800 of 15000 probes lost, for up to 4.0 s\n"
        "\nBack:\n\n"
        "  undo mesh-off: 13 s (usually 24 s); nothing lost\n"
        "\nResult:\n\n"
        "  - matches the plan: one run; give `--repeat 2` before you trust the first\n"
        "    verdict of a plan\n"
        "  - the plan was done and then undone\n"
        "  - pairs while they are not exposed: 1 of 200000 probes lost, for up to 11 ms;\n"
        "    no route away for over 7 ms\n"
        "  - pairs while the proof says they are exposed (plans say for up to 22 s): 800\n"
        "    of 60000 probes lost, for up to 4.0 s; 24 routes away for up to 4.0 s\n"
        "  - not exercised: failures: nothing was broken on the way\n"
    )


def test_contradiction(done: Rehearsal) -> None:
    """It is told in both formats, and nothing says that all is well."""
    bad = replace(done, contradictions=("while `mesh-off` takes effect, a had no route of b (ipv4) for 2.00 s",))
    assert bad.verdict is Verdict.CONTRADICTS
    for text in (" ".join(rehearsal_text(bad).split()), rehearsal_markdown(bad)):
        assert "- contradicts the plan: while `mesh-off` takes effect, a had no route of b (ipv4) for 2.00 s" in text
        assert "matches" not in text


def test_difference(done: Rehearsal) -> None:
    """What is there in the end and was not declared contradicts the plan as a loss does."""
    bad = replace(done, differences=("a (ipv4), session Mesh_10_0_0_2: at the start Established, ...",))
    assert bad.verdict is Verdict.CONTRADICTS
    assert "- not declared by the plan: a (ipv4), session Mesh_10_0_0_2: at the start" in rehearsal_markdown(bad)


def test_inconclusive(done: Rehearsal) -> None:
    """Nothing follows where the laboratory did not do what it should, unless there is a contradiction too."""
    text = "the speakers do not settle within 60 s: routes come and go"
    unsettled = replace(done, unsettled=(text,), there="", back="", steps=(), flows=0)
    assert unsettled.verdict is Verdict.INCONCLUSIVE
    shown = rehearsal_markdown(unsettled)
    assert f"## Result\n\n- inconclusive\n- inconclusive: {text}\n" in shown
    assert "matches" not in shown
    assert replace(unsettled, contradictions=("a route was lost",)).verdict is Verdict.CONTRADICTS


def test_repetitions(done: Rehearsal) -> None:
    """The same verdict of all of them is trusted; where they differ, nothing follows."""
    same = replace(done, others=(Repetition(4, Verdict.MATCHES),))
    assert same.verdict is Verdict.MATCHES
    assert "- matches the plan: seed 3 matches the plan, seed 4 matches the plan\n" in rehearsal_markdown(same)
    differs = replace(done, contradictions=("a route was lost",), others=(Repetition(2, Verdict.MATCHES),))
    assert differs.verdict is Verdict.INCONCLUSIVE
    shown = rehearsal_markdown(differs)
    assert "- inconclusive: the repetitions differ: seed 2 matches the plan, seed 3 contradicts the plan\n" in shown
    assert "- contradicts the plan: a route was lost\n" in shown


def test_never_called_safe(done: Rehearsal) -> None:
    """A sample on one machine proves nothing of the cluster."""
    for text in (rehearsal_text(done), rehearsal_markdown(done)):
        assert "safe" not in text.lower()


def test_longer(done: Rehearsal) -> None:
    """A gap longer than plans say is told; whom it hit was foretold."""
    slow = replace(done, longer=("while `promote/rr-1` takes effect, a had no route of rr-1 (ipv4) for 16.00 s",))
    assert slow.verdict is Verdict.MATCHES
    assert "- longer than ever measured: while `promote/rr-1` takes effect, a had" in rehearsal_markdown(slow)


def test_run_that_failed(done: Rehearsal) -> None:
    """A run that was taken back by itself says so."""
    failed = replace(done, there="undone", back="", contradictions=("the plan was undone: a gate failed",))
    assert failed.verdict is Verdict.CONTRADICTS
    assert "  - contradicts the plan: the plan was undone: a gate failed\n" in rehearsal_text(failed)


def test_markdown(done: Rehearsal) -> None:
    """A table for tickets."""
    text = rehearsal_markdown(done)
    assert "| `drain/rr-1` to `taint/rr-1` | 0 s | | | none | none |\n" in text
    row = "client to reflector | 20 of 40 | 24, up to 4.0 s | 800 of 15000, up to 4.0 s |\n"
    assert f"| `promote/rr-1` | 25 s (usually 24 s) | {row}" in text
    assert "- matches the plan: one run; give `--repeat 2` before you trust" in text
