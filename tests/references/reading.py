"""What the code says of itself: docstrings of types, of their fields and values; tables of Markdown."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Sequence


def paragraph(text: str) -> str:
    """A text in one line."""
    return " ".join(text.split())


def doc(value: object) -> str:
    """The docstring of a type or function as Markdown; "" where it is the one that dataclasses make up."""
    text = inspect.getdoc(value) or ""
    return "" if text.startswith(f"{getattr(value, '__name__', '')}(") else text


def field_docs(kind: type) -> dict[str, str]:
    """What stands below the fields of a class, or below the values of an Enum."""
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("rrplan"):
            docs |= _of_source(base)
    return docs


def _of_source(kind: type) -> dict[str, str]:
    definition = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(definition, ast.ClassDef)
    docs: dict[str, str] = {}
    for above, below in zip(definition.body, definition.body[1:], strict=False):
        targets: list[ast.expr] = [above.target] if isinstance(above, ast.AnnAssign) else []
        targets += above.targets if isinstance(above, ast.Assign) else []
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = paragraph(str(below.value.value))
            docs |= {target.id: text for target in targets if isinstance(target, ast.Name)}
    return docs


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, then an empty line; a last column that is empty everywhere is left out, and so is an empty table."""
    rows = [[paragraph(cell).replace("|", "\\|") for cell in row] for row in rows]
    if not rows:
        return []
    wide = len(head) if any(row[-1] for row in rows) else len(head) - 1
    lines = [list(head), ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(line[:wide])} |" for line in lines), ""]
