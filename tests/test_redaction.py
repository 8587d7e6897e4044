"""Personal data in words and in the sound: what must go, what may stay, and how wide a beep is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from clip_calls import spoken

from qa.clips.beeping import beeped
from qa.clips.redaction import HIDDEN, redact
from qa.types import Edge, Span, SpeechActivity, Utterance, Word

NUMBERS = [
    (("C:我的电话是幺三八零零零零幺二三四"), "幺三八零零零零幺二三四"),
    (("C:电话是一三八，零零零零，一二三四，谢谢"), "一三八零零零零一二三四"),
    (("C:我的号码是13800001234"), "13800001234"),
    (("C:号码是138 0000 1234"), "13800001234"),
    (("C:洞两拐幺勾五六，你记一下"), "洞两拐幺勾五六"),
    (("C:零幺零六二七五幺二三四"), "零幺零六二七五幺二三四"),
    (("C:身份证三一零一零一一九八五零三零七一二三叉"), "三一零一零一一九八五零三零七一二三叉"),
    (("C:身份证是31010119850307123X"), "31010119850307123X"),
    (("C:卡号六二二八四八零四零二五六四八九零零一八"), "六二二八四八零四零二五六四八九零零一八"),
    (("A:尾号三七对吗"), "三七"),
    (("C:一百三十八，五千六百七十八，九千"), "一百三十八五千六百七十八"),
    (("A:您的验证码是八四二六"), "八四二六"),
    (("C:车牌号是京A幺二三四五"), "幺二三四五"),
    (("C:身份证三一零一零一一九八五零三零七一二三艾克斯"), "一二三艾克斯"),
    (("C:我的生日是一九八五年三月七号"), "一九八五三七"),
    (("C:尾号两个八三个六"), "两八三六"),
    (("C:幺三八那个零零嗯零零幺二三四"), "幺三八零零零零幺二三四"),
]


@pytest.mark.parametrize(("line", "number"), NUMBERS)
def test_a_number_is_hidden_whole(line: str, number: str) -> None:
    call = spoken("A:您好，请讲", line)
    shown = redact(call).text(1, call.transcript.utterances[1].text)
    assert not set(number) & set(shown), shown


STAYS = [
    "A:一共是三百五十六块八，请您核对",
    "A:二十四小时之内会有人联系",
    "A:五月一号开始，一般两三天就好",
    "C:我等了两个小时，一个人都没有来",
    "A:这个套餐三十兆，每个月九十九元",
    "A:您稍等一下，我一定帮您一起处理",
    "C:都第三次了，十分不满意",
    "A:大概百分之五，三点半之前",
    "A:二零二四年办理的业务",
    "C:就是要把这个无线路由器留一下吧",
]


@pytest.mark.parametrize("line", STAYS)
def test_quantities_dates_and_idioms_stay(line: str) -> None:
    assert redact(spoken("A:您好", line)).hidden == ()


def test_a_number_split_over_turns_and_repeated_by_the_other_side() -> None:
    call = spoken("C:我报给你啊", "C:幺三八", "A:嗯", "C:零零", "A:零零", "C:五二", "A:五二", "C:七六八", "A:好的，马上帮您查询")
    shown = [redact(call).text(k, u.text) for k, u in enumerate(call.transcript.utterances)]
    assert [shown[k] for k in (1, 3, 4, 5, 6, 7)] == ["×××", "××", "××", "××", "××", "×××"]
    assert shown[0] == "我报给你啊" and shown[8].endswith("帮您查询")


def test_what_only_sounds_like_digits_is_beeped_where_the_recogniser_was_unsure() -> None:
    lines = ("A:好的请讲", "C:腰散把领领", "A:请问还有什么可以帮您")
    unsure = redact(spoken(*lines, unsure="腰散把领领"))
    assert unsure.text(1, "腰散把领领") == "×××××"
    assert any(b.span.start_ms <= 1800 and b.span.end_ms >= 2800 for b in unsure.beeps)
    assert redact(spoken("A:好的请讲", "C:要把衣服就留给她了")).hidden == ()


def test_a_short_snatch_beside_a_number_is_part_of_it() -> None:
    call = spoken("A:请报一下卡号", "C:了", "C:二六九", "C:八三八五", "A:好的")
    shown = [redact(call).text(k, u.text) for k, u in enumerate(call.transcript.utterances)]
    assert shown[1] == HIDDEN


def test_digits_that_only_the_second_decode_heard_are_beeped_and_masked() -> None:
    call = spoken("C:嗯嗯嗯嗯那个你听我说啊", "A:好的")
    words = tuple(Word(c, Span(300 + 200 * k, 500 + 200 * k), 0.9) for k, c in enumerate("幺三八零零幺二三四五六"))
    edge = Edge("opening", "ch1", Span(0, 3000), words)
    found = redact(replace(call, transcript=replace(call.transcript, edges=(edge,))))
    assert found.beeps and found.beeps[0].span.start_ms <= 300 and found.beeps[0].span.end_ms >= 2500
    assert HIDDEN in found.text(0, call.transcript.utterances[0].text)


def test_speech_without_words_beside_a_number_is_beeped() -> None:
    call = spoken("A:请说您的手机号", "C:幺三八零零幺二三")
    last = call.transcript.utterances[1].span
    speech = (call.activity.channels[0], (Span(last.start_ms, last.end_ms), Span(last.end_ms + 700, last.end_ms + 1700)))
    longer = replace(call, activity=SpeechActivity(speech, "made"), audio=replace(call.audio, duration_ms=last.end_ms + 3000))
    assert sum(b.span.overlap_ms(speech[1][1]) for b in redact(longer).beeps) == 1000


def test_an_answer_that_was_badly_recognised_is_hidden_whole() -> None:
    nonsense = "武助在河频像巴巴赫恶度"
    lines = ("A:请问您的地址是哪里", f"C:{nonsense}", "A:好的，师傅会上门")
    found = redact(spoken(*lines, unsure=nonsense))
    assert found.text(1, nonsense) == HIDDEN * len(nonsense) and found.text(2, lines[2][2:]) == lines[2][2:]
    elsewhere = redact(spoken("A:您觉得怎么样", f"C:{nonsense}", unsure=nonsense))
    assert elsewhere.text(1, nonsense).count(HIDDEN) < len(nonsense)


def test_long_speech_without_any_words_is_beeped_anywhere() -> None:
    call = spoken("A:您好您好您好", "C:我想问一下")
    end = call.transcript.utterances[1].span.end_ms
    for length, beeped_ms in ((1000, 0), (2000, 2000)):
        extra = Span(end + 5000, end + 5000 + length)
        speech = (call.activity.channels[0], (*call.activity.channels[1], extra))
        longer = replace(call, activity=SpeechActivity(speech, "made"), audio=replace(call.audio, duration_ms=end + 9000))
        assert sum(b.span.overlap_ms(extra) for b in redact(longer).beeps) == beeped_ms


def test_a_beep_is_wider_than_its_words() -> None:
    call = spoken("A:您好您好您好", "C:我说一下啊幺三八零零零零幺二三四谢谢谢谢谢谢谢")
    span = redact(call).beeps[0].span
    first = call.transcript.utterances[1].words[5].span
    assert span.start_ms <= first.start_ms - 250 and span.end_ms >= first.start_ms + 11 * 200 + 250


def test_a_badly_heard_echo_of_digits_is_hidden_whole() -> None:
    lines = ("A:请报号码", "C:幺零零二", "A:幺零零二", "C:四八幺二", "A:举巴优论", "C:谢谢")
    call = spoken(*lines, unsure="举巴优论")
    assert redact(call).text(4, lines[4][2:]) == "××××"
    assert redact(spoken(*lines[:4], "A:好的谢谢", "C:谢谢")).text(4, "好的谢谢") == "好的谢谢"
    assert redact(spoken("A:请稍等一下", "C:可以等的", "A:举巴优论", unsure="举巴优论")).hidden == ()


# ---------------------------------------------------------------- names and addresses

NAMES = [
    (("A:请问您贵姓", "C:免贵姓王"), 1, "王"),
    (("A:您好", "C:我姓欧阳，叫欧阳小芳"), 1, "欧阳"),
    (("A:您好", "C:我叫王小芳，想查话费"), 1, "王小芳"),
    (("A:好的王小芳女士，请稍等",), 0, "王小芳"),
    (("A:往女士您好",), 0, "往"),
    (("A:汪女师，您好",), 0, "汪"),
    (("A:您怎么称呼", "C:李建国"), 1, "李建国"),
    (("A:请问您贵姓", "C:我的每月子十里里划"), 1, "里里划"),
    (("A:和先生，您好",), 0, "和"),
    (("A:户主是谁", "C:户主是张伟"), 1, "张伟"),
    (("C:我的名字是和秀英",), 0, "和秀英"),
    (("C:我叫陈芳", "A:哪个芳", "C:芳草的芳"), 2, "芳"),
    (("C:免贵姓张，弓长张"), 0, "弓长张"),
    (("A:您好，我是客服李敏"), 0, "李敏"),
]


@pytest.mark.parametrize(("lines", "index", "name"), NAMES)
def test_names_are_hidden(lines: tuple[str, ...] | str, index: int, name: str) -> None:
    call = spoken(*((lines,) if isinstance(lines, str) else lines))
    assert name not in redact(call).text(index, call.transcript.utterances[index].text)


def test_a_name_that_was_told_is_hidden_again_later_by_its_sound() -> None:
    call = spoken("C:我叫章小芳", "A:好的，一会儿就好，请您稍等一下", "A:那么张晓芳的业务就办好了")
    assert redact(call).text(2, call.transcript.utterances[2].text) == "那么×××的业务就办好了"


@pytest.mark.parametrize("scolding", ["你这叫什么话", "这都叫什么事儿", "你们叫什么服务"])
def test_who_scolds_asks_for_no_name(scolding: str) -> None:
    answer = "漏水的事不归我管，我只负责登记"
    assert redact(spoken("A:您请讲", f"C:{scolding}", f"A:{answer}")).text(2, answer) == answer


@pytest.mark.parametrize("question", ["您叫什么", "您叫什么名字", "您叫什么，话费是谁交的", "请问叫什么，服务密码有吗"])
def test_who_asks_for_a_name_is_told_one(question: str) -> None:
    assert redact(spoken(f"A:{question}", "C:里里划")).text(1, "里里划") == HIDDEN * 3


@pytest.mark.parametrize("line", ["A:这位女士您好", "A:先生您好", "A:请您稍等，女士"])
def test_a_title_without_a_name_stays(line: str) -> None:
    assert redact(spoken(line)).hidden == ()


ADDRESSES = [
    "C:我住在人民路二百号三栋五零二室",
    "C:地址是幸福小区六号楼二单元五零一",
    "C:送到解放街十二弄八号",
    "C:南京路二十八号三幢",
]


@pytest.mark.parametrize("line", ADDRESSES)
def test_addresses_lose_numbers_and_names_of_roads(line: str) -> None:
    shown = redact(spoken("A:您好", line)).text(1, line[2:])
    assert not set("人民解放幸福南京零一二两三五六八十百") & set(shown), shown


def test_house_and_room_that_were_heard_as_something_else_go_with_the_address() -> None:
    said = "我在建设大道二三号一动三年六十，好的师傅会上门"
    shown = redact(spoken("A:请问您的地址是哪里", f"C:{said}")).text(1, said)
    assert shown.startswith("我在×") and not set("二三一六十") & set(shown) and shown.endswith("师傅会上门"), shown


@pytest.mark.parametrize("said", ["施工队弄坏的东西跟我没关系，您找物业去谈", "师傅弄丢了我的箱子", "工人没弄好就走了", "他们弄断了线"])
def test_what_somebody_did_is_no_lane(said: str) -> None:
    lines = ("A:您好请讲", "C:楼上装机把我家天花板钻漏了", f"A:{said}")
    assert redact(spoken(*lines)).text(2, said) == said


@pytest.mark.parametrize(
    "said", ["我在宝善弄六号", "住在宝善弄，坏的是一楼的门", "宝善弄好像是", "在宝善弄", "施工队弄坏了，人民路二十八号"]
)
def test_a_lane_is_hidden_where_an_address_is_asked_for(said: str) -> None:
    shown = redact(spoken("A:请问您的地址是哪里", f"C:{said}")).text(1, said)
    assert not set("宝善人民路二八六一") & set(shown), shown


@pytest.mark.parametrize("line", ["A:您的线路正常", "C:五号之前能好吗", "C:我在三楼办事"])
def test_no_address_where_none_is_spoken_of(line: str) -> None:
    assert redact(spoken("A:您好", line)).hidden == ()


# ---------------------------------------------------------------- sound


def test_nothing_of_a_beeped_stretch_is_left_on_any_channel() -> None:
    rng = np.random.default_rng(1)
    pcm = rng.integers(-20000, 20000, (16000, 2)).astype(np.int16)
    out = beeped(pcm, 8000, [Span(500, 900)])
    silent = beeped(np.zeros_like(pcm), 8000, [Span(500, 900)])
    assert np.array_equal(out[4000:7200], silent[4000:7200]) and np.abs(out[4100:7100]).max() > 1000
    assert np.array_equal(out[:4000], pcm[:4000]) and np.array_equal(out[7200:], pcm[7200:])


def test_text_keeps_its_length_and_its_other_words() -> None:
    call = spoken("C:电话：13800001234，谢谢。")
    text = call.transcript.utterances[0].text
    shown = redact(call).text(0, text)
    assert len(shown) == len(text) and "1" not in shown


def test_a_person_may_add_a_beep() -> None:
    from qa.clips.redaction import Beep

    found = redact(spoken("A:您好")).with_beeps([Beep(Span(100, 400), "person")])
    assert [b.span for b in found.beeps] == [Span(100, 400)]


def test_every_utterance_type_is_looked_through() -> None:
    call = spoken("C:你好你好你好你好你好你好")
    words = tuple(Word(c, Span(5000 + 200 * k, 5200 + 200 * k), 0.9) for k, c in enumerate("六二二八四八零"))
    dropped = Utterance("ch1", 1, Span(5000, 6400), words)
    longer = replace(call.audio, duration_ms=9000)
    found = redact(replace(call, audio=longer, transcript=replace(call.transcript, dropped=(dropped,))))
    assert any(b.span.overlap_ms(dropped.span) == 1400 for b in found.beeps)
