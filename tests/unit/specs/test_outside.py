"""Speakers outside in a spec: what they can say, and every way in which they can be wrong."""

import pytest

from rrplan.errors import SpecError
from rrplan.specs import from_document, load

HEAD = """\
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: demo}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
"""
RR = "{name: rr, address: 10.0.9.1, asNumber: 64512, reflects: {clusterID: 10.0.9.1}}"
NODES = "nodes: {names: [a]}"


def text(*speakers: str, group: str = f"{{name: main, {NODES}}}", more: str = "") -> bytes:
    """A spec with these speakers and one group."""
    listed = "".join(f"    - {speaker}\n" for speaker in speakers)
    return f"{HEAD}  groups: [{group}]\n{more}  outside:\n{listed}".encode()


def test_everything_that_can_be_said() -> None:
    """Addresses in any spelling, roles, and what a group says; the canonical document gives the same spec."""
    spec = load(
        text(
            "{name: rr, address: ['FD00:0::1', 10.0.9.1], asNumber: 64512, reflects: {clusterID: 10.0.9.1}}",
            "{name: tor, address: 10.0.9.2, asNumber: 65000, transit: true, fabric: spine, announces: [0.0.0.0/0]}",
            "{name: monitor, address: 10.0.9.3, asNumber: 65001, required: false}",
            group="{name: main, outside: [rr]}",
        ),
        "spec.yaml",
    )

    rr, tor, monitor = spec.roles
    assert (rr.ipv4, rr.ipv6, rr.cluster_id) == ("10.0.9.1", "fd00::1", "10.0.9.1")
    assert (tor.transit, tor.fabric, tor.announces) == (True, "spine", ("0.0.0.0/0",))
    assert (monitor.required, rr.passes_on, tor.owed) == (False, True, True)
    assert not rr.owed
    assert not monitor.owed
    assert spec == from_document(spec.to_document())
    assert [speaker.name for speaker in spec.reflectors_outside(spec.groups[0])] == ["rr"]


def test_a_spec_without_them_is_written_as_before() -> None:
    """Plan files of specs that name nobody outside stay what they were."""
    document = load(f"{HEAD}  groups: [{{name: main, {NODES}}}]\n".encode(), "spec.yaml").to_document()

    assert "outside" not in document["spec"]
    assert "outside" not in document["spec"]["groups"][0]


WRONG = [
    ("no address", text("{name: x, address: rr.example, asNumber: 1}"), "`address` must be an address"),
    ("two of a family", text("{name: x, address: [10.0.0.1, 10.0.0.2], asNumber: 1}"), "one of each family"),
    ("no AS number", text("{name: x, address: 10.0.0.1}"), "`outside.0.asNumber` is missing"),
    ("host bits", text("{name: x, address: 10.0.0.1, asNumber: 1, announces: [10.0.0.1/8]}"), "must be a prefix"),
    ("unknown key", text("{name: x, address: 10.0.0.1, asNumber: 1, tranist: true}"), "did you mean `transit`?"),
    ("one name twice", text(RR, RR.replace("9.1,", "9.2,")), "two speakers outside are called `rr`"),
    ("one address twice", text(RR, RR.replace("name: rr", "name: b")), "10.0.9.1 is the address of `rr` and of `b`"),
    ("two parts", text(RR.replace("}}", "}, transit: true}")), "either reflects within its AS or passes routes on"),
    ("fabric of none", text("{name: x, address: 10.0.0.1, asNumber: 1, fabric: f}"), "with `transit: true`"),
    (
        "not required, and needed",
        text("{name: x, address: 10.0.0.1, asNumber: 1, announces: [0.0.0.0/0], required: false}"),
        "so its loss matters",
    ),
    (
        "the other family",
        text('{name: x, address: 10.0.0.1, asNumber: 1, announces: ["::/0"]}'),
        "has no address of the family of ::/0",
    ),
    ("unknown in a group", text(RR, group="{name: main, outside: [r]}"), "`outside` has no speaker `r`"),
    (
        "no reflector in a group",
        text("{name: x, address: 10.0.0.1, asNumber: 1}", group="{name: main, outside: [x]}"),
        "`x` does not reflect",
    ),
    (
        "a group on sand",
        text(RR.replace("}}", "}, required: false}"), group="{name: main, outside: [rr]}"),
        "group `main` rests on `rr`, which is not required",
    ),
    ("twice in a group", text(RR, group="{name: main, outside: [rr, rr]}"), "`rr` is twice in group `main`"),
    (
        "one BGPPeer for two",
        text(RR.replace("name: rr", "name: clients"), group=f"{{name: main, {NODES}, outside: [clients]}}"),
        "BGPPeer `rrplan-main-clients` would be for the clients of group `main` and for `clients`",
    ),
    (
        "a count of nobody",
        text(RR, group="{name: main, nodes: {count: 2}, outside: [rr]}"),
        "group `main`: no node is chosen",
    ),
    (
        "beside containers",
        text(RR, group=f"{{name: main, {NODES}, outside: [rr]}}", more="  flavor: standalone\n  drain: true\n"),
        "standalone reflectors are all the reflectors there are",
    ),
]


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_wrong_speakers_have_words(data: bytes, words: str) -> None:
    """The text says what is wrong, and where."""
    with pytest.raises(SpecError) as error:
        load(data, "spec.yaml")

    assert words in str(error.value)
