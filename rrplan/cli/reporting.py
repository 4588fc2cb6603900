"""What `report` and `bundle` share: the state that a plan begins with, and the HTML of a plan."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rrplan.cli.sources import Source, note, read
from rrplan.errors import UsageProblem
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan.bgp.profile import Versions
    from rrplan.plans import Plan
    from rrplan.reports.record import RunRecord
    from rrplan.resources import ClusterState

NO_STATE = "the pictures show what the plan itself names"


def plan_from(name: str) -> tuple[Plan, bytes]:
    """A plan file, and its bytes; raises UsageProblem for what is no plan."""
    from rrplan.plans import is_plan, read_plan

    data = read(name)
    if not is_plan(data):
        raise UsageProblem(f"{one_line(name)} is no plan file", hint="`rrplan plan SPEC --out plan.json` writes one")
    return read_plan(data, name)[0], data


def start_of(plan: Plan, source: Source) -> tuple[ClusterState, Versions] | None:
    """The state that a plan begins with, from the cluster that is given; None without one, or where it is another."""
    from rrplan.bgp.profile import calico_versions
    from rrplan.planning.beginning import beginning

    if not source.given:
        return None
    state = source.snapshot().state
    versions = calico_versions(state, source.version)
    found = beginning(plan, state, versions)
    if found is None:
        note(f"the cluster is neither as it was when the plan was made nor as the plan leaves it: {NO_STATE}")
        return None
    return found, versions


def html_of(plan: Plan, start: tuple[ClusterState, Versions] | None, record: RunRecord | None, where: str) -> str:
    """The file as text."""
    from rrplan.planning.picture import picture
    from rrplan.planning.sketch import sketch
    from rrplan.render.report.contents import Told, report, stops
    from rrplan.render.report.happened import run_part
    from rrplan.render.report.html import report_html

    ends = stops(plan)
    drawn = picture(plan, *start, ends) if start else sketch(plan, ends)
    return report_html(report(plan, Told(drawn, run_part(record, where) if record else None, _made_by())))


def _made_by() -> str:
    try:
        return f"rrplan {version('rrplan')}"
    except PackageNotFoundError:
        return "rrplan"
