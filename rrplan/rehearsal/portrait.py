"""Everything that can be seen of the speakers at a moment, and how two moments differ."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from rrplan.adapters.nodes.bird_output import BirdOutputProblem, protocols
from rrplan.bgp.speaker import FAMILIES, Family
from rrplan.ids import NodeName
from rrplan.rehearsal.laboratory import FLAG, Laboratory
from rrplan.rehearsal.namespaces import inside

NOTHING = "nothing"
_CODE = re.compile(r"^(\d{4})[- ]")
_ROUTE = re.compile(r"^(?P<prefix>[0-9a-fA-F.:]+/\d+)?\s+(?P<way>\S.*?) \[(?P<source>[^\]]+)\](?P<rest>.*)$")
_ATTRIBUTE = re.compile(r"^\s*BGP\.(?P<name>\w+): (?P<value>.*)$")


class Item(NamedTuple):
    """What is seen at `node`: `kind` is session, kernel route, route of BIRD, or route that a session exports."""

    node: NodeName
    family: str
    kind: str
    name: str


Portrait: TypeAlias = Mapping[Item, str]
"""What is said of each item."""


def portrait(laboratory: Laboratory) -> Portrait:
    """Sessions, routes of every table with next hop and attributes, and what each session exports."""
    seen: dict[Item, str] = {}
    for family in FAMILIES:
        for name in laboratory.speaking(family):
            if not laboratory.speaks(name, family):
                continue
            programmed = _kernel(laboratory, name, family) if laboratory.programs(name, family) else ()
            for prefix, way in programmed:
                seen[Item(name, str(family), "kernel route", prefix)] = way
            for route, attributes in _together(laboratory.ask(name, family, "show route all")):
                seen[Item(name, str(family), "route", route)] = attributes
            try:
                sessions = [each for each in protocols(laboratory.ask(name, family, "show protocols")) if _bgp(each)]
            except BirdOutputProblem:
                continue
            for session in sessions:
                state = session.info.split()[0] if session.info else session.state
                seen[Item(name, str(family), "session", session.name)] = state
                words = f"show route export {session.name} all"
                for route, attributes in _together(laboratory.ask(name, family, words)):
                    seen[Item(name, str(family), f"export of {session.name}", route)] = attributes
    return seen


def differences(before: Portrait, after: Portrait, first: str, second: str) -> Iterator[str]:
    """Where two portraits differ, in words, alike ones together; `first` and `second` name the moments."""
    kinds: dict[tuple[str, str, str], list[Item]] = {}
    for item in sorted(before.keys() | after.keys()):
        was, now = before.get(item, NOTHING), after.get(item, NOTHING)
        if was != now:
            kind = item.kind.partition(" of ")[0]
            shown = (was, now) if kind == "session" else (_shape(was, now), "")
            kinds.setdefault((kind, *shown), []).append(item)
    for (kind, *_), items in kinds.items():
        item = items[0]
        was, now = before.get(item, NOTHING), after.get(item, NOTHING)
        more = f" (and {len(items) - 1} more like it)" if len(items) > 1 else ""
        where = f"{item.kind} {item.name}" if kind == "export" else f"{kind} {item.name}"
        yield f"{item.node} ({item.family}), {where}: {first} {was}, {second} {now}{more}"


def _shape(was: str, now: str) -> str:
    """Which side lacks it: differences of that kind are told together."""
    return "gone" if now == NOTHING else "new" if was == NOTHING else "changed"


def _bgp(protocol: object) -> bool:
    return getattr(protocol, "proto", "") == "BGP"


def _kernel(laboratory: Laboratory, name: NodeName, family: str) -> Iterator[tuple[str, str]]:
    """The routes of the main table that lead to other nodes: prefix and next hop."""
    with inside(laboratory.network.hosts[name]):
        words = ["ip", "-j", FLAG[Family(family)], "route", "show", "proto", "bird"]
        shown = subprocess.run(words, capture_output=True, check=True).stdout
    for row in json.loads(shown or b"[]"):
        hops: Sequence[Mapping[str, str]] = row.get("nexthops") or [row]
        yield row["dst"], ", ".join(sorted(f"via {hop.get('gateway', hop.get('dev', '?'))}" for hop in hops))


def _together(text: str) -> Iterator[tuple[str, str]]:
    """Routes by name; a session with `add paths` may hand over several paths to a prefix."""
    paths: dict[str, list[str]] = {}
    for name, attributes in read_routes(text):
        paths.setdefault(name, []).append(attributes)
    for name, several in paths.items():
        yield name, " | ".join(sorted(several))


def read_routes(text: str) -> Iterator[tuple[str, str]]:
    """Each route that `show route all` or `show route export` of BIRD 1.6 prints: its name, and what is said of it.

    A route is named by its prefix and by the session and speaker that it came from; when it came is left out.
    """
    prefix = ""
    name, said = "", list[str]()
    for line in _lines(text):
        attribute = _ATTRIBUTE.match(line)
        route = _ROUTE.match(line)
        if attribute:
            said.append(f"{attribute['name']} {attribute['value'].strip()}")
        elif route:
            if name:
                yield name, "; ".join(said)
            prefix = route["prefix"] or prefix
            session, *origin = route["source"].split()
            sender = f" from {origin[-1]}" if "from" in origin else ""
            name = f"{prefix} by {session}{sender}"
            way = re.sub(r" on \S+$", "", route["way"])
            said = [way, "best"] if route["rest"].lstrip().startswith("*") else [way]
    if name:
        yield name, "; ".join(said)


def _lines(text: str) -> Iterable[str]:
    for line in text.split("\n"):
        coded = _CODE.match(line)
        if coded:
            if coded[1] in ("1007", "1008", "1012"):
                yield line[5:]
        elif line.strip():
            yield line[1:]
