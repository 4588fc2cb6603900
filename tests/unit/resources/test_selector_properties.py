"""What holds for every selector, tried on selectors and label sets that nobody thought of."""

from collections.abc import Callable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from rrplan.resources.selector import SelectorSyntaxError, parse

Labels = Mapping[str, str]
Meaning = Callable[[Labels], bool]
Written = tuple[str, Meaning]
"""A selector's text, and what it means according to the test."""

LABELS = ["a", "b", "in", "has", "topology.kubernetes.io/zone"]
TEXTS = ["", "x", "y", "xy", "yx", "it's", 'a "b"', "é", "&& ||", "{,}"]

label_sets = st.dictionaries(st.sampled_from(LABELS), st.sampled_from(TEXTS))
blanks = st.sampled_from(["", " ", "\t", "  "])


def quoted(text: str, prefer: str) -> str:
    """The text in quotes, in the other kind where it holds the preferred one."""
    quote = prefer if prefer not in text else {"'": '"', '"': "'"}[prefer]
    return f"{quote}{text}{quote}"


def endings(text: str) -> list[str]:
    """Every text that this one ends with, itself and the empty one included."""
    return [text[start:] for start in range(len(text) + 1)]


@st.composite
def conditions(draw: st.DrawFn) -> Written:
    """One condition, written with random blanks and quotes."""
    label = draw(st.sampled_from(LABELS))
    values = draw(st.lists(st.sampled_from(TEXTS), max_size=4))
    value = values[0] if values else "x"
    quote = draw(st.sampled_from(["'", '"']))
    one = quoted(value, quote)
    inside = ",".join([draw(blanks) + quoted(text, quote) + draw(blanks) for text in values])
    comma = draw(st.sampled_from(["", ","])) if values else ""
    some = "{" + inside + comma + draw(blanks) + "}"
    gap = draw(blanks)

    def against(meaning: Callable[[str], bool]) -> Meaning:
        return lambda labels: label in labels and meaning(labels[label])

    options: list[Written] = [
        (f"has({gap}{label}{gap})", lambda labels: label in labels),
        (f"all({gap})", lambda labels: True),
        (f"global({gap})", lambda labels: True),
        (f"{label}{gap}=={gap}{one}", against(lambda found: found == value)),
        (f"{label}{gap}!={gap}{one}", lambda labels: label not in labels or labels[label] != value),
        (f"{label} contains{gap}{one}", against(lambda found: found.find(value) >= 0)),
        (f"{label} starts{gap}with{gap}{one}", against(lambda found: found[: len(value)] == value)),
        (f"{label} ends{gap}with{gap}{one}", against(lambda found: value in endings(found))),
        (f"{label} in{gap}{some}", against(lambda found: found in values)),
        (f"{label} not{gap}in{gap}{some}", lambda labels: label not in labels or labels[label] not in values),
    ]
    return draw(st.sampled_from(options))


@st.composite
def negated(draw: st.DrawFn, inner: st.SearchStrategy[Written]) -> Written:
    """Some `!` before a selector in parentheses."""
    text, meaning = draw(inner)
    count = draw(st.integers(1, 3))
    gap = draw(blanks)
    return ("!" + gap) * count + f"({gap}{text}{gap})", lambda labels: meaning(labels) is (count % 2 == 0)


@st.composite
def joined(draw: st.DrawFn, inner: st.SearchStrategy[Written]) -> Written:
    """Alternatives of conjuncts without parentheses around them: precedence has to sort them out."""
    rows = draw(st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3))
    text = "||".join(" && ".join(f"({text})" for text, _ in row) for row in rows)
    return text, lambda labels: any(all(meaning(labels) for _, meaning in row) for row in rows)


selectors = st.recursive(conditions(), lambda inner: negated(inner) | joined(inner), max_leaves=12)


@given(selectors, label_sets)
def test_it_means_what_was_written(written: Written, labels: dict[str, str]) -> None:
    """A selector selects exactly what its parts, combined by hand, select."""
    text, meaning = written

    assert meaning(labels) is parse(text).matches(labels)


@given(conditions(), conditions(), conditions(), label_sets)
def test_precedence_without_parentheses(a: Written, b: Written, c: Written, labels: dict[str, str]) -> None:
    """`x || !y && z` means `x || ((!y) && z)`."""
    expected = a[1](labels) or (not b[1](labels) and c[1](labels))

    assert expected is parse(f"{a[0]} || !{b[0]} && {c[0]}").matches(labels)


@given(selectors)
def test_canonical_text_of_canonical_text_is_itself(written: Written) -> None:
    """Canonicalising twice is canonicalising once."""
    canonical = parse(written[0]).canonical()

    assert canonical == parse(canonical).canonical()


@given(selectors, label_sets)
def test_canonicalising_changes_no_answer(written: Written, labels: dict[str, str]) -> None:
    """The canonical text reads as the same expression and selects the same."""
    selector = parse(written[0])
    again = parse(selector.canonical())

    assert selector.expression == again.expression
    assert selector.matches(labels) is again.matches(labels)


@given(selectors, label_sets)
def test_other_labels_do_not_count(written: Written, labels: dict[str, str]) -> None:
    """Labels that a selector does not name can be dropped before it is asked."""
    selector = parse(written[0])
    projected = {name: value for name, value in labels.items() if name in selector.labels}

    assert selector.matches(projected) is selector.matches(labels)


WORDS = [
    "has(",
    "all()",
    "(",
    ")",
    "!",
    "&&",
    "||",
    "==",
    "!=",
    "a",
    "in",
    "not",
    "starts with",
    "{",
    "}",
    ",",
    "'x'",
    "'",
    " ",
    "=",
]


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=20).map("".join)))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    """Any text is a selector, or a SelectorSyntaxError with a place inside the text and a hint."""
    try:
        selector = parse(text)
    except SelectorSyntaxError as caught:
        error = caught
    else:
        assert selector.canonical() == parse(selector.canonical()).canonical()
        return
    assert text == error.text
    assert 0 <= error.position <= len(text)
    assert error.message
    assert error.hint
    assert head(error).endswith(f" (at character {error.position + 1})")


def head(error: SelectorSyntaxError) -> str:
    """The first of the three lines of an error."""
    first, _text, caret = str(error).split("\n")
    assert caret.endswith("^")
    return first
