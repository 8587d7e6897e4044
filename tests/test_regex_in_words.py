"""Regular expressions as quoted wordings for those who cannot read them, or not at all."""

from __future__ import annotations

import re

import pytest

from qa import rulebook
from qa.rules.kinds_in_words import looked_for
from qa.rules.regex_in_words import UNTOLD, regex_text


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("对不起|抱歉", "“对不起”“抱歉”"),
        ("没有?听清", "“没〔有〕听清”"),
        ("我(先|去)?(看|找)一下", "“我〔先/去〕（看/找）一下”"),
        ("(?:您|你)好", "“（您/你）好”"),
        ("[太有]点小", "“（太/有）点小”"),
        ("没有.{0,4}编号", "“没有…编号”"),
        ("投诉.*(师傅|客服).+", "“投诉…（师傅/客服）…”"),
        ("[零幺一二三四五六七八九]{7,}", "“7 位以上数字”"),
        ("[0-9]{4}", UNTOLD),
        ("[一二三]{2,4}号", "“2 至 4 位数字号”"),
        ("(一|二|三|四|五)号", "“（一/二/三/四/…）号”"),
        ("甲|乙|丙|丁|戊", "“甲”“乙”“丙”“丁”等 5 种句式"),
        ("(?<!不)知道", UNTOLD),
        ("^您好", UNTOLD),
        (r"\\d+号", UNTOLD),
        ("好{2}", UNTOLD),
        ("好*", UNTOLD),
        ("[^好]的", UNTOLD),
        ("(好|)的", UNTOLD),
        ("(好)\\1", UNTOLD),
    ],
)
def test_an_expression_is_told_or_not_shown(pattern: str, text: str) -> None:
    assert re.compile(pattern) and regex_text(pattern) == text


def test_several_expressions_are_one_list() -> None:
    assert regex_text("甲|乙", "丙") == "“甲”“乙”“丙”"
    assert regex_text("甲|乙", "^丙") == UNTOLD


@pytest.mark.parametrize("profile", rulebook.profiles())
def test_no_page_of_a_house_shows_an_expression(profile: str) -> None:
    book = rulebook.load(profile)
    told = [line for rule in book.rules for line in looked_for(rule, book)]
    assert told and not [line for line in told if re.search(r"表达式|[|?*+\\]|\{\d", line)]
