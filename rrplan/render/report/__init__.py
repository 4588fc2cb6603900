"""A plan, and a run of it, as one HTML file for those who decide.

`document` has what is said, as values; `contents` says it of a plan, `happened` of a run; `topology` and `order` lay
the pictures out; `html` puts everything into templates. Nothing here reads a file or asks a cluster.
"""
