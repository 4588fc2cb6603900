"""The API server: Kubernetes' objects and Calico's in it, the Lease that locks a run, runs kept as ConfigMaps.

Each error says whether the request was processed, was not, or may have been; only reads are repeated unasked.
"""
