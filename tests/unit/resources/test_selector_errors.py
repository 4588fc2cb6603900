"""What is said about texts that are no selectors: where, what, and what to do."""

import pickle

import pytest

from rrplan.resources.selector import MAX_DEPTH, SelectorSyntaxError, parse

CHARACTERS = "label names consist of letters, digits, `_`, `.`, `/` and `-`"
CONDITION = 'such as `has(label)`, `label == "value"` or `all()`'
JOIN = "join two conditions with `&&` or `||`"
FUNCTIONS = "there are `has(label)`, `all()` and `global()`, without a blank before `(`"
MISSING = ("the selector ends where a condition is expected", "add the condition, or remove the word before")
QUOTES = "expected a text in quotes"


def operator(label: str) -> tuple[str, str]:
    """What is said where a label stands alone."""
    return (
        f"expected an operator after label `{label}`",
        f"such as `==` or `in`; `has({label})` asks whether the label exists",
    )


ERRORS: list[tuple[str, int, str, str]] = [
    ("zone", 4, *operator("zone")),
    ("a b", 2, *operator("a")),
    ("a has(b)", 2, *operator("a")),
    ("a && b == 'c'", 2, *operator("a")),
    ("a starts foo 'b'", 2, *operator("a")),
    ("a ends 'b'", 2, *operator("a")),
    ("a not 'b'", 2, *operator("a")),
    ("a b %", 2, *operator("a")),
    ("has (a)", 4, "expected an operator after label `has`", FUNCTIONS),
    ("all ()", 4, "expected an operator after label `all`", FUNCTIONS),
    ("exists(a)", 6, "expected an operator after label `exists`", FUNCTIONS),
    ("a = 'b'", 2, "a single `=`", "compare with `==`"),
    ("a === 'b'", 4, "a single `=`", "compare with `==`"),
    ("has(a) & has(b)", 7, "a single `&`", "write `&&`"),
    ("has(a) | has(b)", 7, "a single `|`", "write `||`"),
    ("a == b", 5, QUOTES, 'such as `a == "b"`'),
    ("a != ||", 5, QUOTES, 'such as `a != "value"`'),
    ("a contains", 10, QUOTES, 'such as `a contains "value"`'),
    ("a startswith 1", 13, QUOTES, 'such as `a starts with "1"`'),
    ("a ends with {'b'}", 12, QUOTES, 'such as `a ends with "value"`'),
    ("a == 'b", 5, "a text without its closing quote", "end it with `'`; there are no escapes"),
    ("a == \"b'", 5, "a text without its closing quote", 'end it with `"`; there are no escapes'),
    ("a in 'b'", 5, "expected `{`", 'such as `a in {"a", "b"}`'),
    ("a notin (b)", 8, "expected `{`", 'such as `a not in {"a", "b"}`'),
    ("a in", 4, "expected `{`", 'such as `a in {"a", "b"}`'),
    ("a in {", 6, "expected a text in quotes or `}`", 'such as `a in {"a", "b"}`'),
    ("a in {b}", 6, "expected a text in quotes or `}`", 'such as `a in {"a", "b"}`'),
    ("a in {,}", 6, "expected a text in quotes or `}`", 'such as `a in {"a", "b"}`'),
    ("a in {'b',,}", 10, "expected a text in quotes or `}`", 'such as `a in {"a", "b"}`'),
    ("a in {'b' 'c'}", 10, "expected `,` or `}`", 'such as `a in {"a", "b"}`'),
    ("a in {'b'", 9, "expected `,` or `}`", 'such as `a in {"a", "b"}`'),
    ("'a' == 'b'", 0, "expected a condition", "the label name stands first, without quotes"),
    (")", 0, "expected a condition", CONDITION),
    ("has(a) && ()", 11, "expected a condition", CONDITION),
    ("== 'b'", 0, "expected a condition", CONDITION),
    ("has(a) && && has(b)", 10, "expected a condition", CONDITION),
    ("{'a'}", 0, "expected a condition", CONDITION),
    ("!", 1, *MISSING),
    ("has(a) && ", 10, *MISSING),
    ("has(a) ||", 9, *MISSING),
    ("(", 1, *MISSING),
    ("has(a) && (has(b) || has(c)", 10, "a `(` without its `)`", "close the parenthesis"),
    ("((has(a))", 0, "a `(` without its `)`", "close the parenthesis"),
    ("has(a))", 6, "a `)` without its `(`", "remove it, or open the parenthesis before"),
    ("has(a) has(b)", 7, "expected `&&`, `||` or the end", JOIN),
    ("a == 'b' and c == 'd'", 9, "expected `&&`, `||` or the end", JOIN),
    ("has(a) !has(b)", 7, "expected `&&`, `||` or the end", JOIN),
    ("(has(a) has(b))", 8, "expected `&&`, `||` or `)`", JOIN),
    ("has()", 4, "expected a label name after `has(`", "such as `has(role)`, the name without quotes"),
    ("has( 'a')", 5, "expected a label name after `has(`", "such as `has(role)`, the name without quotes"),
    ("has(", 4, "expected a label name after `has(`", "such as `has(role)`, the name without quotes"),
    ("has(a == 'b')", 6, "expected `)` after `has(a`", "`has` takes one label name and looks at no value"),
    ("has(a", 5, "expected `)` after `has(a`", "`has` takes one label name and looks at no value"),
    ("all(a)", 4, "expected `)` after `all(`", "write `all()`"),
    ("global( ", 8, "expected `)` after `global(`", "write `global()`"),
    ("%", 0, "unexpected character `%`", CHARACTERS),
    ("a == 'b' && é", 12, "unexpected character `é`", CHARACTERS),
    ("a\x1b == 'b'", 1, "unexpected character U+001B", CHARACTERS),
    ("a\n== 'b'", 1, "a line break", "write the selector on one line"),
    ("has(a) \r\n&& has(b)", 7, "a line break", "write the selector on one line"),
    ("a\u00a0== 'b'", 1, "unexpected character U+00A0", "only spaces and tabs may stand between words"),
    ("a == \u201cb\u201d", 5, "unexpected character `\u201c`", "write straight quotes"),
    (f"has({'a' * 513})", 4, "a label name of 513 characters", "Calico reads at most 512"),
    (f"! {'a' * 600}in {{'x'}}", 2, "a label name of 602 characters", "Calico reads at most 512"),
]


@pytest.mark.parametrize(("text", "position", "message", "hint"), ERRORS, ids=lambda value: repr(value)[:30])
def test_what_is_said(text: str, position: int, message: str, hint: str) -> None:
    """Each kind of mistake is named where it stands, with what to write instead."""
    error = refused(text)

    assert (text, position, message, hint) == (error.text, error.position, error.message, error.hint)


def refused(text: str) -> SelectorSyntaxError:
    """The error of a text."""
    with pytest.raises(SelectorSyntaxError) as caught:
        parse(text)
    return caught.value


TOO_DEEP = (
    f"nested more than {MAX_DEPTH} deep",
    f"at most {MAX_DEPTH} parentheses, `&&` and `||` may stand inside one another",
)


@pytest.mark.parametrize("opening", ["(", "!(", "( ! !", "has(a) && (", "has(a) || !("])
def test_hostile_nesting_is_refused(opening: str) -> None:
    """A hundred thousand parentheses are one clean sentence that names the bound, whatever stands between."""
    error = refused(opening * 100_000 + "all()" + ")" * 100_000)

    assert (error.message, error.hint) == TOO_DEEP
    assert opening.rindex("(") + MAX_DEPTH * len(opening) == error.position


def test_the_bound_of_parentheses_is_exact() -> None:
    """As many parentheses as the bound are read, one more is refused at its own position."""
    assert parse("(" * MAX_DEPTH + "has(a)" + ")" * MAX_DEPTH).matches({"a": ""})

    error = refused("(" * (MAX_DEPTH + 1) + "has(a)" + ")" * (MAX_DEPTH + 1))
    assert (error.message, error.hint) == TOO_DEEP
    assert error.position == MAX_DEPTH


def test_the_bound_counts_what_the_canonical_text_would_write() -> None:
    """`&&` inside `||` is a level as well, so that a canonical text is never too deep to be read again."""
    read = "has(x)"
    for _ in range(MAX_DEPTH // 2):
        read = f"has(a) || has(b) && ({read})"
    assert parse(read).canonical() == parse(parse(read).canonical()).canonical()

    inside = refused(f"!(has(a) && ({read}))")
    assert (inside.message, inside.hint, inside.position) == (*TOO_DEEP, 1)
    whole = refused(f"has(a) && ({read})")
    assert (whole.message, whole.hint, whole.position) == (*TOO_DEEP, 0)


def test_parentheses_beside_one_another_are_not_deep() -> None:
    """The bound counts parentheses that are open at the same time, not all of them."""
    assert parse(" && ".join(["(has(a))"] * (3 * MAX_DEPTH))).matches({"a": ""})


def shown(text: str) -> str:
    """The error of a text as a user reads it."""
    return str(refused(text))


def test_the_caret_stands_under_the_mistake() -> None:
    """The text is repeated with a caret below the place; places count from 1 for people."""
    assert shown("zone = 'a'") == "a single `=` (at character 6)\n    zone = 'a'\n         ^"


def test_the_caret_stands_behind_a_text_that_ends_too_early() -> None:
    """Where something is missing at the end, the caret stands behind the last character."""
    assert shown("zone") == "expected an operator after label `zone` (at character 5)\n    zone\n        ^"


def test_a_long_text_is_cut_around_the_mistake() -> None:
    """Of a long selector the neighbourhood of the mistake is shown, on a line that fits a terminal."""
    text = " && ".join(["has(a)"] * 100) + " % " + " && ".join(["has(b)"] * 100)
    place = text.index("%") + 1

    head, line, caret = shown(text).split("\n")

    assert f"unexpected character `%` (at character {place})" == head
    assert line[caret.index("^")] == "%"
    assert line.startswith("    ...")
    assert line.endswith("...")
    assert len(line) <= 80


def test_control_characters_are_not_passed_on() -> None:
    """No terminal sequence or line break in the text reaches the terminal, and the caret stays right."""
    head, line, caret = shown("a == '\x1b[2J\n\t' %").split("\n")

    assert head == "unexpected character `%` (at character 15)"
    assert line == "    a == '\ufffd[2J\ufffd ' %"
    assert line[caret.index("^")] == "%"


def test_a_long_label_is_shortened_in_sentences() -> None:
    """A sentence stays readable when the label name is hundreds of characters long."""
    error = refused("a" * 500)

    assert f"expected an operator after label `{'a' * 57}...`" == error.message
    assert len(error.hint) < 130


def test_the_error_survives_pickling() -> None:
    """The error can cross a process boundary with all its fields."""
    error = SelectorSyntaxError("a", 1, "message", "hint")
    again = pickle.loads(pickle.dumps(error))

    assert (error.text, error.position, error.message, error.hint) == (
        again.text,
        again.position,
        again.message,
        again.hint,
    )
    assert str(error) == str(again)


def test_a_mistake_is_told_again() -> None:
    """A text that failed fails the same way the second time: failures are not remembered as results."""
    assert shown("a = 'b'") == shown("a = 'b'")
