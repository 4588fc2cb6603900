"""BIRD's timers as Calico leaves or sets them, in seconds, and how long routes are away by them.

Set by Calico: `connect delay time 2; connect retry time 5; error wait time 5,30; graceful restart`
(projectcalico/calico confd bird.cfg.template, v3.4 to v3.32). The others are BIRD 1.6's own.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

CONNECT_DELAY = 2
CONNECT_RETRY = 5
ERROR_WAIT = 5, 30
"""After a session that failed: the first time, and at most."""
HOLD_TIME = 240
RESTART_TIME = 120
"""How long others keep the routes of a BIRD that went without a message (`graceful restart time`)."""
RECOVERY_TIME = 240
"""How long a BIRD that has started waits for all of its sessions before it programs and announces routes."""


class Event(StrEnum):
    """What routes may be away for."""

    RESTART = "restart"
    """A BIRD starts again, and all of its sessions come up."""
    RESTART_IN_PART = "restart-without-some-session"
    """A BIRD starts again, and a session that it has configured never comes up."""
    SILENCE = "silence"
    """A machine is gone, and nothing says so."""


class Duration(NamedTuple):
    """Seconds by the timers alone: nothing is known here of the time that BIRD works on updates."""

    least: int
    most: int


DURATIONS = {
    Event.RESTART: Duration(CONNECT_DELAY, CONNECT_DELAY + CONNECT_RETRY + ERROR_WAIT[1]),
    Event.RESTART_IN_PART: Duration(CONNECT_DELAY, RECOVERY_TIME),
    Event.SILENCE: Duration(0, HOLD_TIME),
}
"""Until a speaker that starts again has its routes, and others have its own; with silence, until others notice."""
