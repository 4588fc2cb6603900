"""Each reader refuses what cannot be read in words, quickly; `tests/soak/readers.py` goes on from here."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from rrplan import api
from rrplan.adapters.local.runs import RunDirectory
from rrplan.digest import digest
from rrplan.errors import FileFormatError, InputError, JournalError, ManifestError, SpecError
from rrplan.plans import read_plan
from rrplan.plans.planfile import BESIDE
from rrplan.render.plan_json import write_plan
from rrplan.runs.journal import Journal
from rrplan.snapshots import read_snapshot, snapshot_of_manifests
from rrplan.specs import load
from tests.soak.readers import _Lines, story
from tests.support import SPEC
from tests.support.clusters import TO_REFLECTORS, meshed, planned

NODE = "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n"
PEER = "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: {name: p}\nspec: "


def refused(text: str) -> InputError:
    """Why manifests are refused."""
    with pytest.raises(ManifestError) as error:
        snapshot_of_manifests([("c.yaml", text.encode("utf-8", "surrogatepass"))])
    return error.value


def test_damaged_inputs() -> None:
    """A part of the soak."""
    assert [text for seed in range(300) if (text := story(seed))] == []


def bomb(name: str) -> str:
    """Ten values of ten values of ten values ...; `name` is that of the anchors."""
    lines = [f"{name}0: &{name}0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{name}{n}: &{name}{n} [{', '.join([f'*{name}{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "kind: Node\napiVersion: v1\nmetadata: {name: n1}\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["a", "-a", "_a"])
def test_alias_bombs(name: str) -> None:
    """Whatever the anchors are called, it takes neither time nor memory."""
    begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "aliases add more than 1000000 values to it\n  hint: write the values out" in str(refused(bomb(name)))
    assert time.process_time() - begin < 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_merge_bombs() -> None:
    """Merge keys of merge keys."""
    lines = ["a0: &a0 {k: v, l: w}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    begin = time.process_time()
    assert refused("\n".join(lines)).problems
    assert time.process_time() - begin < 2
    keys = "\n".join(f"k{number}: v" for number in range(10_001))
    assert "merge keys make more than 10000 keys" in str(refused(f"a: &a {{x: y}}\n<<: *a\n{keys}\n"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (PEER + "{x: 1.5}\n", "c.yaml:4:8: `spec.x` is the number `1.5`, which Calico has nowhere"),
        (PEER + "{x: .nan}\n", "c.yaml:4:8: `spec.x` is the number `nan`, which Calico has nowhere"),
        (PEER + "{x: 99999999999999999999}\n", "c.yaml:4:8: `spec.x` is a number beyond 2^53"),
        (PEER + f"{{x: {'9' * 5000}}}\n", "c.yaml: not YAML that can be read: Exceeds the limit"),
        (PEER + f"{{x: 0x{'f' * 5000}}}\n", "c.yaml:4:8: `spec.x` is a number beyond 2^53"),
        (PEER + f"{{x: {'[' * 100}{']' * 100}}}\n", "is nested deeper than 64 levels"),
        (PEER + "{1: x}\n", "c.yaml:4:1: `spec` has a key that is no text"),
        (
            '{"kind":"BGPPeer","apiVersion":"projectcalico.org/v3", "metadata": {"name": "p"}, "spec": {"\\ud800": 1}}',
            "c.yaml: `spec` has a key that is no text",
        ),
        ("- 1\n- x\n", "c.yaml:1:3: not a Kubernetes object: a mapping with `kind` is expected"),
        (
            NODE.replace("n1", "n1;touch x"),
            "c.yaml:4:3: `metadata.name` is `n1;touch x`, which is no name that Kubernetes accepts",
        ),
        (NODE.replace("n1", "Upper"), "c.yaml:4:3: `metadata.name` is `Upper`, which is no name"),
        (NODE.replace("n1", "a" * 254), "which is no name that Kubernetes accepts"),
        (NODE + "  labels: {a b: c}\n", "c.yaml:5:12: `a b` is no label that Kubernetes accepts"),
        (
            NODE + "  labels: {a: $(x)}\n",
            "c.yaml:5:12: label `a` has the value `$(x)`, which Kubernetes does not accept",
        ),
        (
            NODE + "spec: {taints: [{key: 'b#c', effect: NoSchedule}]}\n",
            "c.yaml:5:18: `spec.taints.0.key` is `b#c`, which Kubernetes does not accept",
        ),
        (NODE + "spec: {taints: [{key: a, value: b c, effect: NoSchedule}]}\n", "`spec.taints.0.value` is `b c`"),
        (NODE + "spec: {taints: [{key: a, effect: Never}]}\n", "`spec.taints.0.effect` is `Never`"),
        (NODE + "  namespace: A/b\n", "c.yaml:5:3: `A/b` is no namespace that Kubernetes accepts"),
        (
            NODE + "  annotations: {projectcalico.org/IPv4Address: 0.0.0.0/24}\n",
            "c.yaml:5:17: `0.0.0.0` is the address of no node: it is unspecified",
        ),
        (
            NODE + "  annotations: {projectcalico.org/IPv4Address: 224.0.0.5}\n",
            "`224.0.0.5` is the address of no node: it is multicast",
        ),
        (
            NODE + "  annotations: {projectcalico.org/IPv6Address: 'ff02::1'}\n",
            "`ff02::1` is the address of no node: it is multicast",
        ),
        (NODE + "---\n" + NODE + "  labels: {a: b}\n", "c.yaml:9:3: Node/n1 is given twice, with different content"),
    ],
)
def test_manifests(text: str, words: str) -> None:
    """Each with its place, as far as there is one, and a hint."""
    error = refused(text)
    assert words in str(error)
    assert error.problems[0].hint


def test_names_of_the_real_world() -> None:
    """Dots, 253 characters, Calico's own names, the same listing twice."""
    names = ["ip-10-0-0-1.eu-west-1.compute.internal", ".".join(["a" * 63] * 3 + ["b" * 61]), "10.0.0.1", "0"]
    text = "---\n".join(NODE.replace("n1", f"'{name}'") for name in names) * 1
    peers = PEER.replace("BGPPeer", "BGPConfiguration").replace("name: p", "name: node.rr-1") + "{listenPort: 1790}\n"
    affinity = PEER.replace("BGPPeer", "BlockAffinity").replace("name: p", "name: rr-1-fd00--1-122") + "{node: rr-1}\n"
    everything = "---\n".join([text, peers, affinity])
    state = snapshot_of_manifests([("a.yaml", everything.encode()), ("b.yaml", everything.encode())]).state
    assert sorted(state.nodes) == sorted(names)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("drain: true", "reflectorsPeer: 'no'", "`reflectorsPeer` must be `true` or `false`, found `no`"),
        (
            "drain: true",
            "policy: {minReflectorsPerClient: true}",
            "`minReflectorsPerClient` must be a whole number, found `true`",
        ),
        (
            "drain: true",
            "policy: {minReflectorsPerClient: '2_0'}",
            "`minReflectorsPerClient` must be a whole number, found `2_0`",
        ),
        ("drain: true", f"policy: {{minReflectorsPerClient: {'9' * 5000}}}", "a number of 5000 digits"),
        ("drain: true", f"gates: {{stable: {'9' * 5000}s}}", "must be a duration such as `30s`"),
        (
            "drain: true",
            'hooks: [{name: h, on: before-run, command: ["a\\0b"]}]',
            "a NUL character has no meaning in a spec",
        ),
        ("drain: true", 'hooks: [{name: h, on: before-run, command: ["a\\ud800b"]}]', "character"),
    ],
)
def test_specs(old: str, new: str, words: str) -> None:
    """Types are strict."""
    assert old in SPEC
    with pytest.raises(SpecError) as error:
        load(SPEC.replace(old, new).encode(), "spec.yaml")
    assert words in str(error.value)


def resealed(body: dict[str, Any]) -> bytes:
    """A file with a digest that fits."""
    kept = {name: value for name, value in body.items() if name not in ("digest", BESIDE)}
    return json.dumps({**kept, "digest": digest(kept)}).encode()


def test_plans_with_holes() -> None:
    """At every depth: what is missing or of another type is named."""
    whole = json.loads(write_plan(planned(meshed(), f"drain: true, {TO_REFLECTORS}")))
    for part in ("name", "notices", "node_sets", "fingerprints", "reasons", "down", "steps", "edges", "hooks", "spec"):
        for odd in (7, [7], {"a": 7}, "x", None):
            if odd == whole.get(part):
                continue
            if part == "name" and odd == "x":
                continue
            with pytest.raises(FileFormatError) as refusal:
                read_plan(resealed({**whole, part: odd}), "plan.json")
            assert refusal.value.problems[0].hint == "make a new plan"
    whole["node_sets"] = {name: ["x;touch y"] for name in whole["node_sets"]}
    with pytest.raises(FileFormatError) as refusal:
        read_plan(resealed(whole), "plan.json")
    assert str(refusal.value) == ("plan.json: `x;touch y` is no name that Kubernetes accepts\n  hint: make a new plan")


def test_a_hook_with_a_nul_in_a_plan() -> None:
    """No program can be given it, so no run begins."""
    whole = json.loads(write_plan(planned(meshed(), f"drain: true, {TO_REFLECTORS}")))
    whole["hooks"] = [{"name": "h", "on": "before-run", "command": ["a\0b"]}]
    with pytest.raises(FileFormatError) as refusal:
        read_plan(resealed(whole), "plan.json")
    assert "must be a word without a NUL character" in str(refusal.value)


def test_snapshots_with_other_things() -> None:
    """A resource is a mapping."""
    body = {"format_version": "1.0", "kind": "Snapshot", "taken_at": None, "notices": [], "resources": ["x"]}
    with pytest.raises(FileFormatError) as refusal:
        read_snapshot(resealed(body), "s.json")
    assert (
        str(refusal.value) == "s.json: `resources[0]` is no mapping\n  hint: make the file again with `rrplan snapshot`"
    )


@pytest.mark.parametrize("odd", ["[" * 5000, "[]", "7", '{"seq": 1.5}', "\xff"])
def test_lines_and_descriptions(odd: str, tmp_path: Path) -> None:
    """A journal line and run.json."""
    with pytest.raises(JournalError) as broken:
        Journal.open(_Lines(odd.encode("latin-1") + b"\n"), "sha256:0")
    assert str(broken.value) == "journal.jsonl:1: not a journal line"
    for value in (1.5, -1, 10**18, True, "1", None):
        line = {"seq": 1, "step": "", "event": "run-started", "time": value, "note": "", "prev": "sha256:0", "hash": ""}
        with pytest.raises(JournalError):
            Journal.open(_Lines(json.dumps(line).encode() + b"\n"), "sha256:0")
    folder = tmp_path / "runs" / "r1"
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    (folder / "run.json").write_bytes(odd.encode("latin-1"))
    with pytest.raises(FileFormatError) as refusal:
        RunDirectory(tmp_path).runs()
    assert str(refusal.value).endswith("run.json does not describe a run\n  hint: restore it from a copy")


def test_every_error_has_a_name() -> None:
    """Whoever calls rrplan can catch what is said of a full disk."""
    assert api.RunBroken.exit_code == 4
