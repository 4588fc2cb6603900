"""Which tests run on one worker, and which first.

With `--dist loadgroup` a group of tests runs on one worker, so that each real server is started once or twice rather
than on every worker. Groups begin in order of how long they take; what is left over fills the workers at the end.
"""

import pytest

SERVERS = {"crd_server": "crd", "v3_server": "others", "plain_server": "others", "mixed_cluster": "others"}
"""Fixtures, and the group of the tests that use them."""
CHOSEN = {
    "test_run": {"crd": "crd", "v3": "others"},
    "test_datastore": {
        "crd.projectcalico.org/v1": "crd",
        "projectcalico.org/v3": "others",
        "etcd": "others",
        "calicoctl": "others",
    },
}
"""Modules whose fixture takes the server that its parameter names."""
SECOND = {"test_failures", "test_live_scenarios", "test_rights", "test_probe", "test_live"}
"""Modules whose tests use a second API server with Calico's CRDs: about half of the time."""
FIRST = ["bird", "crd", "crd-2", "others", "etcd"]
"""In order of how long they take: a rehearsal waits, so everything else can go on beside it."""
MODULES = {"test_rehearse": "bird", "test_model": "bird", "test_etcd": "etcd"}
"""Groups of tests that share something else."""


def group(item: pytest.Item) -> str:
    """The group of a test; "" where it may run anywhere."""
    module = item.path.stem
    mark = item.get_closest_marker("xdist_group")
    fixtures: list[str] = getattr(item, "fixturenames", [])
    names = {SERVERS[name] for name in fixtures if name in SERVERS}
    parameters = getattr(item, "callspec", None)
    values = parameters.params.values() if parameters is not None and module in CHOSEN else ()
    names |= {CHOSEN[module][one] for one in values if isinstance(one, str) and one in CHOSEN[module]}
    found = str(mark.args[0]) if mark is not None else MODULES.get(module) or min(names, default="")
    return f"{found}-2" if found == "crd" and module in SECOND else found


def arrange(items: list[pytest.Item]) -> None:
    """Mark the groups, and bring the longest to the front; tests that are slow by themselves come next."""
    rank = {}
    for item in items:
        found = group(item)
        if found and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(found))
        slow = item.get_closest_marker("slow") or item.get_closest_marker("crash")
        rank[item] = FIRST.index(found) if found in FIRST else len(FIRST) if slow else len(FIRST) + 1
    items.sort(key=lambda item: rank[item])
