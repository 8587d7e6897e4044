"""Answers of customers, and whether the agent repeats them."""

from __future__ import annotations

import pytest

from qa.rules import answers
from qa.types import Span, Word


def words(text: str) -> list[Word]:
    return [Word(c, Span(100 * i, 100 * i + 100), 0.9) for i, c in enumerate(text)]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("幺三八零零幺二三四五六。", "13800123456"),
        ("一三八，零零一二，三四五六。", "13800123456"),
        ("13800123456", "13800123456"),
        ("嗯，我说一下，五三零二。", "5302"),
        ("九分。", "9"),
        ("10分吧。", "10"),
        ("十分。", "10"),
        ("九十五。", "95"),
        ("我看一下，三分吧。", "3"),
        ("挺好的。", None),
        ("", None),
    ],
)
def test_digits(said: str, value: str | None) -> None:
    assert answers.digits(words(said)) == value


@pytest.mark.parametrize(
    ("said", "choices", "value"),
    [
        ("满意。", ("满意", "普通", "不满意"), "满意"),
        ("不满意。", ("满意", "普通", "不满意"), "不满意"),
        ("很不满意！", ("满意", "普通"), None),
        ("普通吧。", ("满意", "普通", "不满意"), "普通"),
        ("普通，满意吧。", ("满意", "普通", "不满意"), None),
        ("是的，解决了。", ("是", "否"), "是"),
        ("嗯。", ("是", "否"), "是"),
        ("对。", ("是", "否"), "是"),
        ("不是。", ("是", "否"), "否"),
        ("没有。", ("是", "否"), "否"),
        ("还没解决呢。", ("是", "否"), "否"),
        ("我不知道。", ("是", "否"), None),
        ("明天再说。", ("是", "否"), None),
        ("老人在家。", ("上午", "下午"), None),
    ],
)
def test_choice(said: str, choices: tuple[str, ...], value: str | None) -> None:
    assert answers.choice(words(said), choices) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("我叫王小明。", "王小明"),
        ("我姓王。", "王"),
        ("地址是和平路十二号。", "和平路十二号"),
        ("啊，我们住在和平路呢。", "和平路"),
        ("嗯。", "嗯"),
        ("", None),
    ],
)
def test_text(said: str, value: str | None) -> None:
    assert answers.plain(words(said)) == value


@pytest.mark.parametrize(
    ("answer", "said", "share"),
    [
        ("13800123456", "您的电话是幺三八零零幺二三四五六。", 1.0),
        ("13800123456", "一三八，对，零零一二，三四五六。", 1.0),
        ("13800123456", "一三八零零一二三四五六，一三八零零一二三四五六。", 1.0),
        ("13800123456", "好的，记下了。", 0.0),
        ("9", "好的，九分。", 1.0),
        ("9", "好的，谢谢。", 0.0),
    ],
)
def test_digits_repeated(answer: str, said: str, share: float) -> None:
    assert answers.repeats_digits(answer, words(said)) == share


def test_digits_repeated_in_part() -> None:
    slip = answers.repeats_digits("13800123456", words("幺三八零零幺二三七五六。"))
    tail = answers.repeats_digits("13800123456", words("尾号三四五六对吗。"))
    assert answers.SAME_DIGITS <= slip < 1.0
    assert 0.0 < tail < answers.SAME_DIGITS


@pytest.mark.parametrize(
    ("answer", "said", "share"),
    [
        ("和平路十二号", "和平路十二号，对吗？", 1.0),
        ("宽带连不上网络", "您的宽带连不上，是吗？", 0.5),
        ("王", "王女士，您好。", 1.0),
        ("和平路十二号", "好的，记下了。", 0.0),
    ],
)
def test_words_repeated(answer: str, said: str, share: float) -> None:
    assert answers.repeats_words(answer, words(said)) == pytest.approx(share, abs=0.2)


def test_main_words_say_something() -> None:
    assert answers.main_words("我们这个宽带没有网络了") == ("宽带", "网络")
    assert answers.main_words("王") == ("王",)
