"""What kubelets, calico-node and DaemonSet controllers do on a cluster whose Calico uses etcd; see `agent`."""

import ipaddress
from contextlib import suppress
from pathlib import Path
from typing import Any

from rrplan.adapters.etcd.calico import BLOCKS
from rrplan.adapters.etcd.client import put
from rrplan.bgp.speaker import Family
from rrplan.errors import DatastoreConflict
from rrplan.ids import NodeName
from rrplan.ports import Stored
from rrplan.resources import DaemonSet, IPPool, decode, key_of
from rrplan.resources.documents import at
from rrplan.sandbox.controllers import controlled
from tests.real.agent import NodeAgent
from tests.real.mixed import MixedCluster

FOLLOWED = ("Node", "CalicoNode", "BGPPeer", "BGPConfiguration", "DaemonSet")
SETS = "/apis/apps/v1/namespaces/kube-system/daemonsets"
PODS = "/api/v1/namespaces/kube-system/pods"


class MixedAgent(NodeAgent):
    """Nodes speak as Calico's Nodes in etcd say; nobody answers CalicoNodeStatus."""

    def __init__(self, mixed: MixedCluster, folder: Path) -> None:
        self.mixed = mixed
        self.store = mixed.connect()
        self._etcd = mixed.etcd.connect()
        self._kubelets: dict[NodeName, str] = {}
        super().__init__(mixed.server.api, "", folder, store=self.store)

    def _follow(self) -> None:
        items = list(self.server.items("/api/v1/nodes"))
        self._joined_all(items)
        for item in items:
            name = NodeName(item["metadata"]["name"])
            if self._kubelets.get(name) != item["metadata"]["resourceVersion"]:
                self._kubelets[name] = item["metadata"]["resourceVersion"]
                self._kubelet(item)
        seen = set()
        everything = self.store.everything()
        with self._lock:
            for stored in everything:
                key = key_of(stored.document)
                if key.kind in FOLLOWED:
                    seen.add(key)
                    if self._versions.get(key) != stored.version:
                        self._versions[key] = stored.version
                        self._mirror(key, stored.document)
            for key in [key for key in self._versions if key not in seen]:
                del self._versions[key]
                self._mirror(key, None)
        self._daemonsets()

    def _daemonsets(self) -> None:
        """Pods where they belong, and the status that says so; a new template alone restarts nothing (OnDelete)."""
        for item in list(self.server.items(SETS)):
            found = decode(item)
            assert isinstance(found, DaemonSet)
            generation = item["metadata"]["generation"]
            status = at(controlled(Stored(item, str(generation)), self.twin.state).document, ("status",))
            assert isinstance(status, dict)
            if item.get("status") != {**item.get("status", {}), **status}:
                with suppress(DatastoreConflict):
                    self.server.patch(f"{SETS}/{found.name}/status", {"status": status})
            if found.name == "calico-node":
                self._agents(found)

    def _agents(self, found: DaemonSet) -> None:
        there = {item["spec"]["nodeName"] for item in self.server.items(PODS, labelSelector="k8s-app=calico-node")}
        for name, node in self.twin.state.nodes.items():
            wanted = not set(found.avoids) & node.labels.items()
            if wanted and name not in there and name in self._blocks:
                self._agent_pod(name)
            elif not wanted and name in there:
                self.mixed.server.force(f"{PODS}/calico-node-{name}")

    def _reached(self, item: dict[str, Any]) -> list[dict[str, str]]:
        """The host name first, as the API server looks; so the address can be the host's."""
        addresses: list[dict[str, str]] = item.get("status", {}).get("addresses", [])
        kept = [one for one in addresses if one["type"] == "InternalIP"]
        return [{"type": "Hostname", "address": "127.0.0.1"}, *kept]

    def prefix(self, name: NodeName, family: Family) -> str:
        """The block of a node, in the IPPool: Calico's IPAM takes blocks from nowhere else."""
        pools = self.twin.state.others_of(IPPool).values()
        cidr = next((pool.cidr for pool in pools if (":" in pool.cidr) is (family is Family.IPV6)), "")
        if not cidr or family is Family.IPV6:
            return super().prefix(name, family)
        return f"{ipaddress.IPv4Network(cidr).network_address + 64 * self._blocks[name]}/26"

    def _block(self, name: NodeName) -> None:
        prefix = self.prefix(name, Family.IPV4)
        path = f"{BLOCKS}{name}/ipv4/block/{prefix.replace('/', '-')}"
        self._etcd.transact(path, 0, put(path, {"state": "confirmed", "deleted": False}))

    def _answer(self) -> None:
        return
