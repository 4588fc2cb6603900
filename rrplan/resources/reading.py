"""Typed reading of untyped documents, with the path in every complaint."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rrplan.ids import NodeName

MAX_AS = 2**32 - 1
LONGEST = 64
"""Characters of a number that is read at all; Python refuses to read more than 4,300 digits."""


_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*", re.ASCII)
LONGEST_NAME = 253
NAME_HINT = f"a name has at most {LONGEST_NAME} lower-case letters, digits, `-` and `.` (RFC 1123, subdomain)"
BRIEF = 60
"""Characters of a value that a message shows."""


def is_subdomain(text: str) -> bool:
    """Whether Kubernetes accepts it as the name of an object (apimachinery IsDNS1123Subdomain)."""
    return len(text) <= LONGEST_NAME and _SUBDOMAIN.fullmatch(text) is not None


def brief(text: str) -> str:
    """The beginning of a text that may be long."""
    return text if len(text) <= BRIEF else f"{text[:BRIEF]}..."


MAX_SAFE_INTEGER = 2**53 - 1
"""Beyond it, readers of JSON disagree about a number."""
MAX_DEPTH = 64
PLAIN_HINT = "Calico's objects hold text, whole numbers, `true` and `false`, lists and mappings"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def is_text(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON may hold halves of characters."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


class DecodeProblem(ValueError):
    """A document that cannot be right: `path` says where inside it, `hint` what to do."""

    def __init__(self, message: str, path: tuple[str | int, ...], hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint


def _named(value: object) -> str:
    match value:
        case bool():
            return f"the boolean `{str(value).lower()}`"
        case int() | float():
            return f"the number `{_digits(value)}`"
        case str():
            return f"the text `{brief(value)}`"
        case list():
            return "a list"
        case Mapping():
            return "a mapping"
        case _:
            return f"a value of type {type(value).__name__}"


def _digits(number: float) -> str:
    """A number as text; Python writes no integer of more than 4,300 digits."""
    try:
        return brief(str(number))
    except ValueError:
        return "of thousands of digits"


@dataclass(frozen=True, slots=True)
class Reader:
    """A mapping inside a document and the path that leads to it; an absent mapping reads as empty."""

    document: Mapping[str, object]
    path: tuple[str | int, ...] = ()

    def _problem(self, field: str, wanted: str, value: object) -> DecodeProblem:
        where = ".".join(str(part) for part in (*self.path, field))
        return DecodeProblem(f"`{where}` must be {wanted}, found {_named(value)}", (*self.path, field))

    def child(self, field: str) -> Reader:
        """The mapping under a field."""
        value = self.document.get(field)
        if value is None:
            return Reader({}, (*self.path, field))
        # To ask for the plain type first is much quicker, and hundreds of thousands of documents are read.
        if type(value) is not dict and not isinstance(value, Mapping):
            raise self._problem(field, "a mapping", value)
        return Reader(value, (*self.path, field))

    def children(self, field: str) -> Iterator[Reader]:
        """The mappings of a list under a field."""
        value = self.document.get(field)
        if value is None:
            return
        if not isinstance(value, list):
            raise self._problem(field, "a list", value)
        for index, item in enumerate(value):
            if not isinstance(item, Mapping):
                raise self._problem(f"{field}[{index}]", "a mapping", item)
            yield Reader(item, (*self.path, field, index))

    def text(self, field: str) -> str:
        """A string; "" where absent."""
        value = self.document.get(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._problem(field, "a string", value)
        if not is_text(value):
            raise self._problem(field, "text in Unicode", "(half of a character)")
        return value

    def node_name(self, field: str) -> NodeName:
        """A node's name; "" where absent."""
        return NodeName(self.name(field))

    def name(self, field: str) -> str:
        """A name that Kubernetes accepts for an object; "" where absent."""
        value = self.text(field)
        if value and not is_subdomain(value):
            where = ".".join(str(part) for part in (*self.path, field))
            problem = f"`{where}` is `{brief(value)}`, which is no name that Kubernetes accepts"
            raise DecodeProblem(problem, (*self.path, field), NAME_HINT)
        return value

    def boolean(self, field: str) -> bool | None:
        """A boolean; None where absent."""
        value = self.document.get(field)
        if value is None or isinstance(value, bool):
            return value
        raise self._problem(field, "true or false", value)

    def strings(self, field: str) -> dict[str, str]:
        """A mapping from string to string; empty where absent."""
        inner = self.child(field)
        read: dict[str, str] = {}
        for key, value in inner.document.items():
            # Go's YAML readers turn an unquoted scalar into the text that a string field asks for.
            if isinstance(value, bool):
                read[key] = str(value).lower()
            elif isinstance(value, str) and is_text(value):
                read[key] = value
            elif isinstance(value, int) and abs(value) <= MAX_SAFE_INTEGER:
                read[key] = str(value)
            else:
                raise inner._problem(key, "a string", value)
        return read

    def annotations(self) -> dict[str, str]:
        """The annotations of these metadata that are kept; kubectl's copy of the whole object is none of them."""
        return {name: text for name, text in self.strings("annotations").items() if name != LAST_APPLIED}

    def plain(self, field: str) -> Mapping[str, object]:
        """The mapping under a field, which is kept whole: plain values that have one form in JSON."""
        inner = self.child(field)
        waiting: list[tuple[object, tuple[str | int, ...]]] = [(inner.document, inner.path)]
        while waiting:
            value, path = waiting.pop()
            where = ".".join(map(str, path))
            if len(path) > MAX_DEPTH:
                raise DecodeProblem(f"`{brief(where)}` is nested deeper than {MAX_DEPTH} levels", path, PLAIN_HINT)
            if isinstance(value, Mapping):
                for key, part in value.items():
                    if not isinstance(key, str) or not is_text(key):
                        raise DecodeProblem(f"`{brief(where)}` has a key that is no text", path, PLAIN_HINT)
                    waiting.append((part, (*path, key)))
            elif isinstance(value, list | tuple):
                waiting += [(part, (*path, index)) for index, part in enumerate(value)]
            elif isinstance(value, str) and not is_text(value):
                raise DecodeProblem(f"`{brief(where)}` has half of a character", path, PLAIN_HINT)
            elif value is not None and not isinstance(value, bool | str | int):
                raise DecodeProblem(f"`{brief(where)}` is {_named(value)}, which Calico has nowhere", path, PLAIN_HINT)
            elif isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER:
                raise DecodeProblem(f"`{brief(where)}` is a number beyond 2^53", path, PLAIN_HINT)
        return inner.document

    def port(self, field: str) -> int | None:
        """A TCP port; None where absent or 0 (Calico's "not set")."""
        value = self.document.get(field)
        if value is None or value == 0:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
            raise self._problem(field, "a port number from 1 to 65535", value)
        return value

    def as_number(self, field: str) -> int | None:
        """An AS number: number, decimal string or dotted `a.b` (RFC 5396 asdot+, api/pkg/lib/numorstring)."""
        value = self.document.get(field)
        if value is None or value == "":
            return None
        number = parse_as_number(value)
        if number is None:
            raise self._problem(field, "an AS number from 0 to 4294967295", value)
        return number


def json_object(text: str) -> Mapping[str, object] | None:
    """A JSON object kept as text (an annotation); None for anything else."""
    try:
        parsed = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, Mapping) and is_text(json.dumps(parsed, ensure_ascii=False)) else None


def json_strings(value: object) -> dict[str, str] | None:
    """What Go reads into a map from string to string, null being ""; None for anything else."""
    if not isinstance(value, Mapping) or not all(entry is None or isinstance(entry, str) for entry in value.values()):
        return None
    return {name: entry or "" for name, entry in value.items()}


def parse_decimal(text: str) -> int | None:
    """A number of ASCII digits; None for anything else, and for more digits than any number of Calico has."""
    plain = text.lstrip("0")
    if not (text.isascii() and text.isdecimal()) or len(plain) > LONGEST:
        return None
    return int(plain or "0")


def parse_as_number(value: object) -> int | None:
    """Read an AS number in any of Calico's forms; None where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MAX_AS else None
    if not isinstance(value, str):
        return None
    high, dot, low = value.partition(".")
    if not dot:
        number = parse_decimal(value)
        return number if number is not None and number <= MAX_AS else None
    above, below = parse_decimal(high), parse_decimal(low)
    if above is None or below is None or above > 0xFFFF or below > 0xFFFF:
        return None
    return above * 0x10000 + below


def parse_ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as Go's net.ParseIP reads it: without zone; IPv4 written as IPv6 (`::ffff:10.0.0.1`) is IPv4."""
    if not text:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address


def parse_address(text: str, version: int) -> str | None:
    """The address of `10.0.0.1/24` or `fd00::1` in canonical text; None where it is no address of that family.

    As ParseCIDROrIP reads it (projectcalico/calico libcalico-go/lib/net, v3.12 to v3.32).
    """
    plain, slash, bits = text.partition("/")
    address = parse_ip(plain)
    if address is None or address.version != version:
        return None
    length = parse_decimal(bits)
    if slash and (length is None or length > address.max_prefixlen):
        return None
    return str(address)


def is_ipv4_network(text: str) -> bool:
    """Whether Calico's ValidateIPv4Network accepts it: an IPv4 address, or a network without bits behind its mask.

    Source: projectcalico/calico libcalico-go/lib/validator/v3/validator.go, v3.26 to v3.32.
    """
    if "/" not in text:
        return parse_address(text, 4) is not None
    address, length = parse_address(text, 4), parse_decimal(text.partition("/")[2])
    if address is None:
        return False
    return str(ipaddress.ip_interface(f"{address}/{length}").network.network_address) == address
