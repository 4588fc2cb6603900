"""Selectors evaluated once for every distinct set of labels they look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rrplan.bgp.profile import Profile
from rrplan.bgp.speaker import Speaker
from rrplan.ids import NodeName
from rrplan.resources.selector import (
    And,
    Contains,
    EndsWith,
    Expression,
    Global,
    Not,
    Or,
    Selector,
    SelectorSyntaxError,
    StartsWith,
    parse,
)


def unknown_word(selector: Selector, profile: Profile) -> str:
    """What a version of Calico cannot read in a selector, which then matches nobody there; "" where it reads all."""
    if profile.selector_texts and profile.selector_global:
        return ""
    return next(_unknown(selector.expression, profile), "")


def _unknown(expression: Expression, profile: Profile) -> Iterator[str]:
    match expression:
        case Global():
            yield from () if profile.selector_global else ("global()",)
        case Contains() | StartsWith() | EndsWith():
            words = {Contains: "contains", StartsWith: "starts with", EndsWith: "ends with"}
            yield from () if profile.selector_texts else (words[type(expression)],)
        case Not(operand):
            yield from _unknown(operand, profile)
        case And(operands) | Or(operands):
            for operand in operands:
                yield from _unknown(operand, profile)


class Matcher:
    """Answers `matches(selector, speaker)`; remembers answers by the labels that the selector can see.

    A selector that does not parse matches nobody, as in confd, nor does one with a word that the speaker's Calico does
    not know.
    """

    def __init__(self) -> None:
        self._parsed: dict[str, tuple[Selector, tuple[str, ...]] | None] = {}
        self._answers: dict[tuple[str, tuple[str | None, ...]], bool] = {}

    def __call__(self, text: str, speaker: Speaker) -> bool:
        """Whether the selector matches the speaker's effective labels."""
        known = self._parsed[text] if text in self._parsed else self._parse(text)
        if known is None:
            return False
        selector, names = known
        profile, labels = speaker.profile, speaker.labels
        if not (profile.selector_texts and profile.selector_global) and unknown_word(selector, profile):
            return False
        seen = (text, tuple([labels.get(name) for name in names]))
        answer = self._answers.get(seen)
        if answer is None:
            answer = self._answers[seen] = selector.matches(labels)
        return answer

    def _parse(self, text: str) -> tuple[Selector, tuple[str, ...]] | None:
        try:
            selector = parse(text)
        except SelectorSyntaxError:
            self._parsed[text] = None
            return None
        known = self._parsed[text] = (selector, tuple(sorted(selector.labels)))
        return known

    def members(self, text: str, speakers: Iterable[Speaker]) -> frozenset[NodeName]:
        """The names of the speakers that a selector matches."""
        return frozenset(speaker.name for speaker in speakers if self(text, speaker))
