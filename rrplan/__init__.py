"""rrplan: move a Calico cluster between BGP topologies without losing a route.

`import rrplan` offers the verbs and the types and errors that they need: see `rrplan.api`. Importing this package costs
nothing: what it offers is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rrplan.api import *  # noqa: F403  # type checkers see what `__getattr__` finds


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("rrplan")
    api = import_module("rrplan.api")
    if name == "__all__":
        return api.__all__
    if name in api.__all__:
        return getattr(api, name)
    raise AttributeError(f"module 'rrplan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*import_module("rrplan.api").__all__]
