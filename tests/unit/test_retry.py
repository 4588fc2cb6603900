"""The loop that tries again, on a clock that nobody waits for."""

from collections.abc import Callable

import pytest

from rrplan.errors import DatastoreConflict, DatastoreRefused, DatastoreTimeout, DatastoreUnreachable
from rrplan.retry import Patience, Tries, retry
from tests.support import JumpingClock


class Attempts:
    """Fails with these errors in turn, then answers with the number of attempts."""

    def __init__(self, *errors: Exception, happens: Callable[[], None] = lambda: None) -> None:
        self._errors = list(errors)
        self._happens = happens
        self.count = 0

    def __call__(self) -> int:
        """One attempt."""
        self.count += 1
        self._happens()
        if self._errors:
            raise self._errors.pop(0)
        return self.count


def away(number: int) -> list[DatastoreUnreachable]:
    """So many errors that may pass, each with its own text."""
    return [DatastoreUnreachable(f"away {index}") for index in range(number)]


def test_tries_are_counted() -> None:
    """Three tries survive two errors, and not three; the last error is raised."""
    assert retry(Attempts(*away(2)), DatastoreUnreachable, Tries(3)) == 3

    attempts = Attempts(*away(9))
    with pytest.raises(DatastoreUnreachable, match="away 2"):
        retry(attempts, DatastoreUnreachable, Tries(3))
    assert attempts.count == 3


def test_other_errors_are_raised_at_once() -> None:
    """Only what is worth another try is tried again."""
    attempts = Attempts(DatastoreConflict("older"), DatastoreRefused("no"), DatastoreConflict("never"))
    with pytest.raises(DatastoreRefused, match="no"):
        retry(attempts, (DatastoreConflict, DatastoreTimeout), Tries(9))
    assert attempts.count == 2


def test_the_end_in_other_words() -> None:
    """What is raised in the end knows the last error, and comes from it."""
    with pytest.raises(DatastoreRefused, match="gave up: away 1") as caught:
        retry(Attempts(*away(2)), DatastoreUnreachable, Tries(2), lambda error: DatastoreRefused(f"gave up: {error}"))
    assert isinstance(caught.value.__cause__, DatastoreUnreachable)


def test_waits_double_up_to_the_longest() -> None:
    """Who is told of a retry knows the error and the wait that follows."""
    clock, said = JumpingClock(), list[tuple[str, float]]()
    answer = retry(
        Attempts(*away(5)),
        DatastoreUnreachable,
        Patience(clock, 300, 1, 5),
        retrying=lambda error, seconds: said.append((str(error), seconds)),
    )

    assert answer == 6
    assert clock.waits == [1, 2, 4, 5, 5]
    assert said == [("away 0", 1), ("away 1", 2), ("away 2", 4), ("away 3", 5), ("away 4", 5)]


def test_time_begins_with_the_first_try() -> None:
    """A try that takes time uses it up; one that began in time is waited for."""
    clock = JumpingClock()
    attempts = Attempts(*away(9), happens=lambda: clock.sleep(4))
    with pytest.raises(DatastoreUnreachable, match="away 2"):
        retry(attempts, DatastoreUnreachable, Patience(clock, 10, 1, 1))
    assert clock.waits == [4, 1, 4, 1, 4]
