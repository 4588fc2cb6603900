"""`rrplan routes`."""

from __future__ import annotations

import click

from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.routes import route, routes
from rrplan.cli.sources import snapshot_from, version_from, with_state
from rrplan.errors import UsageProblem
from rrplan.ids import NodeName


@click.command("routes")
@with_state
@click.option("--from", "origin", metavar="N", help="The node whose routes are meant.")
@click.option("--to", "at", metavar="N", help="The node that shall hold them.")
def command(
    manifests: tuple[str, ...],
    snapshot: str | None,
    sandbox: str | None,
    calico_version: str | None,
    origin: str | None,
    at: str | None,
) -> int:
    """How the routes of one node reach another, or why not; without nodes, the pairs that miss routes."""
    state = snapshot_from(manifests, snapshot, sandbox).state
    model = Model(state, calico_versions(state, version_from(calico_version)))
    for name in (origin, at):
        if name is not None and name not in state.nodes:
            raise UsageProblem(f"node `{name}` does not exist")
    if origin is None and at is None:
        return _missing(model)
    names = sorted(state.nodes)
    for one in [NodeName(origin)] if origin else names:
        for other in [NodeName(at)] if at else names:
            if one != other:
                for found in routes(model, one, other):
                    click.echo(
                        f"{found.family}  {found}"
                        if found.path
                        else f"{found.family}  {one} does not reach {other}: {found}"
                    )
    return 0


def _missing(model: Model) -> int:
    losses = model.missing()
    if not losses:
        click.echo("every node holds the routes of every other node")
    for loss in losses:
        reason = route(model, loss.origin, loss.at, loss.family)
        click.echo(
            f"{loss.family}  {loss.at} misses the routes of {loss.origin} ({loss.pairs} ordered pairs alike: "
            f"{loss.holders} nodes, {loss.origins} origins): {reason}"
        )
    return 0
