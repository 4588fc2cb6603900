"""A run that deletes Calico Nodes keeps and restores what Calico's client would delete with them, on a real etcd."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from rrplan import api
from rrplan.adapters.calicoctl.calicoctl import Calicoctl
from rrplan.adapters.etcd.calico import ALWAYS_READ, BLOCKS, PREFIX, CalicoEtcd
from rrplan.adapters.etcd.client import put
from rrplan.adapters.etcd.cluster import in_etcd
from rrplan.errors import DatastoreRefused
from rrplan.operations import Control
from rrplan.ports import Listed, SeparateCalico
from rrplan.render.checks import sentence
from rrplan.reports.events import StepSettled
from rrplan.resources import ResourceKey, key_of
from rrplan.runs import Result
from rrplan.sandbox import ucp_cluster
from tests.real.mixed import MixedCluster
from tests.support.cascade import HOST, STATUS, STEP, objects
from tests.support.dying import Crash, DyingLog, abandoned, buried
from tests.support.mixed import MixedBench, begin

pytestmark = [pytest.mark.real, pytest.mark.slow]

Way = Callable[[MixedBench], SeparateCalico]


def directly(bench: MixedBench) -> SeparateCalico:
    """On etcd."""
    return CalicoEtcd(bench.mixed.etcd.connect())


def by_calicoctl(bench: MixedBench) -> SeparateCalico:
    """By way of calicoctl; nothing here lands late."""
    calico = Calicoctl(bench.mixed.calicoctl_command())
    calico.late_seconds = 1
    return calico


WAYS = [directly, by_calicoctl]


@pytest.fixture
def bench(mixed_cluster: MixedCluster, tmp_path: Path) -> Iterator[MixedBench]:
    """Two candidates; to one belongs whatever Calico keeps for a single host."""
    made = MixedBench(mixed_cluster, tmp_path, ucp_cluster(3))
    begin(mixed_cluster.server)
    calico = CalicoEtcd(mixed_cluster.etcd.connect())
    for document in objects():
        calico.create(key_of(document), document)
    node = calico.get(ResourceKey("Node", HOST))
    assert node is not None
    calico.replace(ResourceKey("Node", HOST), {**node.document, "status": STATUS}, node.version)
    yield made
    made.agent.stop()
    mixed_cluster.clear()


def kept(bench: MixedBench, way: Way = directly) -> dict[str, str]:
    """Every resource of Calico in etcd; the order of a JSON object's fields means nothing.

    uid and creation time belong to it, unless calicoctl makes objects again: it gives them new ones.
    """
    end = PREFIX[:-1] + chr(ord("/") + 1)
    resources = {}
    for entry in bench.mixed.etcd.connect().range(PREFIX, end).entries:
        document = json.loads(entry.value)
        if way is by_calicoctl:
            document["metadata"] |= {"uid": "", "creationTimestamp": ""}
        resources[entry.key] = json.dumps(document, sort_keys=True)
    return resources


def there(bench: MixedBench) -> set[str]:
    """What is there of the host's own objects, and its Calico Node."""
    calico = directly(bench)
    keys = [ResourceKey("Node", HOST), *(key_of(document) for document in objects())]
    return {str(key) for key in keys if calico.get(key) is not None}


@pytest.mark.parametrize("way", WAYS)
def test_there_and_back(bench: MixedBench, way: Way) -> None:
    """Both ways end alike, and the rollback restores every byte of meaning: labels, status, uid and time too."""
    before = kept(bench, way)
    made = bench.plan()
    keys = [str(change.key) for step in made.steps if step.id == STEP for change in step.changes]
    assert keys == [
        f"BGPPeer/backup-{HOST}",
        f"FelixConfiguration/node.{HOST}",
        f"BGPConfiguration/node.{HOST}",
        "CalicoNode/rr-1",
    ]
    assert api.apply(made, bench.cluster(calico=way(bench)), bench.control()) is Result.DONE, bench.told()
    # This release leaves HostEndpoints.
    assert there(bench) == {f"HostEndpoint/{HOST}-eth0"}
    assert not bench.plan().steps
    assert api.rollback(bench.cluster(calico=way(bench)), bench.control()) is Result.UNDONE, bench.told()
    assert kept(bench, way) == before


def stated(bench: MixedBench, version: str) -> None:
    """The version of the cluster, by ClusterInformation."""
    calico = CalicoEtcd(bench.mixed.etcd.connect())
    key = ResourceKey("ClusterInformation", "default")
    stored = calico.get(key)
    assert stored is not None
    spec = {"calicoVersion": version, "clusterType": "k8s,bgp"}
    calico.replace(key, {**stored.document, "spec": spec}, stored.version)


def test_host_endpoints_from_v3_18(bench: MixedBench) -> None:
    """There they belong to the step too."""
    stated(bench, "v3.18.0")
    step = next(step for step in bench.plan().steps if step.id == STEP)
    assert str(step.changes[-2].key) == f"HostEndpoint/{HOST}-eth0"


class Secretive(CalicoEtcd):
    """An etcd whose user may not read HostEndpoints."""

    def everything(self, kinds: Sequence[str] = ALWAYS_READ) -> Listed:
        """All but these."""
        if "HostEndpoint" in kinds:
            raise DatastoreRefused("etcd: permission denied")
        return super().everything(kinds)


@pytest.mark.parametrize(("version", "told"), [("v3.18.0", True), ("v3.17.4", False)])
def test_host_endpoints_that_may_not_be_read(bench: MixedBench, version: str, told: bool) -> None:
    """They are read only where they matter; where that is refused, the plan is made, and says so."""
    stated(bench, version)
    store = in_etcd(bench.mixed.server.connect(), Secretive(bench.mixed.etcd.connect()))
    text = "not known: HostEndpoints, which `calicoctl delete node` deletes with their Node; etcd: permission denied"
    assert store.everything().notices == ((text,) if told else ())


def entry_of_step(line: bytes, event: str) -> bool:
    """Whether a line of the journal says this of the step."""
    entry = json.loads(line)
    return bool(entry.get("step") == STEP and entry.get("event") == event)


@pytest.mark.parametrize(
    ("event", "way"), [("started", directly), ("applied", directly), ("settled", directly), ("started", by_calicoctl)]
)
def test_a_crash_at_each_entry_of_the_step(bench: MixedBench, way: Way, event: str) -> None:
    """Whichever line was the last one, another process takes everything back."""
    before = kept(bench, way)
    cluster = bench.cluster(calico=way(bench))
    die = abandoned(cluster.lock)
    control = Control(bench.listener, wrap=lambda log: DyingLog(log, lambda line: entry_of_step(line, event), die))
    with pytest.raises(Crash):
        api.apply(bench.plan(), cluster, control)
    buried()
    assert api.rollback(bench.cluster(calico=way(bench)), bench.control()) is Result.UNDONE, bench.told()
    assert kept(bench, way) == before


@pytest.mark.parametrize(
    ("event", "way"), [("undo-started", directly), ("undone", directly), ("undo-started", by_calicoctl)]
)
def test_a_crash_at_each_entry_of_its_undo(bench: MixedBench, way: Way, event: str) -> None:
    """The next rollback goes on."""
    before = kept(bench, way)

    def stop() -> bool:
        return any(isinstance(one, StepSettled) and one.step == STEP for one in bench.listener.events)

    assert api.apply(bench.plan(), bench.cluster(calico=way(bench)), bench.control(stop)) is Result.INTERRUPTED
    cluster = bench.cluster(calico=way(bench))
    die = abandoned(cluster.lock)
    control = Control(bench.listener, wrap=lambda log: DyingLog(log, lambda line: entry_of_step(line, event), die))
    with pytest.raises(Crash):
        api.rollback(cluster, control)
    buried()
    assert api.rollback(bench.cluster(calico=way(bench)), bench.control()) is Result.UNDONE, bench.told()
    assert kept(bench, way) == before


class Mortal(CalicoEtcd):
    """An etcd whose client dies before it deletes a key; what it deleted before is gone."""

    fatal = ""
    die: Callable[[], NoReturn]

    def delete(self, key: ResourceKey, version: str, *, dry_run: bool = False) -> None:
        """Or death."""
        if str(key) == self.fatal and not dry_run:
            self.die()
        super().delete(key, version, dry_run=dry_run)


@pytest.mark.parametrize("way", WAYS)
def test_a_crash_in_the_middle_of_the_step(bench: MixedBench, way: Way) -> None:
    """Half of the host's objects are gone: the next process, whichever way it takes, goes on or takes them back."""
    before = kept(bench, way)
    mortal = Mortal(bench.mixed.etcd.connect())
    mortal.fatal = f"BGPConfiguration/node.{HOST}"
    cluster = bench.cluster(calico=mortal)
    mortal.die = abandoned(cluster.lock)
    with pytest.raises(Crash):
        api.apply(bench.plan(), cluster, bench.control())
    buried()
    assert there(bench) == {f"Node/{HOST}", f"BGPConfiguration/node.{HOST}", f"HostEndpoint/{HOST}-eth0"}
    assert api.resume(bench.cluster(calico=way(bench)), bench.control()) is Result.DONE, bench.told()
    assert there(bench) == {f"HostEndpoint/{HOST}-eth0"}
    assert api.rollback(bench.cluster(calico=way(bench)), bench.control()) is Result.UNDONE, bench.told()
    assert kept(bench, way) == before


def test_a_block_outside_every_pool(bench: MixedBench) -> None:
    """The plan says which block would be in the way of calicoctl; on etcd directly it is not."""
    path = f"{BLOCKS}{HOST}/ipv4/block/10.99.0.0-26"
    bench.mixed.etcd.connect().transact(path, 0, put(path, {"state": "confirmed"}))
    made = bench.plan()
    texts = [sentence(finding) for finding in made.findings if finding.check == "blocks-in-pools"]
    assert len(texts) == 1
    assert texts[0].startswith("address block 10.99.0.0/26 of rr-1 lies in no IPPool that is enabled")
    assert api.apply(made, bench.cluster(), bench.control()) is Result.DONE, bench.told()
