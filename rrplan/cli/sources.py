"""Where the state comes from, for every verb: `-f`, `--snapshot`, `--sandbox`, or a live cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from rrplan import operations
from rrplan.adapters.local.clock import SystemClock, timestamp
from rrplan.adapters.local.files import read_bytes
from rrplan.errors import DatastoreError, UsageProblem
from rrplan.plans import Plan
from rrplan.render.run import kept_text
from rrplan.resources import CalicoVersion
from rrplan.runs.gates import undrainable
from rrplan.sandbox import Fault, Sandbox, parse_fault
from rrplan.snapshots import Snapshot, capture, read_snapshot, snapshot_of_manifests
from rrplan.snapshots.ignored import ignored
from rrplan.specs import Spec, load
from rrplan.wiring import LiveOptions

AS = click.option("--as", "impersonated", metavar="USER", help="A live cluster: act as this user.")
CALICO_CONFIG = click.option(
    "--calico-config", metavar="FILE", help="A live cluster whose Calico uses etcd: calicoctl's configuration file."
)


CALICOCTL = click.option(
    "--calicoctl",
    metavar="COMMAND",
    help="The same by way of calicoctl: what calls it, such as `ssh manager calicoctl`, or `ucp`.",
)


def check_live(live: LiveOptions) -> None:
    """Raise UsageProblem where Calico's data is named twice, or without a cluster."""
    given = [
        name for name, value in (("--calico-config", live.calico_config), ("--calicoctl", live.calicoctl)) if value
    ]
    if len(given) == 2:
        raise UsageProblem("`--calico-config` and `--calicoctl` exclude one another", hint="give one way to etcd")
    if given and not live.given:
        hint = "give `--context NAME` too; with etcd both are read"
        raise UsageProblem(f"`{given[0]}` says where Calico's data is, not which cluster", hint=hint)


def note(text: str) -> None:
    """Tell the operator something on stderr."""
    click.echo(f"notice: {text}", err=True)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the state of a cluster comes from, as the command line said it."""

    manifests: tuple[str, ...]
    snapshot_file: str | None
    sandbox: str | None
    live: LiveOptions
    calico_version: str | None

    def snapshot(self) -> Snapshot:
        """The Snapshot of exactly one source; raises UsageProblem for none or several.

        What a reader should know of it goes to stderr.
        """
        found = self._read()
        for notice in (*found.notices, *ignored(found.state)):
            note(notice)
        return found

    def _read(self) -> Snapshot:
        named = (("-f", self.manifests), ("--snapshot", self.snapshot_file), ("--sandbox", self.sandbox))
        given = [name for name, value in (*named, ("--context", self.live.given)) if value]
        check_live(self.live)
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
        datastore = self.live.connection().datastore
        taken = capture(datastore, timestamp(SystemClock().wall()))
        return replace(taken, notices=tuple(datastore.notices))

    def observed(self, made: Plan, snapshot: Snapshot) -> Plan:
        """The plan with what the nodes of a live cluster say of their sessions; as it is where nobody can be asked."""
        if not self.live.given:
            return made
        try:
            return operations.observed(made, snapshot, self.live.cluster(note).probe, version=self.version)
        except DatastoreError as error:
            note(f"no node was asked for its sessions: {error}")
            return made

    def review(self, made: Plan) -> list[str]:
        """What only a live cluster can say about a plan: rights that this account lacks, and who else applies."""
        if not self.live.given:
            return []
        from rrplan.adapters.kubernetes.containers import check_containers
        from rrplan.adapters.kubernetes.rights import lacking, rights
        from rrplan.adapters.kubernetes.server import Forbidden

        connection = self.live.connection()
        check_containers(connection.server, made)
        missing = lacking(connection.server, rights(made, connection.group))
        told = [f"this account may not {right}, so it cannot apply this plan" for right in missing]
        if not missing:
            told += [f"a drain would be refused: {kept_text(pod)}" for pod in undrainable(made, connection.datastore)]
        try:
            told += connection.datastore.owners([change.key for _, change in made.writes])
        except Forbidden as error:
            told.append(f"not known: who else applies these objects; {error}")
        return told

    @property
    def version(self) -> CalicoVersion | None:
        """The version that was told, if any; raises UsageProblem."""
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
        kubeconfig: str | None,
        context: str | None,
        calico_version: str | None,
        impersonated: str | None,
        calico_config: str | None,
        calicoctl: str | None,
        **rest: object,
    ) -> object:
        live = LiveOptions(kubeconfig, context, impersonated, calico_config, calicoctl)
        source = Source(manifests, snapshot_file, sandbox, live, calico_version)
        return command(source=source, **rest)

    with_options = sourced
    for option in (
        click.option("--calico-version", metavar="V", help="Calico's version, where the input does not say it."),
        AS,
        CALICOCTL,
        CALICO_CONFIG,
        click.option("--kubeconfig", metavar="FILE", help="A live cluster: the kubeconfig that leads to it."),
        click.option("--context", metavar="NAME", help="A live cluster: a context of the kubeconfig, or in-cluster."),
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
    return load(read(name), name)


def faults_from(texts: Sequence[str]) -> list[Fault]:
    """The faults of the command line."""
    return [parse_fault(text) for text in texts]
