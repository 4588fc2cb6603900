"""What topologies would cost, as tables for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rrplan.bgp.timers import (
    CONNECT_DELAY,
    CONNECT_RETRY,
    DURATIONS,
    ERROR_WAIT,
    HOLD_TIME,
    RECOVERY_TIME,
    RESTART_TIME,
    Event,
)
from rrplan.bgp.zoned import MOST, Role
from rrplan.planning.simulation import Point, Simulated, Simulation, Speaker, Updates
from rrplan.planning.topologies import Size, Topology
from rrplan.text import wrapped

FORMAT_VERSION = "1.0"
WIDTH = 80
TITLE = "Simulated topologies of "
"""How the text begins; `--out` writes over such a file."""
TOPOLOGY = {
    Topology.MESH: "full mesh",
    Topology.ONE_LEVEL: "one level",
    Topology.TWO_LEVELS: "two levels",
}
ROLE = {Role.NODE: "node", Role.ZONE: "zone reflector", Role.CORE: "core reflector"}
_SCALES = ((10**18, "E"), (10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"))
UNKNOWN = "-"
KIND = "simulation"


def number(value: int | None) -> str:
    """A number in nine characters at most: exact below a million, then in millions (M), thousands of these (G) ..."""
    if value is None:
        return UNKNOWN
    for size, letter in _SCALES:
        if value >= size:
            return f"{value / size:,.1f} {letter}"
    return f"{value:,}"


def memory(value: int | None) -> str:
    """Bytes, in megabytes at least, rounded up."""
    if value is None:
        return UNKNOWN
    if value < 10**9:
        return f"{-(-value // 10**6):,} MB"
    return f"{number(value)}B"


def simulation_text(simulation: Simulation) -> str:
    """The tables, what they say about a second level, and how long routes are away."""
    size = simulation.size
    lines = wrapped(f"{TITLE}{_size_text(size)}", WIDTH)
    lines += ["", f"{'SPEAKER':<20}{'COUNT':>9}{'SESSIONS':>11}{'PATHS':>12}{'OF A ROUTE':>13}{'MEMORY':>12}"]
    for simulated in simulation.topologies:
        lines.append(_heading(simulated, size))
        lines += [_speaker_line(speaker) for speaker in simulated.speakers]
    lines += ["", *wrapped(_UPDATES, WIDTH), ""]
    roles = [
        role for role in Role if any(s.role is role for simulated in simulation.topologies for s in simulated.speakers)
    ]
    lines.append((" " * 20 + "".join(f"{ROLE[role]:>20}" for role in roles)).rstrip())
    lines.append(" " * 20 + f"{'in':>10}{'out':>10}" * len(roles))
    for simulated in simulation.topologies:
        lines.append(_heading(simulated, size))
        lines += _update_lines(simulated)
    lines += ["", "When a second level pays:", ""]
    lines += _items(pays_texts(simulation))
    lines += ["", "Until the routes are there again, by BIRD's timers as Calico sets them:", ""]
    lines += _items(time_texts(size))
    return "\n".join(lines) + "\n"


_UPDATES = (
    "Updates that one speaker gets (in) and gives (out) while another one restarts, at most; `itself` is the one that "
    "restarts. An update is one path of one route, announced or withdrawn; the end of a session withdraws its paths."
)


def _items(texts: list[str]) -> list[str]:
    return [line for text in texts for line in wrapped(text, WIDTH, "  - ")]


def _count(value: int, what: str) -> str:
    return f"{value:,} {what}{'' if value == 1 else 's'}"


def _size_text(size: Size) -> str:
    zones = f"{_count(size.zones, 'zone')} with {_count(size.reflectors_per_zone, 'reflector')} each"
    return f"{_count(size.nodes, 'node')} in {zones}, {_count(size.blocks, 'block')} of addresses on a node"


def _heading(simulated: Simulated, size: Size) -> str:
    core = f", {_count(size.core_reflectors, 'core reflector')}" if simulated.topology is Topology.TWO_LEVELS else ""
    return f"{TOPOLOGY[simulated.topology]}{core}"


def _speaker_line(speaker: Speaker) -> str:
    return (
        f"  {ROLE[speaker.role]:<18}{number(speaker.count):>9}{number(speaker.sessions):>11}"
        f"{number(speaker.paths):>12}{number(speaker.per_route):>13}{memory(speaker.bytes):>12}"
    )


def _update_lines(simulated: Simulated) -> list[str]:
    if not simulated.counted:
        most = f"10^{len(str(MOST)) - 1}"
        return wrapped(f"not counted: some speaker would hold more than {most} paths of a route", WIDTH, "  ")
    roles = [speaker.role for speaker in simulated.speakers]
    rows = [(ROLE[speaker.role], [speaker.others.get(role) for role in roles]) for speaker in simulated.speakers]
    rows.append(("itself", [speaker.own for speaker in simulated.speakers]))
    return [f"  {name:<18}" + "".join(map(_updates_cells, cells)).rstrip() for name, cells in rows]


def _updates_cells(updates: Updates | None) -> str:
    if updates is None:
        return f"{UNKNOWN:>10}{UNKNOWN:>10}"
    return f"{number(updates.received):>10}{number(updates.sent):>10}"


def pays_texts(simulation: Simulation) -> list[str]:
    """From how many zones on two levels are better than one, in sessions and in paths."""
    pays, size = simulation.pays, simulation.size
    here = {one.topology: one for one in simulation.topologies}
    one, two = here.get(Topology.ONE_LEVEL), here.get(Topology.TWO_LEVELS)
    reflectors = _count(size.reflectors_per_zone, "reflector")
    nodes = f"{_count(size.nodes, 'node')} and {reflectors} in a zone"
    if pays.sessions is None:
        sessions = f"sessions: with {nodes}, one level never needs more on its busiest reflector than two"
    else:
        sessions = f"sessions: from {_count(pays.sessions, 'zone')} on, one level needs more on its busiest reflector"
        sessions += " than two"
    if one and two:
        clients = -(-one.speakers[0].count // size.zones)
        sessions += (
            f" ({one.busiest.sessions:,} and {two.busiest.sessions:,} with {_count(size.zones, 'zone')}, where a zone "
            f"has up to {_count(clients, 'client')})"
        )
    policy = f"{pays.limit} of each route (`policy.maxPathsPerRoute`)"
    if pays.paths is None:
        paths = f"paths: with {nodes}, one level never has more than {policy}"
    else:
        paths = f"paths: from {_count(pays.paths, 'zone')} on, one level has more than {policy}, which a plan refuses"
    if two:
        paths += f"; two levels have {number(two.most_per_route)} with {_count(size.zones, 'zone')}"
        paths += ", which a plan refuses too: fewer reflectors make fewer paths" if two.refused(size) else ""
    return [sessions, paths]


def time_texts(size: Size) -> list[str]:
    """How long routes are away, and what that rests on."""
    restart, in_part, silence = (DURATIONS[event] for event in Event)
    to_wait = f"connect retry {CONNECT_RETRY} s, and error wait {ERROR_WAIT[0]} to {ERROR_WAIT[1]} s after a failure"
    up = f"{restart.least} to {restart.most} s, until its sessions are up (connect delay {CONNECT_DELAY} s; {to_wait})"
    recovery = f"graceful-restart recovery, {RECOVERY_TIME} s"
    kept = f"keep them for {RESTART_TIME} s if it was killed (graceful restart)"
    texts = [
        f"a node or a reflector restarts: {up}; no timer delays routes on running sessions: a second level adds none",
        f"up to {in_part.most} s where a session never comes up: it uses and announces no route before ({recovery})",
        f"others drop its routes at once if BIRD was stopped, and {kept}",
        f"a machine is gone without a word: others notice after up to {silence.most} s (hold time {HOLD_TIME} s)",
    ]
    if size.reflectors_per_zone == 1:
        texts.append("a zone has one reflector: while that is away, its nodes have no routes to others")
    else:
        texts.append("while a reflector is away, its clients have every route from the others of their zone")
    return [*texts, "the time that BIRD works on the updates comes on top; it is not known here"]


def simulation_json(simulation: Simulation, points: tuple[Point, ...]) -> dict[str, Any]:
    """The same as a document; null is a number that cannot be counted, or a number of zones that there is not."""
    size, pays = simulation.size, simulation.pays
    return {
        "format_version": FORMAT_VERSION,
        "kind": KIND,
        "size": asdict(size),
        "topologies": [_topology_json(simulated) for simulated in simulation.topologies],
        "second_level_pays": {
            "sessions_from_zones": pays.sessions,
            "paths_from_zones": pays.paths,
            "max_paths_per_route": pays.limit,
        },
        "by_zones": [
            {"zones": point.zones, "busiest_sessions": {**point.sessions}, "paths_per_route": {**point.per_route}}
            for point in points
        ],
        "seconds": {event.value: DURATIONS[event]._asdict() for event in Event},
    }


def _topology_json(simulated: Simulated) -> dict[str, Any]:
    return {
        "topology": simulated.topology,
        "counted": simulated.counted,
        "speakers": [
            {
                "role": speaker.role,
                "count": speaker.count,
                "sessions": speaker.sessions,
                "paths": speaker.paths,
                "paths_per_route": speaker.per_route,
                "bytes": speaker.bytes,
                "updates": {
                    "itself": asdict(speaker.own) if speaker.own else None,
                    "of_others": {role.value: asdict(updates) for role, updates in speaker.others.items()},
                },
            }
            for speaker in simulated.speakers
        ],
    }
