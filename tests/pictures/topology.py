"""README's picture: a real plan, before its first step, half-way, and after its last one.

The nodes, their zones, who reflects, the sessions and the mesh come from the same values as the pictures of
`rrplan report`; here every node and every session is drawn by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from html import escape
from itertools import combinations, groupby, product
from math import cos, pi, sin
from pathlib import Path

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.ids import NodeName
from rrplan.planning.picture import Picture, picture
from rrplan.plans import Plan
from rrplan.plans.plan import Step, Tolerance
from rrplan.render.report.contents import stops
from rrplan.render.report.sessions import session_count
from rrplan.snapshots import snapshot_of_manifests
from rrplan.specs import load
from tests.pictures.style import SANS, colours, head

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "clusters" / "kubeadm"
WIDTH, HEIGHT = 920, 488
PANEL, RADIUS, MIDDLE = WIDTH / 3, 98, 186
"""The width of a panel, and the circle on which nodes stand."""
INNER = 0.5
"""How much nearer to the middle a reflector stands."""
BETWEEN_ZONES = 0.42
"""The angle between the last node of a zone and the first of the next, beyond that between two nodes of one."""
STEPS = {
    "drain": ("drain {count}", "nodes"),
    "create-peer": ("create {count}", "BGPPeers"),
    "promote": ("make them", "reflectors"),
    "await/clients": ("all routes", "through them?"),
    "mesh-off": ("turn the", "mesh off"),
    "await/drained": ("all routes", "there again?"),
    "uncordon": ("let pods", "return"),
}
"""Two lines for the steps of one kind; `await` stands for several kinds, which its id tells apart."""

Place = tuple[float, float]


@cache
def planned() -> tuple[Plan, Picture]:
    """The plan of the example, and its frames."""
    files = [(name, (FOLDER / name).read_bytes()) for name in ("kubernetes.yaml", "calico.yaml")]
    snapshot = snapshot_of_manifests(files)
    plan = api.plan(load((FOLDER / "spec.yaml").read_bytes(), "spec.yaml"), snapshot)
    return plan, picture(plan, snapshot.state, calico_versions(snapshot.state), stops(plan))


def topology_svg() -> str:
    """The whole picture, without scripts and links."""
    plan, frames = planned()
    last = frames.frames - 1
    before_mesh_goes = next(frame for frame in range(last, 0, -1) if any(frames.mesh[frame - 1].values())) - 1
    nodes = sum(len(group.names) for group in frames.groups)
    zones = len({group.zone for group in frames.groups})
    reflectors = len(reflecting(frames, last))
    assert (nodes, zones, reflectors) == (12, 3, 2), "the words below are about these"
    ends = [f"{session_count(frames, frame):,} sessions" for frame in (0, before_mesh_goes, last)]
    assert ends[0] == ends[1], "the words below say that sessions change their kind first"
    told = (
        f"Twelve nodes in three zones. Before: a full mesh, {ends[0]}. On the way: two nodes reflect, every other node "
        f"has a session with both, and the mesh is still there. After: no mesh, {ends[2]}. {exposed(plan)}"
    )
    panels = (
        (0, "Before: full mesh", f"all with all: {ends[0]}"),
        (before_mesh_goes, "On the way: both", "reflectors serve all, the mesh stays"),
        (last, "After: two reflectors", f"all with both: {ends[2]}"),
    )
    parts = [
        head(WIDTH, HEIGHT, SANS),
        '<title id="title">From a full mesh to two route reflectors, step by step</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>{colours()}{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="12"/>',
    ]
    for place, (frame, title, caption) in enumerate(panels):
        parts += _panel(frames, frame, (place + 0.5) * PANEL, title, caption)
        if place:
            x = place * PANEL
            parts.append(f'<path class="arrow" d="M{x - 13:.0f} {MIDDLE}h22m-8 -7l8 7l-8 7"/>')
    parts += _steps(plan)
    parts.append(_text("said", WIDTH / 2, HEIGHT - 20, exposed(plan)))
    return "\n".join([*parts, "</svg>"]) + "\n"


STYLE = (
    "text{fill:var(--ink)}.page{fill:var(--paper);stroke:var(--edge)}.title{font-size:18px;font-weight:650}"
    ".caption,.said{font-size:13.5px;fill:var(--soft)}.zone{fill:var(--ground);stroke:var(--edge)}"
    ".zone-name,.name{font-size:12.5px;fill:var(--soft)}.name{fill:var(--accent);font-weight:650}"
    ".mesh{stroke:var(--mesh);stroke-width:1.1;opacity:.62}.session{stroke:var(--accent);stroke-width:1.7;opacity:.85}"
    ".node{fill:var(--paper);stroke:var(--ink);stroke-width:1.8}.node.reflector{fill:var(--accent);stroke:var(--paper)}"
    ".arrow{stroke:var(--soft);stroke-width:2.4;fill:none;stroke-linecap:round;stroke-linejoin:round}"
    ".step{fill:var(--ground);stroke:var(--edge)}.number{font-size:12px;fill:var(--soft)}.word{font-size:13.5px}"
    ".gate{fill:var(--good)}.step.gated{fill:var(--good-ground);stroke:var(--good)}.gate-word{font-size:12px;fill:var(--good)}"
)


def reflecting(frames: Picture, frame: int) -> list[NodeName]:
    """Who reflects in a frame."""
    return sorted(name for group in frames.groups if group.reflects[frame] for name in group.names)


def sessions(frames: Picture, frame: int) -> Iterator[tuple[NodeName, NodeName, bool]]:
    """Every session that is up in a frame, once; whether it is one of the mesh."""
    groups = [group.names for group in frames.groups]
    for members in frames.mesh[frame].values():
        everybody = sorted(name for place in members for name in groups[place])
        yield from ((here, there, True) for here, there in combinations(everybody, 2))
    for line in frames.lines:
        if frame in line.frames:
            same = line.here == line.there
            pairs = combinations(groups[line.here], 2) if same else product(groups[line.here], groups[line.there])
            yield from ((here, there, False) for here, there in pairs)


def exposed(plan: Plan) -> str:
    """What the proof says of the way, in a sentence."""
    exposures = [each for proof in plan.proof.steps for each in proof.exposures]
    assert not plan.proof.violations
    assert {each.tolerated for each in exposures} == {Tolerance.DRAINED}
    seconds = max(each.seconds for each in exposures)
    return (
        "Proved before the first step: no node loses a route on the way; "
        f"only the two emptied nodes are cut off, for up to {seconds} s."
    )


def _panel(frames: Picture, frame: int, middle: float, title: str, caption: str) -> Iterator[str]:
    reflectors = reflecting(frames, frame)
    places, arcs = _ring(frames, middle)
    places |= {name: _inwards(middle, places[name]) for name in reflectors}
    yield _text("title", middle, 36, title)
    for zone, first, last in arcs:
        yield f'<path class="zone" d="{_band(middle, first, last)}"/>'
        # The name stands beyond the middle of its zone.
        x, y = _at(middle, (first + last) / 2, RADIUS + 27)
        side = "middle" if abs(x - middle) < 12 else "start" if x > middle else "end"
        yield _text("zone-name", x, y + (10 if y > MIDDLE else 3), zone, side)
    lines = sorted(sessions(frames, frame), key=lambda session: not session[2])
    assert len(lines) == session_count(frames, frame)
    for kind, mesh in (("mesh", True), ("session", False)):
        ways = "".join(_way(places[here], places[there]) for here, there, its in lines if its is mesh)
        if ways:
            yield f'<path class="{kind}" d="{ways}"/>'
    for name, (x, y) in places.items():
        kind, size = ("node reflector", 10) if name in reflectors else ("node", 6.5)
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    yield _text("caption", middle, MIDDLE + RADIUS + 50, caption)


def _ring(frames: Picture, middle: float) -> tuple[dict[NodeName, Place], list[tuple[str, float, float]]]:
    """Where each node stands, and the first and last angle of each zone."""
    homes = sorted((group.zone, name) for group in frames.groups for name in group.names)
    ever = {name for group in frames.groups if group.ever_reflects for name in group.names}
    zones = []
    for zone, some in groupby(homes, key=lambda home: home[0]):
        names = [name for _, name in some]
        # A reflector stands in the middle of its zone, so that lines spread to both sides.
        others = [name for name in names if name not in ever]
        half = len(others) // 2
        zones.append((zone, [*others[:half], *(name for name in names if name in ever), *others[half:]]))
    step = (2 * pi - BETWEEN_ZONES * len(zones)) / len(homes)
    places, arcs = {}, []
    # The first zone stands at the top.
    angle = -pi / 2 - step * (len(zones[0][1]) - 1) / 2
    for zone, names in zones:
        first = angle
        for name in names:
            places[name] = _at(middle, angle, RADIUS)
            angle += step
        arcs.append((zone, first, angle - step))
        angle += BETWEEN_ZONES
    return places, arcs


def _at(middle: float, angle: float, radius: float) -> Place:
    return middle + radius * cos(angle), MIDDLE + radius * sin(angle)


def _inwards(middle: float, place: Place) -> Place:
    """Where a node stands while it reflects: nearer to the middle."""
    return middle + (place[0] - middle) * INNER, MIDDLE + (place[1] - MIDDLE) * INNER


def _band(middle: float, first: float, last: float) -> str:
    """A piece of a ring with room around its nodes."""
    room, more = 16, 0.2
    outer, inner = RADIUS + room, RADIUS - room
    (ax, ay), (bx, by) = (_at(middle, angle, outer) for angle in (first - more, last + more))
    (cx, cy), (dx, dy) = (_at(middle, angle, inner) for angle in (last + more, first - more))
    along = f"M{ax:.1f} {ay:.1f}A{outer} {outer} 0 0 1 {bx:.1f} {by:.1f}"
    return f"{along}L{cx:.1f} {cy:.1f}A{inner} {inner} 0 0 0 {dx:.1f} {dy:.1f}Z"


def _way(here: Place, there: Place) -> str:
    return f"M{here[0]:.1f} {here[1]:.1f}L{there[0]:.1f} {there[1]:.1f}"


def _steps(plan: Plan) -> Iterator[str]:
    """The steps in their order, those of one kind in one box."""
    kinds = [(kind, [*steps]) for kind, steps in groupby(plan.steps, key=_kind)]
    gap, top = 8, MIDDLE + RADIUS + 74
    wide = (WIDTH - 40 - gap * (len(kinds) - 1)) / len(kinds)
    number = 1
    for place, (kind, steps) in enumerate(kinds):
        left = 20 + place * (wide + gap)
        gated = any(step.gates for step in steps)
        looks = "step gated" if gated else "step"
        yield f'<rect class="{looks}" x="{left:.1f}" y="{top}" width="{wide:.1f}" height="66" rx="8"/>'
        which = str(number) if len(steps) == 1 else f"{number}, {number + len(steps) - 1}"
        yield _text("number", left + wide / 2, top + 18, which)
        for line, words in enumerate(STEPS[kind]):
            words = words.format(count={1: "one", 2: "two"}[len(steps)])
            yield _text("word", left + wide / 2, top + 37 + 17 * line, words)
        number += len(steps)
    gates = sum(len(step.gates) for step in plan.steps)
    told = f"green: with gates, {gates} in all; the run goes on when they hold, and takes all back when they do not"
    yield _text("gate-word", WIDTH / 2, top + 84, told)


def _kind(step: Step) -> str:
    return step.id if step.id in STEPS else step.id.partition("/")[0]


def _text(kind: str, x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
