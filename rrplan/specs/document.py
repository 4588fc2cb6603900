"""YAML read with the place of every key and value, and every structural problem at once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from rrplan.errors import Problem, SpecError
from rrplan.resources.reading import LONGEST, is_text
from rrplan.yaml_places import Place, decoded, place, shown, syntax_problem

MAX_BYTES = 8 * 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 64

Path = tuple[str | int, ...]

_BOOLEAN_LIKE = re.compile(r"(?:yes|no|on|off|y|n)", re.IGNORECASE)
_TAGS = "tag:yaml.org,2002:"


@dataclass(slots=True)
class Document:
    """Plain values, and for every path the place of its key and value; `problems` were met on the way."""

    name: str
    lines: list[str]
    value: object = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, path: Path, summary: str, hint: str = "") -> None:
        """Note a problem at a path, or at its nearest parent that has a place."""
        known = path
        while known and known not in self.places:
            known = known[:-1]
        line, column = self.places.get(known, (1, 1))
        self.at(line, column, summary, hint)

    def at(self, line: int, column: int, summary: str, hint: str = "") -> None:
        """Note a problem at a place."""
        self.problems.append(Problem(summary, self.name, line, column, shown(self.lines, line), hint))


def read(data: bytes, name: str) -> Document:
    """Decode and compose one YAML document; raises SpecError where nothing can be read at all."""
    if len(data) > MAX_BYTES:
        raise SpecError.one(
            f"the file has {len(data)} bytes; a spec has at most {MAX_BYTES}",
            file=name,
            hint="is this a listing of the cluster? give it with `-f`",
        )
    text = decoded(data, name, SpecError)
    document = Document(name, text.splitlines())
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    except yaml.YAMLError as error:
        raise SpecError([syntax_problem(error, name, document.lines)]) from error
    except RecursionError as error:
        document.at(1, 1, f"nested deeper than {MAX_DEPTH} levels", "a spec nests six levels")
        raise SpecError(document.problems) from error
    if not nodes:
        raise SpecError.one("the file is empty", file=name, line=1, column=1, hint="`rrplan init` proposes a spec")
    if len(nodes) > 1:
        document.at(nodes[1].start_mark.line + 1, 1, "a second document in the file", "keep one spec per file")
        raise SpecError(document.problems)
    budget = [MAX_NODES]
    document.value = _plain(document, nodes[0], (), 0, budget)
    return document


def _plain(document: Document, node: yaml.Node, path: Path, depth: int, budget: list[int]) -> object:
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        what = f"more than {MAX_NODES} values" if budget[0] < 0 else f"nested deeper than {MAX_DEPTH} levels"
        document.at(*place(node.start_mark), f"{what} once aliases are expanded", "write the values out")
        raise SpecError(document.problems)
    document.places.setdefault(path, place(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path, depth, budget)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(document, item, (*path, index), depth + 1, budget) for index, item in enumerate(node.value)]
    return _scalar(document, node, path)


def _mapping(
    document: Document, node: yaml.MappingNode, path: Path, depth: int, budget: list[int]
) -> dict[str, object]:
    mapping: dict[str, object] = {}
    first: dict[str, int] = {}
    for key_node, value_node in node.value:
        line, column = place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            document.at(line, column, "a key must be a plain word")
            continue
        key = key_node.value
        if not is_text(key):
            document.at(line, column, "half of a character has no meaning in a spec", "remove the escape")
            continue
        if key == "<<":
            document.at(line, column, "merge keys (`<<`) are not part of a spec", "write the values out")
            continue
        if key in first:
            document.at(line, column, f"key `{key}` is given twice, first on line {first[key]}", "remove one of them")
            continue
        first[key] = line
        document.places[(*path, key)] = (line, column)
        mapping[key] = _plain(document, value_node, (*path, key), depth + 1, budget)
    return mapping


def _scalar(document: Document, node: yaml.Node, path: Path) -> object:
    text: str = node.value
    if "\0" in text or not is_text(text):
        what = "a NUL character" if "\0" in text else "half of a character"
        document.at(*place(node.start_mark), f"{what} has no meaning in a spec", "remove the escape")
        return ""
    tag = node.tag.removeprefix(_TAGS)
    if tag == "str":
        return text
    if tag == "bool":
        if _BOOLEAN_LIKE.fullmatch(text):
            document.at(
                *place(node.start_mark),
                f"`{text}` is a boolean in YAML 1.1 and a word in YAML 1.2",
                f'write `true` or `false`, or "{text}" in quotes',
            )
        return text.lower() in ("true", "yes", "on")
    if tag == "int":
        if text.isascii() and text.lstrip("-").isdecimal() and (text == "0" or not text.lstrip("-").startswith("0")):
            if len(text) > LONGEST:
                document.complain(path, f"a number of {len(text)} digits", "no field of a spec takes one")
                return 0
            return int(text)
        document.complain(
            path, f"`{text}` is a number in another notation in YAML 1.1", "write it in decimal or in quotes"
        )
        return 0
    if tag == "null":
        return None
    if tag in ("float", "timestamp"):
        return text
    document.at(*place(node.start_mark), f"tag `{node.tag}` is not part of a spec", _untagged(node.tag))
    return text


def _untagged(tag: str) -> str:
    """YAML takes an unquoted word with `!` for a tag; `!has(x)` is meant as a selector."""
    return f'write "{tag}" with the quotes, if it is a selector' if "(" in tag else "remove the tag"
