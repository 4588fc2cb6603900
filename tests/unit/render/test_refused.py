"""What is said of a plan that is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from rrplan.bgp.routes import NoRoute, Obstacle
from rrplan.cli.main import rrplan
from rrplan.errors import PlanMismatch, UnsafePlanError
from rrplan.exit_codes import ExitCode
from rrplan.ids import StepId
from rrplan.planning.remedy import remedies
from rrplan.plans import read_plan
from rrplan.plans.plan import FINAL_STATE, Invariant, Proof, Violation
from rrplan.render.detail import Detail
from rrplan.render.folding import FOLDED
from rrplan.render.refused import refused_document, refused_text
from rrplan.specs import load
from tests.support.clusters import HEAD, TO_REFLECTORS, meshed, planned
from tests.support.plans import plan_of

LOSES = Violation(Invariant.SURVIVING, StepId("promote/r1"), "ipv4", "k02", "k01", 5, 22)
GONE = Violation(Invariant.CONVERGED, FINAL_STATE, "ipv4", "a", "b", 1, reason=NoRoute(Obstacle.NOT_CONNECTED))
FEW = Violation(Invariant.REFLECTORS_PER_CLIENT, FINAL_STATE, at="a", count=1, wanted=2)


def test_by_step_with_a_hint_for_each_kind() -> None:
    """Pairs that are alike are counted; both families are told together; hints have the whole path in the spec."""
    spec = load(f"{HEAD}spec: {{{TO_REFLECTORS}}}\n".encode(), "spec.yaml")
    violations = (LOSES, replace(LOSES, family="ipv6"), replace(LOSES, at="k03", pairs=2), FEW, GONE)
    hints = remedies(spec, plan_of((), proof=Proof((), (), violations)))
    assert refused_text(UnsafePlanError(violations, hints=hints)) == (
        "error: refused: 5 violations in the proof\n"
        "\n"
        "step `promote/r1`:\n"
        "  - k02 loses its route to k01 for up to 22 s in both families (same for 4 more pairs)\n"
        "  - k03 loses its route to k01 for up to 22 s (same for 1 more pair)\n"
        "\n"
        "in the end:\n"
        "  - a has 1 reflector, the policy wants 2\n"
        "  - a loses its route to b for good: nobody that holds the routes of b has a session with a\n"
        "\n"
        "hint: set `drain: true` so that no pod is on a node while its role changes, or accept it with `policy: "
        "{exposure: {brief: 25s}}`\n"
        "\n"
        "hint: add reflectors, or lower `policy: {minReflectorsPerClient: N}`\n"
        "\n"
        "hint: give every client a session to every reflector of a cluster ID, or each group a cluster ID of its own; "
        "correct or remove BGPPeers that are named above\n"
    )


def test_many_are_folded() -> None:
    """`--all` shows them."""
    error = UnsafePlanError([replace(LOSES, at=f"k{number}") for number in range(FOLDED + 3)])
    assert "... and 3 more violations (`--all` shows them)" in refused_text(error)
    assert refused_text(error, Detail.ALL).count("loses its route") == FOLDED + 3


def test_the_whole_result_as_json() -> None:
    """A program gets the plan with its counterexamples; nobody can apply it."""
    with pytest.raises(UnsafePlanError) as refusal:
        planned(meshed(), TO_REFLECTORS)
    document = refused_document(refusal.value)
    assert (document["applyable"], document["errored"], document["complete"]) == (False, True, True)
    assert [told["invariant"] for told in document["proof"]["violations"]] == [
        violation.invariant for violation in refusal.value.violations if isinstance(violation, Violation)
    ]
    assert document["hints"] == [*refusal.value.hints]
    assert document["steps"]
    with pytest.raises(PlanMismatch, match=r"it was refused when it was made, with \d+ violations in its proof"):
        read_plan(json.dumps(document).encode(), "plan.json")


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o json` on stdout, words on stderr, exit code 7; `--all` unfolds."""
    monkeypatch.chdir(tmp_path)
    Path("spec.yaml").write_text(
        f"{HEAD}spec: {{topology: route-reflectors, clusterID: 224.0.0.1, "
        "groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]}\n"
    )
    assert CliRunner().invoke(rrplan, ["sandbox", "cluster", "--nodes", "8"]).exit_code == ExitCode.DONE
    result = CliRunner().invoke(
        rrplan, ["plan", "spec.yaml", "--sandbox", "cluster", "-o", "json"], standalone_mode=False
    )
    assert result.return_value == ExitCode.REFUSED
    document = json.loads(result.stdout)
    assert (document["applyable"], document["errored"]) == (False, True)
    assert "step `promote/rr-1`:\n  - " in result.stderr
    assert "loses its route to" in result.stderr
    assert "`policy: {exposure: {brief: 25s}}`" in result.stderr
    shown = CliRunner().invoke(rrplan, ["plan", "spec.yaml", "--sandbox", "cluster"], standalone_mode=False)
    assert (shown.return_value, shown.stdout) == (ExitCode.REFUSED, "")
    applied = CliRunner().invoke(rrplan, ["apply", "spec.yaml", "--sandbox", "cluster"], standalone_mode=False)
    assert (applied.return_value, applied.stdout) == (ExitCode.REFUSED, "")
    assert applied.stderr == shown.stderr
