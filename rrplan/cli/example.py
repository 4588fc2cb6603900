"""Clusters to try on, in the words of kubectl and calicoctl: they come with the package."""

from __future__ import annotations

from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rrplan.adapters.local.files import read_bytes, write_atomically
from rrplan.cli.say import say_line
from rrplan.errors import UsageProblem
from rrplan.text import one_line

EXAMPLES = ("kubeadm", "racks", "ucp")
FILES = ("kubernetes.yaml", "calico.yaml")


def folder() -> Traversable:
    """Where they are: in the package or, in a source tree, beside it."""
    package = files("rrplan")
    packed = package.joinpath("examples")
    return packed if packed.is_dir() else package.joinpath("..", "fixtures", "clusters")


def write_example(name: str, place: Path) -> tuple[str, ...]:
    """Write the files of an example into a directory, over nothing else; the names of the files."""
    if name not in EXAMPLES:
        close = get_close_matches(name, EXAMPLES, n=1)
        known = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(EXAMPLES)}"
        raise UsageProblem(f"`{one_line(name)}` is no example", hint=known)
    texts = {file: folder().joinpath(name, file).read_bytes() for file in FILES}
    for file, text in texts.items():
        path = place / file
        if path.is_dir() or (path.exists() and read_bytes(path) != text):
            raise UsageProblem(
                f"{file} is there and is not that of the example {name}: it is not overwritten",
                hint="go to an empty directory, or remove it first",
            )
    for file, text in texts.items():
        write_atomically(place / file, text)
    say_line(f"wrote {' and '.join(FILES)}: what kubectl and calicoctl say of the cluster {name}", err=True)
    return FILES
