"""Do the plan: gate after gate, journaled, undoable at every point.

The runner may wait, write and fail; order and safety were decided when the plan was made.
"""

from rrplan.reports.events import Result
from rrplan.runs.journal import Journal
from rrplan.runs.runner import Runner
from rrplan.runs.status import Status, replay

__all__ = ["Journal", "Result", "Runner", "Status", "replay"]
