"""`rrplan verify SPEC`."""

from __future__ import annotations

import json

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import JSON, JSON_VERSION, TERMINAL, with_output
from rrplan.cli.running import Where, with_cluster
from rrplan.cli.say import say, say_line
from rrplan.cli.sources import spec_from
from rrplan.exit_codes import ExitCode
from rrplan.render.detail import Detail


@click.command("verify")
@click.argument("spec")
@with_cluster
@ALL
@click.option("--no-sessions", is_flag=True, help="Compare the objects only; ask no node.")
@with_output(TERMINAL, JSON)
def command(spec: str, where: Where, output: str, detail: Detail, *, no_sessions: bool) -> int:
    """Is the cluster exactly as a spec says, down to sessions and routes? Changes nothing; exit code 2 where not."""
    from rrplan import operations
    from rrplan.render.checks import sentence
    from rrplan.render.facts import fields_json
    from rrplan.render.folding import folded_lines, folded_names
    from rrplan.render.routes import missing_text
    from rrplan.render.run import difference_text, tables_left_text
    from rrplan.render.standing import standing_json, standing_text

    verdict = operations.verify(spec_from(spec), where.cluster(), sessions=not no_sessions)
    if output == JSON:
        document = {
            "format_version": JSON_VERSION,
            "as_specified": verdict.good,
            "drift": [difference_text(difference) for difference in verdict.drift],
            "differences": [fields_json(difference) for difference in verdict.drift],
            "missing_routes": [missing_text(missing) for missing in verdict.missing],
            "other_missing_routes": [missing_text(missing) for missing in verdict.others],
            "down": list(verdict.down),
            "left_by_others": [fields_json(finding) for finding in verdict.left],
            "sessions": [standing_json(standing) for standing in verdict.sessions],
            "fallback_tables": list(verdict.tables),
        }
        say(json.dumps(document, indent=2))
        return ExitCode.DONE if verdict.good else ExitCode.DIFFERENT
    others = [f"not a matter of this spec: {missing_text(missing)}" for missing in verdict.others]
    for texts, what in (
        ([*map(difference_text, verdict.drift)], "more differences"),
        ([*map(missing_text, verdict.missing)], "more missing routes"),
        (others, "more missing routes that are not a matter of this spec"),
    ):
        for text in folded_lines(texts, detail, what):
            say_line(text)
    for finding in verdict.left:
        say_line(f"no difference: {sentence(finding)}")
    if verdict.tables:
        say_line(tables_left_text(verdict.tables))
    if verdict.down:
        say_line(f"down, and not asked: {folded_names(verdict.down, detail)}")
    if verdict.sessions:
        say(standing_text(verdict.sessions))
    if verdict.good:
        say("the cluster is as the spec says" + ("" if verdict.sessions else "; no node was asked"))
        return ExitCode.DONE
    if verdict.drift:
        say("the cluster is not as the spec says; `rrplan plan` shows the way there")
    elif verdict.missing:
        say("the objects are as the spec says, and nodes that it connects miss routes; the spec must say more")
    elif verdict.tables:
        say("the objects are as the spec says, and fallback tables of the last run are left")
    else:
        say("the objects are as the spec says, and not every session is up")
    return ExitCode.DIFFERENT
