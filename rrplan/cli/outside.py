"""`rrplan outside SPEC`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from rrplan.cli.output import BIRD, FRR, JSON, JSON_VERSION, JUNOS, TERMINAL, with_output
from rrplan.cli.say import say
from rrplan.cli.sources import Source, spec_from, with_state
from rrplan.errors import UsageProblem

if TYPE_CHECKING:
    from rrplan.planning.counterparts import Counterpart


@click.command("outside")
@click.argument("spec")
@with_state
@click.option("--name", metavar="NAME", help="Only this speaker of `outside`.")
@with_output(TERMINAL, JSON, BIRD, FRR, JUNOS)
def command(spec: str, source: Source, name: str | None, output: str) -> None:
    """What each speaker in `outside` of a spec must have configured once the spec is carried out.

    Every node that peers with it, by address and AS number, and whether it is a client; as a table, or as a beginning
    for the configuration of BIRD 2, FRR or Junos. Passwords are named by their Secret, never shown.
    """
    from rrplan.bgp.profile import calico_versions
    from rrplan.planning.counterparts import counterparts
    from rrplan.render.outside import CONFIGURATIONS, counterpart_json, counterparts_text

    wanted = spec_from(spec)
    known = [speaker.name for speaker in wanted.outside]
    if not known:
        raise UsageProblem(f"{spec} names no speakers in `outside`", hint="add those that have a part to play")
    if name is not None and name not in known:
        raise UsageProblem(f"`outside` has no speaker `{name}`", hint=f"it has {', '.join(known)}")
    state = source.snapshot().state
    every = counterparts(wanted, state, calico_versions(state, source.version))
    chosen: list[Counterpart] = [each for each in every if name in (None, each.role.name)]
    if output == JSON:
        document = {"format_version": JSON_VERSION, "outside": [counterpart_json(each) for each in chosen]}
        say(json.dumps(document, indent=2, ensure_ascii=False))
    elif output == TERMINAL:
        say(counterparts_text(chosen), nl=False)
    else:
        say("\n".join(CONFIGURATIONS[output](each) for each in chosen), nl=False)
