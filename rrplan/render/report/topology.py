"""The topology as a picture: zones are columns, reflectors stand above the groups of their clients.

The same places in every frame, so that the eye sees what changes. Sizes are units of SVG.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rrplan.planning.picture import NodeGroup, Picture
from rrplan.plans.plan import Plan
from rrplan.render.report.sessions import Movement, movements, session_count
from rrplan.text import one_line

MOST_COLUMNS = 24
MOST_REFLECTORS, MOST_CLIENTS = 24, 8
"""Boxes of each kind in a column; what is beyond stands in one box."""
MOST_OUTSIDE = 12
MOST_DRAWN = 1200
MOST_KNOWN = 12_000
"""Lines between groups that the file knows, for the sessions of a node."""
COLUMN, GAP, MARGIN = 208, 28, 16
BOX, ROW = 34, 44
FAN = 96
"""The room between reflectors and their clients, where lines run."""
FAMILY = {"ipv4": "IPv4", "ipv6": "IPv6"}


@dataclass(frozen=True, slots=True)
class Box:
    """A group of nodes, or speakers outside; `reflects` and `meshed` are the frames in which it does, or is."""

    number: int
    x: float
    y: float
    width: float
    label: str
    below: str
    spoken: str
    kind: str
    zone: str
    down: bool
    reflects: str
    meshed: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line between two boxes; `frames` are those in which it is there."""

    path: str
    kind: str
    here: int
    there: int
    frames: str
    first: bool
    last: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class FrameRow:
    """A frame in numbers and words."""

    sessions: int
    reflectors: int
    mesh: str
    text: str
    movement: Movement


@dataclass(frozen=True, slots=True)
class TopologyPicture:
    """Everything that is drawn, and what a reader can ask the picture about."""

    width: float
    height: float
    columns: tuple[tuple[float, str, str], ...]
    """The left edge of each, its name, and how many nodes are in it."""
    boxes: tuple[Box, ...]
    lines: tuple[Drawn, ...]
    zone_top: float
    band: float
    """Where the band of the mesh is."""
    frames: tuple[FrameRow, ...]
    notes: tuple[str, ...]
    exact: bool
    data: Mapping[str, object] = field(hash=False, default_factory=dict)

    def within(self, frames: str, frame: int) -> bool:
        """Whether a frame is among those that `frames_text` wrote."""
        ends = (run.partition("-") for run in frames.split())
        return any(int(first) <= frame <= int(last or first) for first, _, last in ends)


def frames_text(frames: Iterable[int]) -> str:
    """Frames in few characters: `0-3 5`."""
    runs = (list(run) for _, run in groupby(enumerate(sorted(frames)), lambda pair: pair[1] - pair[0]))
    ends = ((run[0][1], run[-1][1]) for run in runs)
    return " ".join(f"{first}-{last}" if first != last else str(first) for first, last in ends)


def topology_picture(plan: Plan, picture: Picture, steps: Mapping[str, str]) -> TopologyPicture:
    """The picture of a plan; `steps` has the words of each step by its id."""
    room = _Room(picture)
    lines, notes = _drawn(picture, room)
    moved = movements(picture)
    last = picture.frames - 1
    rows = []
    for frame in range(picture.frames):
        reflectors = sum(len(group.names) for group in picture.groups if group.reflects[frame])
        mesh = _mesh_text(picture, frame)
        sessions = session_count(picture, frame)
        what = "Before the plan" if not frame else f"After {steps.get(picture.after[frame - 1], '')}"
        what = "In the end" if frame == last and frame else what
        known = "" if picture.exact else " that the plan names"
        text = f"{what}: {sessions:,} sessions{known}, {reflectors_text(reflectors)}, {mesh}"
        rows.append(FrameRow(sessions, reflectors, mesh, text, moved[frame]))
    if not picture.exact:
        notes.insert(
            0,
            "No cluster was given, so this is drawn from what the plan itself names: the nodes and sessions that its "
            "gates ask about. Zones, and nodes that no gate asks about, are not known; give the snapshot that the plan "
            "was made from to see the whole topology.",
        )
    return TopologyPicture(
        room.width,
        room.height,
        tuple(room.titles),
        tuple(room.boxes),
        tuple(lines),
        room.top,
        room.band,
        tuple(rows),
        tuple(notes),
        picture.exact,
        _data(picture, room),
    )


def reflectors_text(count: int) -> str:
    """How many nodes reflect; speakers outside that do are no nodes."""
    return f"{count:,} reflector{'' if count == 1 else 's'}" if count else "no node reflects"


def _mesh_text(picture: Picture, frame: int) -> str:
    sizes = [
        sum(len(picture.groups[place].names) for place in members)
        for members in picture.mesh[frame].values()
        if members
    ]
    return f"full mesh among {max(sizes):,} nodes" if sizes else "no full mesh"


class _Room:
    """Where everything stands."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self.boxes: list[Box] = []
        self.of_group: dict[int, int] = {}
        self.of_speaker: dict[str, int] = {}
        self.titles: list[tuple[float, str, str]] = []
        zones = sorted({group.zone for group in picture.groups}, key=lambda zone: (not zone, _natural(zone)))
        beyond = set(zones[MOST_COLUMNS - 1 :]) if len(zones) > MOST_COLUMNS else set()
        columns: dict[str, list[int]] = {}
        for place, group in enumerate(picture.groups):
            columns.setdefault("\0" if group.zone in beyond else group.zone, []).append(place)
        order = [*(zone for zone in zones if zone not in beyond), *(["\0"] if beyond else [])]
        self.width = max(2 * MARGIN + len(order) * (COLUMN + GAP) - GAP, 460)
        shift = (self.width - 2 * MARGIN - len(order) * (COLUMN + GAP) + GAP) / 2
        outside = sorted({line.speaker for line in picture.outside})
        top = MARGIN + 4
        if outside:
            self._outside(outside, top)
            top += ROW + 22
        top += 34
        halves = {zone: self._halves(columns[zone]) for zone in order}
        tall = max((-(-len(reflectors) // 2) for reflectors, _ in halves.values()), default=0)
        below = top + tall * ROW + (FAN if tall else 12)
        bottom = below
        for column, zone in enumerate(order):
            left = MARGIN + shift + column * (COLUMN + GAP)
            title = zone or ("no zone label" if picture.exact else "named by the plan")
            title = f"{len(beyond)} more zones" if zone == "\0" else title
            count = sum(len(picture.groups[place].names) for place in columns[zone])
            self.titles.append(
                (left, _short(one_line(title), COLUMN - 80), f"{count:,} node{'' if count == 1 else 's'}")
            )
            reflectors, clients = halves[zone]
            for index, places in enumerate(reflectors):
                wide = COLUMN / 2 - 4
                x, y = left + (index % 2) * (wide + 8), top + index // 2 * ROW
                self._group(places, x, y, wide)
            for index, places in enumerate(clients):
                self._group(places, left, below + index * ROW, COLUMN)
            bottom = max(bottom, below + len(clients) * ROW)
        self.top = top
        self.band = bottom + 18
        self.height = self.band + 34

    def _halves(self, places: Sequence[int]) -> tuple[list[list[int]], list[list[int]]]:
        """What reflects at some time, and what never does; what is too much is one box."""
        reflect = [place for place in places if self._picture.groups[place].ever_reflects]
        never = [place for place in places if not self._picture.groups[place].ever_reflects]
        halves = []
        for some, most in ((reflect, MOST_REFLECTORS), (never, MOST_CLIENTS)):
            some.sort(key=lambda place: self._picture.groups[place].names[0])
            boxes = [[place] for place in some[: most - 1]] + ([some[most - 1 :]] if len(some) >= most else [])
            halves.append(boxes)
        return halves[0], halves[1]

    def _group(self, places: Sequence[int], x: float, y: float, width: float) -> None:
        groups = [self._picture.groups[place] for place in places]
        number = len(self.boxes)
        self.of_group |= dict.fromkeys(places, number)
        count = sum(len(group.names) for group in groups)
        reflects = {frame for group in groups for frame, does in enumerate(group.reflects) if does}
        meshed = {
            frame for frame, mesh in enumerate(self._picture.mesh) if any(mesh_has(mesh, place) for place in places)
        }
        kind = "reflector" if any(group.ever_reflects for group in groups) else "clients"
        first = one_line(groups[0].names[0])
        label = first if count == 1 else f"{count:,} nodes"
        below = "" if count == 1 else f"{first} ..."
        if len(groups) > 1:
            below = f"of {len(groups):,} kinds"
        zone = groups[0].zone
        where = f" in {one_line(zone)}" if zone else ""
        what = {"reflector": "reflector, now or later", "clients": "no reflector"}[kind]
        spoken = f"{label}{where}, {what}" + (", down" if any(group.down for group in groups) else "")
        self.boxes.append(
            Box(
                number,
                x,
                y,
                width,
                _short(label, width),
                _short(below, width),
                spoken,
                kind,
                zone,
                any(group.down for group in groups),
                frames_text(reflects),
                frames_text(meshed),
            )
        )

    def _outside(self, speakers: Sequence[str], top: float) -> None:
        shown = [[name] for name in speakers]
        if len(shown) > MOST_OUTSIDE:
            shown = [*shown[: MOST_OUTSIDE - 1], list(speakers[MOST_OUTSIDE - 1 :])]
        each = min(COLUMN, (self.width - 2 * MARGIN) / len(shown) - 8)
        start = (self.width - len(shown) * (each + 8) + 8) / 2
        for index, names in enumerate(shown):
            number = len(self.boxes)
            self.of_speaker |= dict.fromkeys(names, number)
            label = one_line(names[0]) if len(names) == 1 else f"{len(names):,} more outside"
            self.boxes.append(
                Box(
                    number,
                    start + index * (each + 8),
                    top,
                    each,
                    _short(label.removeprefix("outside "), each),
                    "",
                    f"{label}, a speaker outside the cluster",
                    "outside",
                    "",
                    False,
                    "",
                    "",
                )
            )


def _natural(text: str) -> list[tuple[int, str]]:
    """What sorts `z2` before `z10`."""
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() and part.isascii() else (0, part) for part in parts]


def mesh_has(mesh: Mapping[str, Collection[int]], group: int) -> bool:
    """Whether a group is in the mesh in any family."""
    return any(group in members for members in mesh.values())


def _short(text: str, width: float) -> str:
    """As much of a text as fits into a box."""
    most = max(6, int(width / 7.4))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _drawn(picture: Picture, room: _Room) -> tuple[list[Drawn], list[str]]:
    """The lines between boxes, and what there is to say of those that are not drawn."""
    ends: dict[tuple[int, int], set[int]] = {}
    doubtful: set[tuple[int, int]] = set()
    for line in picture.lines:
        here, there = room.of_group[line.here], room.of_group[line.there]
        pair = min(here, there), max(here, there)
        ends.setdefault(pair, set()).update(line.frames)
        if not line.certain:
            doubtful.add(pair)
    for up in picture.outside:
        ends.setdefault((room.of_speaker[up.speaker], room.of_group[up.here]), set()).update(up.frames)
    notes: list[str] = []
    pairs = {pair: frames for pair, frames in ends.items() if pair[0] != pair[1]}
    if len(pairs) > MOST_DRAWN:
        kept = {pair: frames for pair, frames in pairs.items() if _kind(room, pair) != "peers"}
        notes.append(
            f"{len(pairs) - len(kept):,} lines between reflectors are not drawn; select a node for its sessions"
        )
        pairs = kept
    if len(pairs) > MOST_DRAWN:
        notes.append(f"{len(pairs):,} lines are too many to be drawn; select a node for its sessions")
        pairs = {}
    last = picture.frames - 1
    lines = [
        Drawn(
            _path(room, pair),
            _kind(room, pair),
            *pair,
            frames_text(frames),
            0 in frames,
            last in frames,
            pair not in doubtful,
        )
        for pair, frames in sorted(pairs.items())
    ]
    return lines, notes


def _kind(room: _Room, pair: tuple[int, int]) -> str:
    kinds = {room.boxes[end].kind for end in pair}
    if "outside" in kinds:
        return "uplink"
    return "peers" if kinds == {"reflector"} else "serves"


def _path(room: _Room, pair: tuple[int, int]) -> str:
    upper, lower = sorted((room.boxes[end] for end in pair), key=lambda box: (box.y, box.x))
    ax, bx = upper.x + upper.width / 2, lower.x + lower.width / 2
    if upper.kind == lower.kind and upper.kind != "outside":
        # Boxes of one kind stand side by side: an arc over them.
        y = min(upper.y, lower.y)
        lift = min(26.0, 8 + abs(ax - bx) / 40)
        return f"M{ax:.0f} {upper.y:.0f}Q{(ax + bx) / 2:.0f} {y - lift:.0f} {bx:.0f} {lower.y:.0f}"
    a, b = upper.y + BOX, lower.y
    middle = (a + b) / 2
    return f"M{ax:.0f} {a:.0f}C{ax:.0f} {middle:.0f} {bx:.0f} {middle:.0f} {bx:.0f} {b:.0f}"


def _data(picture: Picture, room: _Room) -> dict[str, object]:
    """What the picture answers when somebody selects a node."""
    known = len(picture.lines) <= MOST_KNOWN
    return {
        "groups": [_group_data(group, room.of_group[place]) for place, group in enumerate(picture.groups)],
        "lines": [
            [line.here, line.there, FAMILY.get(line.family, line.family), frames_text(line.frames)]
            for line in (picture.lines if known else ())
        ],
        "known": known,
        "outside": [
            [line.here, one_line(line.speaker), FAMILY.get(line.family, line.family), frames_text(line.frames)]
            for line in picture.outside
        ],
        "mesh": [
            {FAMILY.get(family, family): sorted(members) for family, members in mesh.items()} for mesh in picture.mesh
        ],
    }


def _group_data(group: NodeGroup, box: int) -> dict[str, object]:
    reflects = frames_text(frame for frame, does in enumerate(group.reflects) if does)
    return {"names": [one_line(name) for name in group.names], "zone": one_line(group.zone), "box": box, "rr": reflects}
