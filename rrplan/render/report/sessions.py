"""How many sessions a frame of a picture has, and which come and go on the way to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rrplan.planning.picture import NodeGroup, Picture
from rrplan.text import and_more, one_line

FAMILIES = {"ipv4": "IPv4", "ipv6": "IPv6"}


@dataclass(frozen=True, slots=True)
class Movement:
    """Sessions that come and go from one frame to the next: how many, and in words."""

    come: tuple[str, ...] = ()
    go: tuple[str, ...] = ()
    coming: int = 0
    going: int = 0


def pairs_between(groups: Sequence[NodeGroup], here: int, there: int) -> int:
    """The pairs of nodes of two groups, or of one."""
    size = len(groups[here].names)
    return size * (size - 1) // 2 if here == there else size * len(groups[there].names)


def _meshed(picture: Picture, frame: int, family: str) -> int:
    return sum(len(picture.groups[place].names) for place in picture.mesh[frame].get(family, ()))


def session_count(picture: Picture, frame: int) -> int:
    """The sessions that are up in a frame, each counted once and each family by itself."""
    count = sum(pairs_between(picture.groups, line.here, line.there) for line in picture.lines if frame in line.frames)
    count += sum(len(picture.groups[line.here].names) for line in picture.outside if frame in line.frames)
    for family in picture.mesh[frame]:
        size = _meshed(picture, frame, family)
        count += size * (size - 1) // 2
    return count


def movements(picture: Picture) -> list[Movement]:
    """What comes and goes from each frame to the next; nothing in the first."""
    edges: list[list[tuple[str, str, str, int, bool]]] = [[] for _ in range(picture.frames)]
    for line in picture.lines:
        count = pairs_between(picture.groups, line.here, line.there)
        ends = [_name(picture.groups[end]) for end in (line.here, line.there)]
        # What comes with a new reflector is told from its end.
        if picture.groups[line.there].ever_reflects and not picture.groups[line.here].ever_reflects:
            ends.reverse()
        if line.here == line.there:
            ends = [ends[0], "one another"]
        for frame in range(1, picture.frames):
            if (frame in line.frames) != (frame - 1 in line.frames):
                edges[frame].append((ends[0], ends[1], line.family, count, frame in line.frames))
    for up in picture.outside:
        group = picture.groups[up.here]
        for frame in range(1, picture.frames):
            if (frame in up.frames) != (frame - 1 in up.frames):
                edges[frame].append((_name(group), up.speaker, up.family, len(group.names), frame in up.frames))
    result = [Movement()]
    for frame in range(1, picture.frames):
        sides: dict[bool, list[tuple[str, int]]] = {}
        for comes in (True, False):
            some = [edge[:4] for edge in edges[frame] if edge[4] is comes]
            sides[comes] = [*_told(some), *_of_mesh(picture, frame, comes=comes)]
        result.append(
            Movement(
                tuple(text for text, _ in sides[True]),
                tuple(text for text, _ in sides[False]),
                sum(count for _, count in sides[True]),
                sum(count for _, count in sides[False]),
            )
        )
    return result


def _told(edges: Iterable[tuple[str, str, str, int]]) -> list[tuple[str, int]]:
    """One sentence for each pair of ends, the families together."""
    by_ends: dict[tuple[str, str], dict[str, int]] = {}
    for here, there, family, count in edges:
        by_ends.setdefault((here, there), {})[family] = count
    return [
        (f"{here} with {there}: {_sessions(sum(counts.values()))} ({families_text(counts)})", sum(counts.values()))
        for (here, there), counts in by_ends.items()
    ]


def _of_mesh(picture: Picture, frame: int, *, comes: bool) -> list[tuple[str, int]]:
    """Sessions of the mesh: it has fewer or more nodes than before, or is not there any more."""
    texts: list[tuple[str, int]] = []
    families = picture.mesh[frame].keys() | picture.mesh[frame - 1].keys()
    total, names, told = 0, list[str](), list[str]()
    for family in sorted(families):
        was, now = picture.mesh[frame - 1].get(family, frozenset()), picture.mesh[frame].get(family, frozenset())
        sizes = [_meshed(picture, frame - 1, family), _meshed(picture, frame, family)]
        sessions = [size * (size - 1) // 2 for size in sizes]
        changed = sessions[1] - sessions[0] if comes else sessions[0] - sessions[1]
        if changed <= 0:
            continue
        total += changed
        told.append(family)
        moved = sorted(now - was if comes else was - now)
        names = [_name(picture.groups[place]) for place in moved]
    if total:
        empty = not any(picture.mesh[frame - 1 if comes else frame].values())
        whole = "the full mesh" if empty else f"the full mesh with {', '.join(names[:3])}{and_more(len(names), 3)}"
        texts.append((f"{whole}: {_sessions(total)} ({families_text(told)})", total))
    return texts


def families_text(families: Iterable[str]) -> str:
    """`IPv4`, `IPv6`, or both."""
    return " and ".join(FAMILIES.get(family, family) for family in sorted(families))


def _name(group: NodeGroup) -> str:
    first = one_line(group.names[0])
    if len(group.names) == 1:
        return first
    where = f" of {one_line(group.zone)}" if group.zone else f" such as {first}"
    return f"{len(group.names):,} nodes{where}"


def _sessions(count: int) -> str:
    return f"{count:,} session{'' if count == 1 else 's'}"
