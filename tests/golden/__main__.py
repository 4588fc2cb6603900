"""Write the agreed texts again: `python -m tests.golden`."""

import io
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.session_counts import count_sessions
from rrplan.bgp.sessions import Speakers
from rrplan.errors import RRPlanError
from rrplan.ids import NodeName
from rrplan.planning.simulation import points, simulate, zones_to_show
from rrplan.planning.topologies import Size, Topology
from rrplan.plans import Plan
from rrplan.render.graph import dot, graph_json, mermaid
from rrplan.render.markdown import plan_markdown
from rrplan.render.progress import JsonProgress, TextProgress
from rrplan.render.sessions import sessions_json, sessions_summary, sessions_summary_text, sessions_text
from rrplan.render.simulation import simulation_text
from rrplan.render.simulation_svg import simulation_svg
from rrplan.render.terminal import plan_text
from rrplan.reports.events import Listener
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.support import Bench

FILES = Path(__file__).parent / "files"
FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"
SCENARIOS = sorted(path for path in FOLDER.iterdir() if path.is_dir())
PLANS = ("waves-with-drained-reflectors", "way-back", "reflectors-in-place", "reflector-in-use-brief-accepted")


def planned(folder: Path) -> Plan | None:
    """The plan of a scenario; None where it is refused."""
    snapshot = snapshot_of_manifests([("cluster.yaml", (folder / "cluster.yaml").read_bytes())])
    try:
        return api.plan(load((folder / "spec.yaml").read_bytes(), "spec.yaml"), snapshot)
    except RRPlanError:
        return None


@cache
def written() -> dict[str, str]:
    """All texts by file name."""
    texts: dict[str, str] = {}
    for name in PLANS:
        plan = planned(FOLDER / name)
        assert plan is not None
        texts[f"{name}.txt"] = plan_text(plan)
        texts[f"{name}.md"] = plan_markdown(plan)
    plan = planned(FOLDER / "way-back")
    assert plan is not None
    texts["way-back.color.txt"] = plan_text(plan, width=100, color=True)
    texts["way-back.dot"] = dot(plan)
    texts["way-back.mmd"] = mermaid(plan)
    texts["way-back.graph.json"] = graph_json(plan)
    texts |= _sessions() | _progress() | _simulation()
    return texts


def _sessions() -> dict[str, str]:
    cluster = (FOLDER / "tor-global-peer-survives" / "cluster.yaml").read_bytes()
    state = snapshot_of_manifests([("cluster.yaml", cluster)]).state
    versions = calico_versions(state)
    speakers = Speakers.of(state, versions)
    rows = [*speakers.sessions(NodeName("node-1")), *speakers.sessions(NodeName("rr-1"))]
    version = str(versions.default)
    return {
        "sessions.txt": "".join(sessions_text(rows)),
        "sessions.json": "".join(sessions_json(version, rows)),
        "sessions.summary.txt": sessions_summary_text(sessions_summary(version, count_sessions(speakers))),
    }


def _simulation() -> dict[str, str]:
    size = Size(5_000, 8, 3, 3)
    simulation = simulate(size, [*Topology])
    return {
        "simulation.txt": simulation_text(simulation),
        "simulation.svg": simulation_svg(simulation, points(size, zones_to_show(size))),
    }


def _progress() -> dict[str, str]:
    with TemporaryDirectory() as folder:
        bench = Bench(Path(folder), faults=["session-never-up=rr-2", "api-away=2"])
        bench.runner().apply()
    plain, live, lines = io.StringIO(), io.StringIO(), io.StringIO()
    listeners: list[Listener] = [
        TextProgress(plain, live=False),
        TextProgress(live, live=True),
        JsonProgress(lines, lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ]
    for event in bench.listener.events:
        for listener in listeners:
            listener.report(event)
    return {"run.txt": plain.getvalue(), "run.live.txt": live.getvalue(), "run.jsonl": lines.getvalue()}


def main() -> None:
    """Write all files, and remove what nobody writes any more."""
    FILES.mkdir(exist_ok=True)
    for path in FILES.iterdir():
        path.unlink()
    for name, text in written().items():
        (FILES / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
