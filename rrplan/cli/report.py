"""`rrplan report PLAN|RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from rrplan.cli.completion import runs as run_names
from rrplan.cli.output import HTML, with_output, write_own
from rrplan.cli.reporting import html_of, plan_from, start_of
from rrplan.cli.running import Where
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import Source, with_state
from rrplan.errors import UsageProblem
from rrplan.text import one_line


@click.command("report")
@click.argument("plan", metavar="PLAN|RUN", shell_complete=run_names)
@with_state
@with_output(HTML)
@click.option("--out", metavar="FILE", help="Write to a file instead of stdout; what is no report is not overwritten.")
def command(plan: str, source: Source, output: str, out: str | None) -> None:
    """One HTML file for those who decide: what changes, in which order, what is exposed, how to go back.

    PLAN is a plan file, or the name of a run that the cluster knows; of a run the file also tells what happened. With
    the cluster, or the snapshot that the plan was made from, it shows the topology before, after and between all steps.
    """
    from rrplan import operations
    from rrplan.render.report.html import is_report

    del output  # There is one form.
    record, words = None, ""
    if plan == "-" or Path(plan).exists():
        made, _ = plan_from(plan)
    elif source.sandbox or source.live.given:
        where = Where(source.sandbox, source.live)
        record, words = operations.sighted(where.cluster(), plan), where.words
        made = record.plan
    else:
        raise UsageProblem(
            f"there is no file {one_line(plan)}",
            hint="name a plan file, or a run with its cluster: `--context NAME` or `--sandbox DIR`",
        )
    text = html_of(made, start_of(made, source), record, words)
    if out:
        write_own(out, text.encode(), "report", is_report)
        say_line(f"wrote {one_line(out)} ({len(text.encode()):,} bytes)", err=True)
    else:
        say(text, nl=False)
