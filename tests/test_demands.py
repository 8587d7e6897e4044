"""Required expressions over several situations: what never arose is not asked, what nobody knows is not ruled."""

from __future__ import annotations

import pytest
from test_generic_checks import FAIL, INCONCLUSIVE, NA, PASS, judged, outcomes, say, words

from qa.rules.model import Condition, Event, Relation, Who
from qa.types import Outcome

COMPLAINT = words("complaint", "要投诉", who=Who.CUSTOMER)
HOLD = Condition("hold", Event("silence", 8.0))
APOLOGY = say("apology", "非常抱歉", relation=Relation("after", "complaint", within_turns=1))
THANKS = say("thanks", "感谢您的等待", relation=Relation("after", "hold", within_turns=1))
BYE = say("bye", "再见")

OPEN = "坐席 0.5-2 您好，请讲。\n"
COMPLAINS, APOLOGISES, REPLIES = "客户 3-5 我要投诉你们。\n", "坐席 6-8 非常抱歉。\n", "坐席 6-8 好的，请讲。\n"
WAITS, AFTER = "客户 8.5-9 嗯。\n坐席 19-21 {}\n", "客户 21.5-22 好的。\n坐席 22.5-24 知道了{}。"
THANKED, UNTHANKED = WAITS.format("感谢您的等待。"), WAITS.format("三十元。")
SOON = "客户 8.5-9 嗯。\n坐席 10-21 这个月的话费一共是三十元，上个月的话费也是三十元。\n"
ASKS = "客户 3-5 我想查话费。\n"


def verdicts(expression: str, *lines: str, bye: bool = True, **more: str) -> list[Outcome]:
    scene = OPEN + "".join(lines) + AFTER.format("，再见" if bye else "")
    return outcomes(judged(scene, COMPLAINT, HOLD, APOLOGY, THANKS, BYE, require=expression, **more))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((COMPLAINS, APOLOGISES, SOON), [PASS]),  # no hold: no thanks are due
        ((COMPLAINS, REPLIES, SOON), [FAIL]),
        ((ASKS, REPLIES, THANKED), [PASS]),  # no complaint: no apology is due
        ((ASKS, REPLIES, UNTHANKED), [FAIL]),
        ((COMPLAINS, APOLOGISES, UNTHANKED), [PASS, FAIL]),
        ((COMPLAINS, APOLOGISES, THANKED), [PASS, PASS]),
        ((ASKS, REPLIES, SOON), [NA]),
        ((COMPLAINS.replace("我要", "@0.4 我要"), REPLIES, SOON), [INCONCLUSIVE]),
    ],
)
def test_each_part_is_asked_where_its_situation_arose(lines: tuple[str, ...], expected: list[Outcome]) -> None:
    assert verdicts("apology and thanks", *lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((COMPLAINS, APOLOGISES, SOON), [PASS]),
        ((COMPLAINS, REPLIES, SOON), [FAIL]),
        ((COMPLAINS, APOLOGISES, UNTHANKED), [PASS]),  # one of the two will do
        ((COMPLAINS, REPLIES, UNTHANKED), [FAIL]),
        ((ASKS, REPLIES, SOON), [NA]),
    ],
)
def test_one_of_several_parts_will_do(lines: tuple[str, ...], expected: list[Outcome]) -> None:
    assert verdicts("apology or thanks", *lines) == expected


def test_what_stands_near_nothing_is_asked_of_the_whole_call() -> None:
    both = "apology and thanks and bye"
    assert verdicts(both, ASKS, REPLIES, SOON) == [PASS]
    assert verdicts(both, ASKS, REPLIES, SOON, bye=False) == [FAIL]
    assert verdicts(both, COMPLAINS, APOLOGISES, SOON, bye=False) == [PASS, FAIL]


def test_the_trigger_is_asked_once_where_it_never_arose() -> None:
    assert verdicts("apology and thanks", COMPLAINS, REPLIES, UNTHANKED, trigger="not complaint") == [NA]


def test_one_place_near_what_never_arose_is_not_due() -> None:
    near = say("apology", "非常抱歉", relation=Relation("after", "complaint", which="any"))
    scene = OPEN + ASKS + REPLIES + SOON + AFTER.format("")
    assert outcomes(judged(scene, COMPLAINT, near, require="apology")) == [NA]
    assert outcomes(judged(scene.replace(ASKS, COMPLAINS), COMPLAINT, near, require="apology")) == [FAIL]


def test_what_follows_something_demanded_does_not_excuse_that_it_is_missing() -> None:
    bye, waited = say("bye", "请先挂机"), say("waited", "再见", relation=Relation("after", "bye", which="any"))
    scene = OPEN + ASKS + REPLIES + SOON + AFTER.format("")
    assert outcomes(judged(scene, bye, waited, require="bye and waited")) == [FAIL]
