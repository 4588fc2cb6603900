"""Which tests run on one worker of pytest-xdist, and which begin first.

Tests of a group run on one worker, so that each real server is started once or twice rather than on every worker.
Groups begin in order of how long they take; what is left over fills the workers at the end. The group is told by the
name of a test: `--dist loadgroup` of pytest-xdist 3.8 finds no groups with pytest 9.2, without a word, and the process
that gives work to the workers knows names and nothing else of a test.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

ORDER = ["bird", "crd", "crd-2", "others", "wheel", "etcd"]
"""In order of how long they take; a rehearsal waits, so everything else goes on beside it."""
MODULES = {
    "test_rehearse": "bird",
    "test_own_tables": "bird",
    "test_rehearse_cases": "bird",
    "test_transitions": "bird",
    "test_model": "bird",
    "test_random": "crd",
    "test_live_kill": "crd",
    "test_live_kill_at_random": "crd",
    "test_live_two_at_once": "crd-2",
    "test_failures": "crd-2",
    "test_live_scenarios": "crd-2",
    "test_rights": "crd-2",
    "test_password_access": "crd-2",
    "test_probe": "crd-2",
    "test_look": "crd-2",
    "test_block_owners": "crd-2",
    "test_crds": "others",
    "test_live": "crd-2",
    "test_observed": "crd-2",
    "test_calico_client": "others",
    "test_calico_etcd": "others",
    "test_adoption": "crd-2",
    "test_cascade": "others",
    "test_etcd_cluster": "others",
    "test_run_etcd": "others",
    "test_runbook": "others",
    "test_end_to_end": "crd-2",
    "test_end_to_end_etcd": "others",
    "test_wheel": "wheel",
    "test_etcd": "etcd",
    "test_calicoctl_words": "etcd",
}
"""`crd` and `crd-2` use an API server with Calico's CRDs each, half of the time each; `others` use the others.
The wheel is built and installed once."""
STORES = {
    "crd.projectcalico.org/v1": "crd-2",
    "projectcalico.org/v3": "others",
    "etcd": "others",
    "calicoctl": "others",
}
PARAMETERS = {
    "test_run": {"crd": "crd-2", "v3": "others"},
    "test_datastore": STORES,
    "test_calico_store": STORES,
}
"""Modules whose fixture takes the server that a parameter names."""
SERVERS = {"crd_server", "v3_server", "plain_server", "mixed_cluster"}


def group(name: str) -> str:
    """The group of a test by its name; "" where it may run anywhere."""
    path, _, rest = name.partition("::")
    module = path.rpartition("/")[2].removesuffix(".py")
    parameter = rest.partition("[")[2].removesuffix("]")
    return PARAMETERS.get(module, {}).get(parameter) or MODULES.get(module, "")


def arrange(items: list[pytest.Item]) -> None:
    """Bring the longest groups to the front; tests that are slow by themselves come next."""

    def rank(item: pytest.Item) -> int:
        found = group(item.nodeid)
        if not found and (item.get_closest_marker("real") or SERVERS & set(getattr(item, "fixturenames", ()))):
            raise pytest.UsageError(f"{item.nodeid} uses a real server: name its group in tests/support/order.py")
        slow = item.get_closest_marker("slow") or item.get_closest_marker("crash")
        return ORDER.index(found) if found else len(ORDER) + (not slow)

    items.sort(key=rank)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Gives workers groups, and tests without a group one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid) or nodeid
