"""Clusters whose Calico keeps its resources in etcd: its keys, its answers, and both halves of each node.

Each write to etcd is one transaction at a version, in the bytes that Calico's own client would write.
"""
