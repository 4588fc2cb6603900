"""The embedded cluster: Kubernetes and Calico objects in a directory, whose sessions go down and come up.

Objects behave (resource versions, conflicts, refusals), time is simulated and kept, faults are switched on by
name. It is no judge of the model: it uses the same one; real BIRD is the judge.
"""

from rrplan.sandbox.build import demo_cluster, ucp_cluster
from rrplan.sandbox.cluster import Sandbox
from rrplan.sandbox.faults import Fault, parse_fault

__all__ = ["Fault", "Sandbox", "demo_cluster", "parse_fault", "ucp_cluster"]
