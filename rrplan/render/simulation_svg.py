"""A picture of what topologies would cost: sessions and paths over the number of zones, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from math import ceil, log10
from typing import NamedTuple

from rrplan.planning.simulation import Point, Simulation
from rrplan.planning.topologies import Topology
from rrplan.render.simulation import TOPOLOGY, number

MARK = "rrplan-simulation"
"""The id of the picture; `--out` writes over a file that has it."""
STYLE = {
    Topology.MESH: ("#8a8a8a", "2 4"),
    Topology.ONE_LEVEL: ("#c2410c", "8 4"),
    Topology.TWO_LEVELS: ("#1d4ed8", ""),
}
"""Colour and dashes: lines are told apart without colour too."""
WIDTH, HEIGHT = 760, 380
TOP, BOTTOM = 70, 330
PANEL = 290
MOST_PATHS = 10**6
"""Paths of a route above which the picture ends: a line that leaves it goes on."""


class Panel(NamedTuple):
    """One diagram: its left edge, the greatest values of its axes, and what they mean."""

    left: int
    zones: int
    most: int
    title: str

    def x(self, zones: float) -> float:
        """Where a number of zones is."""
        return self.left + PANEL * (log10(zones) / log10(self.zones) if self.zones > 1 else 0.5)

    def y(self, value: float) -> float:
        """Where a value is; 0 counts as 1."""
        return BOTTOM - (BOTTOM - TOP) * min(1.0, log10(max(1.0, value)) / log10(self.most))


def simulation_svg(simulation: Simulation, points: Sequence[Point]) -> str:
    """The whole picture, without scripts and links."""
    size = simulation.size
    top = max(point.zones for point in points)
    busiest = max(sessions for point in points for sessions in point.sessions.values())
    left = Panel(70, top, _power(busiest), "sessions of the busiest speaker")
    right = Panel(450, top, MOST_PATHS, "paths of each route, on average")
    title = f"BGP topologies of {size.nodes:,} nodes with {size.reflectors_per_zone} reflectors in each zone"
    here = f"{size.zones:,} zone{'' if size.zones == 1 else 's'}"
    described = "; ".join(
        f"{TOPOLOGY[each.topology]}: {each.busiest.sessions:,} sessions, {_paths(each.most_per_route)} of each route"
        for each in simulation.topologies
    )
    description = f"Two diagrams over the number of zones, with logarithmic axes. With {here}: {described}."
    names = 'role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="12"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{MARK}" viewBox="0 0 {WIDTH} {HEIGHT}" {names}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(description)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 20, title, "middle", "font-size='14'"),
        *_legend(),
    ]
    for panel, values in ((left, _sessions), (right, _per_route)):
        lines += [*_axes(panel), _marker(panel, size.zones, here)]
        lines += [_line(panel, topology, points, values) for topology in Topology]
    limit = right.y(simulation.pays.limit)
    ends = f'x1="{right.left}" y1="{limit:.1f}" x2="{right.left + PANEL}" y2="{limit:.1f}"'
    lines += [
        f'<line {ends} stroke="#444444" stroke-width="0.8"/>',
        _text(right.left + PANEL, limit - 4, f"policy.maxPathsPerRoute {simulation.pays.limit}", "end"),
        "</svg>",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _paths(value: int | None) -> str:
    return "too many paths to count" if value is None else f"{number(value)} path{'' if value == 1 else 's'}"


def _power(value: int) -> int:
    """The next power of ten, 10 at least."""
    return int(10 ** max(1, ceil(log10(max(1, value)))))


def _sessions(point: Point, topology: Topology) -> float | None:
    return point.sessions.get(topology)


def _per_route(point: Point, topology: Topology) -> float | None:
    """More than the picture has where it cannot be counted."""
    if topology not in point.per_route:
        return None
    value = point.per_route[topology]
    return MOST_PATHS * 10 if value is None else value


def _legend() -> Iterator[str]:
    for place, (topology, (colour, dashes)) in enumerate(STYLE.items()):
        x = 190 + 140 * place
        yield f'<line x1="{x}" y1="40" x2="{x + 34}" y2="40" stroke="{colour}" stroke-width="2"{_dashed(dashes)}/>'
        yield _text(x + 40, 44, TOPOLOGY[topology])


def _dashed(dashes: str) -> str:
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _axes(panel: Panel) -> Iterator[str]:
    right = panel.left + PANEL
    yield f'<path d="M{panel.left} {TOP}V{BOTTOM}H{right}" fill="none" stroke="#444444"/>'
    yield _text(panel.left, TOP - 8, panel.title)
    yield _text(panel.left + PANEL / 2, BOTTOM + 36, "zones", "middle")
    for value in _ticks(panel.most):
        y = panel.y(value)
        yield f'<line x1="{panel.left - 4}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield _text(panel.left - 8, y + 4, _tick(value), "end")
    for value in _ticks(panel.zones) if panel.zones > 1 else [1]:
        x = panel.x(value)
        yield f'<line x1="{x:.1f}" y1="{BOTTOM}" x2="{x:.1f}" y2="{BOTTOM + 4}" stroke="#444444"/>'
        yield _text(x, BOTTOM + 18, _tick(value), "middle")


def _ticks(most: int) -> list[int]:
    """Powers of ten, and the halves between them where there are few."""
    powers = [10**power for power in range(int(log10(most) + 1e-9) + 1)]
    return powers if len(powers) > 2 else [value for value in (1, 2, 5, 10, 20, 50) if value <= most]


def _tick(value: int) -> str:
    return number(value).replace(".0 ", " ")


def _marker(panel: Panel, zones: int, label: str) -> str:
    x = panel.x(zones)
    anchor = "end" if x > panel.left + PANEL / 2 else "start"
    return (
        f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}" stroke="#444444" stroke-dasharray="1 3"/>'
        + _text(x + (-4 if anchor == "end" else 4), BOTTOM - 6, label, anchor)
    )


def _line(
    panel: Panel, topology: Topology, points: Sequence[Point], values: Callable[[Point, Topology], float | None]
) -> str:
    """A line as far as there are values; it ends where it leaves the picture."""
    drawn: list[str] = []
    before: tuple[float, float] | None = None
    for point in points:
        value = values(point, topology)
        if value is None:
            continue
        x, y = panel.x(point.zones), log10(max(1.0, value))
        most = log10(panel.most)
        if y > most and before is not None:
            # Where it crosses the upper edge.
            x = before[0] + (x - before[0]) * (most - before[1]) / (y - before[1])
        drawn.append(f"{x:.1f},{panel.y(value):.1f}")
        if y > most:
            break
        before = x, y
    colour, dashes = STYLE[topology]
    if len(drawn) == 1:
        x, y = map(float, drawn[0].split(","))
        return f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>'
    return (
        f'<polyline points="{" ".join(drawn)}" fill="none" stroke="{colour}" stroke-width="2"{_dashed(dashes)}/>'
        if drawn
        else ""
    )


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{" " if more else ""}{more}>{escape(text)}</text>'
