"""What a run does grows with its writes and no faster: counted, so that no clock decides."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rrplan.bgp.model import Model
from rrplan.runs import Result
from rrplan.runs.step_run import StepRun
from rrplan.sandbox import store
from rrplan.snapshots import decoded
from tests.bench.work import counting
from tests.support import SPEC, Bench

WAVES = SPEC + "  rollout: {waves: [10%, 40%]}\n"


def counts(folder: Path, nodes: int) -> tuple[int, dict[str, int]]:
    """The writes of a run in waves, and what it took: objects decoded and parsed, costs of steps, statuses asked."""
    seen = dict.fromkeys(("decoded", "parsed", "costs", "statuses"), 0)

    def count(what: str) -> Callable[[], None]:
        def one_more() -> None:
            seen[what] += 1

        return one_more

    bench = Bench(folder, WAVES, nodes=nodes)
    runner = bench.runner()
    with ExitStack() as stack:
        for place, name, what in (
            (decoded, "resource_of", "decoded"),
            (store, "Stored", "parsed"),
            (Model, "_cost", "costs"),
            (StepRun, "stands", "statuses"),
        ):
            stack.enter_context(counting(place, name, count(what)))
        assert runner.apply() is Result.DONE
    return len(bench.plan.writes), seen


def test_growth(tmp_path: Path) -> None:
    """Four times the nodes: objects are decoded and parsed as often as they change, and steps are looked at once."""
    writes, small = counts(tmp_path / "small", 30)
    more, large = counts(tmp_path / "large", 120)
    assert large["decoded"] / more <= 1.2 * small["decoded"] / writes
    # Each write makes one new text, which is parsed by the write and by the next look; nothing else is parsed again.
    assert large["parsed"] <= 4 * more
    # The steps are as many, and what a write of a client costs is asked by nobody.
    assert large["statuses"] <= small["statuses"]
    assert large["costs"] <= small["costs"] + 2
