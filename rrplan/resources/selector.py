"""Calico's selector language (`libcalico-go/lib/selector`, v3.21 and later).

```
expr   := and ("||" and)*
and    := op ("&&" op)*
op     := "!"* ( has(label) | all() | global() | "(" expr ")" | label comparison )
```

Read into a small tree, compiled once into a closure, because a selector is asked about every node of a cluster.
The word-boundary rule that the tokenizer has since v3.30 (`927bb3e092`) is not applied: what both read, we read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from rrplan.resources.selector_tokens import SelectorSyntaxError, Token, TokenKind, tokens

__all__ = ["ALL", "Selector", "SelectorSyntaxError", "parse"]

Labels: TypeAlias = Mapping[str, str]
Test: TypeAlias = Callable[[Labels], bool]

MAX_DEPTH = 100
"""Parentheses may nest this deep; people write two or three levels."""


@dataclass(frozen=True, slots=True)
class Everything:
    """`all()` and `global()`."""

    word: str = "all"

    def canonical(self) -> str:
        """Calico's text for it."""
        return f"{self.word}()"

    def test(self) -> Test:
        """Always true."""
        return lambda labels: True


@dataclass(frozen=True, slots=True)
class Has:
    """`has(label)`."""

    label: str

    def canonical(self) -> str:
        """Calico's text for it."""
        return f"has({self.label})"

    def test(self) -> Test:
        """Whether the label is there, whatever its value."""
        label = self.label
        return lambda labels: label in labels


@dataclass(frozen=True, slots=True)
class Compare:
    """`label OP "text"`; an absent label is unequal to every text and fulfils nothing else."""

    label: str
    operator: str
    text: str

    def canonical(self) -> str:
        """Calico's text for it; double quotes unless the text holds one."""
        return f"{self.label} {self.operator} {_quoted(self.text)}"

    def test(self) -> Test:
        """The comparison as a closure."""
        label, text = self.label, self.text
        match self.operator:
            case "==":
                return lambda labels: labels.get(label) == text
            case "!=":
                return lambda labels: labels.get(label) != text
            case "contains":
                return lambda labels: label in labels and text in labels[label]
            case "starts with":
                return lambda labels: label in labels and labels[label].startswith(text)
            case _:
                return lambda labels: label in labels and labels[label].endswith(text)


@dataclass(frozen=True, slots=True)
class Among:
    """`label in {...}`, or `not in`, which an absent label fulfils."""

    label: str
    texts: frozenset[str]
    negated: bool

    def canonical(self) -> str:
        """Calico's text for it: the set sorted, each text once."""
        word = "not in" if self.negated else "in"
        return f"{self.label} {word} {{{', '.join(_quoted(text) for text in sorted(self.texts))}}}"

    def test(self) -> Test:
        """Membership as a closure."""
        label, texts = self.label, self.texts
        if self.negated:
            return lambda labels: labels.get(label) not in texts
        return lambda labels: labels.get(label) in texts


@dataclass(frozen=True, slots=True)
class Not:
    """`!operand`; an even number of them is none."""

    operand: Expression

    def canonical(self) -> str:
        """Calico's text for it."""
        return f"!{self.operand.canonical()}"

    def test(self) -> Test:
        """The contrary."""
        inner = self.operand.test()
        return lambda labels: not inner(labels)


@dataclass(frozen=True, slots=True)
class Combine:
    """Operands joined by `&&` or `||`, two at least."""

    operator: str
    operands: tuple[Expression, ...]

    def canonical(self) -> str:
        """Calico's text for it, in parentheses."""
        return "(" + f" {self.operator} ".join(operand.canonical() for operand in self.operands) + ")"

    def test(self) -> Test:
        """All or any of the operands."""
        tests = [operand.test() for operand in self.operands]
        if self.operator == "&&":
            return lambda labels: all(test(labels) for test in tests)
        return lambda labels: any(test(labels) for test in tests)


Expression: TypeAlias = Everything | Has | Compare | Among | Not | Combine


def _quoted(text: str) -> str:
    """The language has no escapes, so a text holds at most one kind of quote."""
    return f"'{text}'" if '"' in text else f'"{text}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """A parsed selector: `matches` asks it, `labels` says which labels it looks at."""

    text: str
    expression: Expression
    matches: Test
    labels: frozenset[str]

    def canonical(self) -> str:
        """The same selector in Calico's canonical text."""
        text = self.expression.canonical()
        return text[1:-1] if isinstance(self.expression, Combine) else text


@lru_cache(maxsize=4096)
def parse(text: str) -> Selector:
    """Read a selector; an empty one selects everything. Raises SelectorSyntaxError."""
    if not text.strip(" \t"):
        expression: Expression = Everything()
    else:
        expression = _Parser(text).whole()
    return Selector(text, expression, expression.test(), frozenset(_labels(expression)))


def _labels(expression: Expression) -> list[str]:
    match expression:
        case Everything():
            return []
        case Has() | Compare() | Among():
            return [expression.label]
        case Not():
            return _labels(expression.operand)
        case Combine():
            return [label for operand in expression.operands for label in _labels(operand)]


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position += 1
        return token

    def fail(self, message: str, token: Token | None = None, hint: str = "") -> SelectorSyntaxError:
        return SelectorSyntaxError(self.text, (token or self.token).position, message, hint)

    def whole(self) -> Expression:
        expression = self.any_of()
        if self.token.kind is not TokenKind.END:
            raise self.fail("expected `&&`, `||` or the end", hint="join two conditions with `&&` or `||`")
        return expression

    def any_of(self) -> Expression:
        return self._joined(TokenKind.OR, "||", self.all_of)

    def all_of(self) -> Expression:
        return self._joined(TokenKind.AND, "&&", self.operation)

    def _joined(self, kind: TokenKind, operator: str, operand: Callable[[], Expression]) -> Expression:
        operands = [operand()]
        while self.token.kind is kind:
            self.take()
            operands.append(operand())
        return operands[0] if len(operands) == 1 else Combine(operator, tuple(operands))

    def operation(self) -> Expression:
        negated = False
        while self.token.kind is TokenKind.NOT:
            self.take()
            negated = not negated
        expression = self.plain()
        return Not(expression) if negated else expression

    def plain(self) -> Expression:
        token = self.take()
        match token.kind:
            case TokenKind.HAS:
                return Has(token.text)
            case TokenKind.ALL:
                return Everything(token.text)
            case TokenKind.OPEN:
                return self.parenthesised(token)
            case TokenKind.LABEL:
                return self.comparison(token.text)
            case TokenKind.END:
                raise self.fail("the selector ends where a condition is expected", token)
            case _:
                raise self.fail(
                    "expected a condition", token, hint='such as `has(label)`, `label == "value"` or `all()`'
                )

    def parenthesised(self, opened: Token) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"more than {MAX_DEPTH} parentheses inside one another", opened)
        expression = self.any_of()
        if self.token.kind is not TokenKind.CLOSE:
            raise self.fail("expected `)`")
        self.take()
        self.depth -= 1
        return expression

    def comparison(self, label: str) -> Expression:
        operator = self.take()
        if operator.kind is TokenKind.OPERATOR:
            value = self.take()
            if value.kind is not TokenKind.STRING:
                raise self.fail("expected a text in quotes", value, hint=f'such as `{label} {operator.text} "value"`')
            return Compare(label, operator.text, value.text)
        if operator.kind is TokenKind.AMONG:
            return Among(label, frozenset(self.members()), operator.text == "not in")
        raise self.fail(
            f"expected an operator after label `{label}`", operator, hint=f"to ask whether it exists: `has({label})`"
        )

    def members(self) -> list[str]:
        if self.take().kind is not TokenKind.OPEN_SET:
            raise self.fail("expected `{`", self.tokens[self.position - 1])
        texts: list[str] = []
        while self.token.kind is not TokenKind.CLOSE_SET:
            value = self.take()
            if value.kind is not TokenKind.STRING:
                raise self.fail("expected a text in quotes or `}`", value)
            texts.append(value.text)
            if self.token.kind is TokenKind.COMMA:
                self.take()
            elif self.token.kind is not TokenKind.CLOSE_SET:
                raise self.fail("expected `,` or `}`")
        self.take()
        return texts


ALL = parse("all()")
