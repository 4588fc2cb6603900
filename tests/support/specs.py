"""Specs that several tests share."""

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

FALLBACK = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: test}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  policy: {inUse: fallback-table}
"""
"""Two nodes in use become reflectors; fallback tables carry their routes."""
