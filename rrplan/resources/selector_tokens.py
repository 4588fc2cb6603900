"""Words of the selector language (`libcalico-go/lib/selector/tokenizer/tokenizer.go`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class SelectorSyntaxError(ValueError):
    """A text that is no selector; `position` counts characters from 0."""

    def __init__(self, text: str, position: int, message: str, hint: str = "") -> None:
        self.text = text
        self.position = position
        self.message = message
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        lines = [f"{self.message} (at character {self.position + 1})", f"    {shown}"]
        if self.position < 200:
            lines.append("    " + " " * self.position + "^")
        return "\n".join(lines)


class TokenKind(StrEnum):
    """Kinds of words."""

    HAS = "has"
    ALL = "all"
    LABEL = "label"
    STRING = "string"
    OPERATOR = "operator"
    AMONG = "among"
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
    """One word; `text` is a label, a string without quotes or an operator in canonical spelling."""

    kind: TokenKind
    text: str
    position: int


_LABEL = r"[A-Za-z0-9_./-]{1,512}"
_WORD = re.compile(
    rf"""
    (?P<space>[ \t]+)
  | (?P<has>has\([ \t]*(?P<name>{_LABEL})[ \t]*\))
  | (?P<all>(?:all|global)\([ \t]*\))
  | (?P<and>&&) | (?P<or>\|\|)
  | (?P<operator>==|!=)
  | (?P<not>!)
  | (?P<string>"[^"]*"|'[^']*')
  | (?P<mark>[(){{}},])
  | (?P<label>{_LABEL})
    """,
    re.VERBOSE,
)
_AFTER_LABEL = re.compile(
    r"(?P<contains>contains)|(?P<starts>starts[ \t]*with)|(?P<ends>ends[ \t]*with)|(?P<notin>not[ \t]*in)|(?P<in>in)"
)
_SPELLING = {
    "contains": (TokenKind.OPERATOR, "contains"),
    "starts": (TokenKind.OPERATOR, "starts with"),
    "ends": (TokenKind.OPERATOR, "ends with"),
    "notin": (TokenKind.AMONG, "not in"),
    "in": (TokenKind.AMONG, "in"),
}
_MARKS = {
    "(": TokenKind.OPEN,
    ")": TokenKind.CLOSE,
    "{": TokenKind.OPEN_SET,
    "}": TokenKind.CLOSE_SET,
    ",": TokenKind.COMMA,
}


def tokens(text: str) -> list[Token]:
    """The words of a selector, closed by END; raises SelectorSyntaxError at the first character that fits nothing."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        after_label = bool(found) and found[-1].kind is TokenKind.LABEL
        match = _AFTER_LABEL.match(text, position) if after_label else None
        if match:
            kind, spelling = _SPELLING[str(match.lastgroup)]
            found.append(Token(kind, spelling, position))
        else:
            match = _WORD.match(text, position)
            if match is None:
                raise _stray(text, position)
            token = _token(match, position)
            if token is not None:
                found.append(token)
        position = match.end()
    found.append(Token(TokenKind.END, "", len(text)))
    return found


def _token(match: re.Match[str], position: int) -> Token | None:
    groups = match.groupdict()
    if groups["space"]:
        return None
    if groups["has"]:
        return Token(TokenKind.HAS, groups["name"], position)
    if groups["all"]:
        return Token(TokenKind.ALL, match.group().partition("(")[0], position)
    if groups["operator"]:
        return Token(TokenKind.OPERATOR, match.group(), position)
    if groups["string"]:
        return Token(TokenKind.STRING, match.group()[1:-1], position)
    if groups["label"]:
        return Token(TokenKind.LABEL, match.group(), position)
    if groups["mark"]:
        return Token(_MARKS[match.group()], match.group(), position)
    kind = TokenKind.AND if groups["and"] else TokenKind.OR if groups["or"] else TokenKind.NOT
    return Token(kind, match.group(), position)


def _stray(text: str, position: int) -> SelectorSyntaxError:
    character = text[position]
    if character in "\"'":
        return SelectorSyntaxError(text, position, "a text without its closing quote")
    if character == "=":
        return SelectorSyntaxError(text, position, "a single `=`", "compare with `==`")
    if character in "&|":
        return SelectorSyntaxError(text, position, f"a single `{character}`", f"write `{character * 2}`")
    if character in "\r\n":
        return SelectorSyntaxError(text, position, "a line break", "write the selector on one line")
    return SelectorSyntaxError(text, position, f"unexpected character `{character}`")
