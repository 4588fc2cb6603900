"""What a soak says of failures can be used to repeat them."""

import json

import pytest

from tests.conftest import FAST_SECONDS, LIMITS, limit
from tests.soak.__main__ import Row, main, table
from tests.soak.lanes import Lane, Task, lanes
from tests.walker.worlds import CASES


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


def test_walked_plans_and_worlds_are_repeated_one_by_one() -> None:
    """By the seed, or the place among all worlds, that the walker names."""
    output = "walker-findings/seed-1234: random 1234: 2 failures\n  mesh-off (ipv4): no route\nseeds 100 to 300: 1 case"
    (repeat,) = lane("plans").tasks[0].repeats(output)
    assert repeat.endswith(" -m tests.walker random 1234 1")
    output = "walker-findings/world-3-77: x: 1 failures\n  mesh-off\n3 nodes (9 clusters): 5 cases"
    (repeat,) = lane("worlds").tasks[1].repeats(output)
    assert repeat.endswith(f" -m tests.walker worlds --size 3 --part 77 --stride {CASES[3]}")


def test_a_longer_soak_walks_more_worlds() -> None:
    """Every two hundredth of each size; in a soak that is two hundred times as long, all of them."""
    assert [len(lane("worlds", times).tasks) for times in (1, 200)] == [3, 3]
    assert lane("worlds", 1).cases == pytest.approx(sum(CASES.values()) / 200, abs=3)
    assert lane("worlds", 2).cases == pytest.approx(sum(CASES.values()) / 100, abs=3)
    assert lane("worlds", 200).cases == lane("worlds", 1000).cases == sum(CASES.values())
    assert (lane("plans", 1).cases, lane("plans", 20).cases) == (100, 2000)


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
