"""Pictures of the documents, made from real plans and real screens.

`make pictures` writes those that stand in docs/images; `make screenshots` takes those that people look at before a
release.
"""
