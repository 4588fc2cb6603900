"""`rrplan status`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, with_output
from rrplan.cli.running import Where, with_cluster
from rrplan.cli.say import redraw, say, shown
from rrplan.errors import RRPlanError
from rrplan.exit_codes import ExitCode
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan.ids import NodeName
    from rrplan.reports.gates import GateFailed
    from rrplan.reports.record import RunRecord
    from rrplan.reports.standing import Standing
    from rrplan.wiring import Cluster

WATCH_SECONDS = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look: the last run or why it cannot be read, and the sessions."""

    run: RunRecord | None
    waiting: GateFailed | None
    problem: str
    standings: list[Standing]
    tables: tuple[NodeName, ...] = ()
    """Where a run that does not go on left fallback tables."""

    @property
    def short(self) -> bool:
        """Whether a session is missing, a fallback table is left, or nobody knows how far a run is."""
        lacking = any(standing.complete < standing.expected for standing in self.standings)
        return lacking or bool(self.problem or self.tables)


@click.command("status")
@with_cluster
@click.option(
    "--watch",
    is_flag=True,
    help=f"Look again every {WATCH_SECONDS} s, and redraw a terminal, or print what changed; Ctrl-C ends it.",
)
@with_output(TERMINAL, JSON)
def command(where: Where, output: str, *, watch: bool) -> int:
    """What is going on: the last run, whose it is, where it is, what is exposed; then the sessions.

    Sessions expected against sessions seen, asked of the nodes; exit code 2 where they differ. On a live cluster this
    makes short-lived CalicoNodeStatus objects and runs `birdcl` in calico-node pods.
    """
    cluster = where.cluster()
    if not watch:
        seen, now = _seen(cluster), cluster.clock.wall()
        say(_json(seen, cluster, now, indent=2) if output == JSON else _text(seen, cluster, where, now))
        return ExitCode.DIFFERENT if seen.short else ExitCode.DONE
    draws = output == TERMINAL and sys.stdout.isatty()
    if draws:
        click.clear()
    last = ""
    while True:
        seen, now = _seen(cluster), cluster.clock.wall()
        # That time passes is no change.
        text = _text(seen, cluster, where)
        if draws:
            redraw(f"{_stamp(now)}, again every {WATCH_SECONDS} s; Ctrl-C ends it\n{_text(seen, cluster, where, now)}")
        elif text != last:
            if output == JSON:
                say(_json(seen, cluster, now, indent=None))
            else:
                say(f"{_stamp(now)}\n{_text(seen, cluster, where, now)}")
        last = text
        cluster.clock.sleep(WATCH_SECONDS)


def _stamp(now: datetime) -> str:
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def _seen(cluster: Cluster) -> _Seen:
    from rrplan import operations

    run, problem = None, ""
    try:
        run = operations.sighted(cluster) if cluster.runs.runs() else None
    except RRPlanError as error:
        problem = f"{shown(error)}\nhint: {one_line(error.hint)}" if error.hint else shown(error)
    waiting = operations.waiting_for(run, cluster) if run is not None else None
    tables = operations.left_tables(cluster, run) if run is not None else ()
    return _Seen(run, waiting, problem, operations.standings(cluster), tables)


def _text(seen: _Seen, cluster: Cluster, where: Where, now: datetime | None = None) -> str:
    from rrplan.render.record import record_text
    from rrplan.render.run import tables_left_text
    from rrplan.render.standing import standing_text

    if seen.problem:
        about = f"cluster {cluster.name}: the last run cannot be read\n{seen.problem}"
    elif seen.run is None:
        about = f"cluster {cluster.name}: no run is known"
    else:
        about = record_text(seen.run, seen.waiting, cluster.name, where.words, now)
    if seen.tables:
        about = f"{about}\n{tables_left_text(seen.tables)}"
    return f"{about}\n\n{standing_text(seen.standings)}"


def _json(seen: _Seen, cluster: Cluster, now: datetime, indent: int | None) -> str:
    from rrplan.render.record import record_json
    from rrplan.render.standing import standing_json

    document = {
        "format_version": JSON_VERSION,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "cluster": cluster.name,
        "run": record_json(seen.run, seen.waiting, now) if seen.run is not None else None,
        "problem": seen.problem,
        "sessions": [standing_json(standing) for standing in seen.standings],
        "fallback_tables": list(seen.tables),
    }
    return json.dumps(document, indent=indent, ensure_ascii=False)
