"""The changes of steps, field by field, with whatever may be a secret masked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from rrplan.plans.change import Change, ChangeAction
from rrplan.plans.diff import FieldChange, fields
from rrplan.plans.plan import Step
from rrplan.render.folding import FOLDED
from rrplan.render.report.document import ChangeRow, FieldRow, Listing
from rrplan.render.terminal import MEANING
from rrplan.render.words import SYMBOL, value_text
from rrplan.resources.redaction import withheld

MASK = "••••••"
"""Stands for a value that may be a secret."""
_SECRET = re.compile(r"(?i)passw|secret|token|credential|private.?key|api.?key")
_REFERENCE = re.compile(r"(?i)ref$|name$|^optional$|^key$")
MOST_FIELDS = 60
WAYS_BACK = 3
"""Changes of a way back that are told one by one."""


def change_rows(step: Step, others: Sequence[Step] = ()) -> Iterator[ChangeRow]:
    """The changes of a step, and what `others` that are alike change in the same way."""
    names = [str(change.key) for other in others for change in other.changes]
    if step.unordered and len(step.changes) > FOLDED:
        yield _row(step.changes[0], [*(str(change.key) for change in step.changes[1:]), *names])
        return
    for change in step.changes:
        yield _row(change, names if len(step.changes) == 1 else [])


def _row(change: Change, alike: Sequence[str]) -> ChangeRow:
    symbol = SYMBOL[change.action]
    rows = tuple(_field(change, each) for each in fields(change)[:MOST_FIELDS])
    return ChangeRow(symbol, MEANING[symbol], str(change.key), rows, Listing.of(alike))


def _field(change: Change, field: FieldChange) -> FieldRow:
    """A field; what has no side of its own in a creation or a deletion is ""."""
    hidden = may_be_secret(field)
    before, after = (
        MASK if hidden and value is not None else value_text(masked(value)) for value in (field.before, field.after)
    )
    if change.action is ChangeAction.CREATE:
        before = ""
    elif change.action is ChangeAction.DELETE:
        after = ""
    return FieldRow(field.name, before, after, hidden)


def may_be_secret(field: FieldChange) -> bool:
    """Whether a name on its path says so, and it is no reference to a Secret; or it was left out when it was read."""
    if withheld(field.before) or withheld(field.after):
        return True
    last = field.path[-1] if field.path else ""
    if any(_REFERENCE.search(part) for part in field.path[-2:]) and not _SECRET.search(last):
        return False
    return any(_SECRET.search(part) for part in field.path if not _REFERENCE.search(part))


def masked(value: object) -> object:
    """A value with the secrets in it masked: fields with such a name, and `value` beside such a `name`."""
    if isinstance(value, Mapping):
        named = _SECRET.search(str(value.get("name", ""))) is not None
        return {key: MASK if _hides(str(key), part, named=named) else masked(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [masked(part) for part in value]
    return MASK if isinstance(value, str) and withheld(value) else value


def _hides(key: str, value: object, *, named: bool) -> bool:
    if isinstance(value, Mapping | list | tuple) or value is None:
        return False
    return (named and key == "value") or bool(_SECRET.search(key) and not _REFERENCE.search(key))


def way_back(step: Step) -> list[str]:
    """What the undo of a step writes, in words."""
    changes = step.undo_changes
    told = changes if len(changes) <= WAYS_BACK else changes[:1]
    lines = [_back(change) for change in told]
    if len(changes) > len(told):
        lines.append(f"and {len(changes) - len(told)} more changes in the same way")
    return lines


def _back(change: Change) -> str:
    match change.action:
        case ChangeAction.CREATE:
            return f"create {change.key} again, as it was"
        case ChangeAction.DELETE:
            return f"delete {change.key}"
        case ChangeAction.UPDATE:
            rows = [_field(change, each) for each in fields(change)]
            return f"{change.key}: {'; '.join(f'{row.name}: {row.before} -> {row.after}' for row in rows)}"
