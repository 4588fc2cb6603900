"""rrplan: move a Calico cluster between BGP topologies without losing a route.

`plan`, `apply`, `resume` and `rollback` are the whole public surface; everything else is reached through the
values they take and return. Importing this package costs nothing: they are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["apply", "plan", "resume", "rollback"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("rrplan.api"), name)
    if name == "__version__":
        return import_module("importlib.metadata").version("rrplan")
    raise AttributeError(f"module 'rrplan' has no attribute {name!r}")
