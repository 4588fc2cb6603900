"""The faults of end-to-end stories, their size, and how they are judged.

`RRPLAN_E2E_NODES` asks for another size; from thirty nodes on, more is broken, as in the soak. `RRPLAN_E2E_SEED` draws
other delays of reloads and other pairs that are probed.
"""

from __future__ import annotations

import os
import sys

from tests.bird.laboratory import lacking
from tests.conftest import lacks
from tests.e2e.story import REFLECTORS, Fault, Harm, Told

NODES = int(os.environ.get("RRPLAN_E2E_NODES", "10"))
SEED = int(os.environ.get("RRPLAN_E2E_SEED", "1"))
SOAKED = NODES >= 30
GATES = "  gates: {stable: 2s}\n"
FIRST, SECOND = REFLECTORS
BACK = [Fault("UndoStarted", "mesh-off", Harm.KILL_BIRD, SECOND, away=8)]


def here() -> None:
    """Skip where there can be no laboratory."""
    missing = lacking()
    if missing:
        lacks(f"no laboratory; missing: {'; '.join(missing)}")


def checked(told: Told) -> None:
    """What a story tells, said and judged."""
    sys.stdout.write(f"{NODES} nodes, {told.flows} flows, {told.verdict.text(told.seconds)}\n")
    sys.stdout.writelines(f"nothing follows: {text}\n" for text in told.verdict.unsettled)
    sys.stdout.writelines(f"longer: {text}\n" for text in told.verdict.longer)
    assert not told.wrong, "\n".join(told.wrong)
    # The measurement can see loss: a node that changes its role, or is left by calico-node, is cut off.
    assert told.verdict.exposed.routes + told.verdict.explained > 10
    assert told.verdict.safe.sent > 5_000
