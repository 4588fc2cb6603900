"""Reports for tests: of a plan from a small or a large cluster, with and without the cluster."""

from __future__ import annotations

from rrplan import api
from rrplan.bgp.profile import calico_versions
from rrplan.planning.picture import Picture, picture
from rrplan.planning.sketch import sketch
from rrplan.plans import Plan
from rrplan.render.report.contents import Told, report, stops
from rrplan.render.report.document import Report
from rrplan.render.report.html import report_html
from rrplan.resources import ClusterState
from rrplan.sandbox import demo_cluster
from rrplan.snapshots import Snapshot
from rrplan.snapshots.snapshot import state_of
from rrplan.specs import load

DRAINED = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups:
    - name: main
      nodes: {selector: role == 'rr', count: 6, spreadOver: topology.kubernetes.io/zone}
  dedicated: true
  drain: true
  policy: {zoneResilience: true}
"""


def demo(nodes: int) -> tuple[Plan, Snapshot]:
    """The plan of the demo for a cluster of so many nodes, and its snapshot."""
    snapshot = Snapshot(state_of(demo_cluster(nodes)))
    return api.plan(load(DRAINED.encode(), "spec.yaml"), snapshot), snapshot


def drawn(plan: Plan, state: ClusterState | None) -> Picture:
    """What a report draws of a plan."""
    ends = stops(plan)
    return sketch(plan, ends) if state is None else picture(plan, state, calico_versions(state), ends)


def document(plan: Plan, state: ClusterState | None = None) -> Report:
    """What a report says."""
    return report(plan, Told(drawn(plan, state), None, "rrplan"))


def page(plan: Plan, state: ClusterState | None = None) -> str:
    """The HTML."""
    return report_html(document(plan, state))
