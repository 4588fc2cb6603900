"""Specs that several tests share."""

from tests.support.bench import SPEC

STANDALONE = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: ucp}
spec:
  topology: route-reflectors
  flavor: standalone
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""
"""Reflectors in containers of their own, where Calico uses etcd."""

FALLBACK = SPEC.replace("drain: true", "policy: {inUse: fallback-table}")
"""Two nodes in use become reflectors; fallback tables carry their routes."""
