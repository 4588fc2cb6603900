"""Why nothing follows from a rehearsal."""

from __future__ import annotations

from rrplan.errors import RRPlanError


class Unsettled(RRPlanError):
    """The laboratory did not do what it should: a start that did not settle, a configuration that BIRD refused."""
