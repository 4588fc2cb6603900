"""What `birdcl` prints, as values: `show protocols` with and without `all`, `show status`, `show route` of BIRD 1.6.

Text goes in, values come out; nothing is asked or waited for. Read is what birdcl shows (no codes) and what the
control socket or `birdcl -v` says (`1002-...`). Words of BIRD are carried as printed, so that a state nobody
has seen yet is still a state; only text that is no such answer raises BirdOutputProblem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

_HEADER = ["name", "proto", "table", "state", "since", "info"]
_HEADER_LINE = "\nname     proto    table    state  since       info\n"
_SESSION = re.compile(r"^\S+ +BGP +\S+ +(\S+) +\d\S*(?: \d\d:\d\d\S*)?(?: +(\S+))?.*\n", re.MULTILINE)
"""A line of `show protocols` about a session: the states of the protocol and of BGP."""
_NO_PROTOCOL = "No protocols match"
_NO_ROUTE = "Network not in table"
_GR_IN_PROGRESS = "Graceful restart recovery in progress"
_BANNER = re.compile(r"(?:0001 )?BIRD \S+ ready\.")
_CODE = re.compile(r"\d{4}[- ]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?!\S)")
_PREFIX = re.compile(r"[0-9A-Fa-f:.]+/\d{1,3}")
_TARGETS = {"via", "dev", "multipath", "blackhole", "unreachable", "prohibited", "???"}
_QUOTED = 80


class BirdOutputProblem(ValueError):
    """The text is not the answer that was asked for: an error of birdcl, of the way to it, or something else."""


@dataclass(frozen=True, slots=True)
class BirdProtocol:
    """One protocol of BIRD.

    `recovery` is `pending` where the daemon waits for this session, `waiting` where this protocol is held back
    meanwhile. A session that is held back says Established in state `wait`: it announces nothing yet.
    """

    name: str
    proto: str
    state: str
    info: str
    since: str
    neighbor: str = ""
    bgp_state: str = ""
    imported: int = 0
    exported: int = 0
    last_error: str = ""
    recovering: bool = False
    recovery: str = ""

    @property
    def established(self) -> bool:
        """A BGP session that is up and whose first announcements are out."""
        return self.proto == "BGP" and self.state == "up" and self.bgp_state == "Established"


@dataclass(frozen=True, slots=True)
class BirdRoute:
    """One way to a prefix; a multipath route gives one Route per next hop.

    `via` is empty where there is no next hop; `target` is BIRD's word for where the route leads (`via`, `dev`,
    `multipath`, `blackhole`, `unreachable`, `prohibited`). `origin` is BGP's last AS and origin letter, as in
    `AS65001i` or `i`; `sender` the neighbor it came from where that is not the next hop. `best` is BIRD's `*`; its `!`,
    a best route that the kernel did not take, is not.
    """

    prefix: str
    via: str
    protocol: str
    origin: str
    best: bool
    sender: str = ""
    target: str = "via"


def protocols(text: str) -> tuple[BirdProtocol, ...]:
    """The protocols of `show protocols` or `show protocols all`, in their order; may raise BirdOutputProblem."""
    shown: list[BirdProtocol] = []
    row: BirdProtocol | None = None
    details: dict[str, str] = {}
    began = False
    for code, line in _answer(text):
        if _indented(line) or code == "1006":
            key, _, value = line.partition(":")
            details[key.strip()] = value.strip()
        elif line == _NO_PROTOCOL or line.split() == _HEADER:
            began = True
        elif began:
            if row:
                shown.append(_detailed(row, details))
            row, details = _row(line), {}
        else:
            raise _problem(line)
    if not began:
        raise _problem(text)
    if row:
        shown.append(_detailed(row, details))
    return tuple(shown)


def established(text: str) -> int:
    """How many sessions of `show protocols` are established: what `protocols` says, sooner where there are thousands.

    May raise BirdOutputProblem.
    """
    _, header, lines = text.partition(_HEADER_LINE)
    lines = lines.rstrip("\n") + "\n"
    rows = _SESSION.findall(lines) if header else []
    if header and len(rows) == lines.count("\n"):
        return rows.count(("up", "Established"))
    return sum(protocol.established for protocol in protocols(text))


def routes(text: str) -> tuple[BirdRoute, ...]:
    """The routes of `show route`, with or without `all`, in their order; may raise BirdOutputProblem."""
    table: list[BirdRoute] = []
    prefix = ""
    multipath: BirdRoute | None = None
    for _, line in _answer(text):
        words = line.split()
        if _PREFIX.fullmatch(words[0]):
            prefix = words.pop(0)
        elif not _indented(line):
            if line == _NO_ROUTE:
                continue
            raise _problem(line)
        if words and words[0] in _TARGETS and "[" in line:
            if not prefix:
                raise _problem(line)
            route = _route(prefix, words, line)
            multipath = route if words[0] == "multipath" else None
            if not multipath:
                table.append(route)
        elif multipath and len(words) > 1 and words[0] == "via":
            table.append(replace(multipath, via=words[1]))
        elif not _indented(line):
            raise _problem(line)
    if not table and not _is_answer(text):
        raise _problem(text)
    return tuple(table)


def recovering(text: str) -> bool:
    """Whether `show status` says that graceful restart recovery is in progress; may raise BirdOutputProblem."""
    lines = [line.strip() for _, line in _answer(text)]
    if not any(line.startswith("Router ID is ") for line in lines):
        raise _problem("\n".join(lines) or text)
    return _GR_IN_PROGRESS in lines


def _answer(text: str) -> list[tuple[str, str]]:
    """Code (empty where none is printed) and text of each line that says something, after the banner if there is one.

    What stands before the banner comes from kubectl; `>>>` marks an echoed log line.
    """
    lines = [line.rstrip() for line in text.split("\n")]
    starts = [number for number, line in enumerate(lines) if _is_banner(line)]
    if starts:
        lines = lines[starts[0] + 1 :]
    lines = [line for line in lines if line and not line.startswith((">>>", "+")) and not _is_banner(line)]
    if not lines or not _CODE.match(lines[0] + " "):
        return [("", line) for line in lines]
    coded: list[tuple[str, str]] = []
    code = ""
    for line in lines:
        if _CODE.match(line + " "):
            code, line = line[:4], line[5:]
        else:
            # One blank on the socket, five in `birdcl -v`; a row must not look like a detail.
            line = line.lstrip() if code == "1002" else line[1:]
        if line:
            coded.append((code, line))
    return coded


def _is_banner(line: str) -> bool:
    # Most lines of thousands do not end so, and are not looked at any further.
    return line.endswith(" ready.") and _BANNER.fullmatch(line) is not None


def _is_answer(text: str) -> bool:
    """Whether birdcl or the socket spoke at all: an empty answer has a banner or an end."""
    return any(_BANNER.fullmatch(line.rstrip()) or line.rstrip() == "0000" for line in text.split("\n"))


def _indented(line: str) -> bool:
    return line[0] in " \t"


def _row(line: str) -> BirdProtocol:
    """`name proto table state since info`; `since` is a time, a date, or both with a blank in between."""
    fields = line.split(None, 5)
    if len(fields) < 5 or not any(character.isdigit() for character in fields[4]):
        raise _problem(line)
    name, proto, _, state, since = fields[:5]
    info = fields[5] if len(fields) > 5 else ""
    time = _TIME.match(info)
    if time and _DATE.fullmatch(since):
        since, info = f"{since} {time[0]}", info[time.end() :]
    return BirdProtocol(name, proto, state, info.strip(), since)


def _detailed(row: BirdProtocol, details: Mapping[str, str]) -> BirdProtocol:
    counts = _counts(details["Routes"]) if "Routes" in details else {}
    first_word = row.info.split()[0] if row.proto == "BGP" and row.info else ""
    return BirdProtocol(
        row.name,
        row.proto,
        row.state,
        row.info,
        row.since,
        neighbor=details.get("Neighbor address", ""),
        bgp_state=details.get("BGP state", first_word),
        imported=counts.get("imported", 0),
        exported=counts.get("exported", 0),
        last_error=details.get("Last error", ""),
        recovering="GR recovery" in details or row.state == "wait",
        recovery=details.get("GR recovery", ""),
    )


def _counts(routes_line: str) -> dict[str, int]:
    """`2 imported, 7 exported, 0 preferred`; some daemons say `1 filtered` in between."""
    pairs = [part.split() for part in routes_line.split(",")]
    return {
        pair[1]: int(pair[0])
        for pair in pairs
        if len(pair) == 2 and pair[0].isascii() and pair[0].isdigit() and len(pair[0]) < 20
    }


def _route(prefix: str, words: list[str], line: str) -> BirdRoute:
    """`via 10.0.0.2 on eth0 [Node_10_0_0_2 12:00:01 from 10.0.0.3] * (100/0) [i]`, its words without the prefix."""
    source, closed, rest = line.partition("[")[2].partition("]")
    learned = source.split()
    if not closed or not learned:
        raise _problem(line)
    marks = rest.split()
    return BirdRoute(
        prefix=prefix,
        via=words[1] if words[0] == "via" and len(words) > 1 else "",
        protocol=learned[0],
        origin=marks[-1][1:-1] if marks and marks[-1].startswith("[") and marks[-1].endswith("]") else "",
        best=marks[:1] == ["*"],
        sender=learned[-1] if len(learned) > 2 and learned[-2] == "from" else "",
        target=words[0],
    )


def _problem(text: str) -> BirdOutputProblem:
    """The first line that says something, shortened."""
    said = next((line.strip() for line in text.split("\n") if line.strip() and not _BANNER.fullmatch(line.strip())), "")
    if not said:
        return BirdOutputProblem("birdcl said nothing")
    shown = said if len(said) <= _QUOTED else said[: _QUOTED - 1] + "…"
    return BirdOutputProblem(f"not an answer of birdcl: {shown}")
