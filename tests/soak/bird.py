"""One random cluster on real BIRD again: `unshare -Urn python -m tests.soak.bird KIND SEED CASE`."""

import json
import random
import sys

from tests.bird.cases import JUDGED, compared, crossed
from tests.bird.drawing import options, roles, states, steps


def main() -> int:
    """Prints what `tests.bird.cases` prints of this case."""
    kind, seed, case = sys.argv[1:4]
    kinds = {
        "steps": (steps, crossed),
        "roles": (roles, compared),
        "states": (states, compared),
        "options": (options, compared),
    }
    draw, work = kinds[kind]
    drawn = draw(random.Random(f"{seed} {case}"))
    result = work(drawn)
    sys.stdout.write(f"{drawn}\n{json.dumps({'case': int(case), **result})}\n")
    return any(result.get(word) for word in JUDGED)


if __name__ == "__main__":
    sys.exit(main())
