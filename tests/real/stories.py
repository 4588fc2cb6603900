"""Stories of runs on a real API server: requests that fail, processes that die, restarts, and colleagues, mixed.

A `Plot` decides what goes wrong. `CHOSEN` are plots with explicit values in which every two of these values meet, and
something goes wrong in each; `Drawn` draws everything from a seed.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from rrplan import api
from rrplan.adapters.kubernetes import server as api_server
from rrplan.adapters.local.clock import SystemClock
from rrplan.errors import RRPlanError
from rrplan.operations import Control
from rrplan.render.plan_json import plan_document
from rrplan.reports import events
from rrplan.resources import ResourceKey
from rrplan.resources.documents import at, leaves
from rrplan.runs import Journal, Result, Status, replay
from rrplan.runs.status import LANDED
from rrplan.wiring import Cluster
from tests.real.proxy import FAULTS, Fault, Proxy, fits
from tests.support.dying import Crash, DyingLog, Fatal, abandoned, after, buried
from tests.support.listeners import Acting
from tests.support.live import LiveBench
from tests.support.pairwise import covering

USUAL_SECONDS = api_server.READ_SECONDS
ATTEMPTS = 5
"""Under faults; then the weather clears."""
SPEC = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: random}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
  gates: {stable: 0s, routes: 60s, sessions: 60s}
"""


@dataclass(frozen=True)
class Colleague:
    """Somebody who edits a node in the middle of a run, and takes the edit back later."""

    name: str
    path: str
    edit: Mapping[str, object]
    back: Mapping[str, object]


NODE, REFLECTOR = "/api/v1/nodes/node-001", "/api/v1/nodes/rr-2"
NOTE = "example.com/note"
COLLEAGUES = [
    Colleague("labels", NODE, {"metadata": {"labels": {"team": "x"}}}, {"metadata": {"labels": {"team": None}}}),
    Colleague(
        "annotates", REFLECTOR, {"metadata": {"annotations": {NOTE: "x"}}}, {"metadata": {"annotations": {NOTE: None}}}
    ),
    Colleague("cordons", NODE, {"spec": {"unschedulable": True}}, {"spec": {"unschedulable": None}}),
]
SERVERS = ["kube-apiserver", "etcd"]


class Plot(Protocol):
    """What goes wrong in a story; asked as it goes on. `patience` is how long clients wait for a reply."""

    patience: float

    def begins(self) -> None:
        """A process begins."""
        ...

    def goes_on(self) -> None:
        """The process has reported something, so the run is under way."""
        ...

    def fault(self, method: str, path: str) -> Fault | None:
        """How this request fails, if it does."""
        ...

    def fatal(self) -> Fatal | None:
        """When the next process dies, if it does."""
        ...

    def restart(self) -> str:
        """The server that is killed and started again now that a step is done; "" for none."""
        ...

    def colleague(self) -> Colleague | None:
        """Who edits the cluster now that a step is done."""
        ...

    def turns_back(self) -> bool:
        """Whether the next process rolls back instead of resuming."""
        ...


# --- plots with explicit values -------------------------------------------------------------------

DEATHS = ["", "started", "applied", "settled"]
"""The journal entry after which the first process dies."""
RESTARTS = ["", *SERVERS]
MEDDLERS = [None, *COLLEAGUES]
ENDINGS = [False, True]
"""Whether it is taken back afterwards, rather than gone on with."""
STEPS = [2, 3, 4]
"""The step in which the first process dies."""
FACTORS: list[Sequence[object]] = [FAULTS, DEATHS, RESTARTS, MEDDLERS, ENDINGS, STEPS]


@dataclass(frozen=True)
class Choice:
    """One combination; `number` shifts which requests fail."""

    number: int
    fault: Fault
    death: str
    server: str
    meddler: Colleague | None
    back: bool
    step: int

    def __str__(self) -> str:
        """For the name of a test."""
        fault = f"{self.fault.kind}{self.fault.status or ''}"
        died = f"{self.death}{self.step}" if self.death else ""
        who = self.meddler.name if self.meddler else ""
        return "-".join(word for word in (fault, died, self.server, who, "back" if self.back else "on") if word)


CHOSEN = [
    Choice(number, FAULTS[row[0]], DEATHS[row[1]], RESTARTS[row[2]], MEDDLERS[row[3]], ENDINGS[row[4]], STEPS[row[5]])
    for number, row in enumerate(covering([len(values) for values in FACTORS]))
]


class Chosen:
    """The plot of one combination: each of its parts happens once, the faults again and again."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self.patience = 0.2 if choice.fault.kind == "stall" else 1.0
        # A stalled request costs real time.
        self._every = (9 + choice.number % 5) * (3 if choice.fault.kind == "stall" else 1)
        self._requests = count(1)
        self._processes = 0
        self._steps = 0
        self._calm = False
        self.happened: set[str] = set()

    def promised(self) -> set[str]:
        """What must have happened when the story is over."""
        choice = self._choice
        parts = {
            "fault": True,
            "death": bool(choice.death),
            "restart": bool(choice.server),
            "colleague": choice.meddler is not None,
        }
        return {name for name, told in parts.items() if told}

    def begins(self) -> None:
        """In every second story only the first process meets faults before its run is under way.

        What looks at the cluster before step 1 takes a steady number of requests, so the same one would fail for ever.
        """
        self._processes += 1
        self._calm = self._processes > 1 or self._choice.number % 2 == 0

    def goes_on(self) -> None:
        """From now on faults come."""
        self._calm = False

    def fault(self, method: str, path: str) -> Fault | None:
        """One of so many of the requests that can fail so."""
        if self._calm or not fits(self._choice.fault, method, path) or next(self._requests) % self._every:
            return None
        self.happened.add("fault")
        return self._choice.fault

    def fatal(self) -> Fatal | None:
        """The first process at the chosen entry; the next one, which takes the run over, some lines later."""
        if not self._choice.death or "second death" in self.happened:
            return None
        if "death" not in self.happened:
            return self._at_entry
        self.happened.add("second death")
        return after(3 + self._choice.number % 4)

    def _at_entry(self, line: bytes) -> bool:
        if f'"event":"{self._choice.death}"'.encode() not in line or self._steps + 1 < self._choice.step:
            return False
        self.happened.add("death")
        return True

    def restart(self) -> str:
        """After the first step."""
        self._steps += 1
        if self._choice.server and "restart" not in self.happened:
            self.happened.add("restart")
            return self._choice.server
        return ""

    def colleague(self) -> Colleague | None:
        """After the process that dies, if one does."""
        if self._choice.death and "death" not in self.happened:
            return None
        if "colleague" in self.happened or self._choice.meddler is None or self._steps < 2:
            return None
        self.happened.add("colleague")
        return self._choice.meddler

    def turns_back(self) -> bool:
        """As chosen, once the process that dies has died."""
        return self._choice.back


# --- plots from a seed ----------------------------------------------------------------------------


class Drawn:
    """The plot of one seed."""

    def begins(self) -> None:
        """All the same."""

    def goes_on(self) -> None:
        """All the same."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.patience = 1.0
        self._rate = self._dice.choice([0.01, 0.03, 0.06])
        self._faults = self._dice.sample(FAULTS, self._dice.randint(1, len(FAULTS)))
        self._meddles = self._dice.random() < 0.25
        self._restarts = self._dice.random() < 0.06

    def fault(self, method: str, path: str) -> Fault | None:
        """A fault now and then."""
        if self._dice.random() >= self._rate:
            return None
        fault = self._dice.choice(self._faults)
        return fault if fits(fault, method, path) else None

    def fatal(self) -> Fatal | None:
        """Every second process."""
        return after(self._dice.randint(1, 40)) if self._dice.random() < 0.5 else None

    def restart(self) -> str:
        """Once, in few stories."""
        if not self._restarts or self._dice.random() >= 0.3:
            return ""
        self._restarts = False
        return self._dice.choice(SERVERS)

    def colleague(self) -> Colleague | None:
        """Once, in every fourth story."""
        if not self._meddles or self._dice.random() >= 0.3:
            return None
        self._meddles = False
        return self._dice.choice(COLLEAGUES)

    def turns_back(self) -> bool:
        """Now and then."""
        return self._dice.random() < 0.3


# --- what happens ---------------------------------------------------------------------------------


class Story:
    """One plot on a live cluster behind a proxy, to its end."""

    def __init__(self, plot: Plot, bench: LiveBench, proxy: Proxy) -> None:
        self._plot = plot
        self._bench = bench
        self._proxy = proxy
        self._stormy = True
        self._meddler: Colleague | None = None
        self._told: list[str] = []

    def tell(self) -> str:
        """Apply, then resume or roll back until the run has ended; in the end it is taken back. How it went."""
        live = self._bench
        act: Callable[[Cluster, Control], Result] = lambda cluster, control: api.apply(live.made, cluster, control)  # noqa: E731
        result: Result | None = None
        for attempt in range(ATTEMPTS + 4):
            if attempt == ATTEMPTS:
                self._clear()
            with self._weather():
                result = self._attempt(act)
            if result in (Result.DONE, Result.UNDONE):
                break
            known = self._runs()
            if known and self._meddler is None:
                assert untrue(live, known[-1]) == [], self._words()
            if known:
                act = api.rollback if self._plot.turns_back() else api.resume
        self._clear()
        assert result in (Result.DONE, Result.UNDONE), self._words()
        if result is Result.DONE:
            assert not live.plan(SPEC, keep=False).steps, self._words()
            assert self._attempt(api.rollback) is Result.UNDONE, self._words()
        return self._words()

    def _words(self) -> str:
        return " | ".join(self._told)

    def _attempt(self, act: Callable[[Cluster, Control], Result]) -> Result | None:
        """One process: its result, or None where it died or ended with an error in words."""
        result: Result | None = None
        listener = self._bench.listener = Acting(self._happen)
        self._plot.begins()
        try:
            cluster = self._bench.cluster()
            fatal = (self._plot.fatal() if self._stormy else None) or after(0)
            die = abandoned(cluster.lock)
            result = act(cluster, Control(listener, wrap=lambda log: DyingLog(log, fatal, die)))
            how = str(result)
        except Crash:
            how = "died"
            buried()
        except RRPlanError as error:
            how = f"{type(error).__name__}: {error}"
        self._told.append(f"{how}: {listener.events[-1:]}")
        return result

    def _happen(self, event: events.RunEvent) -> None:
        """A restart of a server, or a colleague, between two steps."""
        self._plot.goes_on()
        if not self._stormy or not isinstance(event, events.StepSettled | events.StepUndone):
            return
        server = self._plot.restart()
        if server:
            self._bench.server.restart(server)
        colleague = self._plot.colleague()
        if colleague is not None:
            patiently(lambda: self._bench.server.api.patch(colleague.path, colleague.edit))
            self._meddler = colleague

    def _runs(self) -> list[str]:
        known: list[str] = []
        patiently(lambda: known.extend(one.run for one in self._bench.cluster().runs.runs()))
        assert len(known) <= 1, self._words()
        return known

    def _clear(self) -> None:
        """The weather clears, and the colleague takes the edit back."""
        self._stormy = False
        if self._meddler is not None:
            edited = self._meddler
            patiently(lambda: self._bench.server.api.patch(edited.path, edited.back))
            self._meddler = None

    def _weather(self) -> "Weather":
        return Weather(self._proxy, self._plot.fault if self._stormy else None, self._plot.patience)


class Weather:
    """Within this context requests fail, and clients do not wait long for a reply; not outside of it."""

    def __init__(self, proxy: Proxy, choose: Callable[[str, str], Fault | None] | None, patience: float) -> None:
        self._proxy = proxy
        self._choose = choose
        self._patience = patience

    def __enter__(self) -> None:
        """Bad weather."""
        if self._choose is not None:
            self._proxy.choose, api_server.READ_SECONDS = self._choose, self._patience

    def __exit__(self, *_: object) -> None:
        """Good weather."""
        self._proxy.choose, api_server.READ_SECONDS = lambda _method, _path: None, USUAL_SECONDS


def patiently(act: Callable[[], object]) -> None:
    """Until a real server that was restarted is there again."""
    for _ in range(200):
        with suppress(RRPlanError):
            act()
            return
        SystemClock().sleep(0.1)  # a real daemon is being watched
    raise AssertionError("the server did not come back")


def untrue(bench: LiveBench, run: str) -> list[str]:
    """Where the cluster is not what the journal says; steps in doubt are not judged."""
    cluster = bench.cluster()
    digest = str(plan_document(bench.made)["digest"])
    statuses = replay(Journal.open(cluster.runs.log(run), digest).entries)
    doubtful = {
        change.key
        for step, change in bench.made.writes
        if statuses.get(step.id) in (Status.STARTED, Status.UNDO_STARTED, Status.UNDO_FAILED)
    }
    wanted: dict[ResourceKey, dict[tuple[str, ...], object] | None] = {}
    for step, change in bench.made.writes:
        document = change.outcome if statuses.get(step.id, Status.PENDING) in LANDED else None
        if document is None and change.key not in wanted:
            wanted[change.key] = None if change.condition is None else dict(leaves(change.condition))
        elif document is not None:
            wanted[change.key] = {**(wanted.get(change.key) or {}), **dict(leaves(document))}
    found = []
    for key, paths in wanted.items():
        stored = cluster.datastore.get(key)
        if key in doubtful:
            continue
        if paths is None or stored is None:
            if (paths is None) is not (stored is None):
                found.append(f"{key}: {'there' if stored else 'gone'}")
        else:
            found += [
                f"{key}: {path} {at(stored.document, path)} {value}"
                for path, value in paths.items()
                if (at(stored.document, path) or None) != (value or None)
            ]
    return found
