"""`--all`: the one word that unfolds what a verb has folded."""

from __future__ import annotations

import click

from rrplan.render.detail import Detail

ALL = click.option(
    "--all",
    "detail",
    is_flag=True,
    callback=lambda _context, _option, given: Detail.ALL if given else Detail.FOLDED,
    help="Show everything by itself, however alike it is.",
)
