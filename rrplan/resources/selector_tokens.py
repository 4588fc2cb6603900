"""Words of Calico's selector language, and what is said when a text is not made of them.

Calico read words with regular expressions up to v3.29 and by hand since v3.30 (`927bb3e092`,
`projectcalico/calico libcalico-go/lib/selector/tokenizer/tokenizer.go`). The two differ in error texts, in
line breaks inside `has( )`, `all( )`, `not in`, `starts with`, `ends with` (older: read, newer: refused) and
in labels of more than 512 characters (older: cut, newer: read). Only what both read alike is read here. The
word boundary behind an operator decides nothing: a quote or a brace has to follow anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["SelectorSyntaxError", "Token", "TokenKind", "shortened", "tokens"]

LABEL_LENGTH = 512
"""Characters in a label name (`LabelKeyMatcher`)."""

_SHOWN_BEFORE, _SHOWN_AFTER = 50, 20


class SelectorSyntaxError(ValueError):
    """A text that is no selector; `position` counts characters from 0, `hint` may be empty."""

    def __init__(self, text: str, position: int, message: str, hint: str = "") -> None:
        super().__init__(text, position, message, hint)
        self.text = text
        self.position = position
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """The message, the part of the text around the position on one line, and a caret below it."""
        start = max(0, self.position - _SHOWN_BEFORE)
        end = self.position + _SHOWN_AFTER
        before = ("..." if start else "") + _on_one_line(self.text[start : self.position])
        after = _on_one_line(self.text[self.position : end]) + ("..." if end < len(self.text) else "")
        place = f"{self.message} (at character {self.position + 1})"
        return "\n".join([place, f"    {before}{after}", f"    {' ' * len(before)}^"])


def _on_one_line(text: str) -> str:
    # Control characters would break the caret line, or steer the reader's terminal.
    return "".join(
        " " if char == "\t" else char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def shortened(word: str) -> str:
    """A word as it can stand inside a sentence."""
    return word if len(word) <= 60 else word[:57] + "..."


class TokenKind(StrEnum):
    """What a word of a selector is."""

    HAS = "has"
    ALL = "all"
    GLOBAL = "global"
    LABEL = "label"
    STRING = "string"
    COMPARISON = "comparison"
    MEMBERSHIP = "membership"
    AND = "&&"
    OR = "||"
    NOT = "!"
    OPEN = "("
    CLOSE = ")"
    OPEN_SET = "{"
    CLOSE_SET = "}"
    COMMA = ","
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One word; `text` is a label, a string without its quotes, or an operator in canonical spelling."""

    kind: TokenKind
    text: str
    position: int


_LABEL_CHARACTERS = r"[A-Za-z0-9_./-]+"
_BLANK = re.compile(r"[ \t]*")
_LABEL = re.compile(_LABEL_CHARACTERS)
_WORD = re.compile(
    rf"""
    has\([ \t]*(?P<has>{_LABEL_CHARACTERS})[ \t]*\)
  | (?P<all>all\([ \t]*\))
  | (?P<global>global\([ \t]*\))
  | (?P<call>(?:has|all|global)\()
  | (?P<label>{_LABEL_CHARACTERS})
  | "(?P<double>[^"]*)"
  | '(?P<single>[^']*)'
  | (?P<comparison>==|!=)
  | (?P<mark>&&|\|\||[!(){{}},])
    """,
    re.VERBOSE,
)
_OPERATOR = re.compile(
    r"""
    (?P<contains>contains) | (?P<starts>starts[ \t]*with) | (?P<ends>ends[ \t]*with)
  | (?P<notin>not[ \t]*in) | (?P<in>in)
    """,
    re.VERBOSE,
)
_SPELLING = {
    "contains": (TokenKind.COMPARISON, "contains"),
    "starts": (TokenKind.COMPARISON, "starts with"),
    "ends": (TokenKind.COMPARISON, "ends with"),
    "notin": (TokenKind.MEMBERSHIP, "not in"),
    "in": (TokenKind.MEMBERSHIP, "in"),
}
_KINDS = {
    "has": TokenKind.HAS,
    "all": TokenKind.ALL,
    "global": TokenKind.GLOBAL,
    "label": TokenKind.LABEL,
    "double": TokenKind.STRING,
    "single": TokenKind.STRING,
    "comparison": TokenKind.COMPARISON,
}


def tokens(text: str) -> Iterator[Token]:
    """The words of a selector in turn, closed by END; raises SelectorSyntaxError where nothing fits."""
    after_label = False
    position = _skip_blanks(text, 0)
    while position < len(text):
        # The words `contains`, `in` ... are operators only behind a label, otherwise label names themselves.
        operator = _OPERATOR.match(text, position) if after_label else None
        if operator is not None:
            kind, spelling = _SPELLING[str(operator.lastgroup)]
            token, end = Token(kind, spelling, position), operator.end()
        else:
            token, end = _word(text, position)
        yield token
        after_label = token.kind is TokenKind.LABEL
        position = _skip_blanks(text, end)
    yield Token(TokenKind.END, "", len(text))


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return position if match is None else match.end()


def _word(text: str, position: int) -> tuple[Token, int]:
    match = _WORD.match(text, position)
    if match is None:
        raise _stray(text, position)
    group = str(match.lastgroup)
    if group == "call":
        raise _broken_call(text, match)
    word = match[group]
    if group in ("has", "label") and len(word) > LABEL_LENGTH:
        raise SelectorSyntaxError(
            text,
            match.start(group),
            f"a label name of {len(word)} characters",
            f"Calico reads at most {LABEL_LENGTH}",
        )
    kind = TokenKind(word) if group == "mark" else _KINDS[group]
    return Token(kind, word, position), match.end()


def _broken_call(text: str, match: re.Match[str]) -> SelectorSyntaxError:
    call = match["call"]
    inside = _skip_blanks(text, match.end())
    if call != "has(":
        return SelectorSyntaxError(text, inside, f"expected `)` after `{call}`", f"write `{call})`")
    name = _LABEL.match(text, inside)
    if name is None:
        return SelectorSyntaxError(
            text, inside, "expected a label name after `has(`", "such as `has(role)`, the name without quotes"
        )
    return SelectorSyntaxError(
        text,
        _skip_blanks(text, name.end()),
        f"expected `)` after `has({shortened(name[0])}`",
        "`has` takes one label name and looks at no value",
    )


def _stray(text: str, position: int) -> SelectorSyntaxError:
    char = text[position]
    named = f"`{char}`" if char.isprintable() else f"U+{ord(char):04X}"
    message, hint = (
        f"unexpected character {named}",
        "label names consist of letters, digits, `_`, `.`, `/` and `-`",
    )
    if char in "\"'":
        message, hint = "a text without its closing quote", f"end it with {named}; there are no escapes"
    elif char == "=":
        message, hint = "a single `=`", "compare with `==`"
    elif char in "&|":
        message, hint = f"a single {named}", f"write `{char * 2}`"
    elif char in "\r\n":
        message, hint = "a line break", "write the selector on one line"
    elif char.isspace():
        hint = "only spaces and tabs may stand between words"
    elif char in "\u2018\u2019\u201c\u201d":
        hint = "write straight quotes"
    return SelectorSyntaxError(text, position, message, hint)
