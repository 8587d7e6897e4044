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


# ---------------------------------------------------------------- as customers say it


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("一千。", "1000"),
        ("一千二百。", "1200"),
        ("一万。", "10000"),
        ("一百二。", "120"),
        ("一百零二。", "102"),
        ("两三分。", None),
        ("三点五分。", "3.5"),
        ("八分半。", "8.5"),
        ("三千五。", "3500"),
        ("两百五。", "250"),
        ("三万五千六。", "35600"),
        ("一万零五百。", "10500"),
        ("十二万。", "120000"),
        ("七八十块。", None),
        ("三十多块。", None),
        ("几十块。", None),
        ("三十二块五。", "32.5"),
        ("六十二块五毛。", "62.5"),
        ("五毛。", "0.5"),
        ("一百二十三块四毛五。", "123.45"),
        ("三块半。", "3.5"),
        ("12.50元", "12.5"),
        ("¥12.5", "12.5"),
        ("一二三四点五。", "1234.5"),
        ("二三四五度。", "2345"),
        ("读数三百二十六方。", "326"),
        ("八，八分吧。", "8"),
        ("八分或者九分吧。", None),
        ("八到九分。", None),
        ("一到十分的话，我给九分。", "9"),
        ("十分满意，给九分。", "9"),
        ("十分满意。", None),
        ("满分。", None),
        ("满分十分，我打九分。", "9"),
        ("师傅来了两次，给八分。", "8"),
        ("等了十分钟，给五分吧。", "5"),
        ("一三八，嗯，零，零一二，三四五六。", "13800123456"),
        ("一三九四个八，一二三四。", "13988881234"),
        ("138 0012 3456", "13800123456"),
        ("138-0012-3456", "13800123456"),
        ("一三八零零一二三四五六，一三八零零一二三四五六。", "13800123456"),
        ("一三八零零一二三四五六，不对，是三四五七。", None),
        ("对不对啊，一三八零零一二三四五六。", "13800123456"),
        ("二零零八年装的，电话五三零二一一。", "530211"),
        ("二零一八年。", "2018"),
        ("零二二，八七六五四三二一。", "02287654321"),
        ("给五星。", "5"),
        ("零分。", "0"),
        ("下午三点半。", None),
        ("三点。", "3"),
        ("两个。", "2"),
        ("一百分。", "100"),
        ("百分之九十。", None),
        ("五六分吧。", None),
        ("十七八块。", None),
        ("三十块左右。", "30"),
        ("一共三十块。", "30"),
        ("我也说不好，几分都行。", None),
        ("一个五分吧。", "5"),
        ("两三天吧。", None),
        ("八点五。", "8.5"),
        ("一三八零零一二三四五六，三号楼二单元四零一。", "13800123456"),
        ("一三八零零一二三四五六，或者一三九零零一二三四五六。", None),
        ("十块零五毛。", "10.5"),
        ("十块零五分。", "10.05"),
        ("十块五分。", "10.05"),
        ("不到三百。", None),
        ("户号零零一二三四五六七八。", "0012345678"),
    ],
)
def test_numbers_as_people_say_them(said: str, value: str | None) -> None:
    assert answers.digits(words(said)) == value


PLEASED, YES_NO, ANY = ("满意", "普通", "不满意"), ("是", "否"), ("有", "没有")


@pytest.mark.parametrize(
    ("said", "choices", "value", "asked"),
    [
        ("不太满意。", PLEASED, "不满意", ""),
        ("不是很满意。", PLEASED, "不满意", ""),
        ("不怎么满意。", PLEASED, "不满意", ""),
        ("没有很满意。", PLEASED, "不满意", ""),
        ("不是特别满意。", PLEASED, "不满意", ""),
        ("不是特别满意。", ("满意", "一般"), None, ""),
        ("有点不满意。", PLEASED, "不满意", ""),
        ("也不是不满意。", PLEASED, None, ""),
        ("没什么不满意的。", PLEASED, None, ""),
        ("谈不上满意。", PLEASED, None, ""),
        ("特别满意。", PLEASED, "满意", ""),
        ("非常满意。", PLEASED, "满意", ""),
        ("挺满意的。", PLEASED, "满意", ""),
        ("满意什么呀。", PLEASED, None, ""),
        ("满意不满意的，就那样吧。", PLEASED, "普通", ""),
        ("满意吗？", PLEASED, None, ""),
        ("基本满意。", PLEASED, "满意", ""),
        ("不错。", PLEASED, "满意", ""),
        ("挺好的。", PLEASED, "满意", ""),
        ("挺好的，很热情。", PLEASED, "满意", ""),
        ("还行吧。", PLEASED, None, ""),
        ("还可以。", PLEASED, None, ""),
        ("一般般吧。", PLEASED, "普通", ""),
        ("马马虎虎。", PLEASED, "普通", ""),
        ("态度太差了。", PLEASED, "不满意", ""),
        ("不怎么样。", PLEASED, "不满意", ""),
        ("没的说。", PLEASED, "满意", ""),
        ("好。", PLEASED, None, "维修工态度如何"),
        ("嗯。", PLEASED, "满意", "您满意吗"),
        ("满意，不过来得有点晚。", PLEASED, "满意", ""),
        ("不太好说。", PLEASED, None, ""),
        ("没什么可挑的，满意。", PLEASED, "满意", ""),
        ("没问题。", YES_NO, "是", ""),
        ("没有问题。", YES_NO, "是", ""),
        ("不错。", YES_NO, "是", ""),
        ("没错。", YES_NO, "是", ""),
        ("没问题。", ANY, "没有", ""),
        ("没问题了。", YES_NO, "否", "还有其他问题吗"),
        ("没问题了。", YES_NO, "是", "问题解决了吗"),
        ("还是没解决。", YES_NO, "否", ""),
        ("就是有点慢。", YES_NO, None, ""),
        ("是不是昨天那个？", YES_NO, None, ""),
        ("是的，没问题。", YES_NO, "是", ""),
        ("好的，你等一下。", YES_NO, None, ""),
        ("嗯，我想想。", YES_NO, None, ""),
        ("好像解决了。", YES_NO, None, ""),
        ("还没试呢。", YES_NO, None, ""),
        ("没注意。", YES_NO, None, ""),
        ("解决个屁。", YES_NO, None, "问题解决了吗"),
        ("解决啥呀。", YES_NO, None, "问题解决了吗"),
        ("当时好了，现在又不行了。", YES_NO, None, "问题解决了吗"),
        ("态度挺好，就是活干得不行。", PLEASED, None, ""),
        ("从来没有满意过。", PLEASED, "不满意", ""),
        ("收了。", YES_NO, "是", "跟您收费了吗"),
        ("收了五十。", YES_NO, "是", "跟您收费了吗"),
        ("没收。", YES_NO, "否", "跟您收费了吗"),
        ("没有收费。", YES_NO, "否", "跟您收费了吗"),
        ("一分钱没收。", YES_NO, "否", "跟您收费了吗"),
        ("没要钱。", YES_NO, "否", "跟您收费了吗"),
        ("修好了。", YES_NO, "是", ""),
        ("没修好。", YES_NO, "否", ""),
        ("不漏了。", YES_NO, None, ""),
        ("好了，没有漏了。", YES_NO, None, ""),
        ("解决是解决了，又漏了。", YES_NO, None, ""),
        ("差不多解决了。", YES_NO, None, ""),
        ("方便，你说吧。", YES_NO, "是", ""),
        ("不方便。", YES_NO, "否", ""),
        ("我现在没空。", YES_NO, "否", ""),
        ("可以，你说。", YES_NO, "是", ""),
        ("对对对。", YES_NO, "是", ""),
        ("是啊。", YES_NO, "是", ""),
        ("嗯，是的。", YES_NO, "是", ""),
        ("解决了，谢谢。", YES_NO, "是", ""),
        ("对，没收。", YES_NO, None, ""),
        ("有点问题。", YES_NO, None, ""),
        ("有。", ANY, "有", ""),
        ("没有了。", ANY, "没有", ""),
        ("没有，谢谢。", ANY, "没有", ""),
        ("嗯嗯。", YES_NO, "是", ""),
        ("哦，解决了，就是有点慢。", YES_NO, "是", ""),
        ("没有解决。", YES_NO, "否", ""),
        ("哪解决了！", YES_NO, None, ""),
        ("啊？什么？", YES_NO, None, ""),
        ("喂，听不清。", YES_NO, None, ""),
        ("热了。", YES_NO, "是", "家里热了吗"),
        ("不热。", YES_NO, "否", "家里热了吗"),
        ("都挺好的。", YES_NO, None, ""),
        ("不用了。", YES_NO, "否", ""),
    ],
)
def test_choices_as_people_say_them(said: str, choices: tuple[str, ...], value: str | None, asked: str) -> None:
    assert answers.choice(words(said), choices, asked) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("免贵姓王。", "王"),
        ("我姓陈，耳东陈。", "陈"),
        ("王芳，芳草的芳。", "王芳"),
        ("我家在幸福小区三号楼。", "幸福小区三号楼"),
        ("我姓李，木子李。", "李"),
        ("是和平路的和平小区。", "和平路的和平小区"),
        ("就是那个中山路的山水花园三号楼。", "中山路的山水花园三号楼"),
        ("你记一下，河西区友谊路八号。", "河西区友谊路八号"),
    ],
)
def test_names_and_addresses_as_people_say_them(said: str, value: str) -> None:
    assert answers.plain(words(said)) == value


@pytest.mark.parametrize(
    ("said", "nothing"),
    [
        ("啊？什么？", True),
        ("您说什么？", True),
        ("等一下啊。", True),
        ("没听清，再说一遍。", True),
        ("喂。", True),
        ("和平路。", False),
        ("王。", False),
    ],
)
def test_asking_back_is_no_answer(said: str, nothing: bool) -> None:
    assert answers.says_nothing(words(said)) is nothing


@pytest.mark.parametrize(
    ("answer", "said", "share"),
    [("1200", "一千二百元，对吗？", 1.0), ("1200", "一二零零。", 1.0), ("62.5", "六十二点五元。", 1.0), ("9", "我是一零八九号。", 0.0)],
)
def test_numbers_repeated_however_they_are_said(answer: str, said: str, share: float) -> None:
    assert answers.repeats_digits(answer, words(said)) == share


@pytest.mark.parametrize(
    ("answer", "said", "in_part"),
    [
        ("13800123456", "零零一二三四五六。", True),
        ("13800123456", "尾号三四五六对吗。", True),
        ("300", "三十块。", True),
        ("13800123456", "三天内回复您。", False),
        ("9", "好的，八分。", False),
    ],
)
def test_a_part_of_the_digits_is_not_all_of_them(answer: str, said: str, in_part: bool) -> None:
    assert answers.repeats_digits(answer, words(said)) < 1.0
    assert answers.repeats_some_digits(answer, words(said)) is in_part
