"""What the lanes share that tell one story for each seed: `python -m tests.soak.LANE SEED COUNT`."""

import sys
from collections.abc import Callable


def tell(story: Callable[[int], str], ending: str) -> int:
    """Tell the stories, print what is wrong with its seed and how many ended well; the exit code."""
    first, count = int(sys.argv[1]), int(sys.argv[2])
    wrong = [text for seed in range(first, first + count) if (text := story(seed))]
    sys.stdout.write("".join(f"{text}\n" for text in wrong))
    sys.stdout.write(f"{count - len(wrong)} of {count} {ending}\n")
    return bool(wrong)
