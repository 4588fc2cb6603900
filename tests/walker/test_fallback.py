"""The walker notices where fallback tables are counted on that nobody filled, or that are not right."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from rrplan.planning import build, fallback, proof
from rrplan.plans.gate import GateKind
from rrplan.plans.plan import Step, Tolerance
from rrplan.specs import Spec
from tests.walker.draws import Draw
from tests.walker.judging import Tally

CASES = range(1, 60)


def unfilled(patch: pytest.MonkeyPatch) -> None:
    """No gate fills the tables again before a step."""
    whole = fallback.with_fallback_gates

    def bare(*told: object) -> tuple[Step, ...]:
        return tuple(
            step
            if step.id.startswith("fallback/")
            else replace(step, gates=tuple(gate for gate in step.gates if gate.kind is not GateKind.FALLBACK))
            for step in whole(*told)  # type: ignore[arg-type]
        )

    patch.setattr(build, "with_fallback_gates", bare)


def always(patch: pytest.MonkeyPatch) -> None:
    """Whatever is exposed is called carried: also by other steps, and what comes from outside."""
    whole = proof._tolerated

    def carried(spec: Spec, **told: bool) -> Tolerance:
        return whole(spec, **{**told, "carried": True})

    patch.setattr(proof, "_tolerated", carried)


def between_numbers(patch: pytest.MonkeyPatch) -> None:
    """Nodes of several AS numbers are carried too."""
    whole = fallback.fallback_steps

    def one_number(spec: Spec, state: object, in_use: Sequence[object]) -> list[Step]:
        nodes = {name: replace(node, as_number=None) for name, node in state.nodes.items()}  # type: ignore[attr-defined]
        return whole(spec, replace(state, nodes=nodes), in_use)  # type: ignore[arg-type, type-var]

    patch.setattr("rrplan.planning.sequence.fallback_steps", one_number)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [unfilled, always, between_numbers], ids=lambda broken: broken.__name__)
def test_broken(broken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rule switched off some plan is found wrong, and with it none (`test_random_plans_in_use`)."""
    broken(monkeypatch)
    tally = Tally()
    for number in CASES:
        tally.judge(Draw(number).in_use(), seed=number)

    assert tally.findings, tally.text()
