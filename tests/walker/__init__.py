"""A second opinion on plans: walked change by change, and judged by another speaker.

Nothing here imports `rrplan.bgp`, `rrplan.plans` or what they rest on: sessions of Calico v3.30, reflection and
what a plan may lose are stated again, node by node and session by session, in every world that a doubt leaves open.
"""
