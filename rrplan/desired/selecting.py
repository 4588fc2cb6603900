"""The selectors of a topology: who the clients of a group are, and who its reflectors."""

from __future__ import annotations

from rrplan.desired.labelling import Labelling
from rrplan.resources.selector import SelectorSyntaxError, parse
from rrplan.specs import Group, Spec


def clients_selector(spec: Spec, group: Group) -> str:
    """Who the clients of a group are; reflectors never are."""
    everybody_else = f"!has({spec.label_key})"
    return f"({group.clients}) && {everybody_else}" if group.clients else everybody_else


def reflector_selector(spec: Spec, labels: Labelling, group: Group) -> str:
    """The reflectors of a group."""
    return f'{spec.label_key} == "{labels.values[group.name]}"'


def canonical(selector: str) -> str:
    """A selector as Calico writes it; one that cannot be read as it is."""
    try:
        return parse(selector).canonical()
    except SelectorSyntaxError:
        return selector
