"""`rrplan status`."""

from __future__ import annotations

import json

import click

from rrplan import operations
from rrplan.cli.running import Where, with_cluster
from rrplan.exit_codes import ExitCode
from rrplan.render.standing import standing_json, standing_text

WATCH_SECONDS = 5


@click.command("status")
@with_cluster
@click.option("--watch", is_flag=True, help=f"Look again every {WATCH_SECONDS} s; Ctrl-C ends it.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(where: Where, output: str, *, watch: bool) -> int:
    """Sessions expected against sessions seen, asked of the nodes; exit code 2 where they differ.

    On a live cluster this makes short-lived CalicoNodeStatus objects and runs `birdcl` in calico-node pods.
    """
    cluster = where.cluster()
    shown = ""
    while True:
        standings = operations.standings(cluster)
        if output == "json":
            text = json.dumps([standing_json(standing) for standing in standings], indent=None if watch else 2)
        else:
            text = standing_text(standings)
        if text != shown:
            click.echo(text)
            shown = text
        if not watch:
            short = any(standing.complete < standing.expected for standing in standings)
            return ExitCode.DIFFERENT if short else ExitCode.DONE
        cluster.clock.sleep(WATCH_SECONDS)
