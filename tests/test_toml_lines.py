"""Lines of TOML keys, against documents whose lines are known because they were laid down line by line."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.toml_lines import Key, scan

DOCUMENT = '''\
title = "one"  # comment = "no"
"quoted key" = 2
a.b.c = 3

[table]
list = [
  "first",   # a comment, with ] and "quotes"
  ["nested", "pair"],
]
text = """
fake = 1
[also.fake]
escaped \\""" quotes"""
literal = \'\'\'
fake = 2\'\'\'
inline = { x = 1, y = [2, 3] }

[[rows]]
name = "r0"
[rows.sub]
deep = true
[[rows]]
name = 'r1 # not a comment'
when = 2024-01-31 07:32:00
'''
LINES: dict[Key, int] = {
    ("title",): 1,
    ("quoted key",): 2,
    ("a", "b", "c"): 3,
    ("table",): 5,
    ("table", "list"): 6,
    ("table", "list", 0): 7,
    ("table", "list", 1): 8,
    ("table", "list", 1, 1): 8,
    ("table", "text"): 10,
    ("table", "literal"): 14,
    ("table", "inline"): 16,
    ("table", "inline", "y", 1): 16,
    ("rows", 0): 18,
    ("rows", 0, "name"): 19,
    ("rows", 0, "sub"): 20,
    ("rows", 0, "sub", "deep"): 21,
    ("rows", 1): 22,
    ("rows", 1, "name"): 23,
    ("rows", 1, "when"): 24,
}


def _leaves(value: object, at: Key = ()) -> set[Key]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {at}.union(*(_leaves(inner, (*at, key)) for key, inner in items))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_kind_of_key_is_found_at_its_line(newline: str) -> None:
    found = scan(DOCUMENT.replace("\n", newline))
    assert {key: found.line(key) for key in LINES} == LINES
    assert found.twice == ()
    assert found.open_key is None


def test_exactly_the_keys_of_the_parsed_document_have_a_line() -> None:
    assert set(scan(DOCUMENT).lines) == _leaves(tomllib.loads(DOCUMENT)) - {()}


def test_an_unknown_key_falls_back_to_the_table_around_it() -> None:
    found = scan(DOCUMENT)
    assert found.line(("table", "absent", 3)) == 5
    assert found.line(("absent",)) == 1


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("a = 1\nb = 2\na = 3\n", (("a",), 1, 3)),
        ("[t]\nx = 1\n[u]\n[t]\nx = 2\n", (("t",), 1, 4)),
        ("a = [\n1,\n]\na = [\n2,\n]\n", (("a",), 1, 4)),
        ("t = { x = 1, x = 2 }\n", (("t", "x"), 1, 1)),
        ("[t]\nx = 1\n[t.x]\n", (("t", "x"), 2, 3)),
    ],
)
def test_a_key_that_stands_twice_gives_both_lines(text: str, twice: tuple[Key, int, int]) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert scan(text).twice == (twice,)


def test_a_value_that_was_not_finished_is_named() -> None:
    assert scan('a = 1\n[t]\nwords = [\n"x",\n"y"\nnext = 2\n').open_key == ("t", "words")


_NAMES = st.text("abc-_9", min_size=1, max_size=4)
_VALUES = st.one_of(
    st.integers(-99, 99).map(str),
    st.booleans().map(lambda flag: str(flag).lower()),
    st.text("ab,#[]{}=. 中", max_size=6).map(lambda text: f'"{text}"'),
    st.text("ab\n,#[]=", max_size=6).map(lambda text: f"'''\n{text}'''"),
    st.lists(st.text("ab]#", max_size=3), max_size=3).map(lambda items: "[\n" + "".join(f'"{item}", # ]\n' for item in items) + "]"),
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.lists(st.tuples(_NAMES, st.lists(st.tuples(_NAMES, _VALUES), max_size=4, unique_by=lambda kv: kv[0])), unique_by=lambda t: t[0]))
def test_lines_of_documents_laid_down_line_by_line(tables: list[tuple[str, list[tuple[str, str]]]]) -> None:
    text = "# top\n"
    expected: dict[Key, int] = {}
    for table, pairs in tables:
        expected[(table,)] = text.count("\n") + 1
        text += f"[{table}]\n"
        for key, value in pairs:
            expected[(table, key)] = text.count("\n") + 1
            text += f"{key} = {value}\n"
    tomllib.loads(text)
    found = scan(text)
    assert {key: line for key, line in found.lines.items() if len(key) < 3} == expected
    assert found.twice == ()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.text("a=[]{}\"'#\n,. \\1", max_size=30))
def test_any_text_is_scanned_without_an_exception_and_valid_toml_to_its_end(text: str) -> None:
    found = scan(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.lines.values())
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(found.lines) == _leaves(data) - {()}


def test_tables_written_as_a_value_are_told_from_those_with_a_header() -> None:
    assert scan(DOCUMENT).inline == {("table", "inline")}
    assert scan("a = [{ b = 1 }, { c = { d = 2 } }]\n[e]\nf.g = 1\n").inline == {("a", 0), ("a", 1), ("a", 1, "c")}
