"""What kubelets and calico-node do on a real API server that has no nodes: a twin of the cluster answers for them.

The twin is a sandbox that follows the API server's objects, so sessions go down and come up in simulated time. The
agent answers CalicoNodeStatus and runs `birdcl` for the exec endpoint of the kubelets, in the words of real BIRD.
"""

import ipaddress
import json
import shlex
import threading
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rrplan.adapters.kubernetes.calico import stored_resource
from rrplan.adapters.kubernetes.cluster import LiveCluster, in_kubernetes
from rrplan.adapters.kubernetes.objects import stored_object
from rrplan.adapters.kubernetes.server import ApiServer, Missing
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import DatastoreConflict, DatastoreError
from rrplan.ids import NodeName
from rrplan.ports import Document
from rrplan.resources import IPPool, ResourceKey
from rrplan.resources.documents import patched
from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture
from tests.real.daemons import NO_BIRD, Daemons, Faults
from tests.real.fallback import PlayedTables
from tests.real.kubelet import Kubelet, Silence

DEFAULT_POOLS = {Family.IPV4: "10.244.0.0/16", Family.IPV6: "fd00:10:244::/64"}
"""What nodes get blocks of where the cluster has no IPPool of a family."""
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
REPLACED = "-again"
"""Ends the name of a calico-node pod that a test put in the place of another."""
TICK = 0.1
"""Real seconds between two looks of the agent at the API server, where no test drives it."""
SHARE = 0.1
"""Of the time, that these looks may take: in a cluster of thousands they are rarer."""
SILENT_SECONDS = 5
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""A list without what the objects hold: enough to see which have changed."""
FEW = 50
"""Objects that are read one by one where they changed; of more, the whole list is read."""
STATUS_SECONDS = 1
"""Between two tries to answer a CalicoNodeStatus."""
PLURALS = {"BGPPeer": "bgppeers", "BGPConfiguration": "bgpconfigurations"}
AT_ONCE = 8
"""Requests for nodes that joined."""


class Allocation(StrEnum):
    """Who gives addresses to pods, and where it says which node has which block."""

    CALICO = "calico-ipam"
    """In BlockAffinities."""
    HOST_LOCAL = "host-local"
    """In the podCIDRs of Kubernetes' Nodes, with USE_POD_CIDR for calico-node."""


class NodeAgent:
    """Follows one API server; `tick` lets simulated time pass. `quiet` nodes own no block."""

    def __init__(
        self,
        server: ApiServer,
        calico: str,
        folder: Path,
        quiet: Collection[str] = (),
        store: LiveCluster | None = None,
        allocation: Allocation = Allocation.CALICO,
    ) -> None:
        self._allocation = allocation
        self.server = server
        self.calico = calico
        self.broken: set[str] = set()
        """Nodes whose calico-node does not answer CalicoNodeStatus."""
        self.faults = Faults()
        self.stale, self.recovering, self.cut = self.faults.stale, self.faults.recovering, self.faults.cut
        self.breaking: set[str] = set()
        """Nodes whose kubelet closes the connection instead of saying what a command prints."""
        self.bare: set[str] = set()
        """Nodes whose calico-node container has no shell."""
        self.silent: set[str] = set()
        """Nodes whose kubelet keeps the connection and says nothing."""
        self.asked: list[NodeName] = []
        """Nodes on which a command was run."""
        self._lock = threading.RLock()
        """Held while the twin or what its daemons say is looked at: never for the length of a request."""
        self._ticking = threading.RLock()
        self._clock: ThreadingHTTPServer | None = None
        self._quiet = {NodeName(name) for name in quiet}
        self._versions: dict[ResourceKey, str] = {}
        self._blocks: dict[NodeName, int] = {}
        self._list_versions: dict[str, str] = {}
        self._tried: dict[str, float] = {}
        """When a CalicoNodeStatus was answered last, which the server may have refused."""
        self._live = store or in_kubernetes(server)
        state = capture(self._live).state
        self._version = calico_versions(state).default
        self._pools = {
            family: next(
                (one.cidr for one in state.others_of(IPPool).values() if (":" in one.cidr) is (family is Family.IPV6)),
                DEFAULT_POOLS[family],
            )
            for family in FAMILIES
        }
        self.twin = Sandbox.make(folder / "twin", [stored.document for stored in self._live.everything()])
        copies = ("blackhole",) if allocation is Allocation.HOST_LOCAL else ()
        # Felix keeps the blocks of host-local IPAM in the kernel too, from where BIRD learns them.
        self._daemons = Daemons(self.twin, self.faults, self.prefix, self._quiet, copies)
        self.tables = PlayedTables(lambda _node: (len(self.twin.state.nodes) - 1,) * 2)
        self.kubelet = Kubelet(self._execute)
        self.port = self.kubelet.port
        self._stop = threading.Event()
        self.tick(0)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def clock(self) -> str:
        """The address of a clock for other processes: GET /SECONDS lets them pass and answers with the time.

        GET /birdcl?node=N&command=... answers what birdcl prints, for those whose kubectl speaks SPDY to kubelets;
        GET /status?node=N what `calicoctl node status` prints there.
        """
        agent = self

        class Clock(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if url.path == "/birdcl":
                    words = parse_qs(url.query)
                    data = agent._birdcl(NodeName(words["node"][0]), words["command"]).encode()
                elif url.path == "/status":
                    data = agent._node_status(NodeName(parse_qs(url.query)["node"][0])).encode()
                else:
                    data = json.dumps(agent.wait(float(url.path[1:]))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._clock = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
        threading.Thread(target=self._clock.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._clock.server_port}"

    def stop(self) -> None:
        """End it."""
        if self._clock is not None:
            self._clock.shutdown()
            self._clock.server_close()
        self._stop.set()
        self._thread.join()
        self.kubelet.stop()
        self.twin.close()

    def tick(self, seconds: float) -> bool:
        """Follow the objects, let time pass, answer; time stands still, and False, while the server is away."""
        with self._ticking:
            try:
                self._follow()
                with self._lock:
                    if seconds:
                        self.twin.clock.sleep(seconds)
                self._answer()
            except DatastoreError:
                return False
        return True

    def wait(self, seconds: float) -> float:
        """Let time pass; while the real server is away, in real time. The time."""
        if not self.tick(seconds):
            time.sleep(0.2)  # a real daemon is being watched
        return self.twin.clock.now()

    def _work(self) -> None:
        """A kubelet does not wait for tests; time still passes only by `tick`."""
        took = 0.0
        while not self._stop.wait(max(TICK, took / SHARE)):
            began = time.monotonic()
            self.tick(0)
            took = time.monotonic() - began

    # --- following -----------------------------------------------------------------------------

    def _follow(self) -> None:
        for kind in ("Node", "BGPPeer", "BGPConfiguration"):
            path = "/api/v1/nodes" if kind == "Node" else f"{self.calico}/{PLURALS[kind]}"
            known = {key.name for key in self._versions if key.kind == kind}
            large = len(known) > FEW
            version = self._version_of(path) if large else ""
            if large and version == self._list_versions.get(kind):
                # Nothing at all was written meanwhile: the long list is spared.
                continue
            seen, changed = self._changes(kind, path, large=large)
            if kind == "Node":
                self._joined_all(changed)
                for item in changed:
                    self._kubelet(item)
            with self._lock:
                for item in changed:
                    key = ResourceKey(kind, item["metadata"]["name"])
                    self._versions[key] = item["metadata"]["resourceVersion"]
                    stored = stored_object(item) if kind == "Node" else stored_resource(item)
                    self._mirror(key, stored.document)
                for name in known - seen:
                    del self._versions[ResourceKey(kind, name)]
                    self._mirror(ResourceKey(kind, name), None)
            self._list_versions[kind] = version

    def _version_of(self, path: str) -> str:
        """A version that changes with every write to the cluster."""
        return str((self.server.get(path, limit="1") or {}).get("metadata", {}).get("resourceVersion"))

    def _changes(self, kind: str, path: str, *, large: bool) -> tuple[set[str], list[dict[str, Any]]]:
        """The names of all objects, and those that changed since they were seen last."""
        if large:
            heads = [item["metadata"] for item in self.server.items(path, accept=METADATA)]
            names = [head["name"] for head in heads if self._is_new(kind, head)]
            if len(names) <= FEW:
                read = [self.server.get(f"{path}/{name}") for name in names]
                return {head["name"] for head in heads}, [item for item in read if item is not None]
        items = list(self.server.items(path))
        changed = [item for item in items if self._is_new(kind, item["metadata"])]
        return {item["metadata"]["name"] for item in items}, changed

    def _is_new(self, kind: str, head: dict[str, Any]) -> bool:
        return self._versions.get(ResourceKey(kind, head["name"])) != str(head["resourceVersion"])

    def _mirror(self, key: ResourceKey, document: Document | None) -> None:
        self._daemons.changed()
        present = self.twin.get(key)
        if document is None:
            if present is not None:
                self.twin.delete(key, present.version)
        elif present is None:
            self.twin.create(key, document)
        else:
            cleared = {field: None for field in present.document if field not in document}
            patch = {**_replacing(present.document, document), **cleared}
            if patched(present.document, patch) != present.document:
                self.twin.patch(key, patch, present.version)

    def _joined_all(self, items: Iterable[dict[str, Any]]) -> None:
        """Status, calico-node pod and block of nodes that were not there before."""
        joined = []
        for item in items:
            name = NodeName(item["metadata"]["name"])
            if name not in self._blocks:
                self._blocks[name] = len(self._blocks)
                joined.append((name, item))
        if joined:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda pair: self._joined(*pair), joined))

    def _kubelet(self, item: dict[str, Any]) -> None:
        """The taint that the node lifecycle controller keeps."""
        spec = item.get("spec") or {}
        taints = spec.get("taints") or []
        marked = any(taint["key"] == UNSCHEDULABLE for taint in taints)
        if marked is not bool(spec.get("unschedulable")):
            own = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
            kept = [taint for taint in taints if taint["key"] != UNSCHEDULABLE]
            patch = {
                "metadata": {"resourceVersion": item["metadata"]["resourceVersion"]},
                "spec": {"taints": kept if marked else [*kept, own]},
            }
            with suppress(DatastoreConflict):
                self.server.patch(f"/api/v1/nodes/{item['metadata']['name']}", patch)

    def _joined(self, name: NodeName, item: dict[str, Any]) -> None:
        endpoints = {"kubeletEndpoint": {"Port": self.port}}
        status = {"addresses": self._reached(item), "daemonEndpoints": endpoints}
        self.server.patch(f"/api/v1/nodes/{name}/status", {"status": status})
        self._agent_pod(name)
        if name in self._quiet:
            return
        if self._allocation is Allocation.HOST_LOCAL:
            prefixes = [self.prefix(name, family) for family in FAMILIES]
            self.server.patch(f"/api/v1/nodes/{name}", {"spec": {"podCIDR": prefixes[0], "podCIDRs": prefixes}})
        else:
            self._block(name)

    def _reached(self, _item: dict[str, Any]) -> list[dict[str, str]]:
        """Where the API server finds the kubelet."""
        return [{"type": "InternalIP", "address": "127.0.0.1"}]

    def _agent_pod(self, name: NodeName) -> None:
        owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "calico-node", "uid": "1", "controller": True}
        container = {"name": "calico-node", "image": f"calico/node:{self._version}"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"calico-node-{name}",
                "namespace": "kube-system",
                "labels": {"k8s-app": "calico-node"},
                "ownerReferences": [owner],
            },
            "spec": {
                "nodeName": name,
                "containers": [container],
            },
        }
        with suppress(DatastoreConflict):
            self.server.create("/api/v1/namespaces/kube-system/pods", pod)

    def _block(self, name: NodeName) -> None:
        for family in FAMILIES:
            cidr = self.prefix(name, family)
            suffix = cidr.translate(str.maketrans("./:", "---")).strip("-")
            block = {
                "apiVersion": self.calico.removeprefix("/apis/"),
                "kind": "BlockAffinity",
                "metadata": {"name": f"{name}-{suffix}"},
                "spec": {"node": name, "cidr": cidr, "state": "confirmed", "deleted": self._no()},
            }
            with suppress(DatastoreConflict):
                self.server.create(f"{self.calico}/blockaffinities", block)

    def _no(self) -> bool | str:
        """`deleted` is text in Calico's CRDs and a boolean in native ones (libcalico-go, blockaffinity.go)."""
        return False if self.calico.endswith("/v3") else "false"

    def prefix(self, name: NodeName, family: Family) -> str:
        """The block of a node, or its podCIDR, in the pool of the family."""
        pool = ipaddress.ip_network(self._pools[family])
        bits = {Allocation.CALICO: 6, Allocation.HOST_LOCAL: 8}[self._allocation]
        start = pool.network_address + (self._blocks[name] << bits)
        return f"{start}/{pool.max_prefixlen - bits}"

    # --- answers -------------------------------------------------------------------------------

    def _answer(self) -> None:
        for item in self._questions():
            node, name = NodeName(item["spec"]["node"]), item["metadata"]["name"]
            late = time.monotonic() - self._tried.get(name, float("-inf")) > STATUS_SECONDS
            if not item.get("status") and node in self.twin.state.nodes and node not in self.broken and late:
                self._tried[name] = time.monotonic()
                body = {"status": self._status(node)}
                # It may be gone already: whoever asked did not wait. With thousands of sessions it is too large.
                with suppress(DatastoreError):
                    self.server.patch(f"{self.calico}/caliconodestatuses/{name}", body)

    def _status(self, node: NodeName) -> dict[str, object]:
        with self._lock:
            return self._daemons.status(node)

    def _questions(self) -> list[dict[str, Any]]:
        """Every CalicoNodeStatus; none where the kind is not served."""
        try:
            return list(self.server.items(f"{self.calico}/caliconodestatuses"))
        except Missing:
            return []

    def _execute(self, pod: str, command: list[str]) -> str:
        node = NodeName(pod.removeprefix("calico-node-").removesuffix(REPLACED))
        self.asked.append(node)
        if node in self.silent:
            raise Silence(SILENT_SECONDS)
        if node in self.breaking:
            raise ConnectionError
        if command[3:4] == ["rrplan"]:
            return self.tables.ran(node, command)
        if command[0] != "sh":
            return self._birdcl(node, command)
        return "" if node in self.bare else "".join(self._ran(node, line) for line in command[2].split("; "))

    def _ran(self, node: NodeName, line: str) -> str:
        """What a line of the script in `PodCommands` prints."""
        command, _, otherwise = line.removeprefix("{ ").partition(" || ")
        words = shlex.split(command)
        match words[0]:
            case "echo":
                return " ".join(words[1:]) + "\n"
            case "birdcl":
                said = self._birdcl(node, words)
                return said + self._ran(node, otherwise) if said == NO_BIRD else said
            case other:
                assert other in ("exit", "}"), line
                return ""

    def _birdcl(self, node: NodeName, command: list[str]) -> str:
        with self._lock:
            return self._daemons.birdcl(node, command)

    def _node_status(self, node: NodeName) -> str:
        with self._lock:
            return self._daemons.tables(node)


def _replacing(present: Document, wanted: Document) -> dict[str, object]:
    """A merge patch that makes one document of another."""
    patch: dict[str, object] = {}
    for field, value in wanted.items():
        old = present.get(field)
        if isinstance(value, dict) and isinstance(old, dict):
            patch[field] = {**{name: None for name in old if name not in value}, **_replacing(old, value)}
        else:
            patch[field] = value
    return patch
