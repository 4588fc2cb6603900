"""`rrplan routes`."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

import click

from rrplan.bgp.model import Loss, Model
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.routes import Route, route, routes
from rrplan.cli.sources import Source, with_state
from rrplan.errors import UsageProblem
from rrplan.ids import NodeName


@click.command("routes")
@with_state
@click.option("--from", "origin", metavar="N", help="The node whose routes are meant.")
@click.option("--to", "at", metavar="N", help="The node that shall hold them.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="The format.")
def command(
    source: Source,
    origin: str | None,
    at: str | None,
    output: str,
) -> None:
    """How the routes of one node reach another, or why not; without nodes, the pairs that miss routes."""
    state = source.snapshot().state
    model = Model(state, calico_versions(state, source.version))
    for name in (origin, at):
        if name is not None and name not in state.nodes:
            close = difflib.get_close_matches(name, state.nodes, n=1)
            hint = f"did you mean `{close[0]}`?" if close else "`rrplan sessions` lists the nodes"
            raise UsageProblem(f"node `{name}` does not exist", hint=hint)
    if origin is None and at is None:
        _missing(model, output)
        return
    for found in _asked(model, origin, at):
        click.echo(json.dumps(_row(found), ensure_ascii=False) if output == "json" else _text(found))


def _asked(model: Model, origin: str | None, at: str | None) -> Iterator[Route]:
    names = sorted(model.population.speakers)
    for one in [NodeName(origin)] if origin else names:
        for other in [NodeName(at)] if at else names:
            if one != other:
                yield from routes(model, one, other)


def _row(found: Route) -> dict[str, object]:
    return {
        "family": found.family.value,
        "from": found.origin,
        "to": found.at,
        "path": list(found.path) or None,
        "reason": found.reason or None,
    }


def _text(found: Route) -> str:
    way = str(found) if found.path else f"{found.origin} does not reach {found.at}: {found}"
    return f"{found.family}  {way}"


def _missing(model: Model, output: str) -> None:
    losses = model.missing()
    if not losses and output == "text":
        click.echo("every node holds the routes of every other node")
    for loss in losses:
        found = route(model, loss.origin, loss.at, loss.family)
        if output == "json":
            click.echo(json.dumps({**_row(found), "pairs": loss.pairs}, ensure_ascii=False))
        else:
            click.echo(_loss(loss, found))


def _loss(loss: Loss, found: Route) -> str:
    return (
        f"{loss.family}  {loss.at} misses the routes of {loss.origin} ({loss.pairs} ordered pairs alike: "
        f"{loss.holders} nodes, {loss.origins} origins): {found}"
    )
