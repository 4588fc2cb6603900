"""A live cluster whose every node is a real BIRD moves to reflectors and back, with faults on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from rrplan.adapters.kubernetes.cluster import LiveCluster
from rrplan.bgp.profile import calico_versions
from rrplan.ids import NodeName
from rrplan.plans import Plan, read_plan
from rrplan.snapshots import capture
from tests.e2e.agent import BirdAgent, MixedBirdAgent
from tests.e2e.laboratory import RUNSV_SECONDS, Birds
from tests.e2e.operator import Event, Operator, Process
from tests.e2e.verdict import Death, Verdict, verdict
from tests.real.audit import outside
from tests.real.server import RealServer

REFLECTORS = (NodeName("rr-1"), NodeName("rr-2"))
PROBES_PER_SECOND = 500
API_SECONDS = 1.0
"""For which the API server stays away before it is started again."""
KILLED = -9
CALM_SECONDS = 30.0
"""After which a BIRD that began again is itself, and all routes are in the kernels."""


class Harm(StrEnum):
    """What is done to the cluster or to rrplan."""

    KILL_RRPLAN = "kill -9 of rrplan"
    RESTART_API = "kube-apiserver killed and started again"
    KILL_BIRD = "kill -9 of a reflector's BIRDs"


@dataclass(frozen=True, slots=True)
class Fault:
    """A harm at the first event of a kind about a step; for a BIRD, whose it is and for how long it stays away."""

    event: str
    step: str
    harm: Harm
    node: NodeName = REFLECTORS[0]
    away: float = RUNSV_SECONDS


Connect = Callable[[], LiveCluster]
MakeAgent = Callable[[Birds], BirdAgent | MixedBirdAgent]


@dataclass(slots=True)
class Place:
    """A cluster: its API server, a datastore of its own, the words that lead rrplan there, what plays its nodes."""

    server: RealServer
    connect: Connect
    where: Sequence[str]
    agent: MakeAgent
    audited: bool = True
    """Whether the API server's audit log shows every write of a plan."""


@dataclass(slots=True)
class Told:
    """What came of it."""

    verdict: Verdict
    flows: int
    seconds: float
    harmed: list[Fault]
    wrong: list[str] = field(default_factory=list)
    """What should not be, in words."""


class Story:
    """One cluster, one plan, there and back."""

    def __init__(self, place: Place, folder: Path, spec: str, seed: int = 1) -> None:
        self._place = place
        self._folder = folder
        (folder / "spec.yaml").write_text(spec)
        self._start = capture(place.connect()).state
        self._versions = calico_versions(self._start)
        self.birds = Birds(
            self._start,
            self._versions,
            folder / "nodes",
            seed=seed,
            probes=PROBES_PER_SECOND,
            reflecting=REFLECTORS,
        )
        try:
            self._agent = place.agent(self.birds)
        except BaseException:
            self.birds.stop()
            raise
        self._operator = Operator(folder, place.where, self.birds.waits)
        self._deaths: list[Death] = []
        self._left: list[Fault] = []
        self._harmed: list[Fault] = []

    def close(self) -> None:
        """End everything."""
        self._agent.stop()
        self.birds.stop()

    def there_and_back(self, there: Sequence[Fault], back: Sequence[Fault], rest: Sequence[Fault] = ()) -> Told:
        """Apply, verify, roll back; `rest` befalls the reflectors in between, one after the other."""
        began = time.monotonic()
        before = self._objects()
        plan = self._planned()
        moment = self._place.server.moment()
        wrong = self._through("apply", there, "apply", "plan.json", "--auto-approve")
        verified = self._operator.run("verify", "spec.yaml")
        wrong += [f"verify: {verified.returncode}: {verified.stdout}{verified.stderr}"] * bool(verified.returncode)
        for fault in rest:
            self._harm(fault, None)
            time.sleep(fault.away + CALM_SECONDS)  # real daemons are watched
        wrong += self._through("rollback", back, "rollback", self._operator.last_run, "--auto-approve")
        wrong += self._as_before(before)
        self._operator.close(time.monotonic())
        recording = self.birds.recorded()
        if self._place.audited:
            wrong += outside(plan, self._place.server.writes(moment))
        judged = verdict(
            plan, self._start, self._versions, self.birds.facts, recording, self._operator.windows, self._deaths
        )
        wrong += judged.contradictions
        return Told(judged, len(recording.flows), time.monotonic() - began, self._harmed, wrong)

    # --- the operator --------------------------------------------------------------------------

    def _planned(self) -> Plan:
        done = self._operator.run("plan", "spec.yaml", "--out", "plan.json")
        assert done.returncode == 0, done.stdout + done.stderr
        plan, _ = read_plan((self._folder / "plan.json").read_bytes(), "plan.json")
        return plan

    def _through(self, what: str, faults: Sequence[Fault], *words: str) -> list[str]:
        """A verb with its faults, and after each death of rrplan the way on; what went wrong."""
        self._left = [*faults]
        code, said = self._operator.follow(*words, hear=self._hear)
        while code == KILLED:
            again = ("resume",) if what == "apply" else words
            code, said = self._operator.follow(*again, hear=self._hear)
        wrong = [f"{what}: {fault.harm} never happened" for fault in self._left]
        return wrong + [f"{what} ended with {code}: {said}"] * bool(code)

    def _hear(self, event: Event, process: Process) -> None:
        for fault in [*self._left]:
            if (event["event"], event.get("step")) == (fault.event, fault.step):
                self._left.remove(fault)
                self._harm(fault, process)

    def _harm(self, fault: Fault, process: Process | None) -> None:
        self._harmed.append(fault)
        match fault.harm:
            case Harm.KILL_RRPLAN:
                assert process is not None
                process.kill()
            case Harm.RESTART_API:
                self._place.server.restart("kube-apiserver", API_SECONDS)
            case Harm.KILL_BIRD:
                self._deaths.append(Death(fault.node, time.monotonic(), fault.away))
                self.birds.kill(fault.node, fault.away)

    # --- the cluster ---------------------------------------------------------------------------

    def _objects(self) -> dict[str, object]:
        """What a plan changes."""
        state = capture(self._place.connect()).state
        return {"nodes": state.nodes, "peers": state.peers, "configurations": state.configurations}

    def _as_before(self, before: dict[str, object]) -> list[str]:
        """How objects and kernel routes differ from what they were; routes may take a moment more."""
        deadline = time.monotonic() + CALM_SECONDS
        while (held := self.birds.held()) != self.birds.facts.pairs and time.monotonic() < deadline:
            time.sleep(0.5)  # real daemons are watched
        now = self._objects()
        wrong = [f"{kind} are not as before" for kind in before if now[kind] != before[kind]]
        pairs = sorted(held ^ self.birds.facts.pairs)
        return wrong + [f"routes are not as before: {pairs[:3]}"] * bool(pairs)
