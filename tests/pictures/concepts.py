"""The pictures of docs/concepts.md: sessions, counts and reasons come from plans and the model.

Places and words around them are laid out by hand.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from math import cos, pi, sin
from typing import Any

from rrplan import UnsafePlanError, load_spec, plan, snapshot_of_manifests
from rrplan.bgp.adjacency import Established
from rrplan.bgp.model import Model
from rrplan.bgp.profile import calico_versions
from rrplan.bgp.reflection import Doubt
from rrplan.bgp.sessions import Session, Speakers
from rrplan.planning.promise import exposed_pairs, missing_pairs, states
from rrplan.plans import Plan
from rrplan.plans.change import changed
from rrplan.resources import ClusterState
from rrplan.snapshots import Snapshot
from rrplan.specs import Spec
from tests.pictures.style import SANS, colours, head
from tests.support.scenarios import FOLDER as SCENARIOS

WIDTH = 760
STYLE = (
    colours() + "text{fill:var(--ink);font-size:13px}.page{fill:var(--paper);stroke:var(--edge)}"
    ".title{font-weight:650;font-size:14px}.soft{fill:var(--soft)}.good{fill:var(--good)}.bad{fill:var(--bad)}"
    ".node{fill:var(--paper);stroke:var(--ink);stroke-width:1.6}"
    ".reflector{fill:var(--accent);stroke:var(--accent)}.on{fill:var(--paper);font-size:11px}.name{font-size:11px}"
    "path{fill:none;stroke-width:1.5}.mesh{stroke:var(--mesh)}.session{stroke:var(--accent)}"
    ".gone{stroke:var(--bad);stroke-dasharray:2 4;stroke-width:2}"
    ".new{stroke:var(--accent);stroke-dasharray:7 4;stroke-width:2}"
    ".same{stroke:var(--good)}.doubt{stroke:var(--bad);stroke-dasharray:6 5;stroke-width:2}.bar{fill:var(--mesh)}"
)
SPEC = b"""
apiVersion: rrplan.io/v1
kind: BGPTopology
metadata: {name: concepts}
spec:
  topology: route-reflectors
  clusterID: 224.0.0.1
  groups: [{name: main, nodes: {names: [rr-1, rr-2]}}]
  drain: true
"""
NAMES = ("rr-1", "rr-2", "n1", "n2", "n3", "n4")
Place = tuple[float, float]
Document = dict[str, Any]


@cache
def concept_svgs() -> dict[str, str]:
    """Every picture by its name."""
    pictures = {
        "order": _order(),
        "surviving": _surviving(),
        "exposure": _exposure(),
        "doubt": _doubt(),
        "lock": _lock(),
        "cluster-ids": _cluster_ids(),
    }
    return {f"concept-{name}": text for name, text in pictures.items()}


# --- clusters, and what the model says of them -------------------------------------------------------


def _node(name: str, host: int, cluster_id: str = "") -> Document:
    notes = {"projectcalico.org/IPv4Address": f"10.0.0.{host}/24"}
    notes |= {"projectcalico.org/RouteReflectorClusterID": cluster_id} if cluster_id else {}
    metadata = {"name": name, "labels": {"host": name}, "annotations": notes}
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}, "status": ready}


def _calico(kind: str, name: str, **spec: object) -> Document:
    return {"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _cluster(*documents: Document) -> Snapshot:
    common = (
        _calico("ClusterInformation", "default", calicoVersion="v3.30.4"),
        _calico("IPPool", "default-ipv4-ippool", cidr="10.244.0.0/16", ipipMode="Always"),
    )
    listing = {"apiVersion": "v1", "kind": "List", "items": [*common, *documents]}
    return snapshot_of_manifests([("cluster.yaml", json.dumps(listing).encode())])


def _example() -> tuple[Plan, list[ClusterState]]:
    """From a mesh of six nodes to two reflectors: the plan, and the states before its first step and after each."""
    snapshot = _cluster(*(_node(name, host) for host, name in enumerate(NAMES, 1)))
    made = plan(load_spec(SPEC, "concepts.yaml"), snapshot)
    return made, [*states(made, snapshot.state)]


def _rows(state: ClusterState) -> dict[tuple[str, str], list[Session]]:
    """The IPv4 protocols of each node towards each other node."""
    speakers = Speakers.of(state, calico_versions(state))
    rows: dict[tuple[str, str], list[Session]] = {}
    for name in state.nodes:
        for row in speakers.sessions(name):
            if row.protocol.peer_node and row.protocol.family == "ipv4":
                rows.setdefault((name, row.protocol.peer_node), []).append(row)
    return rows


def _up(state: ClusterState) -> dict[tuple[str, str], str]:
    """The pairs of nodes with a session that is certain to be up, and its kind."""
    return {
        pair: row.protocol.kind.value
        for pair, rows in _rows(state).items()
        for row in rows
        if pair[0] < pair[1] and row.verdict.established is Established.YES
    }


def _lost(state: ClusterState) -> int:
    """How many ordered pairs of nodes have no IPv4 route for certain."""
    return len([pair for pair in missing_pairs(state, calico_versions(state)) if pair.family == "ipv4"])


def _said(state: ClusterState) -> tuple[str, str]:
    """The looks, and the sentence, about the routes of a state."""
    lost, pairs = _lost(state), len(state.nodes) * (len(state.nodes) - 1)
    return ("bad", f"{lost} of {pairs} pairs have no route") if lost else ("good", "every node holds every route")


# --- drawing -----------------------------------------------------------------------------------------


def _svg(title: str, told: str, height: int, parts: Iterable[str]) -> str:
    lines = [
        head(WIDTH, height, SANS),
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(told)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>',
    ]
    return "\n".join([*lines, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, looks: str = "", anchor: str = "middle") -> str:
    return f'<text class="{looks}" x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(words)}</text>'


def _wrapped(x: float, y: float, words: str, width: int, looks: str = "", anchor: str = "start") -> list[str]:
    lines = textwrap.wrap(words, width, break_on_hyphens=False)
    return [_text(x, y + 18 * number, line, looks, anchor) for number, line in enumerate(lines)]


def _way(here: Place, there: Place, looks: str, aside: float = 0) -> str:
    """A line between two places, or one beside it."""
    length = ((there[0] - here[0]) ** 2 + (there[1] - here[1]) ** 2) ** 0.5
    x, y = aside * (here[1] - there[1]) / length, aside * (there[0] - here[0]) / length
    ends = f"M{here[0] + x:.1f} {here[1] + y:.1f}L{there[0] + x:.1f} {there[1] + y:.1f}"
    return f'<path class="{looks}" d="{ends}"/>'


def _dot(name: str, place: Place, *, reflects: bool) -> Iterator[str]:
    looks, inside = ("node reflector", "on") if reflects else ("node", "name")
    yield f'<circle class="{looks}" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="17"/>'
    yield _text(place[0], place[1] + 4, name, inside)


def _ring(names: Sequence[str], x: float, y: float, radius: float) -> dict[str, Place]:
    """Places on a circle, the first two at the top."""
    turn = 2 * pi / len(names)
    angles = [
        -pi / 2 - turn / 2,
        -pi / 2 + turn / 2,
        *(-pi / 2 + turn * (place - 0.5) for place in range(2, len(names))),
    ]
    return {name: (x + radius * cos(angle), y + radius * sin(angle)) for name, angle in zip(names, angles, strict=True)}


def _drawn(state: ClusterState, places: dict[str, Place]) -> Iterator[str]:
    for (here, there), kind in sorted(_up(state).items()):
        yield _way(places[here], places[there], "mesh" if kind == "mesh" else "session")
    for name, place in places.items():
        node = next(node for node in state.nodes.values() if node.name == name)
        yield from _dot(name, place, reflects=bool(node.cluster_id))


# --- the pictures ------------------------------------------------------------------------------------


def _order() -> str:
    made, chain = _example()
    (mesh_off,) = [place for place, step in enumerate(made.steps) if step.id == "mesh-off"]
    (change,) = made.steps[mesh_off].changes
    start, both, end = chain[0], chain[mesh_off], chain[-1]
    rows = (
        ("The mesh goes first", start, "the mesh is off", changed(start, change), "seconds later", end),
        ("The mesh goes last", start, "reflectors beside the mesh", both, "the mesh is off", end),
    )
    parts: list[str] = []
    for line, (title, first, second_title, second, third_title, third) in enumerate(rows):
        top = 20 + line * 258
        parts.append(_text(24, top + 12, title, "title", "start"))
        for column, (words, state) in enumerate((("a full mesh", first), (second_title, second), (third_title, third))):
            x = 130 + 250 * column
            looks, said = _said(state)
            parts += [_text(x, top + 36, words, "soft"), *_drawn(state, _ring(NAMES, x, top + 128, 68))]
            parts.append(_text(x, top + 232, said, looks))
    lost = _said(changed(start, change))[1]
    told = f"Mesh off before the sessions to reflectors exist: {lost}. Sessions to reflectors first: none is lost."
    return _svg("Why the order matters", told, 540, parts)


def _surviving() -> str:
    made, chain = _example()
    (number,) = [place for place, step in enumerate(made.steps) if step.id == "promote/rr-2"]
    blocks = [
        {pair: {(row.protocol.name, row.protocol.block) for row in rows} for pair, rows in _rows(state).items()}
        for state in chain[number : number + 2]
    ]
    before, after = (_up(state) for state in chain[number : number + 2])
    ends = {pair: (pair, pair[::-1]) for pair in {**before, **after}}
    same = {
        pair
        for pair in before
        if pair in after and all(blocks[0][end] == blocks[1][end] for end in ends[pair] if end in blocks[0])
    }
    places = _ring(NAMES, 170, 172, 120)
    parts = [_way(places[here], places[there], "same") for here, there in sorted(same)]
    parts += [_way(places[here], places[there], "gone", -3) for here, there in sorted(before.keys() - same)]
    parts += [_way(places[here], places[there], "new", 3) for here, there in sorted(after.keys() - same)]
    for name, place in places.items():
        parts += _dot(name, place, reflects=name in ("rr-1", "rr-2"))
    (proof,) = [proof for proof in made.proof.steps if proof.step == "promote/rr-2"]
    at_risk = exposed_pairs(chain[number], chain[number + 1], calico_versions(chain[0]))
    assert all("rr-2" in (pair.at, pair.origin) for pair in at_risk)
    exposed, seconds = sum(each.pairs for each in proof.exposures), max(each.seconds for each in proof.exposures)
    assert exposed == len(at_risk)
    legend = (
        ("same", f"{len(same)} sessions stay up: the same before and after"),
        ("gone", f"{len(before.keys() - same)} sessions go down"),
        ("new", f"{len(after.keys() - same)} sessions come up, seconds later"),
    )
    for line, (looks, words) in enumerate(legend):
        y = 96 + 28 * line
        parts += [_way((350, y - 4), (386, y - 4), looks), _text(398, y, words, "", "start")]
    told = f"rr-2 rests on none that stays: {exposed} ordered pairs, all with rr-2 at one end, are exposed for up to "
    told += f"{seconds} s."
    parts += [_text(350, 56, "While rr-2 becomes a reflector", "title", "start"), *_wrapped(350, 200, told, 54)]
    parts += _wrapped(350, 262, "Every other pair keeps a path over what stays up.", 54, "good")
    return _svg("Sessions that survive a step", told, 320, parts)


def _exposure() -> str:
    made, _ = _example()
    pairs = {proof.step: proof.exposures for proof in made.proof.steps}
    parts = [_text(24, 32, "Ordered pairs without a path while a step takes effect", "title", "start")]
    for number, step in enumerate(made.steps):
        y = 58 + 24 * number
        exposures = pairs.get(step.id, ())
        count = sum(each.pairs for each in exposures)
        words = textwrap.shorten(f"{number + 1}. {step.summary}", 62, placeholder=" ...")
        parts.append(_text(24, y, words, "" if count else "soft", "start"))
        if count:
            parts.append(f'<rect class="bar" x="440" y="{y - 12}" width="{count * 6}" height="15" rx="3"/>')
            said = f"{count}, for up to {max(each.seconds for each in exposures)} s"
            parts.append(_text(450 + count * 6, y, said, "", "start"))
        else:
            parts.append(_text(440, y, "none", "soft", "start"))
    exposed = [each for exposures in pairs.values() for each in exposures]
    assert {each.tolerated.value for each in exposed} == {"drained"}
    told = f"{sum(each.pairs for each in exposed)} in all, every one with a drained node at one end: no pod needs them."
    parts.append(_text(24, 72 + 24 * len(made.steps), told, "good", "start"))
    return _svg("Exposure, step by step", told, 92 + 24 * len(made.steps), parts)


def _doubt() -> str:
    snapshot = _cluster(
        _node("n1", 1, "224.0.0.1"),
        _node("n2", 2),
        _node("n3", 3),
        _calico("BGPConfiguration", "default", nodeToNodeMeshEnabled=False),
        _calico("BGPPeer", "clients", nodeSelector="host != 'n1'", peerSelector="host == 'n1'"),
        _calico("BGPPeer", "other", nodeSelector="host == 'n2'", peerIP="10.0.0.1", asNumber=65001),
    )
    state = snapshot.state
    places = {"n1": (150.0, 70.0), "n2": (70.0, 190.0), "n3": (230.0, 190.0)}
    (row,) = _rows(state)["n2", "n1"]
    assert row.verdict.established is Established.UNKNOWN
    parts = [_way(places["n1"], places["n2"], "doubt"), *_drawn(state, places), _text(92, 124, "?", "title bad")]
    counts = {doubt: sum(loss.pairs for loss in Model(state, calico_versions(state)).missing(doubt)) for doubt in Doubt}
    assert counts[Doubt.FOR] == 0
    said = f"n2, of n1: {row.verdict.reason}."
    parts += [_text(330, 44, "A session that may or may not be up", "title", "start"), *_wrapped(330, 72, said, 60)]
    held, lost = "Before a step it counts as up: 6 of 6 pairs held a route.", counts[Doubt.AGAINST]
    after = f"After a step it counts as down: {lost} of 6 pairs hold none."
    parts += [_text(330, 188, held, "", "start"), _text(330, 210, after, "bad", "start")]
    return _svg("Doubt", f"{said} {held} {after}", 240, parts)


def _lock() -> str:
    peers = _calico("BGPPeer", "added", nodeSelector="all()", peerSelector="all()")
    parts: list[str] = []
    told: list[str] = []
    panels = (
        ("A BGPPeer beside the mesh", _cluster(_node("n1", 1), _node("n2", 2), peers)),
        ("n1 has a cluster ID (Calico v3.21 and later)", _cluster(_node("n1", 1, "224.0.0.1"), _node("n2", 2), peers)),
    )
    for column, (title, snapshot) in enumerate(panels):
        left = 24 + 380 * column
        here, there = (left + 40.0, 110.0), (left + 292.0, 110.0)
        rows = _rows(snapshot.state)["n1", "n2"]
        parts.append(_text(left, 34, title, "title", "start"))
        for line, row in enumerate(rows):
            mesh = row.protocol.kind.value == "mesh"
            up = row.verdict.established is Established.YES
            aside = 0.0 if len(rows) == 1 else 20.0 * (2 * line - 1)
            parts += [_way(here, there, "doubt" if not up else "mesh" if mesh else "session", aside)]
            parts.append(_text(left + 166, 104 + aside, row.protocol.name, "name"))
        parts += [*_dot("n1", here, reflects=column == 1), *_dot("n2", there, reflects=False)]
        (first, *_) = rows
        said = (
            f"{first.protocol.name} {first.verdict.reason}." if first.verdict.reason else "One session, and it is up."
        )
        told.append(f"{title}: {said}")
        parts += _wrapped(left, 170, said, 50, "bad" if first.verdict.reason else "good")
    return _svg("The lock on a neighbour", " ".join(told), 216, parts)


def _cluster_ids() -> str:
    parts: list[str] = []
    told: list[str] = []
    for column, name in enumerate(("shared", "own")):
        folder = SCENARIOS / f"{name}-cluster-id-with-disjoint-clients"
        snapshot = snapshot_of_manifests([("cluster.yaml", (folder / "cluster.yaml").read_bytes())])
        spec = load_spec((folder / "spec.yaml").read_bytes(), "spec.yaml")
        *_, end = states(_even_if_refused(spec, snapshot), snapshot.state)
        left, clients = 24 + 380 * column, sorted(name for name in end.nodes if name.startswith("node"))
        peers = _up(end)
        mine = [client for client in clients if (client, "rr-1") in peers]
        others = [client for client in clients if (client, "rr-2") in peers]
        places = {"rr-1": (left + 115.0, 120.0), "rr-2": (left + 215.0, 120.0)}
        places |= {client: (left + 20.0, 75 + 90 / max(1, len(mine) - 1) * n) for n, client in enumerate(mine)}
        places |= {client: (left + 310.0, 75 + 90 / max(1, len(others) - 1) * n) for n, client in enumerate(others)}
        ids = [next(node.cluster_id for node in end.nodes.values() if node.name == each) for each in ("rr-1", "rr-2")]
        parts += [_text(left, 32, f"{name.capitalize()} cluster ID{'s' * column}", "title", "start")]
        parts += _drawn_small(end, places)
        for reflector, cluster_id in zip(("rr-1", "rr-2"), ids, strict=True):
            parts.append(_text(places[reflector][0], 160, cluster_id or "", "name"))
        looks, said = _said(end)
        why = f": each drops what carries {ids[0]} already" if looks == "bad" else ""
        told.append(f"{name.capitalize()} cluster ID: {said}{why}.")
        parts += _wrapped(left, 216, f"{said}{why}", 46, looks)
    return _svg("Cluster IDs of reflectors with different clients", " ".join(told), 252, parts)


def _even_if_refused(spec: Spec, snapshot: Snapshot) -> Plan:
    """The plan, also where its proof has violations."""
    try:
        return plan(spec, snapshot)
    except UnsafePlanError as error:
        refused = error.plan
    assert isinstance(refused, Plan)
    return refused


def _drawn_small(state: ClusterState, places: dict[str, Place]) -> Iterator[str]:
    for here, there in sorted(_up(state)):
        yield _way(places[here], places[there], "session")
    for name, place in places.items():
        if name.startswith("rr"):
            yield from _dot(name, place, reflects=True)
        else:
            yield f'<circle class="node" cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="8"/>'
