"""Paths of routes on real BIRD: `unshare -Urn python -m tests.bird.paths GROUPS`, two reflectors and a client in each.

Prints how many paths BIRD has on a reflector and on a client, and the most that a node has by the model.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from rrplan.bgp.model import Model
from rrplan.bgp.paths import paths_in
from rrplan.rehearsal.laboratory import Laboratory
from tests.support.clusters import VERSIONS
from tests.unit.bgp.test_paths import grouped

MOST_SECONDS, CALM_LOOKS = 90, 4


def main() -> int:
    """Ask until nothing more comes."""
    state = grouped([(2, 1)] * int(sys.argv[1]))
    reflector = next(name for name, node in state.nodes.items() if node.cluster_id)
    client = next(name for name, node in state.nodes.items() if not node.cluster_id)
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Laboratory([state], VERSIONS, Path(folder), recover=False)
        try:
            laboratory.run(state)
            looks: list[list[int]] = []
            end = time.monotonic() + MOST_SECONDS
            while time.monotonic() < end and not _calm(looks):
                time.sleep(3)
                looks.append([_paths(laboratory.ask(name, "ipv4", "show route")) for name in (reflector, client)])
        finally:
            laboratory.close()
    most, _ = paths_in(Model(state, VERSIONS), 10**9)
    told = {"reflector": looks[-1][0], "client": looks[-1][1], "model": most.paths}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _paths(routes: str) -> int:
    """How many BIRD learned over sessions; such lines end with the attribute ORIGIN."""
    return sum(line.rstrip().endswith("[i]") for line in routes.splitlines())


def _calm(looks: list[list[int]]) -> bool:
    last = looks[-CALM_LOOKS:]
    return len(last) == CALM_LOOKS and all(look == last[0] and min(look) for look in last)


if __name__ == "__main__":
    sys.exit(main())
