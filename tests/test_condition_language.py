"""What the language of rule books gained with the first houses: about, titles, conditions made of conditions, types of calls that a call
is not of, phrases with exceptions beside the rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_generic_checks import FAIL, INCONCLUSIVE, NA, PASS, judged, outcomes, say
from test_read_conditions import faults, house, kind, problems  # noqa: F401  # house is a fixture

from qa.check_examples import Scene, Sound
from qa.checks import banned_phrases, measure, phrase, speech_rate
from qa.errors import RuleBookError
from qa.lexicon import Phrase
from qa.rulebook import load
from qa.rules.book import RuleBook
from qa.rules.conditions import outside
from qa.rules.expression import And, Name, Not, Titled, Truth
from qa.rules.model import Condition, Event, Limit, Regex, Relation, When, Who, Words
from qa.rules.read_named import read_conditions
from qa.rules.read_when import both, covers
from qa.rules.when import choose, held
from qa.types import Finding

TALK = "坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。\n客户 5-7 我想查话费。\n坐席 7.5-12.5 好的，您稍等，话费是三十元。"

# ---------------------------------------------------------------- about


@pytest.mark.parametrize(
    ("value", "limit", "beyond"),
    [
        (165.0, Limit("x", 140.0, 160.0, about=0.05), -3.0),
        (130.0, Limit("x", 140.0, 160.0, about=0.05), 3.0),
        (-36.0, Limit("x", low=-35.0, about=0.1), -2.5),
        (-14.0, Limit("x", high=-15.0, about=0.1), -0.5),
    ],
)
def test_about_moves_the_limits_outwards(value: float, limit: Limit, beyond: float) -> None:
    assert outside(value, limit) == pytest.approx(beyond)


@pytest.mark.parametrize(
    ("level", "about", "expected"), [(-31.0, 0.0, FAIL), (-31.0, 0.05, PASS), (-31.7, 0.05, INCONCLUSIVE), (-33.0, 0.05, FAIL)]
)
def test_measure_about(level: float, about: float, expected: object) -> None:
    params = measure.Params(measure="level_dbov", low=-30.0, about=about)
    (found,) = measure.run(Scene(TALK, agent=Sound(level))(), params)
    assert found.outcome is expected and ("不低于约 -30 dBov，容许 5%" in found.message) == bool(about)


def test_condition_about() -> None:
    quiet = Condition("quiet", Limit("level_dbov", high=-32.0, about=0.1))
    (found,) = judged(Scene(TALK, agent=Sound(-30.0)), quiet, say("x", "您好"), require="x", trigger="quiet")
    assert found.outcome is PASS


def rate(cpm: float, **more: Any) -> Finding:
    (found,) = speech_rate.run(Scene(speech_rate._at(cpm))(), speech_rate.Params(min_cpm=140.0, max_cpm=160.0, **more))
    return found


def test_speech_rate_about() -> None:
    assert [rate(cpm, about=0.05).outcome for cpm in (133.5, 167.5, 170.0, 180.0, 120.0)] == [PASS, PASS, INCONCLUSIVE, FAIL, FAIL]
    assert "规定约140–160，容许 5%）" in rate(167.5, about=0.05).message
    assert rate(167.5).outcome is FAIL and "规定 140–160）" in rate(167.5).message


@pytest.mark.parametrize("module", [measure, speech_rate])
@pytest.mark.parametrize("about", [-0.1, 1.0])
def test_about_is_a_share(module: Any, about: float) -> None:
    with pytest.raises(ValueError, match="about"):
        module.Params(about=about)


def test_about_is_read(house: Path) -> None:  # noqa: F811
    params = kind(house, measure, 'title = "x"\nmeasure = "rate_cpm"\nlow = 140\nhigh = 160\nabout = 0.05')
    assert params.limit == Limit("rate_cpm", 140.0, 160.0, about=0.05)
    assert kind(house, speech_rate, 'title = "x"\nabout = 0.05').about == 0.05
    found = faults(house, measure, 'title = "x"\nmeasure = "rate_cpm"\nlow = 140\nabout = 5')
    assert found == [(5, "about 为 5，应不小于 0 且小于 1。写成界限的几分之几：5% 写 0.05")]
    assert problems(house, 'event = "end"\nabout = 0.1')[0][0] == 3


# ---------------------------------------------------------------- titles


def test_title_in_place_of_an_expression() -> None:
    when = Condition("when", Regex("[一二三四]+(小时|天)"), title="回复的时间")
    (found,) = judged(TALK, when, require="when")
    assert found.outcome is FAIL and found.message == "坐席没有说回复的时间"
    (found,) = judged(TALK.replace("三十元", "三天"), when, forbid="when")
    assert found.message.endswith("说了“回复的时间”（转写为“三天”）") and found.value("wanted") == "回复的时间"
    (found,) = judged(TALK, when, forbid="when")
    assert found.outcome is PASS and "回复的时间" in found.message


def test_title_of_an_event_and_of_a_measure() -> None:
    hold = Condition("hold", Event("silence", 5.0), title="让客户等")
    waiting = TALK + "\n坐席 20-22 查到了。"
    (found,) = judged(waiting, hold, forbid="hold")
    assert found.outcome is FAIL and "让客户等 7.5 秒" in found.message
    (found,) = judged(waiting, hold, say("x", "您好"), require="x", trigger="not hold")
    assert found.outcome is NA and "（让客户等）" in found.message
    noisy = Condition("noisy", Limit("snr_db", high=5.0), title="线路不良")
    (found,) = judged(TALK, noisy, require="noisy")
    assert found.outcome is FAIL and "没有线路不良（信噪比为 " in found.message


def test_title_makes_no_other_thing_of_the_same_event() -> None:
    one = Condition("one", Event("silence", 5.0), title="甲")
    two = Condition("two", Event("silence", 5.0), relation=Relation("around", "one", within_s=1.0), title="乙")
    (found,) = judged(TALK + "\n坐席 20-22 查到了。", one, two, forbid="two")
    assert found.outcome is PASS


def test_title_is_read(house: Path) -> None:  # noqa: F811
    params = kind(house, phrase, 'forbid = "a"\n[it.conditions]\na = { event = "end", title = "收尾" }')
    assert params.conditions == (Condition("a", Event("end"), title="收尾"),)
    assert faults(house, phrase, 'forbid = "a"\n[it.conditions.a]\nevent = "end"\ntitle = 3')[0][0] == 5


# ---------------------------------------------------------------- conditions made of conditions

MADE = """
[it.conditions]
quiet = { who = "customer", measure = "talk_share_percent", high = 4 }
short = { measure = "duration_s", high = 60 }
silent = { is = "quiet and short", title = "无声电话" }
both = { is = "not silent and shared" }
said = { say = ["您好"] }
"""


def test_made_of_others(house: Path) -> None:  # noqa: F811
    params = kind(house, phrase, 'require = "said"\ntrigger = "both"' + MADE)
    silent = Titled((And((Name("quiet"), Name("short"))),), "silent", "无声电话")
    assert params.trigger == Titled((And((Not(silent), Name("shared"))),), "both")
    assert [c.id for c in params.conditions] == ["said", "quiet", "short", "shared"]


def test_what_is_made_of_others_holds_as_they_do(house: Path) -> None:  # noqa: F811
    alone = "坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。\n坐席 8-9 您请讲。"
    params = kind(house, phrase, 'require = "said"\ntrigger = "not silent"' + MADE)
    (found,) = phrase.run(Scene(alone)(), params)
    assert found.outcome is NA and "（无声电话）" in found.message
    (found,) = phrase.run(Scene(TALK)(), params)
    assert found.outcome is PASS
    excused = kind(house, phrase, 'forbid = "said"\nexcuses = [{ if = "silent", outcome = "pass", reason = "无人" }]' + MADE)
    assert [outcomes(list(phrase.run(Scene(text)(), excused))) for text in (alone, TALK)] == [[PASS], [FAIL]]


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('"quiet and short"', '"quiet and shirt"', 6, "条件 shirt 没有定义。是否想写 short"),
        ('"quiet and short"', '"quiet and"', 6, "末尾缺少条件名"),
        ('"quiet and short"', '"both"', 6, "条件 silent 的 is 绕回了自己"),
        ('"quiet and short"', '"silent"', 6, "条件 silent 的 is 绕回了自己"),
        ('title = "无声电话"', 'who = "customer"', 6, "不能写 who"),
        ('title = "无声电话"', "times = 2", 6, "不能写 times"),
        ('title = "无声电话"', 'event = "end"', 6, "同时写了 event、is"),
        ('say = ["您好"]', 'say = ["您好"], after = "silent"', 8, "没有处所"),
    ],
)
def test_mistake_in_what_is_made_of_others(house: Path, old: str, new: str, line: int, told: str) -> None:  # noqa: F811
    assert old in MADE
    found = faults(house, phrase, 'require = "said"' + MADE.replace(old, new))
    assert any(at == line and told in message for at, message in found), found


def test_own_condition_inside_what_is_shared(house: Path) -> None:  # noqa: F811
    text = 'forbid = "x"\n[it.conditions]\nx = { is = "shared" }\nshared = { event = "start" }'
    assert kind(house, phrase, text).conditions == (Condition("shared", Event("start")),)


# ---------------------------------------------------------------- a whole book

BOOK = """
[profile]
id = "h"
title = "t"
version = "1"

[conditions.quiet]
who = "customer"
measure = "talk_share_percent"
high = 4

[conditions.complains]
who = "customer"
words = [{ say = "要投诉", unless = ["不是要投诉"] }, { say = "投诉你们" }]

[conditions.calm]
is = "not quiet and not complains"

[call_types.silent]
title = "无声"
is = "quiet"

[call_types.complaint]
title = "投诉"
is = "complains"

[checks.thanks]
kind = "phrase"
title = "t"
clause = "c"
when = { call_types = ["!silent"] }
trigger = "calm"
require = ["感谢"]

[checks.sorry]
kind = "phrase"
title = "s"
clause = "s"
when = { call_types = ["complaint", "!silent"] }
require = ["抱歉"]
"""
ALONE = "坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。\n坐席 8-9 您请讲。"


def book(folder: Path, text: str = BOOK) -> RuleBook:
    (folder / "rules.toml").write_text(text, encoding="utf-8")
    return load(folder)


def applies(rules: RuleBook, name: str, scene: Scene | str) -> tuple[Truth, str]:
    call = (Scene(scene) if isinstance(scene, str) else scene)()
    rule = rules.rule(name)
    assert rule is not None
    return choose(rule, call, rules)[1], held(rule.when, call, rules).why


def test_calls_that_are_not_of_a_type(tmp_path: Path) -> None:
    rules = book(tmp_path)
    assert rules.warnings == ()
    assert applies(rules, "thanks", TALK) == (Truth.TRUE, "")
    assert applies(rules, "thanks", ALONE) == (Truth.FALSE, "是无声电话，本条不用于这种电话")
    mono = applies(rules, "thanks", Scene(TALK, mono=True))
    assert mono[0] is Truth.UNKNOWN and mono[1].startswith("不能确定是否无声电话")
    complaint = TALK.replace("我想查话费", "我要投诉")
    assert [applies(rules, "sorry", text)[0] for text in (complaint, TALK, ALONE)] == [Truth.TRUE, Truth.FALSE, Truth.FALSE]


def test_shared_conditions_made_of_others(tmp_path: Path) -> None:
    rules = book(tmp_path)
    rule = rules.rule("thanks")
    assert rule is not None and {c.id for c in rule.params.conditions} == {"_", "quiet", "complains"}
    assert [c.id for c in rules.conditions] == ["quiet", "complains"]
    unused = book(tmp_path, BOOK.replace('trigger = "calm"\n', ""))
    assert [w.partition(": ")[2] for w in unused.warnings] == ["条件 calm 没有任何规则使用"]


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('["!silent"]', '["!silence"]', "when = ", "里的 silence 不是[call_types] 里的通话类型"),
        ('is = "not quiet and not complains"', 'is = "calm"', "is = ", "绕回了自己"),
        ('is = "not quiet and not complains"', 'is = "quite"', "is = ", "是否想写 quiet"),
        ('"不是要投诉"', '"不是投诉"', "words = ", "不含词语“要投诉”"),
    ],
)
def test_mistake_in_a_whole_book(tmp_path: Path, old: str, new: str, line: str, told: str) -> None:
    text = BOOK.replace(old, new, 1)
    with pytest.raises(RuleBookError) as caught:
        book(tmp_path, text)
    at = next(number for number, row in enumerate(text.split("\n"), 1) if row.startswith(line) and new in row)
    assert caught.value.subject == f"{tmp_path / 'rules.toml'}:{at}" and told in caught.value.cause + caught.value.cure


def test_types_of_calls_are_compared() -> None:
    a, no_a, b_no_a = When(call_types=("a",)), When(call_types=("!a",)), When(call_types=("b", "!a"))
    assert both(a, no_a) == () and both(b_no_a, When(call_types=("a", "b"))) != ()
    assert both(no_a, When(call_types=("!b",))) == (When(call_types=("!a", "!b")),)
    assert covers(no_a, b_no_a) and covers(When(), no_a) and not covers(no_a, When()) and not covers(b_no_a, no_a)
    assert not covers(no_a, a)


# ---------------------------------------------------------------- phrases with exceptions


def test_phrases_beside_files(house: Path) -> None:  # noqa: F811
    expected = (Phrase("不知道", ("知不知道",), 1), Phrase("不归我管", (), 2), Phrase("要投诉", ("不是要投诉",)))
    texts = '["rude.txt", { say = "要投诉", unless = ["不是要投诉"] }]'
    (listed,) = kind(house, phrase, f"forbid = {texts}").conditions
    assert isinstance(listed.source, Words) and listed.source.words.phrases == expected
    (named,) = kind(house, phrase, f'forbid = "a"\n[it.conditions.a]\nwords = {texts}').conditions
    assert isinstance(named.source, Words) and named.source.words.phrases == expected
    assert kind(house, banned_phrases, f'title = "x"\nwords = {texts}').words.phrases == expected


def test_exceptions_are_innocent(house: Path) -> None:  # noqa: F811
    params = kind(house, phrase, 'forbid = [{ say = "要投诉", unless = ["不是要投诉"] }]\nwho = "customer"')
    call = "坐席 1-3 您好，请讲。\n客户 4-6 {0}。\n坐席 7-8 好的。"
    said = [outcomes(list(phrase.run(Scene(call.format(text))(), params))) for text in ("我不是要投诉", "我要投诉")]
    assert said == [[PASS], [FAIL]] and params.conditions[0].who is Who.CUSTOMER


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ('{ say = "要投诉", unles = ["x"] }', "第 2 项有未知的键 unles。是否想写 unless"),
        ('{ unless = ["x"] }', "第 2 项缺少必填的 say"),
        ("{ say = 3 }", "第 2 项的 say 应为文本"),
        ('{ say = "要(投)诉" }', "有空格或标点"),
        ('{ say = "要投诉", unless = ["投诉"] }', "不含词语“要投诉”"),
        ('{ say = "要投诉" }, "rode.txt"', "第 3 项词表文件 rode.txt 不存在。是否想写 rude.txt"),
        ("3", "第 2 项"),
    ],
)
def test_mistake_in_a_phrase(house: Path, item: str, told: str) -> None:  # noqa: F811
    found = faults(house, phrase, f'forbid = "a"\n[it.conditions.a]\nwords = ["rude.txt", {item}]')
    assert [line for line, _ in found] == [4] and told in found[0][1], found
    short = faults(house, phrase, f'forbid = ["rude.txt", {item}]')
    assert [line for line, _ in short] == [2] and told in short[0][1], short


def test_conditions_of_a_table_that_is_not_there(house: Path) -> None:  # noqa: F811
    assert problems(house, "conditions = 3", lambda s, c: read_conditions(s, c) or None)[0][0] == 2
