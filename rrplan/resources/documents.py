"""JSON documents: merge patches, and the little arithmetic that changes need.

A *partial document* names only the paths that a change touches; null means "not there". It is at the same
time an RFC 7386 merge patch that makes the change and the condition under which the change may be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

Document: TypeAlias = Mapping[str, object]


def merge_patch(target: object, patch: object) -> object:
    """`target` with an RFC 7386 merge patch applied; neither argument is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged: dict[str, object] = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def patched(target: Document, patch: Document) -> Document:
    """`merge_patch` for whole documents."""
    merged = merge_patch(target, patch)
    assert isinstance(merged, Mapping)
    return merged


def leaves(document: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every (path, value) of a partial document; lists and empty mappings are values."""
    if isinstance(document, Mapping) and document:
        for key, value in document.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, document


def at(document: object, path: tuple[str, ...]) -> object:
    """The value at a path; None where it is absent."""
    for key in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def holds(document: Document, condition: Document) -> bool:
    """Whether every path of a partial document has the value it names; empty and absent mappings are equal."""
    return not differing(document, condition)


def differing(document: Document, condition: Document) -> list[tuple[str, ...]]:
    """The paths at which `document` is not what `condition` says."""
    return [path for path, value in leaves(condition) if (at(document, path) or None) != (value or None)]


def partial(paths: Mapping[tuple[str, ...], object]) -> dict[str, object]:
    """Build a partial document from (path, value) pairs."""
    document: dict[str, object] = {}
    for path, value in paths.items():
        inner = document
        for key in path[:-1]:
            step = inner.setdefault(key, {})
            assert isinstance(step, dict)
            inner = step
        inner[path[-1]] = value
    return document
