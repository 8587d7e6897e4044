"""The agent's number in wordings: another one that holds it is another one."""

from __future__ import annotations

import pytest
from test_generic_checks import FAIL, INCONCLUSIVE, PASS, judged, outcomes, say

from qa.check_examples import Scene
from qa.checks import greeting
from qa.patterns import candidates, fill, parse
from qa.phonetic import spoken
from qa.soundindex import SoundIndex
from qa.types import Outcome, Span, Word

NUMBER = "坐席 0.5-4 您好，{}为您服务。\n客户 5-7 我想查话费。\n坐席 8-10 好的，三十元，再见。"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("1024号", PASS),
        ("一零二四号", PASS),
        ("1024，1024号", PASS),
        ("幺零二四幺零二四号", PASS),  # said twice in one go
        ("21024号", INCONCLUSIVE),
        ("10245号", INCONCLUSIVE),
        ("二幺零二四号", INCONCLUSIVE),
        ("881024号", FAIL),
        ("5787号", FAIL),
    ],
)
def test_further_digits_make_another_number(said: str, expected: Outcome) -> None:
    assert outcomes(judged(NUMBER.format(said), say("number", "{agent_number}号"), require="number")) == [expected]


def test_the_number_is_shown_as_it_was_said() -> None:
    (found,) = judged(NUMBER.format("21024号"), say("number", "{agent_number}号"), require="number")
    assert "二幺零二四" in found.message and "\x02" not in found.message
    (absent,) = judged(NUMBER.format("客服"), say("number", "{agent_number}号"), require="number")
    assert absent.value("missing") == "“幺零二四，号”"


@pytest.mark.parametrize(("said", "expected"), [("工号1024", PASS), ("工号21024", INCONCLUSIVE), ("工号981024", INCONCLUSIVE)])
def test_so_in_the_greeting(said: str, expected: Outcome) -> None:
    params = greeting.Params(patterns=("您好，华宁通信，工号{agent_number}",))
    (found,) = greeting.run(Scene(f"坐席 0.5-5 您好，华宁通信，{said}。\n客户 6-7 我想查话费。\n坐席 8-9 好的。")(), params)
    assert found.outcome is expected


def test_a_number_behind_a_pause_is_another_one() -> None:
    words = [Word(c, Span(100 * n, 100 * n + 100), 0.9) for n, c in enumerate(["二", "号，", "幺", "零", "二", "四", "号"])]
    heard = spoken(words)
    (part, *_) = fill(parse("({agent_number}号)", ()), {}, "1024").parts
    found = candidates(part, heard, SoundIndex(heard).find, 0.2, 0.45)
    assert any(c.held.name == "PRESENT" and (c.match.start, c.match.end) == (2, 7) for c in found)
