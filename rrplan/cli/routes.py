"""`rrplan routes`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, with_output
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import Source, note, spec_from, with_state
from rrplan.errors import UsageProblem
from rrplan.exit_codes import ExitCode
from rrplan.ids import NodeName
from rrplan.render.detail import Detail
from rrplan.text import listed

if TYPE_CHECKING:
    from rrplan.bgp.model import Model
    from rrplan.bgp.routes import Route
    from rrplan.bgp.transition import Loss

SHOWN = 10
"""Nodes that are named."""


@click.command("routes")
@with_state
@click.option("--from", "origin", metavar="N", help="The node whose routes are meant.")
@click.option("--to", "at", metavar="N", help="The node that shall hold them.")
@click.option("--spec", metavar="SPEC", help="What it says in `outside` of speakers that pass routes on counts.")
@ALL
@with_output(TERMINAL, JSON)
def command(
    source: Source,
    origin: str | None,
    at: str | None,
    spec: str | None,
    output: str,
    detail: Detail,
) -> int:
    """How the routes of one node reach another, or why not; without nodes, the pairs that miss routes.

    As configured and, where nodes are down, with what is down. Exit code 2 where a route is missing.
    """
    from rrplan.bgp.model import Model
    from rrplan.bgp.profile import calico_versions
    from rrplan.bgp.refusals import without_router_id
    from rrplan.bgp.speaker import as_configured

    state = source.snapshot().state
    versions = calico_versions(state, source.version)
    known = {node.calico_name: name for name, node in state.nodes.items() if node.calico_name}
    origin, at = (known.get(name, name) if name else name for name in (origin, at))
    for name in (origin, at):
        if name is not None and name not in state.nodes:
            close = difflib.get_close_matches(name, state.nodes, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "`rrplan sessions` lists the nodes"
            raise UsageProblem(f"node `{name}` does not exist", hint=hint)
    roles = spec_from(spec).roles if spec else ()
    configured, present = Model(as_configured(state), versions, roles=roles), Model(state, versions, roles=roles)
    for notice in configured.not_owed():
        note(notice)
    unsure = [name for name, own in sorted(configured.population.speakers.items()) if without_router_id(own)]
    settings = configured.rules.settings
    if settings.router_id_elsewhere:
        note(
            "CALICO_ROUTER_ID of calico-node comes from elsewhere (`valueFrom`) and is not known; where BIRD "
            "cannot read it, or two nodes have the same, routes are missing that are shown here",
        )
    elif unsure and settings.router_id is None:
        note(
            f"not known whether calico-node has CALICO_ROUTER_ID on {listed(unsure, SHOWN)}; without it "
            "BIRD refuses the configuration of a node without IPv4, which then has no routes; give the DaemonSet "
            "calico-node too",
        )
    down = present.down()
    rows: list[dict[str, object]] = []
    if origin is None and at is None:
        missing = _missing(configured, present, down, output, rows)
    else:
        missing = _between(origin, at, (configured, present), output, detail, rows)
    if output == JSON:
        document = {"format_version": JSON_VERSION, "missing": missing, "down": down, "routes": rows}
        say(json.dumps(document, indent=2, ensure_ascii=False))
    return ExitCode.DIFFERENT if missing else ExitCode.DONE


def _between(
    origin: str | None,
    at: str | None,
    models: tuple[Model, Model],
    output: str,
    detail: Detail,
    rows: list[dict[str, object]],
) -> bool:
    """Tell the routes between nodes, as configured and as things are; whether one is missing. JSON goes to `rows`."""
    from rrplan.render.folding import and_alike_folded
    from rrplan.render.routes import folded_routes

    configured, present = models
    down = present.down()
    missing = False
    for view, model in (("as configured", configured), ("with what is down", present)):
        if model is present and not down:
            break
        if down and output == TERMINAL:
            say_line(f"{view}{f' ({listed(down, SHOWN)})' if model is present else ''}:")
        told: list[Route] = []
        for answer in _asked(model, origin, at):
            missing = missing or not answer.path
            if output == JSON:
                rows.append({"view": view, **_row(answer)})
            elif detail is Detail.ALL:
                say_line(_text(answer))
            else:
                told.append(answer)
        for alike in folded_routes(told):
            say_line(f"{_text(alike[0])}{and_alike_folded(len(alike))}")
    return missing


def _asked(model: Model, origin: str | None, at: str | None) -> Iterator[Route]:
    from rrplan.bgp.routes import routes

    names = sorted(name for name, speaker in model.population.speakers.items() if speaker.role is None)
    for node in [NodeName(origin)] if origin else names:
        for other in [NodeName(at)] if at else names:
            if node != other:
                yield from routes(model, node, other)


def _row(answer: Route) -> dict[str, object]:
    from rrplan.render.routes import route_text

    return {
        "family": answer.family.value,
        "from": answer.origin,
        "to": answer.at,
        "path": list(answer.path) or None,
        "reason": None if answer.path else route_text(answer),
    }


def _text(answer: Route) -> str:
    from rrplan.render.routes import route_text

    way = route_text(answer) if answer.path else f"{answer.origin} does not reach {answer.at}: {route_text(answer)}"
    return f"{answer.family}  {way}"


def _missing(
    configured: Model, present: Model, down: list[NodeName], output: str, rows: list[dict[str, object]]
) -> bool:
    """The pairs that miss routes; pairs that end at a node that is down are told as configured alone."""
    from rrplan.bgp.routes import route

    losses = {"as configured": (configured, configured.missing())}
    if down:
        alive = tuple(loss for loss in present.missing() if not loss.down)
        losses["with what is down"] = (present, alive)
    for view, (model, losses_here) in losses.items():
        lead = "" if not down else f"{view}: " if model is configured else f"{view} ({listed(down, SHOWN)}): "
        if not losses_here and output == TERMINAL and not model.owes():
            say_line(f"{lead}nodes owe one another no route: BIRD programs none of the pools of this cluster")
        elif not losses_here and output == TERMINAL:
            others = "every other node" if model is configured else "every other node that is not down"
            say_line(f"{lead}every node holds the routes of {others}")
        for loss in losses_here:
            if output == JSON:
                row = _row(route(model, loss.origin, loss.at, loss.family))
                rows.append({"view": view, **row, "pairs": loss.pairs})
            else:
                say_line(f"{lead}{_loss(loss, route(model, loss.origin, loss.at, loss.family))}")
    return any(losses_here for _, losses_here in losses.values())


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _loss(loss: Loss, reason: Route) -> str:
    from rrplan.render.routes import route_text

    return (
        f"{loss.family}  {loss.at} misses the routes of {loss.origin} ({_count(loss.pairs, 'ordered pair')} alike: "
        f"{_count(loss.holders, 'node')}, {_count(loss.origins, 'origin')}): {route_text(reason)}"
    )
