"""The resources in etcd where only calicoctl may reach them: how it is called, and what its words mean.

calicoctl has one exit code for all failures; a write counts as made or not made only where its words are certain.
"""
