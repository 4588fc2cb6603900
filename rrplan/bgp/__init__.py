"""BGP as Calico sets it up: which sessions the nodes have, which routes they carry, what a change cuts. Pure.

Given the objects of a cluster and the Calico version of each node, this package answers which node holds whose routes,
for certain or possibly. It reads nothing, waits for nothing, and knows neither specs nor plans.
"""
