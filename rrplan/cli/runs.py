"""`rrplan runs [RUN]`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from rrplan.cli.completion import runs as run_names
from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, with_output
from rrplan.cli.running import Where, with_cluster
from rrplan.cli.say import say, say_line


@click.command("runs")
@click.argument("run", required=False, shell_complete=run_names)
@with_cluster
@with_output(TERMINAL, JSON)
def command(run: str | None, where: Where, output: str) -> None:
    """The runs that this cluster knows, oldest first; or what happened in RUN, by its journal."""
    from rrplan import operations
    from rrplan.render.record import journal_text, record_json, record_text

    cluster = where.cluster()
    if run is not None:
        found = operations.sighted(cluster, run)
        if output == JSON:
            entries = [asdict(entry) for entry in found.entries]
            document = {
                "format_version": JSON_VERSION,
                **record_json(found, None, cluster.clock.wall()),
                "journal": entries,
            }
            say(json.dumps(document, indent=2, ensure_ascii=False))
            return
        say(f"{record_text(found, None, cluster.name, where.words, cluster.clock.wall())}\n\n{journal_text(found)}")
        return
    runs = operations.runs_with_states(cluster)
    if output == JSON:
        listed = [{**asdict(kept), "state": state} for kept, state in runs]
        say(json.dumps({"format_version": JSON_VERSION, "runs": listed}, indent=2, ensure_ascii=False))
        return
    if not runs:
        say("no run is known")
        return
    rows = [("RUN", "PLAN", "STATE", "BEGUN", "BY", "")]
    rows += [(kept.run, kept.plan, state, kept.since, kept.who, kept.problem) for kept, state in runs]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for *cells, problem in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True))
        say_line(f"{line}  {problem}".rstrip())
