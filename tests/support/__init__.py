"""What several tests need; a test module imports from here, never from another test module."""

from tests.support.bench import SPEC, Bench
from tests.support.clocks import JumpingClock
from tests.support.listeners import Acting, Remembering

__all__ = ["SPEC", "Acting", "Bench", "JumpingClock", "Remembering"]
