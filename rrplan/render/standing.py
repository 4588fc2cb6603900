"""Sessions expected against sessions seen, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rrplan.render.facts import fields_json
from rrplan.render.run import node_short_text
from rrplan.reports.standing import Standing
from rrplan.text import one_line, wrapped

HEAD = ("REFLECTOR", "FAMILY", "NODES", "COMPLETE", "")


def standing_text(standings: Sequence[Standing], width: int = 80) -> str:
    """One row for each reflector and family, the mesh last; what is missing at the end of its row, or below it."""
    if not standings:
        return "no session between nodes is expected"
    rows = [HEAD]
    for standing in standings:
        more = node_short_text(standing.short) if standing.short else ""
        counts = str(standing.expected), str(standing.complete)
        rows.append((standing.reflector or "(mesh)", standing.family, *counts, more))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for reflector, family, nodes, complete, more in rows:
        cells = (
            reflector.ljust(widths[0]),
            family.ljust(widths[1]),
            nodes.rjust(widths[2]),
            complete.rjust(widths[3]),
        )
        row = one_line("  ".join(cells))
        if len(row) + 2 + len(more) > width:
            lines += [row, *wrapped(more, width, "    ")]
        else:
            lines.append(one_line(f"{row}  {more}".rstrip()))
    return "\n".join(lines)


def standing_json(standing: Standing) -> dict[str, object]:
    """One row as JSON has it: the fields, and `why` in a sentence, "" where nothing is missing."""
    return {"why": node_short_text(standing.short) if standing.short else "", **fields_json(standing)}
