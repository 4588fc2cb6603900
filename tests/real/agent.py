"""What kubelets and calico-node do on a real API server that has no nodes: a twin of the cluster answers for them.

The twin is a sandbox that follows the API server's objects, so sessions go down and come up in simulated time. The
agent answers CalicoNodeStatus and runs `birdcl` for the exec endpoint of the kubelets, in the words of real BIRD.
"""

import ipaddress
import json
import shlex
import threading
import time
from collections.abc import Collection
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
from rrplan.adapters.nodes.birdcl import OWN_ROUTES
from rrplan.bgp.outside import uplinks
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.reflection import ORIGIN
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.errors import DatastoreConflict, DatastoreError
from rrplan.ids import NodeName
from rrplan.ports import Document
from rrplan.resources import IPPool, ResourceKey
from rrplan.resources.documents import patched
from rrplan.sandbox import Sandbox
from rrplan.snapshots import capture
from tests.real.kubelet import Kubelet
from tests.real.tables import Route, block, reported, shown, surroundings

DEFAULT_POOLS = {Family.IPV4: "10.244.0.0/16", Family.IPV6: "fd00:10:244::/64"}
"""What nodes get blocks of where the cluster has no IPPool of a family."""
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
TYPES = {"Node_": "NodePeer", "Mesh_": "NodeMesh"}
TABLE_TYPES = {"Node_": "node specific", "Mesh_": "node-to-node mesh"}
REPLACED = "-again"
"""Ends the name of a calico-node pod that a test put in the place of another."""
TICK = 0.1
"""Real seconds between two looks of the agent at the API server, where no test drives it."""


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
        self.stale: set[str] = set()
        """Nodes whose BIRD missed the last reload: they show no explicit session."""
        self.recovering: set[str] = set()
        """Nodes whose BIRD is in graceful-restart recovery."""
        self.breaking: set[str] = set()
        """Nodes whose kubelet closes the connection instead of saying what a command prints."""
        self.bare: set[str] = set()
        """Nodes whose calico-node container has no shell."""
        self.silent: set[str] = set()
        """Nodes whose kubelet keeps the connection and says nothing."""
        self.cut: set[frozenset[str]] = set()
        """Two nodes each whose session is down, whatever the twin makes of it."""
        self.asked: list[NodeName] = []
        """Nodes on which a command was run."""
        self._lock = threading.RLock()
        self._clock: ThreadingHTTPServer | None = None
        self._quiet = set(quiet)
        self._versions: dict[ResourceKey, str] = {}
        self._blocks: dict[NodeName, int] = {}
        self._answers: dict[tuple[NodeName, tuple[str, ...]], str] = {}
        """What birdcl printed, as long as nothing changes: thousands of nodes are asked for the same again."""
        self._moment: tuple[object, ...] = ()
        """What `_answers` rest on."""
        self._revision = 0
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
        self._exec = Kubelet(self._execute)
        self.port = self._exec.port
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
        self._exec.stop()
        self.twin.close()

    def tick(self, seconds: float) -> bool:
        """Follow the objects, let time pass, answer; time stands still, and False, while the server is away."""
        with self._lock:
            try:
                self._follow()
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
        while not self._stop.wait(TICK):
            self.tick(0)

    # --- following -----------------------------------------------------------------------------

    def _follow(self) -> None:
        kinds = {"Node": "/api/v1/nodes", "BGPPeer": "/bgppeers", "BGPConfiguration": "/bgpconfigurations"}
        seen: set[ResourceKey] = set()
        for kind, path in kinds.items():
            for item in self.server.items(path if kind == "Node" else self.calico + path):
                key = ResourceKey(kind, item["metadata"]["name"])
                seen.add(key)
                version = item["metadata"]["resourceVersion"]
                if self._versions.get(key) != version:
                    self._versions[key] = version
                    if kind == "Node":
                        self._kubelet(key, item)
                    stored = stored_object(item) if kind == "Node" else stored_resource(item)
                    self._mirror(key, stored.document)
        for key in [key for key in self._versions if key not in seen]:
            del self._versions[key]
            self._mirror(key, None)

    def _mirror(self, key: ResourceKey, document: Document | None) -> None:
        self._revision += 1
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

    def _kubelet(self, key: ResourceKey, item: dict[str, Any]) -> None:
        """Status, calico-node pod, block; and the taint that the node lifecycle controller keeps."""
        name = NodeName(key.name)
        if name not in self._blocks:
            self._blocks[name] = len(self._blocks)
            self._joined(name, item)
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
                self.server.patch(f"/api/v1/nodes/{name}", patch)

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

    # --- what BIRD has -------------------------------------------------------------------------

    def _sessions(self, node: NodeName, family: Family) -> list[tuple[str, NodeName, bool, int, int]]:
        """(protocol name, peer, established, imported, exported) of a node."""
        model = self.twin._model
        speakers = model.population.speakers
        if not speakers[node].address(family):
            return []
        now = self.twin.clock.now()
        dead = self.twin._dead()
        down = self.twin._down(family, now)
        ready = self.twin._mesh_ready(family, now, dead)
        found = []
        for peer in sorted(speakers):
            if peer == node or not speakers[peer].address(family):
                continue
            up = frozenset((node, peer)) not in self.cut
            if self._explicit(node, peer, family) and node not in self.stale:
                up = up and peer not in down[node] and not {node, peer} & dead
                taken, given = self._given(peer, node, family), self._given(node, peer, family)
                found.append(("Node_", peer, up, len(taken) * up, len(given) * up))
            elif model.rules.settings.mesh and not speakers[node].cluster_id and not speakers[peer].cluster_id:
                up = up and node in ready and peer in ready
                found.append(("Mesh_", peer, up, int(up and peer not in self._quiet), int(up)))
        return found

    def _uplinks(self, node: NodeName, family: Family) -> dict[str, bool]:
        """The sessions to the outside, by address, and whether they are established."""
        model = self.twin._model
        late = self.twin._down(family, self.twin.clock.now())[node]
        found = uplinks(model.rules, model.population.speakers[node], family)
        return {one.address: one.address not in late for one in found if one.address}

    def _explicit(self, one: NodeName, other: NodeName, family: Family) -> bool:
        model = self.twin._model
        view = model.view()
        pair = [view.index(model.population.signature_of[name]) for name in (one, other)]
        reflects = model.population.speakers[one].cluster_id or model.population.speakers[other].cluster_id
        return bool(reflects) and view.holdings[family].joins(pair[0], pair[1])

    def _given(self, sender: NodeName, receiver: NodeName, family: Family) -> set[NodeName]:
        """Whose blocks a session carries from one end to the other."""
        model = self.twin._model
        view = model.view()
        here, there = (view.index(model.population.signature_of[name]) for name in (sender, receiver))
        holdings = view.holdings[family]
        gone = self.twin._down(family, self.twin.clock.now())[sender]
        found: set[NodeName] = set()
        of = holdings.blocks.of
        for origin in sorted(holdings.present):
            assert holdings.of_nodes is not None
            spread = holdings.of_nodes.of(of[origin])
            members = set(model.population.classes[view.signatures[origin]])
            if spread.gave(of[here], of[there]):
                found |= members - {sender} - gone
            if origin == here and spread.gave(ORIGIN, of[there]):
                found.add(sender)
        return found - {receiver} - self._quiet

    def _routes(self, node: NodeName, family: Family) -> list[Route]:
        """All routes of a node, the best of a prefix first; its own block has no next hop."""
        speakers = self.twin._model.population.speakers
        found = [*surroundings(speakers[node].address(family))]
        if node not in self._quiet:
            # Felix keeps the blocks of host-local IPAM in the kernel too, from where BIRD learns them.
            copies = ("blackhole",) if self._allocation is Allocation.HOST_LOCAL else ()
            found += block(self.prefix(node, family), copies)
        for kind, peer, up, _, _ in self._sessions(node, family):
            if up:
                address = speakers[peer].address(family)
                for origin in self._given(peer, node, family) if kind == "Node_" else {peer} - self._quiet:
                    hop = speakers[origin].address(family)
                    found.append(Route(self.prefix(origin, family), hop, kind + _named(address), address, best=False))
        # What came over no session is preferred; then a route from its origin beats a reflected one, which has a
        # cluster list (RFC 4456 section 9).
        found.sort(
            key=lambda route: (route.prefix, bool(route.peer), not route.best, route.hop != route.peer, route.peer)
        )
        return [
            route._replace(best=not index or found[index - 1].prefix != route.prefix)
            for index, route in enumerate(found)
        ]

    # --- answers -------------------------------------------------------------------------------

    def _answer(self) -> None:
        for item in self._questions():
            node = NodeName(item["spec"]["node"])
            if not item.get("status") and node in self.twin.state.nodes and node not in self.broken:
                path = f"{self.calico}/caliconodestatuses/{item['metadata']['name']}"
                # It may be gone already: whoever asked did not wait.
                with suppress(DatastoreError):
                    self.server.patch(path, {"status": self._status(node)})

    def _questions(self) -> list[dict[str, Any]]:
        """Every CalicoNodeStatus; none where the kind is not served."""
        try:
            return list(self.server.items(f"{self.calico}/caliconodestatuses"))
        except Missing:
            return []

    def _status(self, node: NodeName) -> dict[str, Any]:
        agent: dict[str, object] = {}
        bgp: dict[str, object] = {
            f"number{kind}Established{family}": 0 for kind in ("", "Not") for family in ("V4", "V6")
        }
        routes: dict[str, object] = {}
        speakers = self.twin._model.population.speakers
        whole = all(speakers[node].address(family) for family in FAMILIES)
        for family, suffix in ((Family.IPV4, "V4"), (Family.IPV6, "V6")):
            agent[f"bird{suffix}"] = {"state": "Ready" if speakers[node].address(family) else "NotReady"}
            if not whole:
                # Where one BIRD has no socket, calico-node reports the sessions and routes of neither (peers.go).
                continue
            sessions = [
                (speakers[peer].address(family), TYPES[kind], up)
                for kind, peer, up, _, _ in self._sessions(node, family)
            ]
            sessions += [(address, TYPES["Node_"], up) for address, up in self._uplinks(node, family).items()]
            bgp[f"peers{suffix}"] = [
                {"peerIP": address, "type": kind, "state": "Established" if up else "Active", "since": "12:00:00"}
                for address, kind, up in sessions
            ]
            bgp[f"numberEstablished{suffix}"] = sum(up for _, _, up in sessions)
            bgp[f"numberNotEstablished{suffix}"] = sum(not up for _, _, up in sessions)
            routes[f"routes{suffix}"] = [reported(route) for route in self._routes(node, family)]
        return {"lastUpdated": "2026-01-01T00:00:00Z", "agent": agent, "bgp": bgp, "routes": routes}

    def _execute(self, pod: str, command: list[str]) -> str:
        node = NodeName(pod.removeprefix("calico-node-").removesuffix(REPLACED))
        self.asked.append(node)
        if node in self.silent:
            self._stop.wait(5)
        if node in self.breaking:
            raise ConnectionError
        if command[0] != "sh":
            return self._birdcl(node, command)
        return "" if node in self.bare else "".join(self._ran(node, line) for line in command[2].split("; "))

    def _ran(self, node: NodeName, line: str) -> str:
        """What a line of the script in `PodCommands` prints."""
        words = shlex.split(line.removeprefix("{ "))
        match words[0]:
            case "echo":
                return " ".join(words[1:]) + "\n"
            case "birdcl":
                return self._birdcl(node, words)
            case other:
                assert other in ("exit", "}"), line
                return ""

    def _birdcl(self, node: NodeName, command: list[str]) -> str:
        """The output of `birdcl -s SOCKET show ...`."""
        assert command[:2] == ["birdcl", "-s"]
        with self._lock:
            faults = (frozenset(self.stale), frozenset(self.recovering), frozenset(self.cut))
            moment = (self.twin.clock.now(), self._revision, *faults)
            if moment != self._moment:
                self._moment = moment
                self._answers.clear()
            asked = node, tuple(command)
            if asked not in self._answers:
                self._answers[asked] = self._printed(node, command)
            return self._answers[asked]

    def _printed(self, node: NodeName, command: list[str]) -> str:
        with self._lock:
            family = Family.IPV6 if "bird6" in command[2] else Family.IPV4
            speakers = self.twin._model.population.speakers
            if node not in speakers or not speakers[node].address(family):
                return "Unable to connect to server control socket. Make sure that the daemon is running.\n"
            lines = ["BIRD v0.3.3+birdv1.6.8 ready."]
            if command[3:5] == ["show", "route"]:
                table = self._routes(node, family)
                own = command[5:] == OWN_ROUTES.split()[2:]
                lines += shown(route for route in table if not (own and route.peer))
            else:
                lines.append("name     proto    table    state  since       info")
                lines += self._protocols(node, family)
            return "\n".join(lines) + "\n"

    def _node_status(self, node: NodeName) -> str:
        """The tables of `calicoctl node status`."""
        rule = "+---+---+---+---+---+"
        lines = ["Calico process is running."]
        with self._lock:
            speakers = self.twin._model.population.speakers
            for family, number in ((Family.IPV4, 4), (Family.IPV6, 6)):
                rows = [
                    f"| {speakers[peer].address(family)} | {TABLE_TYPES[kind]} "
                    f"| {'up' if up else 'start'} | 12:00:00 | {'Established' if up else 'Active'} |"
                    for kind, peer, up, _, _ in self._sessions(node, family)
                ]
                table = [rule, "| PEER ADDRESS | PEER TYPE | STATE | SINCE | INFO |", rule, *rows, rule]
                lines += ["", f"IPv{number} BGP status", *(table if rows else [f"No IPv{number} peers found."])]
        return "\n".join([*lines, "", ""])

    def _protocols(self, node: NodeName, family: Family) -> list[str]:
        speakers = self.twin._model.population.speakers
        waits = node in self.recovering
        lines = [f"kernel1  Kernel   master   {'wait  ' if waits else 'up    '} 12:00:00    "]
        lines += ["  GR recovery:    waiting"] if waits else []
        for kind, peer, up, imported, exported in self._sessions(node, family):
            address = speakers[peer].address(family)
            state = "up     12:00:00    Established   " if up else "start  12:00:00    Active        Socket: Timeout"
            lines.append(f"{kind}{_named(address)} BGP      master   {state}")
            lines.append(f"  BGP state:          {'Established' if up else 'Active'}")
            lines.append(f"    Neighbor address: {address}")
            if up:
                lines.append(f"    Routes:         {imported} imported, {exported} exported, {imported} preferred")
        for address, up in self._uplinks(node, family).items():
            state = "up     12:00:00    Established   " if up else "start  12:00:00    Active        Socket: Timeout"
            lines += [
                f"Node_{_named(address)} BGP      master   {state}",
                f"  BGP state:          {'Established' if up else 'Active'}",
                f"    Neighbor address: {address}",
            ]
        return lines


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


def _named(address: str) -> str:
    return address.replace(".", "_").replace(":", "_")
