"""Where the state comes from, for every verb: `-f`, `--snapshot`, `--sandbox`, or a live cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from rrplan.adapters.local.files import read_bytes
from rrplan.cli.colour import painter
from rrplan.cli.live import with_live
from rrplan.cli.say import say
from rrplan.errors import DatastoreError, UsageProblem
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan.plans import Plan
    from rrplan.resources import CalicoVersion
    from rrplan.sandbox import Fault
    from rrplan.snapshots import Snapshot
    from rrplan.specs import Spec
    from rrplan.wiring import LiveOptions


def note(text: str) -> None:
    """Tell the operator something on stderr."""
    say(f"{painter(sys.stderr)('notice:', 'yellow')} {one_line(text)}", err=True, painted=True)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the state of a cluster comes from, as the command line said it."""

    manifests: tuple[str, ...]
    snapshot_file: str | None
    sandbox: str | None
    live: LiveOptions
    calico_version: str | None

    @property
    def given(self) -> bool:
        """Whether any source is named."""
        return bool(self.manifests or self.snapshot_file or self.sandbox or self.live.given)

    @property
    def words(self) -> str:
        """The words that name it, for a command that is to be typed."""
        named = [
            *(("-f", name) for name in self.manifests),
            ("--snapshot", self.snapshot_file),
            ("--sandbox", self.sandbox),
        ]
        named.append(("--calico-version", self.calico_version))
        files = " ".join(f"{option} {quote(value)}" for option, value in named if value)
        return " ".join(filter(None, [files, self.live.words if self.live.given else ""]))

    def snapshot(self) -> Snapshot:
        """The Snapshot of exactly one source; raises UsageProblem for none or several.

        What a reader should know of it goes to stderr.
        """
        from rrplan.snapshots.ignored import ignored

        found = self._read()
        for notice in (*found.notices, *ignored(found.state)):
            note(notice)
        return found

    def _read(self) -> Snapshot:
        from rrplan.sandbox import Sandbox
        from rrplan.snapshots import capture, read_snapshot, snapshot_of_manifests

        named = (("-f", self.manifests), ("--snapshot", self.snapshot_file), ("--sandbox", self.sandbox))
        given = [name for name, value in (*named, ("--context", self.live.given)) if value]
        if len(given) != 1:
            what = "no cluster is given" if not given else f"{' and '.join(given)} exclude one another"
            raise UsageProblem(
                what, hint="give one of `-f FILE`, `--snapshot FILE`, `--sandbox DIR` or `--context NAME`"
            )
        if self.snapshot_file:
            return read_snapshot(read(self.snapshot_file), self.snapshot_file)
        if self.sandbox:
            return capture(Sandbox.open(Path(self.sandbox)))
        if self.live.given:
            return self._live()
        return snapshot_of_manifests([(name, read(name)) for name in self.manifests])

    def _live(self) -> Snapshot:
        from rrplan.adapters.local.clock import SystemClock, timestamp
        from rrplan.snapshots import capture

        connection = self.live.connection()
        snapshot = capture(connection.datastore, timestamp(SystemClock().wall()))
        return replace(snapshot, name=self.live.context or "", server=connection.server.name)

    def observed(self, made: Plan, snapshot: Snapshot) -> Plan:
        """The plan with what the nodes of a live cluster say of their sessions; as it is where nobody can be asked."""
        from rrplan import operations

        if not self.live.given:
            return made
        try:
            return operations.observed(made, snapshot, self.live.cluster(note).probe, version=self.version)
        except DatastoreError as error:
            note(f"no node was asked for its sessions: {error}")
            return made

    def review(self, made: Plan) -> None:
        """Tell what only a live cluster can say about a plan; raises PreflightError where it would be no use."""
        from rrplan.runs.preflight import Situation, check_when_planned

        if self.live.given:
            cluster = self.live.cluster(note)
            check_when_planned(cluster.checks, Situation(made, cluster.datastore, cluster.probe), cluster.tell)

    def tell_unfinished(self) -> None:
        """Tell of a run that stopped on this cluster, where it is one that runs are known of."""
        from rrplan import operations, wiring
        from rrplan.render.record import unfinished_text
        from rrplan.sandbox import Sandbox

        if self.sandbox:
            cluster = wiring.embedded(Sandbox.open(Path(self.sandbox)), Path(self.sandbox))
        elif self.live.given:
            cluster = self.live.cluster(note)
        else:
            return
        left = operations.unfinished(cluster)
        if left is not None:
            note(unfinished_text(left))

    @property
    def version(self) -> CalicoVersion | None:
        """The version that was told, if any; raises UsageProblem."""
        from rrplan.resources import CalicoVersion

        if self.calico_version is None:
            return None
        version = CalicoVersion.parse(self.calico_version)
        if version is None:
            raise UsageProblem(f"`{self.calico_version}` is no Calico version", hint="write it like `v3.30.4`")
        return version


def with_state(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the state comes from; the command gets them as `source`."""

    @wraps(command)
    def sourced(
        manifests: tuple[str, ...],
        snapshot_file: str | None,
        sandbox: str | None,
        live: LiveOptions,
        calico_version: str | None,
        **rest: object,
    ) -> object:
        source = Source(manifests, snapshot_file, sandbox, live, calico_version)
        return command(source=source, **rest)

    with_options: Callable[..., Any] = sourced
    for option in (
        click.option("--calico-version", metavar="V", help="Calico's version, where the input does not say it."),
        with_live,
        click.option("--sandbox", metavar="DIR", help="An embedded cluster."),
        click.option("--snapshot", "snapshot_file", metavar="FILE", help="A file that `rrplan snapshot` wrote."),
        click.option(
            "-f",
            "--filename",
            "manifests",
            metavar="FILE",
            multiple=True,
            help="Output of `kubectl get -o yaml|json` or `calicoctl get -o yaml|json`; may be repeated, `-` is stdin.",
        ),
    ):
        with_options = option(with_options)
    return with_options


def read(name: str) -> bytes:
    """A file, or stdin for `-`."""
    return sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))


def spec_from(name: str) -> Spec:
    """The spec of a file; raises SpecError."""
    from rrplan.specs import load

    return load(read(name), name)


def faults_from(texts: Sequence[str]) -> list[Fault]:
    """The faults of the command line."""
    from rrplan.sandbox import parse_fault

    return [parse_fault(text) for text in texts]
