"""What happens on real BIRD in ways that no plan goes, and how long things take: `python -m tests.bird.measuring WHAT`.

    controls [NODES]           the documented UCP order, and a gate that asks for Established alone
    deaths [NODES] [REPEATS]   a reflector in use is killed, or ended in order, and comes back or stays away
    times [REPEATS] [--write]  sessions, reloads, withdrawals and promotions, on this machine idle and busy

Each prints a line of JSON for each run. `--write` writes fixtures/times/bird.json anew.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from rrplan.adapters.local.clock import SystemClock
from rrplan.adapters.nodes.bird_output import BirdOutputProblem, protocols
from rrplan.bgp.speaker import FAMILIES
from rrplan.ids import NodeName
from rrplan.planning.promise import Pair, held_pairs
from rrplan.rehearsal.isolation import isolated
from rrplan.rehearsal.recorder import Recording
from rrplan.rehearsal.stage import Stage
from rrplan.resources import BGPConfiguration, BGPPeer, ClusterState, Node
from tests.support.clusters import VERSIONS

ROOT = Path(__file__).parents[2]
TIMES = ROOT / "fixtures" / "times" / "bird.json"
REFLECTORS = ("rr-1", "rr-2")
CLUSTER_ID = "224.0.0.1"
SELECTED = "route-reflector == 'true'"
LOOK_SECONDS = 0.05
MICRO_SECONDS = 0.005
SETTLED_SECONDS = 20.0
NODES = 12


def say(row: Mapping[str, object]) -> None:
    """A line of JSON, at once."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


# --- states --------------------------------------------------------------------------------------


def cluster(nodes: int, *, mesh: bool, peers: bool, reflect: Sequence[str] = REFLECTORS) -> ClusterState:
    """So many nodes, the first two of which may reflect; `peers` are the BGPPeers of a plan of rrplan."""
    names = [*REFLECTORS, *(f"node-{number}" for number in range(1, nodes - 1))]
    members = [
        Node(
            NodeName(name),
            {"route-reflector": "true"} if name in reflect else {},
            ipv4=f"10.0.0.{number}",
            cluster_id=CLUSTER_ID if name in reflect else "",
        )
        for number, name in enumerate(names, 1)
    ]
    between = {"nodeSelector": f"!({SELECTED})", "peerSelector": SELECTED}
    among = {"nodeSelector": SELECTED, "peerSelector": SELECTED}
    made = [
        BGPPeer(name, node_selector=spec["nodeSelector"], peer_selector=spec["peerSelector"], spec=spec)
        for name, spec in (("clients", between), ("reflectors", among))
    ]
    default = BGPConfiguration("default", mesh_enabled=mesh, spec={"nodeToNodeMeshEnabled": mesh})
    return ClusterState.of([*members, default, *(made if peers else ())])


# --- recordings ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """A recording, and the moments that whoever acted wrote down."""

    recording: Recording
    owners: Mapping[str, NodeName]
    moments: Mapping[str, float]

    def away(self, since: float = 0.0) -> list[tuple[Pair, float]]:
        """Routes that were away for longer than BIRD's own delete and add, and for how long; to the end counts so."""
        end = self.recording.ticks[-1]
        pairs = []
        for gap in self.recording.gaps:
            origin = self.owners.get(gap.prefix)
            seconds = end - gap.began if gap.seconds is None else gap.seconds
            if origin and origin != gap.at and gap.began >= since and seconds > MICRO_SECONDS:
                pairs.append((Pair("ipv4", gap.at, origin), seconds))
        return pairs

    def summary(self) -> dict[str, object]:
        """What was sent, what was lost, and which routes were away."""
        away, ticks = self.away(), self.recording.ticks
        lost = [len(numbers) for numbers in self.recording.lost]
        every = (ticks[-1] - ticks[0]) / max(1, len(ticks) - 1)
        return {
            "probes": len(ticks) * len(lost),
            "lost": sum(lost),
            "silence_s": round(max(lost, default=0) * every, 2),
            "routes": len(away),
            "away_s": round(max((seconds for _, seconds in away), default=0.0), 3),
            "late_ms": round(self.recording.lateness * 1000),
        }


Act = Callable[[Stage, dict[str, float]], None]


def recorded(states: Sequence[ClusterState], act: Act, seed: int) -> Recorded:
    """Bring the first state up, let `act` do what it does under probes, and give what was recorded."""

    def work() -> Recorded:
        with tempfile.TemporaryDirectory(prefix="rrplan-lab-") as folder:
            stage = Stage(states, VERSIONS, Path(folder), seed, SystemClock())
            try:
                stage.begin(held_pairs(states[0], VERSIONS), frozenset(map(NodeName, REFLECTORS)))
                await_established(stage)
                moments: dict[str, float] = {}
                act(stage, moments)
                time.sleep(1)
                return Recorded(stage.end(), stage.laboratory.origins(), moments)
            finally:
                stage.close()

    return isolated(work)


def established(stage: Stage) -> dict[tuple[NodeName, str], bool]:
    """Each session of each node, and whether it is up."""
    sessions: dict[tuple[NodeName, str], bool] = {}
    for family in FAMILIES:
        for name in stage.laboratory.speaking(family):
            with suppress(BirdOutputProblem):
                for session in protocols(stage.laboratory.ask(name, family, "show protocols all")):
                    if session.proto == "BGP":
                        sessions[name, session.name] = session.established
    return sessions


def await_established(stage: Stage) -> None:
    """Until every session has been up for a while."""
    began = calm = time.monotonic()
    while time.monotonic() - calm < 3 and time.monotonic() - began < 60:
        if not all(established(stage).values()):
            calm = time.monotonic()
        time.sleep(0.5)


# --- ways that no plan goes ----------------------------------------------------------------------


def controls(nodes: int) -> None:
    """That the measurement sees loss: the documented order, and the gate that is too weak."""
    mesh = cluster(nodes, mesh=True, peers=False, reflect=())
    off = cluster(nodes, mesh=False, peers=False, reflect=())
    done = cluster(nodes, mesh=False, peers=True)

    def documented(stage: Stage, _moments: dict[str, float]) -> None:
        stage.hear(off)
        time.sleep(5)
        stage.hear(done)
        time.sleep(SETTLED_SECONDS)

    say(
        {
            "what": "documented UCP order, 5 s between",
            "nodes": nodes,
            **recorded([mesh, off, done], documented, 1).summary(),
        }
    )

    alone = REFLECTORS[:1]
    both, done = (cluster(nodes, mesh=mesh, peers=True, reflect=alone) for mesh in (True, False))

    def too_soon(stage: Stage, _moments: dict[str, float]) -> None:
        # A reflector that was started just now, as a new node is.
        stage.laboratory.kill(NodeName(alone[0]), signal.SIGTERM)
        time.sleep(2)
        stage.laboratory.start_again(NodeName(alone[0]))
        while not all(up for (_, name), up in established(stage).items() if name.startswith("Node_")):
            time.sleep(LOOK_SECONDS)
        stage.hear(done)
        time.sleep(SETTLED_SECONDS)

    for seed in range(1, 4):
        row = recorded([both, done], too_soon, seed).summary()
        say({"what": "mesh off at the first moment in which all sessions are Established", "nodes": nodes, **row})


def deaths(nodes: int, repeats: int) -> None:
    """A reflector in use dies: nobody but its own pods may lose a route, with a second reflector there."""
    state = cluster(nodes, mesh=False, peers=True)
    lost = NodeName(REFLECTORS[0])
    for number, back in (
        (signal.SIGKILL, True),
        (signal.SIGKILL, False),
        (signal.SIGTERM, True),
        (signal.SIGTERM, False),
    ):

        def die(stage: Stage, _moments: dict[str, float], number: int = number, back: bool = back) -> None:
            stage.laboratory.kill(lost, number)
            time.sleep(10)
            if back:
                stage.laboratory.start_again(lost)
            time.sleep(SETTLED_SECONDS)

        for seed in range(1, repeats + 1):
            seen = recorded([state], die, seed)
            own = [seconds for pair, seconds in seen.away() if lost in (pair.at, pair.origin)]
            others = [seconds for pair, seconds in seen.away() if lost not in (pair.at, pair.origin)]
            say(
                {
                    "what": f"reflector gets {number.name}, {'back after 10 s' if back else 'stays away'}",
                    "nodes": nodes,
                    "seed": seed,
                    **seen.summary(),
                    "routes_of_others": len(others),
                    "routes_of_itself": len(own),
                }
            )


# --- how long things take ------------------------------------------------------------------------


def times(repeats: int, *, write: bool) -> None:
    """Percentiles of every kind, on a machine that does nothing else, and on one that does."""
    kinds: dict[str, dict[str, object]] = {}
    loads: dict[str, float] = {}
    for load in ("idle", "busy"):
        values: dict[str, list[float]] = {}
        with busy(2 * (os.cpu_count() or 1) if load == "busy" else 0):
            for seed in range(1, repeats + 1):
                for kind, seconds in _measured(seed):
                    values.setdefault(kind, []).append(seconds)
            loads[load] = round(os.getloadavg()[0], 1)
        for kind, all_of_them in values.items():
            kinds.setdefault(kind, {})[load] = spread(all_of_them)
            say({"what": kind, "load": load, **spread(all_of_them)})
    if write:
        before = json.loads(TIMES.read_text()) if TIMES.exists() else {}
        document = {
            "source": "BIRD 1.6.8, one network namespace for each node, two reflectors; seconds",
            "command": f"python -m tests.bird.measuring times {repeats} --write",
            "nodes": NODES,
            "load_average": loads,
            "times": kinds,
            # Rehearsals are measured elsewhere: what they found stays.
            "longest_in_rehearsals": before.get("longest_in_rehearsals"),
        }
        TIMES.parent.mkdir(exist_ok=True)
        TIMES.write_text(json.dumps(document, indent=2) + "\n")


def spread(values: Sequence[float]) -> dict[str, float]:
    """How many, and which share took no longer."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    shown = {f"p{percent}": round(cuts[percent - 1], 3) for percent in (50, 90, 95, 99)}
    return {"count": len(values), **shown, "max": round(max(values), 3)}


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that want the processor all the time."""
    words = [sys.executable, "-c", "while True: pass"]
    running = [subprocess.Popen(words) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _measured(seed: int) -> Iterator[tuple[str, float]]:
    mesh = cluster(NODES, mesh=True, peers=False, reflect=())
    peers = cluster(NODES, mesh=True, peers=True, reflect=())
    first = cluster(NODES, mesh=True, peers=True, reflect=REFLECTORS[:1])
    both = cluster(NODES, mesh=True, peers=True)
    done = cluster(NODES, mesh=False, peers=True)

    def act(stage: Stage, moments: dict[str, float]) -> None:
        stage.hear(peers)
        time.sleep(2)
        for name, state in (("first", first), ("second", both)):
            moments[name] = time.monotonic()
            stage.hear(state)
            _follow(stage, moments, name)
        stage.hear(done)
        time.sleep(10)
        moments["withdrawal"] = time.monotonic()
        stage.laboratory.kill(NodeName("node-1"), signal.SIGTERM)
        time.sleep(5)

    seen = recorded([mesh, peers, first, both, done], act, seed)
    moments = dict(seen.moments)
    for name in ("first", "second"):
        until = moments[name] + SETTLED_SECONDS
        gaps = [seconds for _, seconds in seen.away(moments[name]) if seconds < SETTLED_SECONDS]
        yield from (("promotion: a route away", seconds) for seconds in gaps if moments[name] < until)
        yield from (
            (key.partition("|")[0], value)
            for key, value in moments.items()
            if key.startswith("session") and f"|{name}|" in key
        )
    left = NodeName("node-1")
    for gap in seen.recording.gaps:
        if seen.owners.get(gap.prefix) == left and gap.at != left and gap.began >= moments["withdrawal"]:
            yield "withdrawal: a route goes, through reflectors", gap.began - moments["withdrawal"]


def _follow(stage: Stage, moments: dict[str, float], name: str) -> None:
    """Write down when each new session was up for the first time, and for good."""
    began = moments[name]
    was = {key: True for key, up in established(stage).items() if up}
    known = set(was)
    while time.monotonic() - began < SETTLED_SECONDS:
        now = time.monotonic() - began
        for (node, session), up in established(stage).items():
            if (node, session) in known or not session.startswith("Node_"):
                continue
            if up and not was.get((node, session)):
                moments.setdefault(f"session: first up|{name}|{node}|{session}", now)
                moments[f"session: up for good|{name}|{node}|{session}"] = now
            was[node, session] = up
        time.sleep(LOOK_SECONDS)


def main(words: Sequence[str]) -> int:
    """What is asked for."""
    numbers = [int(word) for word in words[1:] if word.isdecimal()]
    match words[:1]:
        case ["controls"]:
            controls(numbers[0] if numbers else NODES)
        case ["deaths"]:
            deaths(numbers[0] if numbers else NODES, numbers[1] if numbers[1:] else 5)
        case ["times"]:
            times(numbers[0] if numbers else 5, write="--write" in words)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 64
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
