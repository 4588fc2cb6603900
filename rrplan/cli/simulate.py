"""`rrplan simulate`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from rrplan.cli.output import JSON, SVG, TERMINAL, with_output, write_own
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import note
from rrplan.errors import UsageProblem

if TYPE_CHECKING:
    from rrplan.planning.simulation import Simulation
    from rrplan.planning.topologies import Size

MOST_NODES, MOST_REFLECTORS = 1_000_000, 100
LEVELS = {"1": "one-level", "2": "two-levels"}


@click.command("simulate")
@click.option("--nodes", required=True, type=int, help="All nodes, reflectors included.")
@click.option("--zones", required=True, type=int, help="Groups of nodes, each with reflectors of its own.")
@click.option("--reflectors-per-zone", default=3, type=int, show_default=True, help="Reflectors of each zone.")
@click.option(
    "--levels",
    type=click.Choice(list(LEVELS)),
    help="1: reflectors of all zones peer; 2: core reflectors serve them; both, if left out.",
)
@click.option(
    "--core-reflectors", default=3, type=int, show_default=True, help="Reflectors above those of zones; two levels."
)
@click.option("--blocks-per-node", default=1, type=int, show_default=True, help="Address blocks of each node.")
@with_output(TERMINAL, JSON, SVG)
@click.option("--out", metavar="FILE", help="Write to a file instead of stdout.")
def command(
    nodes: int,
    zones: int,
    reflectors_per_zone: int,
    levels: str | None,
    core_reflectors: int,
    blocks_per_node: int,
    output: str,
    out: str | None,
) -> None:
    """What a topology would cost, before there is a cluster: sessions, paths, updates and time to converge.

    Compares the full mesh with reflectors in one level and in two. No cluster is looked at.
    """
    from rrplan.planning.simulation import simulate
    from rrplan.planning.topologies import Size, Topology

    _check(nodes, zones, reflectors_per_zone, core_reflectors, blocks_per_node)
    size = Size(nodes, zones, reflectors_per_zone, core_reflectors, blocks_per_node)
    topologies = [topology for topology in Topology if levels is None or topology in (Topology.MESH, LEVELS[levels])]
    for topology in topologies:
        _check_fits(size, topology)
    if reflectors_per_zone == 1:
        note("a zone with one reflector is cut off while that restarts; two or three keep all routes")
    text = _rendered(simulate(size, topologies), output)
    if out:
        write_own(out, text.encode(), "simulation", _is_own)
        say_line(f"wrote {out} ({len(text.encode())} bytes)", err=True)
    else:
        say(text, nl=False)


def _check(nodes: int, zones: int, reflectors_per_zone: int, core_reflectors: int, blocks_per_node: int) -> None:
    """Every number is one at least; raises UsageProblem."""
    for option, value, hint in (
        ("--nodes", nodes, "give the number of all nodes, reflectors included"),
        ("--zones", zones, "give 1 where all nodes have the same reflectors"),
        ("--reflectors-per-zone", reflectors_per_zone, "two or three keep the routes of a zone when one is away"),
        ("--core-reflectors", core_reflectors, "without a core there is one level: give `--levels 1`"),
        ("--blocks-per-node", blocks_per_node, "a node announces one block of addresses at least"),
    ):
        if value < 1:
            raise UsageProblem(f"`{option} {value}` is less than 1", hint=hint)
    for option, value, most in (
        ("--nodes", nodes, MOST_NODES),
        ("--reflectors-per-zone", reflectors_per_zone, MOST_REFLECTORS),
        ("--core-reflectors", core_reflectors, MOST_REFLECTORS),
        ("--blocks-per-node", blocks_per_node, MOST_NODES),
    ):
        if value > most:
            raise UsageProblem(f"`{option} {value}` is more than {most}", hint="no cluster needs so many")


def _check_fits(size: Size, topology: str) -> None:
    """Raises UsageProblem where there are fewer nodes than reflectors need, with a node to serve in each zone."""
    from rrplan.planning.topologies import Topology

    topology = Topology(topology)
    if size.fits(topology):
        return
    reflectors = size.reflectors(topology)
    core = topology is Topology.TWO_LEVELS
    kinds = f"{size.zones} x {size.reflectors_per_zone}" + (f" + {size.core_reflectors} in the core" if core else "")
    raise UsageProblem(
        f"{size.nodes} nodes are too few: {reflectors} reflect ({kinds}), and each zone needs one more",
        hint="give more `--nodes`, or fewer `--zones` or `--reflectors-per-zone`"
        + (", or `--levels 1`" if core else ""),
    )


def _rendered(simulation: Simulation, output: str) -> str:
    from rrplan.planning.simulation import points, zones_to_show
    from rrplan.render.simulation import simulation_json, simulation_text

    if output == TERMINAL:
        return simulation_text(simulation)
    drawn = points(simulation.size, zones_to_show(simulation.size))
    if output == JSON:
        return json.dumps(simulation_json(simulation, drawn), indent=2) + "\n"
    from rrplan.render.simulation_svg import simulation_svg

    return simulation_svg(simulation, drawn)


def _is_own(data: bytes) -> bool:
    """Whether a file is a simulation, in any form."""
    from rrplan.render.simulation import KIND, TITLE
    from rrplan.render.simulation_svg import MARK

    marks = (
        TITLE.encode(),
        f'"kind": "{KIND}"'.encode(),
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{MARK}"'.encode(),
    )
    return any(mark in data[:100] for mark in marks)
