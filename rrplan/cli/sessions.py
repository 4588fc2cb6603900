"""`rrplan sessions`."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING

import click

from rrplan.cli.detail import ALL
from rrplan.cli.output import JSON, TERMINAL, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import Source, note, with_state
from rrplan.errors import UsageProblem
from rrplan.ids import NodeName
from rrplan.render.detail import Detail

if TYPE_CHECKING:
    from rrplan.bgp.model import Model
    from rrplan.bgp.sessions import Session, Speakers


@click.command("sessions")
@with_state
@click.option("--node", metavar="N", help="Of one node only.")
@click.option("--summary", is_flag=True, help="Only how many there are.")
@ALL
@with_output(TERMINAL, JSON)
def command(
    source: Source,
    node: str | None,
    output: str,
    detail: Detail,
    *,
    summary: bool,
) -> None:
    """Every BGP protocol that Calico renders, and whether it comes up."""
    from rrplan.bgp.left_out import left_out
    from rrplan.bgp.model import Model
    from rrplan.bgp.profile import calico_versions, profile_for
    from rrplan.bgp.session_counts import count_sessions, counted
    from rrplan.bgp.sessions import Speakers
    from rrplan.render.folding import FOLDED
    from rrplan.render.sessions import (
        folded_sessions_text,
        sessions_json,
        sessions_summary,
        sessions_summary_text,
        sessions_text,
    )

    state = source.snapshot().state
    versions = calico_versions(state, source.version)
    speakers = Speakers.of(state, versions)
    if node is not None and node not in speakers.by_name:
        close = difflib.get_close_matches(node, speakers.by_name, n=1)
        raise UsageProblem(f"node `{node}` does not exist", hint=f"did you mean `{close[0]}`?" if close else "")
    if speakers.rules.settings.idle:
        note(f"BGP does not run here: {speakers.rules.settings.idle}")
    profile = profile_for(versions.of(NodeName(node)) if node else versions.default)
    for _, peer in sorted(state.peers.items()):
        notice = left_out(peer, profile)
        if notice:
            note(notice)
    version = str(versions.of(NodeName(node)) if node else versions.default)
    if summary:
        counts = counted(speakers.sessions(NodeName(node))) if node else count_sessions(speakers)
        told = sessions_summary(version, counts)
        say(json.dumps(told, indent=2) + "\n" if output == JSON else sessions_summary_text(told), nl=False)
        return
    if output == TERMINAL and detail is Detail.FOLDED and (node or len(speakers.by_name) > FOLDED):
        examples = [(NodeName(node), 1)] if node else nodes_alike(Model(state, versions))
        for part in folded_sessions_text(_told_apart(speakers, examples)):
            say(part, nl=False)
        return
    rows = speakers.sessions(NodeName(node)) if node else speakers.all_sessions()
    for part in sessions_json(version, rows) if output == JSON else sessions_text(rows):
        say(part, nl=False)


def nodes_alike(model: Model) -> list[tuple[NodeName, int]]:
    """The first node of each class that no rule tells apart, in the order of names, and how many the class has."""
    return sorted((min(names), len(names)) for names in model.population.classes.values())


def _told_apart(speakers: Speakers, examples: list[tuple[NodeName, int]]) -> list[tuple[list[Session], int]]:
    """The sessions of the first of all nodes whose sessions read alike, and how many nodes these are."""
    from rrplan.render.sessions import shape_of

    told: dict[frozenset[tuple[object, ...]], tuple[list[Session], int]] = {}
    for name, count in examples:
        sessions = speakers.sessions(name)
        if sessions:
            first, before = told.get(shape := shape_of(sessions), (sessions, 0))
            told[shape] = first, before + count
    return [*told.values()]
