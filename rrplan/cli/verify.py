"""`rrplan verify SPEC`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rrplan import api
from rrplan.cli.running import Where, with_cluster
from rrplan.cli.sources import spec_from
from rrplan.render.standing import standing_text


@click.command("verify")
@click.argument("spec")
@with_cluster
@click.option("--no-sessions", is_flag=True, help="Compare the objects only; ask no node.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(spec: str, where: Where, output: str, *, no_sessions: bool) -> int:
    """Is the cluster exactly as a spec says, down to the sessions? Changes nothing; exit code 2 where it is not."""
    found = api.verify(spec_from(spec), where.cluster(), sessions=not no_sessions)
    if output == "json":
        told = {
            "as_specified": found.good,
            "drift": list(found.drift),
            "sessions": [asdict(one) for one in found.sessions],
        }
        click.echo(json.dumps(told, indent=2))
        return 0 if found.good else 2
    for text in found.drift:
        click.echo(text)
    if found.sessions:
        click.echo(standing_text(found.sessions))
    if found.good:
        click.echo("the cluster is as the spec says" + ("" if found.sessions else "; no node was asked"))
        return 0
    click.echo("the cluster is not as the spec says; `rrplan plan` shows the way there")
    return 2
