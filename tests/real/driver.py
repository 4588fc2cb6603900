"""One verb of a run in a process of its own, on a live cluster whose time the test's agent keeps.

`python -m tests.real.driver KUBECONFIG CLOCK VERB [--plan FILE] [--kill-after N]`: prints the events as JSON lines and
ends with the exit code of the command line. Another machine would have no more than the kubeconfig, too.
"""

import argparse
import json
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from rrplan import api, wiring
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.clock import SystemClock
from rrplan.cli.running import EXIT
from rrplan.errors import RRPlanError
from rrplan.plans import read_plan
from rrplan.render.progress import JsonProgress
from tests.support.dying import DyingLog, after, killed


class RemoteClock:
    """The clock of the agent, asked over HTTP."""

    def __init__(self, url: str) -> None:
        self._url = url

    def now(self) -> float:
        """Its time."""
        return self._ask(0)

    def wall(self) -> datetime:
        """The real date."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """It passes at once."""
        self._ask(seconds)

    def _ask(self, seconds: float) -> float:
        with urllib.request.urlopen(f"{self._url}/{seconds}", timeout=60) as reply:
            return float(json.load(reply))


def main() -> int:
    """The verb's exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kubeconfig")
    parser.add_argument("clock")
    parser.add_argument("verb", choices=["apply", "resume", "rollback"])
    parser.add_argument("--plan")
    parser.add_argument("--kill-after", type=int, default=0)
    words = parser.parse_args()

    def tell(text: str) -> None:
        sys.stderr.write(text)

    cluster = wiring.live_on(ApiServer.connect(words.kubeconfig), RemoteClock(words.clock), tell)
    control = api.Control(
        JsonProgress(sys.stdout, SystemClock().wall), wrap=lambda log: DyingLog(log, after(words.kill_after), killed)
    )
    try:
        if words.verb == "apply":
            made, _ = read_plan(Path(words.plan).read_bytes(), words.plan)
            return EXIT[api.apply(made, cluster, control)]
        return EXIT[(api.resume if words.verb == "resume" else api.rollback)(cluster, control)]
    except RRPlanError as error:
        sys.stderr.write(f"error: {error}\nhint: {error.hint}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
