"""What selectors mean: words, precedence, matching, labels, canonical text."""

import base64
import hashlib
import sys
from collections.abc import Callable

import pytest

from rrplan.resources.selector import (
    ALL,
    MAX_DEPTH,
    All,
    And,
    Contains,
    EndsWith,
    Equal,
    Expression,
    Global,
    Has,
    In,
    Not,
    NotEqual,
    NotIn,
    Or,
    Selector,
    StartsWith,
    parse,
)

REFLECTOR = "projectcalico.org/RouteReflectorClusterID"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", All()),
        (" \t ", All()),
        ("all()", All()),
        ("all( \t)", All()),
        ("global()", Global()),
        ("has(zone)", Has("zone")),
        ("has( zone\t)", Has("zone")),
        (f"has({REFLECTOR})", Has(REFLECTOR)),
        ("zone=='a'", Equal("zone", "a")),
        ('zone == "it\'s"', Equal("zone", "it's")),
        ("zone == 'say \"a\"'", Equal("zone", 'say "a"')),
        ("zone == ''", Equal("zone", "")),
        ("zone == 'a\nb'", Equal("zone", "a\nb")),
        ("zone != 'a'", NotEqual("zone", "a")),
        ("zone contains'a'", Contains("zone", "a")),
        ("zone starts with 'a'", StartsWith("zone", "a")),
        ("zone starts \t with'a'", StartsWith("zone", "a")),
        ("zone startswith 'a'", StartsWith("zone", "a")),
        ("zone ends with 'a'", EndsWith("zone", "a")),
        ("zone endswith 'a'", EndsWith("zone", "a")),
        ("zone in{'a','b'}", In("zone", frozenset({"a", "b"}))),
        ("zone in {'a', 'a',}", In("zone", frozenset({"a"}))),
        ("zone in {}", In("zone", frozenset())),
        ("zone not in {'a'}", NotIn("zone", frozenset({"a"}))),
        ("zone notin {}", NotIn("zone", frozenset())),
    ],
)
def test_each_condition_is_read(text: str, expected: Expression) -> None:
    """Every form of a condition is read, with any blanks and either quote."""
    assert expected == parse(text).expression


@pytest.mark.parametrize(
    "word", ["has", "all", "global", "in", "not", "contains", "starts", "ends", "startswith", "inner"]
)
def test_words_of_the_language_may_name_labels(word: str) -> None:
    """A word is an operator or a function only where one can stand; elsewhere it is a label."""
    assert Equal(word, "a") == parse(f"{word} == 'a'").expression
    assert In(word, frozenset({"a"})) == parse(f"{word} in {{'a'}}").expression
    assert Has(word) == parse(f"has({word})").expression


def test_and_binds_tighter_than_or() -> None:
    """`&&` comes before `||`, and `!` reaches over one condition only."""
    a, b, c = Has("a"), Has("b"), Has("c")

    assert Or((a, And((b, c)))) == parse("has(a) || has(b) && has(c)").expression
    assert Or((And((a, b)), c)) == parse("has(a) && has(b) || has(c)").expression
    assert And((Or((a, b)), c)) == parse("(has(a) || has(b)) && has(c)").expression
    assert And((Not(a), b)) == parse("!has(a) && has(b)").expression
    assert Not(And((a, b))) == parse("!(has(a) && has(b))").expression
    assert And((Not(Equal("a", "1")), b)) == parse("! a == '1' && has(b)").expression


@pytest.mark.parametrize(
    ("marks", "negated"), [("!", True), ("!!", False), ("! !\t!", True), ("!(!(", False), ("!(!!(", True)]
)
def test_two_negations_cancel(marks: str, negated: bool) -> None:
    """An even number of `!` is none, also through parentheses."""
    expression = parse(f"{marks}has(a){')' * marks.count('(')}").expression

    assert (Not(Has("a")) if negated else Has("a")) == expression


@pytest.mark.parametrize(
    ("text", "present_only", "absent"),
    [
        ("has(a)", True, False),
        ("a == 'x'", True, False),
        ("a in {'x'}", True, False),
        ("a contains ''", True, False),
        ("a starts with ''", True, False),
        ("a ends with ''", True, False),
        ("a != 'y'", True, True),
        ("a not in {'y'}", True, True),
        ("a in {}", False, False),
        ("a not in {}", True, True),
        ("all()", True, True),
        ("global()", True, True),
    ],
)
def test_an_absent_label(text: str, present_only: bool, absent: bool) -> None:
    """Only `!=` and `not in` hold where the label is absent; an absent label is not an empty one."""
    assert present_only is parse(text).matches({"a": "x"})
    assert absent is parse(text).matches({})
    assert absent is parse(text).matches({"b": "x"})


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("a == 'rack-1'", ["rack-1"], ["", "rack-10", "Rack-1"]),
        ("a != 'rack-1'", ["", "rack-10", "Rack-1"], ["rack-1"]),
        ("a contains 'ck-'", ["rack-1", "ck-"], ["", "ck", "CK-"]),
        ("a starts with 'rack'", ["rack", "rack-1"], ["", "a-rack", "rac"]),
        ("a ends with '-1'", ["-1", "rack-1"], ["", "rack-10", "1"]),
        ("a in {'x', 'y'}", ["x", "y"], ["", "z", "xy"]),
        ("a not in {'x', 'y'}", ["", "z", "xy"], ["x", "y"]),
        ("a == ''", [""], ["x"]),
    ],
)
def test_a_label_against_texts(text: str, matching: list[str], other: list[str]) -> None:
    """Comparisons look at the whole text, its start, its end or inside, upper and lower case apart."""
    selector = parse(text)

    assert [value for value in matching if not selector.matches({"a": value, "b": "rack-1"})] == []
    assert [value for value in other if selector.matches({"a": value, "b": "rack-1"})] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("has(a) && has(b) && has(c)", {"abc"}),
        ("has(a) || has(b) && has(c)", {"a", "ab", "ac", "bc", "abc"}),
        ("(has(a) || has(b)) && has(c)", {"ac", "bc", "abc"}),
        ("!has(a) && has(b)", {"b", "bc"}),
        ("!(has(a) || has(b) || has(c))", {""}),
        ("!(has(a) && has(b))", {"", "a", "b", "c", "ac", "bc"}),
    ],
)
def test_combinations(text: str, expected: set[str]) -> None:
    """Combined conditions select what their truth table says."""
    everybody = ["", "a", "b", "c", "ab", "ac", "bc", "abc"]

    assert expected == {names for names in everybody if parse(text).matches(dict.fromkeys(names, "1"))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "all()"),
        (" (global( ))", "global()"),
        ("has( a )", "has(a)"),
        ("a=='x'", 'a == "x"'),
        ("a!='x\"y'", "a != 'x\"y'"),
        ('a startswith "it\'s"', 'a starts with "it\'s"'),
        ("a  ends  with  'x'", 'a ends with "x"'),
        ("a contains 'x'", 'a contains "x"'),
        ("a in {'b',\"a\" , 'b',}", 'a in {"a", "b"}'),
        ("a notin{'é','z','\U0001f600','\uffee'}", 'a not in {"z", "é", "\uffee", "\U0001f600"}'),
        ("a in {'\"', 'x'}", 'a in {\'"\', "x"}'),
        ("a in { }", "a in {}"),
        ("((has(a)&&has(b)))", "(has(a) && has(b))"),
        ("has(a)||has(b)&&!has(c)", "(has(a) || (has(b) && !has(c)))"),
        ("has(a) && (has(b) && has(c))", "(has(a) && (has(b) && has(c)))"),
        ("! (a == 'x')", '!a == "x"'),
        ("!(!(has(a)))", "has(a)"),
    ],
    ids=repr,
)
def test_canonical_text(text: str, expected: str) -> None:
    """The canonical text is the one that Calico gives a selector."""
    assert expected == parse(text).canonical()


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("", "5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug"),
        ("! (has( b)||! has(a ))", "Iss0uCleLYv1GSv_pNm7hAO58kE9jAx1NKyG3Q"),
        ('! (a == "b"&&! c != "d")', "lh3haoY1ikTRkd4UZu0nWSaIBknYLPJLX16d-w"),
    ],
)
def test_canonical_text_has_the_identifier_that_calico_computes(text: str, identifier: str) -> None:
    """Calico's `UniqueID` is a SHA-224 of the canonical text; the values are Calico's (`parser_test.go`)."""
    digest = hashlib.sha224(b"s:" + parse(text).canonical().encode()).digest()

    assert identifier == base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_labels_are_those_that_it_looks_at() -> None:
    """`labels` names every label of every condition, each once, and nothing else."""
    text = "has(a) && !(b == 'x' || c in {'d'}) || d contains 'e' && a != 'f' || all() || global()"

    assert frozenset("abcd") == parse(text).labels
    assert frozenset() == ALL.labels


def test_a_selector_is_a_value() -> None:
    """Selectors compare by text and meaning, can be keys, and show neither closures nor caches."""
    assert Selector("has(a)", Has("a")) == parse("has(a)")
    assert parse("has( a)") != parse("has(a)")
    assert parse("has( a)").expression == parse("has(a)").expression
    assert len({parse("has(a)"), Selector("has(a)", Has("a"))}) == 1
    assert repr(parse("has(a)")) == "Selector(text='has(a)', expression=Has(label='a'))"
    assert parse("has( a)").text == "has( a)"


def test_the_same_text_is_read_once() -> None:
    """Reading is remembered, so that a selector of a thousand nodes costs one reading."""
    assert parse("zone == 'remembered'") is parse("zone == 'remembered'")


def test_all_selects_everything() -> None:
    """ALL is `all()`."""
    assert parse("all()") == ALL
    assert ALL.matches({})
    assert ALL.matches({"a": "x"})


def call_from_depth(frames: int, function: Callable[[], bool]) -> bool:
    """Call a function from that many frames below here."""
    return function() if frames == 0 else call_from_depth(frames - 1, function)


def test_the_deepest_selector_works_far_down_the_stack() -> None:
    """At the bound of nesting, with every level a tree of its own, nothing needs more stack than there is."""
    text = "has(x)"
    for _ in range(MAX_DEPTH // 2):
        text = f"has(a) || has(b) && !({text})"

    def asked() -> bool:
        selector = parse(text)
        again = parse(selector.canonical())
        assert selector.expression == again.expression
        assert hash(selector.expression) == hash(again.expression)
        assert len(repr(selector)) > len(text)
        return selector.matches({"b": "", "x": ""}) is again.matches({"b": "", "x": ""})

    assert sys.getrecursionlimit() == 1000
    assert call_from_depth(500, asked)


@pytest.mark.parametrize(
    "text", ["!" * 100_000 + "has(a)", " && ".join(["has(a)"] * 20_000), "(has(a)) || " * 20_000 + "has(a)"]
)
def test_a_long_flat_selector_is_read(text: str) -> None:
    """Length is no depth: chains of `!`, `&&`, `||` may be as long as they like."""
    assert parse(text).matches({"a": ""})
    assert not parse(text).matches({})


@pytest.mark.parametrize("length", [1, 512])
def test_a_label_name_may_have_512_characters(length: int) -> None:
    """Names up to Calico's limit are read."""
    assert Has("a" * length) == parse(f"has({'a' * length})").expression
    assert Equal("a" * length, "x") == parse(f"{'a' * length} == 'x'").expression
