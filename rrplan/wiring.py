"""What builds a cluster from the options that name it: its ports, where its runs are kept, what is checked first.

Whether a live cluster keeps Calico's resources in Kubernetes or in etcd is decided in `Connection.on`, nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from rrplan.adapters.local.clock import SystemClock
from rrplan.bgp.roles import Roles
from rrplan.fallback import NO_TABLES, FallbackTables
from rrplan.parallelism import PROBE_PARALLELISM
from rrplan.plans import Plan
from rrplan.ports import Clock, Datastore, Directory, Lock, Probe, RunStore, SeparateCalico
from rrplan.reports.events import Listener
from rrplan.runs.preflight import EVERY_CLUSTER, PreflightCheck
from rrplan.sandbox import Sandbox
from rrplan.sandbox.tables import SandboxTables

if TYPE_CHECKING:
    from rrplan.adapters.kubernetes.cluster import LiveCluster
    from rrplan.adapters.kubernetes.server import ApiServer
    from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that a run can change: its ports, where its runs are kept, and what is checked before step 1.

    `tell` hears what an operator should know; `record` makes a listener that keeps a record too; `name` is for people.
    """

    name: str
    datastore: Datastore
    """Where its resources live."""
    probe: Probe
    """Asks its nodes for sessions and routes."""
    clock: Clock
    """Time; simulated in an embedded cluster."""
    lock: Lock
    """Held while a run goes on."""
    runs: RunStore
    """Plan and journal of each run."""
    tell: Callable[[str], None] = lambda _text: None
    checks: tuple[PreflightCheck, ...] = EVERY_CLUSTER
    """What is asked before a run, in this order."""
    record: Callable[[Plan, Listener], Listener] = lambda _plan, listener: listener
    tables: FallbackTables = NO_TABLES
    """The fallback tables of its nodes."""
    plays: Callable[[Roles], None] = lambda _roles: None
    """Hears what speakers outside do; an embedded cluster plays them."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The API server of a live cluster, and what follows from where its Calico keeps its resources."""

    server: ApiServer
    datastore: LiveCluster
    directory: Directory
    group: str
    """Group and version of Calico's API; "" where Calico's resources are in etcd."""

    @classmethod
    def on(cls, server: ApiServer, calico: SeparateCalico | None) -> Connection:
        """With Calico's resources in `calico` or, for None, in Kubernetes; raises PreflightError where it has none."""
        from rrplan.adapters.etcd.cluster import in_etcd
        from rrplan.adapters.kubernetes.calico import KubernetesCalico
        from rrplan.adapters.kubernetes.cluster import in_kubernetes
        from rrplan.adapters.nodes.directory import ApiDirectory, EtcdDirectory

        if calico is not None:
            return cls(server, in_etcd(server, calico), EtcdDirectory(server, calico), "")
        served = KubernetesCalico(server)
        return cls(server, in_kubernetes(server, served), ApiDirectory(server, served), served.group)

    def probe(self, clock: Clock, tell: Callable[[str], None], tables: NodeStatusTables | None, at_once: int) -> Probe:
        """What asks the nodes; CalicoNodeStatus is an object of Kubernetes, so nobody reports it with etcd."""
        from rrplan.adapters.nodes.birdcl import Birds
        from rrplan.adapters.nodes.calico_node_status import NodeStatuses
        from rrplan.adapters.nodes.pods import PodCommands
        from rrplan.adapters.nodes.probe import LiveProbe

        statuses = NodeStatuses(self.server, self.group, clock) if self.group else None
        return LiveProbe(Birds(PodCommands(self.server)), self.directory, statuses, tell, tables, at_once)

    def checks(self) -> tuple[PreflightCheck, ...]:
        """What is asked before a run, in this order; of a plan that was just made, as far as it can be asked then."""
        from rrplan.adapters.kubernetes.cluster import owners_check
        from rrplan.adapters.kubernetes.containers import containers_check
        from rrplan.adapters.kubernetes.lease import leases_check
        from rrplan.adapters.kubernetes.passwords import readable_check, secrets_check
        from rrplan.adapters.kubernetes.rights import rights_check

        return (
            leases_check(self.server),
            rights_check(self.server, self.group),
            containers_check(self.server),
            secrets_check(self.server),
            readable_check(self.server),
            owners_check(self.datastore),
            *EVERY_CLUSTER,
        )

    def cluster(
        self,
        clock: Clock,
        tell: Callable[[str], None],
        tables: NodeStatusTables | None = None,
        at_once: int = PROBE_PARALLELISM,
    ) -> Cluster:
        """The cluster that a run can change; `tell` hears what an operator should know."""
        from rrplan.adapters.kubernetes.events import EventRecorder
        from rrplan.adapters.kubernetes.lease import LeaseLock
        from rrplan.adapters.kubernetes.runs import ClusterRuns
        from rrplan.adapters.nodes.fallback import NodeTables
        from rrplan.adapters.nodes.pods import PodCommands

        server = self.server
        self.datastore.tell = tell
        return Cluster(
            server.name,
            self.datastore,
            self.probe(clock, tell, tables, at_once),
            clock,
            LeaseLock(server, clock, tell),
            ClusterRuns(server, clock),
            tell,
            self.checks(),
            lambda plan, listener: EventRecorder(server, clock, plan, listener),
            NodeTables(PodCommands(server), at_once),
        )


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How an operator names a live cluster; without the two of Calico, its resources are in Kubernetes."""

    kubeconfig: str | None = None
    """The file; None for `$KUBECONFIG`, else `~/.kube/config`."""
    context: str | None = None
    """One of its contexts; None for the current one."""
    impersonated: str | None = None
    """The user to act as, as `kubectl --as` does."""
    calico_config: str | None = None
    """calicoctl's configuration file, which says which etcd."""
    calicoctl: str | None = None
    """The command that calls calicoctl, for the same."""
    node_status: str | None = None
    """The command that prints the status of `{node}`, for clusters where nobody may run commands in pods."""
    at_once: int = PROBE_PARALLELISM
    """How many nodes are asked at the same time."""

    @property
    def given(self) -> bool:
        """Whether they name a cluster."""
        return bool(self.kubeconfig or self.context)

    @property
    def words(self) -> str:
        """The options of the command line that say the same, quoted for a shell."""
        options = {
            "--context": self.context,
            "--kubeconfig": self.kubeconfig,
            "--calico-config": self.calico_config,
            "--calicoctl": self.calicoctl,
            "--node-status": self.node_status,
            "--as": self.impersonated,
        }
        return " ".join(f"{name} {quote(value)}" for name, value in options.items() if value)

    def calico(self) -> SeparateCalico | None:
        """Calico's resources in etcd; None where they are in Kubernetes. Raises FileFormatError or PreflightError."""
        if self.calico_config:
            from rrplan.adapters.etcd.config import calico_in_etcd

            return calico_in_etcd(self.calico_config)
        if self.calicoctl:
            from rrplan.adapters.calicoctl.calicoctl import Calicoctl

            return Calicoctl(self.calicoctl)
        return None

    def connection(self) -> Connection:
        """The connection that they lead to; raises FileFormatError or PreflightError."""
        from rrplan.adapters.kubernetes.server import ApiServer

        return Connection.on(ApiServer.connect(self.kubeconfig, self.context, self.impersonated), self.calico())

    def cluster(self, tell: Callable[[str], None]) -> Cluster:
        """The cluster that they lead to; `tell` hears what an operator should know. Raises as `connection` does."""
        return live(
            self.kubeconfig, self.context, tell, self.impersonated, self.calico(), self.node_status, self.at_once
        )


def live(
    kubeconfig: str | None,
    context: str | None,
    tell: Callable[[str], None],
    impersonated: str | None = None,
    calico: SeparateCalico | None = None,
    node_status: str | None = None,
    at_once: int = PROBE_PARALLELISM,
) -> Cluster:
    """The cluster that a kubeconfig leads to; `tell` hears what an operator should know. Raises PreflightError.

    `calico` is where Calico's resources are, if not in Kubernetes; `node_status` is a command that prints the status of
    `{node}`, for clusters where nobody may run commands in pods; `at_once` nodes are asked at the same time.
    """
    from rrplan.adapters.kubernetes.server import ApiServer
    from rrplan.adapters.nodes.calicoctl_status import NodeStatusTables

    tables = NodeStatusTables(node_status) if node_status else None
    server = ApiServer.connect(kubeconfig, context, impersonated)
    return live_on(server, SystemClock(), tell, calico, tables, at_once)


def live_on(
    server: ApiServer,
    clock: Clock,
    tell: Callable[[str], None],
    calico: SeparateCalico | None = None,
    tables: NodeStatusTables | None = None,
    at_once: int = PROBE_PARALLELISM,
) -> Cluster:
    """The live cluster behind an API server; `calico` is where Calico's resources are, if not in Kubernetes."""
    return Connection.on(server, calico).cluster(clock, tell, tables, at_once)


def embedded(sandbox: Sandbox, directory: Path) -> Cluster:
    """The cluster of a sandbox that is kept in `directory`, with lock and runs beside it."""
    from rrplan.adapters.local.lock import FileLock
    from rrplan.adapters.local.runs import RunDirectory

    lock = FileLock(directory / "lock")
    runs = RunDirectory(directory)
    tables = SandboxTables(sandbox, directory)
    return Cluster(str(directory), sandbox, sandbox, sandbox.clock, lock, runs, tables=tables, plays=sandbox.plays)
