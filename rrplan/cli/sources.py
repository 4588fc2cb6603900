"""Where the state comes from, for every verb: `-f`, `--snapshot` or `--sandbox`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from rrplan.adapters.files import read_bytes
from rrplan.errors import UsageProblem
from rrplan.resources import CalicoVersion
from rrplan.sandbox import Fault, Sandbox, parse_fault
from rrplan.snapshots import Snapshot, capture, read_snapshot, snapshot_of_manifests
from rrplan.specs import Spec, load

Command = TypeVar("Command", bound=Callable[..., Any])


def with_state(command: Command) -> Command:
    """Add the options that say where the state comes from."""
    for option in (
        click.option("--calico-version", metavar="V", help="Calico's version, where the input does not say it."),
        click.option("--sandbox", metavar="DIR", help="An embedded cluster."),
        click.option("--snapshot", metavar="FILE", help="A file that `rrplan snapshot` wrote."),
        click.option(
            "-f",
            "--filename",
            "manifests",
            metavar="FILE",
            multiple=True,
            help="Output of `kubectl get -o yaml|json` or `calicoctl get -o yaml|json`; may be repeated, `-` is stdin.",
        ),
    ):
        command = option(command)
    return command


def snapshot_from(manifests: Sequence[str], snapshot: str | None, sandbox: str | None) -> Snapshot:
    """The Snapshot of exactly one source; raises UsageProblem for none or several."""
    given = [name for name, value in (("-f", manifests), ("--snapshot", snapshot), ("--sandbox", sandbox)) if value]
    if len(given) != 1:
        what = "no cluster is given" if not given else f"{' and '.join(given)} exclude one another"
        raise UsageProblem(what, hint="give one of `-f FILE`, `--snapshot FILE` or `--sandbox DIR`")
    if snapshot:
        return read_snapshot(read(snapshot), snapshot)
    if sandbox:
        return capture(Sandbox.open(Path(sandbox)))
    found = snapshot_of_manifests([(name, read(name)) for name in manifests])
    for notice in found.notices:
        click.echo(f"notice: {notice}", err=True)
    return found


def read(name: str) -> bytes:
    """A file, or stdin for `-`."""
    return sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))


def spec_from(name: str) -> Spec:
    """The spec of a file; raises SpecError."""
    return load(read(name), name)


def version_from(text: str | None) -> CalicoVersion | None:
    """A version from the command line; raises UsageProblem."""
    if text is None:
        return None
    version = CalicoVersion.parse(text)
    if version is None:
        raise UsageProblem(f"`{text}` is no Calico version", hint="write it like `v3.30.4`")
    return version


def faults_from(texts: Sequence[str]) -> list[Fault]:
    """The faults of the command line."""
    return [parse_fault(text) for text in texts]
