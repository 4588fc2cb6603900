"""The selectors of a topology: who the clients of a group are, and who its reflectors."""

from __future__ import annotations

from rrplan.desired.labelling import Labelling
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Group, Spec


def clients_selector(spec: Spec, group: Group) -> str:
    """Who the clients of a group are; reflectors never are."""
    everybody_else = f"!has({spec.label_key})"
    return f"({group.clients}) && {everybody_else}" if group.clients else everybody_else


def reflector_selector(spec: Spec, labels: Labelling, *groups: Group) -> str:
    """The reflectors of one group, or of several."""
    values = [f'"{labels.values[group.name]}"' for group in groups]
    return f"{spec.label_key} == {values[0]}" if len(values) == 1 else f"{spec.label_key} in {{{', '.join(values)}}}"


def between_reflectors(spec: Spec, labels: Labelling) -> str:
    """The reflectors that peer with one another: all of them, but those that groups above theirs serve."""
    roots = [group for group in spec.roots if group.reflects_inside]
    every = len(spec.roots) == len(spec.groups)
    return f"has({spec.label_key})" if every else reflector_selector(spec, labels, *roots)


def canonical(selector: str) -> str:
    """A selector as Calico writes it; one that cannot be read as it is."""
    try:
        return parse(selector).canonical()
    except SelectorSyntaxError:
        return selector
