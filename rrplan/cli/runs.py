"""`rrplan runs`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rrplan.cli.running import Where, with_cluster
from rrplan.reports.entry import JournalEvent

WORDS: dict[str, str] = {
    JournalEvent.RUN_DONE: "done",
    JournalEvent.RUN_UNDONE: "undone",
    JournalEvent.RUN_PARTIAL: "stopped",
    JournalEvent.RUN_INTERRUPTED: "interrupted",
}


@click.command("runs")
@with_cluster
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def command(where: Where, output: str) -> None:
    """The runs that this cluster knows, oldest first: which can be resumed or rolled back."""
    runs = where.cluster().runs.runs()
    if output == "json":
        click.echo(json.dumps([asdict(run) for run in runs], indent=2))
        return
    if not runs:
        click.echo("no run is known")
        return
    rows = [("RUN", "PLAN", "STATE", "BEGUN", "BY")]
    rows += [(run.run, run.plan, WORDS.get(run.last, "not finished"), run.since, run.who) for run in runs]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
