"""Sessions expected against sessions seen, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rrplan.runs.standing import Standing

HEAD = ("REFLECTOR", "FAMILY", "NODES", "COMPLETE", "")


def standing_text(found: Sequence[Standing]) -> str:
    """One row for each reflector and family, the mesh last; what is missing at the end of its row."""
    if not found:
        return "no session between nodes is expected"
    rows = [HEAD]
    for one in found:
        more = "" if one.complete == one.expected else one.why
        rows.append((one.reflector or "(mesh)", one.family, str(one.expected), str(one.complete), more))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for reflector, family, nodes, complete, more in rows:
        cells = (
            reflector.ljust(widths[0]),
            family.ljust(widths[1]),
            nodes.rjust(widths[2]),
            complete.rjust(widths[3]),
            more,
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
