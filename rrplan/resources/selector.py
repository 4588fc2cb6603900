"""Calico's selector language, v3.21 and later, as a value that can be asked, compared and printed.

```
any   := every ("||" every)*
every := one ("&&" one)*
one   := "!"* ( "has(" label ")" | "all()" | "global()" | "(" any ")"
              | label ("==" | "!=" | "contains" | "starts with" | "ends with") string
              | label ("in" | "not in") "{" [string ("," string)* [","]] "}" )
```

Nothing written is the same as `all()`. A selector is compiled once into a closure, because it is asked
about every node of a cluster. Source: `projectcalico/calico libcalico-go/lib/selector/parser`, v3.21 to
v3.32; what is read where these versions differ is said in `selector_tokens`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias, assert_never

from rrplan.resources.selector_tokens import SelectorSyntaxError, Token, TokenKind, shortened, tokens

__all__ = ["ALL", "Expression", "Selector", "SelectorSyntaxError", "parse"]

Labels: TypeAlias = Mapping[str, str]
Test: TypeAlias = Callable[[Labels], bool]

MAX_DEPTH = 50
"""So deep may parentheses, `&&` and `||` nest (Calico has no bound): no walk meets Python's own bound."""


@dataclass(frozen=True, slots=True)
class All:
    """`all()`: true for every set of labels."""


@dataclass(frozen=True, slots=True)
class Global:
    """`global()`: true too (v3.15+); it means something only in network policies."""


@dataclass(frozen=True, slots=True)
class Has:
    """`has(label)`: the label is there, whatever its value."""

    label: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One label against one text, in one of five ways."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Equal(Comparison):
    """`label == "value"`; false where the label is absent."""


@dataclass(frozen=True, slots=True)
class NotEqual(Comparison):
    """`label != "value"`; true where the label is absent."""


@dataclass(frozen=True, slots=True)
class Contains(Comparison):
    """`label contains "value"`; false where the label is absent."""


@dataclass(frozen=True, slots=True)
class StartsWith(Comparison):
    """`label starts with "value"`; false where the label is absent."""


@dataclass(frozen=True, slots=True)
class EndsWith(Comparison):
    """`label ends with "value"`; false where the label is absent."""


@dataclass(frozen=True, slots=True)
class In:
    """`label in {"a", "b"}`; false where the label is absent."""

    label: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class NotIn:
    """`label not in {"a", "b"}`; true where the label is absent."""

    label: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`; the operand is never a Not itself, two cancel each other."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Two operands or more joined by `&&`."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two operands or more joined by `||`."""

    operands: tuple[Expression, ...]


Expression: TypeAlias = (
    All | Global | Has | Equal | NotEqual | Contains | StartsWith | EndsWith | In | NotIn | Not | And | Or
)

_COMPARISONS: dict[str, type[Equal | NotEqual | Contains | StartsWith | EndsWith]] = {
    "==": Equal,
    "!=": NotEqual,
    "contains": Contains,
    "starts with": StartsWith,
    "ends with": EndsWith,
}
_MEMBERSHIPS: dict[str, type[In | NotIn]] = {"in": In, "not in": NotIn}
_OPERATORS: dict[type[Expression], str] = {kind: word for word, kind in (_COMPARISONS | _MEMBERSHIPS).items()}


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector that was read: the text as written, and what it means."""

    text: str
    expression: Expression
    _test: Test = field(init=False, repr=False, compare=False)
    _labels: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_test", _test(self.expression))
        object.__setattr__(self, "_labels", frozenset(_labels(self.expression)))

    def matches(self, labels: Labels) -> bool:
        """Whether it selects an object that carries these labels."""
        return self._test(labels)

    @property
    def labels(self) -> frozenset[str]:
        """Names of the labels that it looks at; no other label changes the answer of `matches`."""
        return self._labels

    def canonical(self) -> str:
        """The selector as Calico writes it: blanks and quotes of one kind, sets sorted without repetitions.

        But `!(!has(a))`, to Calico `!!has(a)`, is `has(a)`: canonical text is its own canonical text.
        """
        return _canonical(self.expression)


@lru_cache(maxsize=4096)
def parse(text: str) -> Selector:
    """Read a selector; raises SelectorSyntaxError with the first problem in reading order."""
    return Selector(text, _Reader(text).selector())


def _test(expression: Expression) -> Test:
    """The expression as one function, without a look at the tree when it is asked."""
    match expression:
        case All() | Global():
            return lambda labels: True
        case Has(label):
            return lambda labels: label in labels
        case Equal(label, value):
            return lambda labels: labels.get(label) == value
        case NotEqual(label, value):
            return lambda labels: labels.get(label) != value
        case Contains(label, value):
            return lambda labels: (value_there := labels.get(label)) is not None and value in value_there
        case StartsWith(label, value):
            return lambda labels: (value_there := labels.get(label)) is not None and value_there.startswith(value)
        case EndsWith(label, value):
            return lambda labels: (value_there := labels.get(label)) is not None and value_there.endswith(value)
        case In(label, values):
            return lambda labels: labels.get(label) in values
        case NotIn(label, values):
            return lambda labels: labels.get(label) not in values
        case Not(operand):
            test = _test(operand)
            return lambda labels: not test(labels)
        case And(operands):
            return _stops_at(False, operands)
        case Or(operands):
            return _stops_at(True, operands)
        case _:
            assert_never(expression)


def _stops_at(answer: bool, operands: tuple[Expression, ...]) -> Test:
    """`&&` is decided by the first False, `||` by the first True."""
    tests = tuple(map(_test, operands))

    def test(labels: Labels) -> bool:
        # A loop, not all() or any(): those cost a generator for every question.
        for test in tests:
            if test(labels) is answer:
                return answer
        return not answer

    return test


def _labels(expression: Expression) -> set[str]:
    labels: set[str] = set()
    waiting: list[Expression] = [expression]
    while waiting:
        match waiting.pop():
            case And(operands) | Or(operands):
                waiting.extend(operands)
            case Not(operand):
                waiting.append(operand)
            case All() | Global():
                pass
            case leaf:
                labels.add(leaf.label)
    return labels


def _canonical(expression: Expression) -> str:
    match expression:
        case All() | Global():
            return "all()" if isinstance(expression, All) else "global()"
        case Has(label):
            return f"has({label})"
        case In(label, values) | NotIn(label, values):
            # Sorted by code point, which is the order of the UTF-8 bytes that Calico sorts by.
            inside = ", ".join([_quoted(value) for value in sorted(values)])
            return f"{label} {_OPERATORS[type(expression)]} {{{inside}}}"
        case Not(operand):
            return f"!{_canonical(operand)}"
        case And(operands) | Or(operands):
            joint = " && " if isinstance(expression, And) else " || "
            return f"({joint.join(map(_canonical, operands))})"
        case Comparison(label, value):
            return f"{label} {_OPERATORS[type(expression)]} {_quoted(value)}"
        case _:
            assert_never(expression)


def _quoted(text: str) -> str:
    # There are no escapes, so a text that was read holds at most one kind of quote.
    return f"'{text}'" if '"' in text else f'"{text}"'


@dataclass(slots=True)
class _Group:
    """What was read so far inside one pair of parentheses, or of all: conjuncts by alternative."""

    opened: Token
    negated: bool = False
    depth: int = 0
    alternatives: list[list[Expression]] = field(default_factory=lambda: [[]])

    def add(self, operand: Expression, depth: int = 0) -> None:
        self.alternatives[-1].append(operand)
        self.depth = max(self.depth, depth)

    def levels(self) -> int:
        """At least the parentheses inside one another that the canonical text has."""
        return self.depth + (len(self.alternatives) > 1) + any(len(some) > 1 for some in self.alternatives)

    def expression(self) -> Expression:
        every = [And(tuple(some)) if len(some) > 1 else some[0] for some in self.alternatives]
        whole = Or(tuple(every)) if len(every) > 1 else every[0]
        if not self.negated:
            return whole
        return whole.operand if isinstance(whole, Not) else Not(whole)


class _Reader:
    """One pass over the words, with its own stack of groups: Python's does not grow with the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        # Words are taken one by one, not ahead of need: the first problem in reading order is told.
        self._take = tokens(text).__next__

    def _error(self, token: Token, message: str, hint: str) -> SelectorSyntaxError:
        return SelectorSyntaxError(self._text, token.position, message, hint)

    def selector(self) -> Expression:
        token = self._take()
        if token.kind is TokenKind.END:
            return All()
        groups = [_Group(Token(TokenKind.END, "", 0))]
        while True:
            negated = False
            while token.kind is TokenKind.NOT:
                negated, token = not negated, self._take()
            if token.kind is TokenKind.OPEN:
                self._bound(len(groups), token)
                groups.append(_Group(token, negated))
            else:
                operand = self._condition(token)
                groups[-1].add(Not(operand) if negated else operand)
                if self._close(groups):
                    return groups[0].expression()
            token = self._take()

    def _bound(self, levels: int, opened: Token) -> None:
        if levels > MAX_DEPTH:
            hint = f"at most {MAX_DEPTH} parentheses, `&&` and `||` may stand inside one another"
            raise self._error(opened, f"nested more than {MAX_DEPTH} deep", hint)

    def _close(self, groups: list[_Group]) -> bool:
        """Read behind a condition: up to `&&` or `||` (False), or to the end of the text (True)."""
        while True:
            token = self._take()
            group = groups[-1]
            if token.kind is TokenKind.AND:
                return False
            if token.kind is TokenKind.OR:
                group.alternatives.append([])
                return False
            if token.kind is not (TokenKind.CLOSE if len(groups) > 1 else TokenKind.END):
                raise self._unfinished(token, group.opened)
            self._bound(group.levels(), group.opened)
            if len(groups) == 1:
                return True
            groups.pop()
            groups[-1].add(group.expression(), group.levels())

    def _unfinished(self, token: Token, opened: Token) -> SelectorSyntaxError:
        if token.kind is TokenKind.CLOSE:
            return self._error(token, "a `)` without its `(`", "remove it, or open the parenthesis before")
        if token.kind is TokenKind.END:
            return self._error(opened, "a `(` without its `)`", "close the parenthesis")
        stop = "`)`" if opened.kind is TokenKind.OPEN else "the end"
        return self._error(token, f"expected `&&`, `||` or {stop}", "join two conditions with `&&` or `||`")

    def _condition(self, token: Token) -> Expression:
        match token.kind:
            case TokenKind.HAS:
                return Has(token.text)
            case TokenKind.ALL | TokenKind.GLOBAL:
                return All() if token.kind is TokenKind.ALL else Global()
            case TokenKind.LABEL:
                return self._comparison(token.text)
            case TokenKind.END:
                message = "the selector ends where a condition is expected"
                hint = "add the condition, or remove the word before"
            case TokenKind.STRING:
                message, hint = "expected a condition", "the label name stands first, without quotes"
            case _:
                message, hint = "expected a condition", 'such as `has(label)`, `label == "value"` or `all()`'
        raise self._error(token, message, hint)

    def _comparison(self, label: str) -> Expression:
        operator, shown = self._take(), shortened(label)
        if operator.kind is TokenKind.COMPARISON:
            value = self._take()
            if value.kind is TokenKind.STRING:
                return _COMPARISONS[operator.text](label, value.text)
            given = shortened(value.text) if value.kind is TokenKind.LABEL else "value"
            hint = f'such as `{shown} {operator.text} "{given}"`'
            raise self._error(value, "expected a text in quotes", hint)
        if operator.kind is TokenKind.MEMBERSHIP:
            return _MEMBERSHIPS[operator.text](label, self._members(f"{shown} {operator.text}"))
        hint = f"such as `==` or `in`; `has({shown})` asks whether the label exists"
        if operator.kind is TokenKind.OPEN:
            hint = "there are `has(label)`, `all()` and `global()`, without a blank before `(`"
        raise self._error(operator, f"expected an operator after label `{shown}`", hint)

    def _members(self, asked: str) -> frozenset[str]:
        hint = f'such as `{asked} {{"a", "b"}}`'
        opened = self._take()
        if opened.kind is not TokenKind.OPEN_SET:
            raise self._error(opened, "expected `{`", hint)
        values: set[str] = set()
        token = self._take()
        while token.kind is TokenKind.STRING:
            values.add(token.text)
            token = self._take()
            if token.kind is TokenKind.COMMA:
                token = self._take()
            elif token.kind is not TokenKind.CLOSE_SET:
                raise self._error(token, "expected `,` or `}`", hint)
        if token.kind is not TokenKind.CLOSE_SET:
            raise self._error(token, "expected a text in quotes or `}`", hint)
        return frozenset(values)


ALL = parse("all()")
"""Selects everything."""
