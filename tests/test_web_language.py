"""Every text of the web app has English, and nothing is translated that no page shows."""

from __future__ import annotations

import ast
import string
import tomllib
from pathlib import Path

import jinja2
import pytest

from qa.outcome_words import OUTCOMES
from qa.people.accounts import ROLE_TITLES
from qa.report_text import ROLE_TEXT, VALUE_TEXT
from qa.web import language
from qa.web.language import speaking, translated
from qa.web.rendering import environment

ROOT = Path(__file__).parents[1]
MARKS = ("_", "marked", "translated")
SHARED = ("call_parts.html.j2", "parts.html.j2")
"""Templates of the reports that the web app shows too."""


def of_templates() -> set[str]:
    names = [*SHARED, *(str(p.relative_to(ROOT / "qa" / "templates")) for p in (ROOT / "qa" / "templates" / "web").rglob("*.j2"))]
    found = set()
    for name in names:
        source = (ROOT / "qa" / "templates" / name).read_text("utf-8")
        for called in environment().parse(source).find_all(jinja2.nodes.Call):
            if isinstance(called.node, jinja2.nodes.Name) and called.node.name == "_" and isinstance(called.args[0], jinja2.nodes.Const):
                found.add(called.args[0].value)
    return found


def of_code() -> set[str]:
    found = set()
    for file in [*(ROOT / "qa" / "web").rglob("*.py"), *language.MARKED_ELSEWHERE]:
        for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS and node.args:
                (text,) = node.args[:1]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found.add(text.value)
    return found


def of_tables() -> set[str]:
    """Words of tables that pages show through ``_(word)``."""
    return set(language.vocabulary())


def untranslated() -> set[str]:
    return {text for text in of_templates() | of_code() | of_tables() if any("一" <= c <= "鿿" for c in text)}


def test_the_reader_finds_texts_in_templates_code_and_tables() -> None:
    assert "跳到正文" in of_templates() and "登录名或密码不对" in of_code()
    assert {*OUTCOMES.values(), *ROLE_TITLES.values(), *ROLE_TEXT.values(), *VALUE_TEXT.values()} <= of_tables()


def test_every_text_has_english() -> None:
    assert sorted(untranslated() - set(language.english())) == []


def test_no_english_is_unused() -> None:
    assert sorted(set(language.english()) - untranslated()) == []


def test_no_english_is_chinese_and_both_have_the_same_places() -> None:
    for text, english in language.english().items():
        assert not any("一" <= c <= "鿿" for c in english), english
        places = [sorted(part[1] for part in string.Formatter().parse(t) if part[1]) for t in (text, english)]
        assert places[0] == places[1], text


@pytest.mark.parametrize("file", sorted((ROOT / "qa" / "web" / "english").glob("*.toml")), ids=lambda p: p.name)
def test_no_key_stands_in_two_files(file: Path) -> None:
    others = [f for f in file.parent.glob("*.toml") if f != file]
    own = set(tomllib.loads(file.read_text("utf-8")))
    assert [key for other in others for key in tomllib.loads(other.read_text("utf-8")) if key in own] == []


def test_templates_hold_no_chinese_outside_a_translation() -> None:
    """Of what the web app shows; ``中文`` on the switch is meant for those who read it."""
    for file in [*(ROOT / "qa" / "templates" / "web").rglob("*.j2"), *(ROOT / "qa" / "templates" / name for name in SHARED)]:
        source = file.read_text("utf-8")
        if "Content-Security-Policy" in source:
            continue  # a page to take away, with a policy of its own, in Chinese like the reports
        for _line, kind, text in environment().lex(source):
            if kind == "data":
                assert not any("一" <= c <= "鿿" for c in text), f"{file.name}: {text.strip()}"


def test_a_text_is_in_the_language_of_the_request_and_its_values_are_filled_in() -> None:
    assert translated("从 {clock} 播放", clock="0:07.5") == "从 0:07.5 播放"
    with speaking("en"):
        assert translated("从 {clock} 播放", clock="0:07.5") == "Play from 0:07.5"
        assert translated("没有译文的字") == "没有译文的字"
        with speaking("zh"):
            assert translated("首页") == "首页"
    with speaking("xx"):
        assert translated("首页") == "首页"
