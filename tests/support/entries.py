"""The journal of an unbroken run of the usual plan (`tests.support.SPEC`), and at which of its entries to kill."""

from rrplan.ids import ActionName
from rrplan.plans import Plan

ACTIONS = [
    ActionName.DRAIN_NODE,
    ActionName.DRAIN_NODE,
    ActionName.CREATE_PEER,
    ActionName.CREATE_PEER,
    ActionName.PROMOTE_REFLECTOR,
    ActionName.PROMOTE_REFLECTOR,
    ActionName.AWAIT,
    ActionName.DISABLE_MESH,
    ActionName.AWAIT,
    ActionName.UNCORDON_NODE,
    ActionName.UNCORDON_NODE,
]
"""What its steps do, in their order."""
EVENTS = ["started", "applied", "settled"]
"""The lines of a step."""
ENTRIES = len(EVENTS) * len(ACTIONS) + 2
"""With a first and a last line that speak of the run."""


def about(entry: int) -> tuple[str, str]:
    """What an entry tells: event, and kind of action."""
    if entry == 1:
        return "run-started", ""
    step, event = divmod(entry - 2, len(EVENTS))
    return EVENTS[event], ACTIONS[step].value


def is_usual(plan: Plan) -> bool:
    """Whether a plan has these steps."""
    return [step.action for step in plan.steps] == ACTIONS


KILLED = sorted({about(entry): entry for entry in range(1, ENTRIES)}.values())
"""One entry for each event of each kind of action: there a real process dies by a real signal."""
OTHERS = [entry for entry in range(1, ENTRIES) if entry not in KILLED]
"""More of the same kinds."""
