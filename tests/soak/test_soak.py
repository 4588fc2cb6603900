"""What a soak says of failures can be used to repeat them."""

import json

import pytest

from tests.conftest import FAST_SECONDS, LIMITS, limit
from tests.soak.__main__ import Row, main, table
from tests.soak.lanes import Lane, Task, lanes


def lane(name: str, times: int = 1) -> Lane:
    """One lane of a soak with seed 100."""
    return next(one for one in lanes(100, times) if one.name == name)


def test_failed_clusters_on_bird_are_repeated_one_by_one() -> None:
    """Each case that disagrees has its own command; the others have none."""
    lines = [{"case": 0, "more": []}, {"case": 7, "more": [["ipv4", "n1", "n2"]]}, {"case": 9, "broken": [1]}]
    output = "\n".join([*map(json.dumps, lines), "Case(state=...)", "8 of 10 agree"])
    repeats = lane("bird-steps").tasks[0].repeats(output)
    assert [command.partition("tests.soak.bird ")[2] for command in repeats] == ["steps 100 7", "steps 100 9"]


def test_other_failures_are_repeated_by_their_command() -> None:
    """With the variables that it needs."""
    task = Task(("pytest", "a file"), 1, {"RRPLAN_PROFILE": "soak"})
    assert task.repeats("1 failed") == ["env RRPLAN_PROFILE=soak pytest 'a file'"]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_live_seeds(times: int) -> None:
    """Every seed once, whatever the batches."""
    told = [task.environment["RRPLAN_SOAK_SEEDS"].split(":") for task in lane("live", times).tasks]
    seeds = [int(first) + number for first, count in told for number in range(int(count))]
    assert seeds == list(range(100, 100 + 5 * times))
    assert lane("live", times).cases == len(seeds)


@pytest.mark.parametrize(("demanded", "good"), [("", True), ("1", False)])
def test_left_out(demanded: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane without its real part is no failure, unless every real part is demanded; the table says it."""
    monkeypatch.setenv("RRPLAN_REQUIRE_REAL", demanded)
    row = Row(Lane("live", (), lacks=("etcd",)), 0.0, "left out")
    assert row.good is good
    assert table([row], 5).splitlines()[2] == "| live | 0     | 5    | 0       | left out |"


def test_unknown_lane(capsys: pytest.CaptureFixture[str]) -> None:
    """Refused, with those that there are."""
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "unknown: nothing; there are: speaker, runs, kills" in capsys.readouterr().err


def test_limits() -> None:
    """The longest of its marks; without one, the limit of fast tests."""
    assert limit(["parametrize"]) == FAST_SECONDS
    assert limit(["slow", "real"]) == max(LIMITS["slow"], LIMITS["real"])
