"""`rrplan sessions`."""

from __future__ import annotations

import difflib
import json

import click

from rrplan.bgp.left_out import left_out
from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions, profile_for
from rrplan.bgp.session_counts import count_sessions, counted
from rrplan.bgp.sessions import Session, Speakers
from rrplan.cli.detail import ALL
from rrplan.cli.output import say, say_line
from rrplan.cli.sources import Source, with_state
from rrplan.errors import UsageProblem
from rrplan.ids import NodeName
from rrplan.render.folding import FOLDED, Detail
from rrplan.render.sessions import (
    folded_sessions_text,
    sessions_json,
    sessions_summary,
    sessions_summary_text,
    sessions_text,
    shape_of,
)


@click.command("sessions")
@with_state
@click.option("--node", metavar="N", help="Of one node only.")
@click.option("--summary", is_flag=True, help="Only how many there are.")
@ALL
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="The format.")
def command(
    source: Source,
    node: str | None,
    output: str,
    detail: Detail,
    *,
    summary: bool,
) -> None:
    """Every BGP protocol that Calico renders, and whether it comes up."""
    state = source.snapshot().state
    versions = calico_versions(state, source.version)
    speakers = Speakers.of(state, versions)
    if node is not None and node not in speakers.by_name:
        close = difflib.get_close_matches(node, speakers.by_name, n=1)
        raise UsageProblem(f"node `{node}` does not exist", hint=f"did you mean `{close[0]}`?" if close else "")
    if speakers.rules.settings.idle:
        say_line(f"notice: BGP does not run here: {speakers.rules.settings.idle}", err=True)
    profile = profile_for(versions.of(NodeName(node)) if node else versions.default)
    for _, peer in sorted(state.peers.items()):
        notice = left_out(peer, profile)
        if notice:
            say_line(f"notice: {notice}", err=True)
    version = str(versions.of(NodeName(node)) if node else versions.default)
    if summary:
        counts = counted(speakers.sessions(NodeName(node))) if node else count_sessions(speakers)
        told = sessions_summary(version, counts)
        say(json.dumps(told, indent=2) + "\n" if output == "json" else sessions_summary_text(told), nl=False)
        return
    if output == "table" and detail is Detail.FOLDED and (node or len(speakers.by_name) > FOLDED):
        examples = [(NodeName(node), 1)] if node else nodes_alike(Model(state, versions))
        for part in folded_sessions_text(_told_apart(speakers, examples)):
            say(part, nl=False)
        return
    rows = speakers.sessions(NodeName(node)) if node else speakers.all_sessions()
    for part in sessions_json(version, rows) if output == "json" else sessions_text(rows):
        say(part, nl=False)


def nodes_alike(model: Model) -> list[tuple[NodeName, int]]:
    """The first node of each class that no rule tells apart, in the order of names, and how many the class has."""
    return sorted((min(names), len(names)) for names in model.population.classes.values())


def _told_apart(speakers: Speakers, examples: list[tuple[NodeName, int]]) -> list[tuple[list[Session], int]]:
    """The sessions of the first of all nodes whose sessions read alike, and how many nodes these are."""
    told: dict[frozenset[tuple[object, ...]], tuple[list[Session], int]] = {}
    for name, count in examples:
        sessions = speakers.sessions(name)
        if sessions:
            first, before = told.get(shape := shape_of(sessions), (sessions, 0))
            told[shape] = first, before + count
    return [*told.values()]
