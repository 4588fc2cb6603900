"""Every way in which a spec can be wrong has words, a place and a hint."""

from itertools import pairwise

import pytest

from rrplan.errors import SpecError
from rrplan.specs import from_document, load

GOOD = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups:
    - name: main
      nodes: {names: [rr-1, rr-2]}
"""

STANDALONE = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  flavor: standalone
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""

LEVELS = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  groups:
    - {name: core, clusterID: 10.0.0.1, nodes: {names: [c-1, c-2]}}
    - {name: east, clusterID: 10.0.0.2, nodes: {names: [e-1, e-2]}, clients: zone == 'e', parent: core}
    - {name: west, clusterID: 10.0.0.3, nodes: {names: [w-1, w-2]}, clients: zone == 'w', parent: core}
"""

CASES = [
    ("empty", b"", "1:1: the file is empty"),
    ("comments", b"# nothing\n", "1:1: the file is empty"),
    ("binary", b"kind: \x00\n", "the file is binary"),
    ("utf-16", "kind: x".encode("utf-16"), "the file is UTF-16"),
    ("latin-1", GOOD.replace("demo", "d\xe9mo").encode("latin-1"), "3:19: byte 0xe9 is not UTF-8"),
    ("too big", b"#" * (8 * 1024 * 1024 + 1), "a spec has at most"),
    ("two documents", (GOOD + "---\n" + GOOD).encode(), "a second document in the file"),
    ("tab", b"kind:\n\t- x\n", "not YAML"),
    ("unclosed quote", b'kind: "x\n', "not YAML"),
    ("unknown alias", b"kind: *nobody\n", "undefined alias"),
    ("python tag", GOOD.replace("demo", "!!python/name:os.system x").encode(), "not part of a spec"),
    (
        "duplicate key",
        (GOOD + "  clusterID: 224.0.0.2\n").encode(),
        "10:3: key `clusterID` is given twice, first on line 6",
    ),
    ("unknown key", (GOOD + "  drian: true\n").encode(), "did you mean `drain`?"),
    ("yes", (GOOD + "  drain: yes\n").encode(), "10:10: `yes` is a boolean in YAML 1.1"),
    (
        "drain",
        (GOOD + "  drain: 3\n").encode(),
        "must be `true`, `false` or `{force, deleteEmptyDirData, gracePeriod}`",
    ),
    (
        "taint's key",
        (GOOD + "  dedicated: {taint: {key: 'b#c'}}\n").encode(),
        "10:23: `key` must be a Kubernetes label key such as",
    ),
    (
        "taint's value",
        (GOOD + "  dedicated: {taint: {value: 'b c'}}\n").encode(),
        "10:23: `value` must be at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
    ),
    (
        "taint's effect",
        (GOOD + "  dedicated: {taint: {effect: Never}}\n").encode(),
        "10:23: `effect` must be one of NoSchedule, PreferNoSchedule, NoExecute, found `Never`",
    ),
    ("drain's field", (GOOD + "  drain: {forse: true}\n").encode(), "did you mean `force`?"),
    ("drain's time", (GOOD + "  drain: {gracePeriod: 30}\n").encode(), "must be a duration such as `30s`"),
    (
        "standalone with cluster ID",
        STANDALONE.replace("  flavor", "  clusterID: 1.1.1.1\n  flavor").encode(),
        "is its address",
    ),
    ("standalone with clients", STANDALONE.replace("nodes:", "clients: 'all()', nodes:").encode(), "serve every node"),
    (
        "standalone group's cluster ID",
        STANDALONE.replace("nodes:", "clusterID: 1.1.1.1, nodes:").encode(),
        "is its address",
    ),
    ("standalone without drain", STANDALONE.replace("drain: true", "drain: false").encode(), "need `drain: true`"),
    ("standalone with waves", (STANDALONE + "  rollout: {waves: [1]}\n").encode(), "from the start"),
    (
        "standalone in two groups",
        STANDALONE.replace("}]", "}, {name: b, nodes: {names: [x]}}]").encode(),
        "give one group",
    ),
    (
        "standalone mesh",
        STANDALONE.replace("route-reflectors", "full-mesh").encode(),
        "`flavor: standalone` goes with `topology: route-reflectors`",
    ),
    ("standalone AS", (STANDALONE + "  standalone: {asNumber: 0}\n").encode(), "`asNumber` must be 1 or more"),
    ("platform", (STANDALONE + "  standalone: {platform: mke}\n").encode(), "`platform` must be `ucp`"),
    ("octal", (GOOD + "  policy: {minReflectorsPerClient: 010}\n").encode(), "`010` is a number in another notation"),
    ("sexagesimal", (GOOD + "  rollout: {bake: 1:30}\n").encode(), "`1:30` is a number in another notation"),
    ("no unit", (GOOD + "  rollout: {bake: 30}\n").encode(), "10:13: `bake` must be a duration such as `30s`"),
    ("cluster ID as a float", GOOD.replace("224.0.0.1", "224.0").encode(), "6:3: `clusterID` must be a cluster ID"),
    ("cluster ID as CIDR", GOOD.replace("224.0.0.1", "224.0.0.1/32").encode(), "found `224.0.0.1/32`"),
    ("manifest", b"apiVersion: v1\nkind: Node\n", "this looks like a manifest"),
    ("other version", GOOD.replace("/v1", "/v2").encode(), "expected `rrplan.io/v1`"),
    ("list", b"- a\n", "a spec is a mapping"),
    ("bad enum", GOOD.replace("route-reflectors", "route-reflector").encode(), "did you mean `route-reflectors`?"),
    ("mesh with groups", GOOD.replace("route-reflectors", "full-mesh").encode(), "a full mesh has no reflector groups"),
    (
        "names and selector",
        GOOD.replace("[rr-1, rr-2]", "[a], selector: 'all()'").encode(),
        "both `names` and `selector`",
    ),
    ("no count", GOOD.replace("names: [rr-1, rr-2]", "selector: 'all()'").encode(), "`count` is missing"),
    (
        "bad selector",
        GOOD.replace("names: [rr-1, rr-2]", "selector: 'a = b', count: 1").encode(),
        "is no Calico selector",
    ),
    ("same node twice", GOOD.replace("rr-2", "rr-1").encode(), "node `rr-1` is twice in group `main`"),
    ("no cluster ID", GOOD.replace("  clusterID: 224.0.0.1\n", "").encode(), "group `main` has no cluster ID"),
    ("unknown parent", LEVELS.replace("parent: core", "parent: cor").encode(), "there is no group `cor`"),
    ("parent of itself", LEVELS.replace("[c-1, c-2]}", "[c-1, c-2]}, parent: west").encode(), "is above itself"),
    (
        "cluster ID of the parent",
        LEVELS.replace("10.0.0.2", "10.0.0.1").encode(),
        "groups `east` and `core` have one cluster ID, so neither serves the other",
    ),
    (
        "standalone with a parent",
        STANDALONE.replace("{name: main, ", "{name: main, parent: main, ").encode(),
        "standalone reflectors are one group, which has no parent",
    ),
    (
        "nothing to share out",
        GOOD.replace("name: main", "name: main\n      reflectorsPerClient: 2").encode(),
        "2 reflectors with 2 for each client leave nothing to share out",
    ),
    (
        "fewer than the policy wants",
        GOOD.replace("rr-2]}", "rr-2]}\n      reflectorsPerClient: 1").encode(),
        "each client has 1 reflector, and the policy wants 2",
    ),
    (
        "shared out above others",
        LEVELS.replace("c-2]}", "c-2, c-3, c-4]}, reflectorsPerClient: 2").encode(),
        "group `core` is above others, whose reflectors have all of its",
    ),
    (
        "shares with the cluster ID of another group",
        LEVELS.replace("e-2]}", "e-2, e-3, e-4]}, reflectorsPerClient: 2").encode(),
        "the shares of group `east` have the 2 cluster IDs from 10.0.0.2 on, and one of them is that of group `west`",
    ),
    (
        "no cluster IDs are left",
        LEVELS.replace("10.0.0.2", "255.255.255.255")
        .replace("e-2]}", "e-2, e-3, e-4]}, reflectorsPerClient: 2")
        .encode(),
        "no 2 cluster IDs follow from 255.255.255.255 on",
    ),
    (
        "standalone and shared out",
        STANDALONE.replace("{name: main, ", "{name: main, reflectorsPerClient: 1, ").encode(),
        "standalone reflectors serve every node",
    ),
    (
        "shared out among a number that changes",
        GOOD.replace(
            "names: [rr-1, rr-2]}", "selector: 'all()', count: {nodesPerReflector: 9}}\n      reflectorsPerClient: 2"
        ).encode(),
        "reflectors that are shared out have a fixed number",
    ),
    (
        "adopt something else",
        (GOOD + "  adopt: everything\n").encode(),
        "10:3: `adopt` must be `reflection` or `{peers: [NAME], labels: [KEY], reflectors: [NODE]}`, found `every",
    ),
    ("adopt's field", (GOOD + "  adopt: {peer: [a]}\n").encode(), "did you mean `peers`?"),
    (
        "adopt a label of Kubernetes",
        (GOOD + "  adopt: {labels: [a, kubernetes.io/hostname]}\n").encode(),
        "10:23: label `kubernetes.io/hostname` belongs to Kubernetes: nobody may take it over",
    ),
    (
        "adopt our label",
        (GOOD + "  adopt: {labels: [rrplan.io/route-reflector]}\n").encode(),
        "label `rrplan.io/route-reflector` is rrplan's own already",
    ),
    (
        "adopt a reflector of a group",
        (GOOD + "  adopt: {reflectors: [rr-1]}\n").encode(),
        "node `rr-1` reflects for group `main`, and `adopt` says that it stops",
    ),
    (
        "adopt beside containers",
        (STANDALONE + "  adopt: reflection\n").encode(),
        "`adopt` goes with reflectors inside the cluster",
    ),
    (
        "no reflector for so many nodes",
        GOOD.replace("names: [rr-1, rr-2]", "selector: 'all()', count: 0").encode(),
        "`count` must be 1 or more, found `0`",
    ),
    (
        "count by a word that nobody knows",
        GOOD.replace("names: [rr-1, rr-2]", "selector: 'all()', count: {perNodes: 50}").encode(),
        "`count` must be a number or `{nodesPerReflector: N, minimum: M}` with whole numbers from 1 on",
    ),
    (
        "AS numbers beside standalone reflectors",
        (STANDALONE + "  asNumbers: [{nodes: all(), asNumber: 64521}]\n").encode(),
        "AS numbers of nodes are not changed beside standalone reflectors",
    ),
    (
        "an AS number that is none",
        (GOOD + "  asNumbers: [{nodes: all(), asNumber: 0}]\n").encode(),
        "must be 1 or more",
    ),
    (
        "reflectors by the number of nodes above others",
        LEVELS.replace("names: [c-1, c-2]", "selector: role == 'core', count: {nodesPerReflector: 50}").encode(),
        "the clients of group `core` are reflectors, and `nodesPerReflector` counts nodes",
    ),
    ("too many waves", (GOOD + "  rollout: {waves: [60%, 60%]}\n").encode(), "more than 100 % of the clients"),
    (
        "hook with an action it cannot have",
        (GOOD + "  hooks: [{name: a, on: before-run, action: DisableMesh, command: [x]}]\n").encode(),
        "`action` has no meaning for a hook on `before-run`",
    ),
    ("exposure", (GOOD + "  policy: {exposure: some}\n").encode(), "must be `none`, `drained-only` or `{brief: 25s}`"),
    (
        "alias bomb",
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in pairwise("abcdefghi"))
        ).encode(),
        "once aliases are expanded",
    ),
    (
        "password in the clear",
        (GOOD + "  peering: {password: secret}\n").encode(),
        "10:13: `password` must be `{secretKeyRef: {name, key}}` or `none`, found `secret`",
    ),
    (
        "a key of a Secret that is not named",
        (GOOD + "  peering: {password: {secretKeyRef: {name: bgp, kye: x}}}\n").encode(),
        "did you mean `key`?",
    ),
    (
        "restart time of a group",
        GOOD.replace("rr-2]}", "rr-2]}\n      peering: {maxRestartTime: 0s}").encode(),
        "10:17: `maxRestartTime` must be a duration such as `120s`, or `none`, found `0s`",
    ),
    *(
        (option, (GOOD + f"  peering: {{{option}}}\n").encode(), words)
        for option, words in (
            ("ttlSecurity: 256", "10:13: `ttlSecurity` must be a whole number from 0 to 255, or `none`, found `256`"),
            ("ttlSecurity: true", "`ttlSecurity` must be a whole number from 0 to 255, or `none`, found `true`"),
            ("numAllowedLocalASNumbers: -1", "must be a whole number from 0 to 2147483647, or `none`, found `-1`"),
            ("numAllowedLocalAsNumbers: 1", "did you mean `numAllowedLocalASNumbers`?"),
            ("filters: drop", "`filters` must be a list of names of BGPFilters, or `none`, found `drop`"),
            ("filters: []", "`filters` must be a list of names of BGPFilters, or `none`, found a list"),
            ("filters: [a, a]", "`filters` must name each BGPFilter once, found a list"),
            ("keepOriginalNextHop: 1", "`keepOriginalNextHop` must be `true`, `false`, or `none`, found `1`"),
            ("nextHopMode: keep", "`nextHopMode` must be `Auto`, `Self`, `Keep`, or `none`, found `keep`"),
            ("sourceAddress: none", "must be `UseNodeIP`, which is the default, or `None`: then the kernel chooses"),
            ("keepOriginalNextHop: true, nextHopMode: Auto", "`nextHopMode` exclude one another"),
        )
    ),
    (
        "an option that a mesh has not",
        GOOD.replace("route-reflectors", "full-mesh").encode() + b"  peering: {ttlSecurity: 1}\n",
        "10:13: sessions of the node-to-node mesh have no `ttlSecurity`",
    ),
    (
        "standalone with a password",
        (STANDALONE + "  peering: {password: {secretKeyRef: {name: a, key: b}}}\n").encode(),
        "sessions with a standalone reflector have no options",
    ),
    *(
        (f"label {key}", (GOOD + f"  labelKey: {key}\n").encode(), f"10:3: label `{key}` belongs to Kubernetes")
        for key in (
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
            "node-role.kubernetes.io/control-plane",
            "beta.kubernetes.io/os",
            "node.k8s.io/x",
        )
    ),
    ("label of waves", (GOOD + "  labelKey: rrplan.io/wave\n").encode(), "10:3: label `rrplan.io/wave` has another"),
    ("deep nesting", b"a: " + b"[" * 3000 + b"]" * 3000, "nested deeper than"),
]


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_wrong_specs_have_words(data: bytes, words: str) -> None:
    """The text says what is wrong, and where."""
    with pytest.raises(SpecError) as error:
        load(data, "spec.yaml")

    assert words in str(error.value)
    assert "spec.yaml" in str(error.value)


def test_every_problem_at_once() -> None:
    """All problems of a document are told together, in the order of their places."""
    document = GOOD.replace("224.0.0.1", "nope") + "  drian: true\n  drain: maybe\n"

    with pytest.raises(SpecError) as error:
        load(document.encode(), "spec.yaml")

    assert [problem.line for problem in error.value.problems] == [6, 10, 11]


def test_document_round_trip() -> None:
    """The canonical document gives the same Spec again."""
    more = "  dedicated: true\n  rollout: {waves: [1, 10%], bake: 1m30s}\n  drain: {gracePeriod: 30s}\n"
    spec = load((GOOD + more).encode(), "spec.yaml")

    assert spec == from_document(spec.to_document())
    for drain in ("true", "false"):
        plain = load((GOOD + f"  drain: {drain}\n").encode(), "spec.yaml")
        assert plain == from_document(plain.to_document())
    assert spec.rollout.bake == 90
    assert "standalone" not in spec.to_document()["spec"]
    assert "peering" not in spec.to_document()["spec"]
    told = "  peering: {password: {secretKeyRef: {name: a, key: b}}, maxRestartTime: none}\n"
    asked = load((GOOD.replace("rr-2]}", "rr-2]}\n      peering: {password: none}") + told).encode(), "spec.yaml")
    assert asked == from_document(asked.to_document())
    assert asked.peering.stated() == {"password": {"secretKeyRef": {"name": "a", "key": "b"}}, "maxRestartTime": None}
    assert asked.groups[0].peering.stated() == {"password": None}
    most = "filters: [b, a], keepOriginalNextHop: false, nextHopMode: none, ttlSecurity: 0, sourceAddress: None"
    many = load((GOOD + f"  peering: {{{most}, numAllowedLocalASNumbers: 2}}\n").encode(), "spec.yaml")
    assert many == from_document(many.to_document())
    assert many.peering.stated() == {
        "filters": ["b", "a"],
        "keepOriginalNextHop": None,
        "nextHopMode": None,
        "ttlSecurity": 0,
        "sourceAddress": "None",
        "numAllowedLocalASNumbers": 2,
    }
    ruled_out = "filters: none, keepOriginalNextHop: none, ttlSecurity: none, numAllowedLocalASNumbers: none"
    none = load((GOOD + f"  peering: {{{ruled_out}}}\n").encode(), "spec.yaml")
    assert none == from_document(none.to_document())
    assert set(none.peering.stated().values()) == {None}
    ucp = load((STANDALONE + "  standalone: {image: example/routereflector:v1}\n").encode(), "spec.yaml")
    assert ucp == from_document(ucp.to_document())


def test_all_kinds_of_problems_at_once() -> None:
    """What the schema forbids, what YAML misreads and what contradicts itself are told together."""
    text = """\
apiVersion: rrplan.io/v1
kind: BgpTopology
metadata: {name: a}
spec:
  name: b
  topology: route-reflectors
  groups:
    - name: main
      clients: !has(rr)
      nodes: {selector: role == "rr"}
  polcy: {}
"""
    with pytest.raises(SpecError) as error:
        load(text.encode(), "spec.yaml")
    assert [(problem.summary, problem.hint) for problem in error.value.problems] == [
        ("`kind` is `BgpTopology`, expected `BGPTopology`", "did you mean `BGPTopology`?"),
        ("unknown key `name`", "a spec is named by `metadata.name`"),
        ("group `main` has no cluster ID", "set `clusterID` here, or once for all groups under `spec`"),
        ("tag `!has(rr)` is not part of a spec", 'write "!has(rr)" with the quotes, if it is a selector'),
        ("`count` is missing", "say how many of the matching nodes become reflectors"),
        ("unknown key `polcy`", "did you mean `policy`?"),
    ]


def test_a_problem_hides_only_what_it_touches() -> None:
    """Where `count` itself is wrong, nobody is told that it is missing."""
    text = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: a}
spec:
  topology: route-reflectors
  groups: [{name: main, nodes: {selector: role == "rr", count: many}}]
"""
    with pytest.raises(SpecError) as error:
        load(text.encode(), "spec.yaml")
    assert [problem.summary for problem in error.value.problems] == [
        "group `main` has no cluster ID",
        "`count` must be a whole number or `{nodesPerReflector: N, minimum: M}`, found `many`",
    ]
