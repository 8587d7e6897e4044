"""Every check against its own examples, its parameters, and what no check may do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from qa.check_docs import page
from qa.check_examples import Example, Scene, Sound
from qa.checks import banned_phrases, greeting, pickup, registry, speech_rate, volume
from qa.lexicon import Phrase, WordList
from qa.scoring import combine
from qa.types import Finding, Outcome, Role, Span

CASES = [(check_id, example) for check_id, module in registry().items() for example in module.EXAMPLES]


def findings(check_id: str, call: Any, **params: Any) -> list[Finding]:
    module = registry()[check_id]
    return list(module.run(call, module.Params(**params)))


@pytest.mark.parametrize(("check_id", "example"), CASES, ids=[f"{c}: {e.name}" for c, e in CASES])
def test_example(check_id: str, example: Example) -> None:
    found = findings(check_id, example.call(), **dict(example.params))
    outcome = combine(f.outcome for f in found)
    assert outcome is example.outcome, [f.message for f in found]
    deciding = next(f for f in found if f.outcome is outcome)
    if example.span_ms is not None:
        span = deciding.evidence[0].span
        assert (span.start_ms, span.end_ms) == example.span_ms
    for name, value in example.values:
        assert deciding.value(name) == value, name


@pytest.mark.parametrize("check_id", registry())
def test_examples_show_every_kind_of_outcome(check_id: str) -> None:
    shown = {example.outcome for example in registry()[check_id].EXAMPLES}
    assert {Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE} <= shown


@pytest.mark.parametrize("check_id", registry())
def test_what_is_not_measured_is_never_ruled(check_id: str) -> None:
    """A silent recording without a record: nobody can tell anything."""
    found = findings(check_id, Scene("", duration_s=10.0, record=False)())
    assert {f.outcome for f in found} == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("check_id", ["greeting", "closing", "speech_rate", "banned_phrases", "volume"])
def test_words_out_of_noise_are_held_against_nobody(check_id: str) -> None:
    drowned = Sound(-40.0, noise_dbov=-44.0)
    call = Scene("坐席 1-4 喂，什么事啊，快讲。\n客户 5-7 我要报修。\n坐席 8-14 这个我不知道，不归我管。", agent=drowned)()
    assert {f.outcome for f in findings(check_id, call)} == {Outcome.INCONCLUSIVE}


@pytest.mark.parametrize("check_id", sorted(set(registry()) - {"pickup"}))
def test_evidence_of_a_fail_is_the_agents(check_id: str) -> None:
    """The first is; behind it may stand what it is the answer to, in the customer's mouth."""
    for example in registry()[check_id].EXAMPLES:
        for finding in findings(check_id, example.call(), **dict(example.params)):
            if finding.outcome is Outcome.FAIL:
                assert finding.evidence[0].role is Role.AGENT, example.name
                assert all(e.span.duration_ms > 0 for e in finding.evidence), example.name


@pytest.mark.parametrize(
    ("check_id", "params", "named"),
    [
        ("greeting", {"patterns": ("您好，{firm}",)}, "firm"),
        ("greeting", {"patterns": ("[您好]",)}, "必须说"),
        ("greeting", {"patterns": ()}, "patterns"),
        ("greeting", {"turns": 0}, "turns"),
        ("greeting", {"within_s": 0.0}, "within_s"),
        ("closing", {"pass_distance": 0.5}, "pass_distance"),
        ("closing", {"min_probability": 1.5}, "min_probability"),
        ("closing", {"chance_s": -1.0}, "chance_s"),
        ("speech_rate", {"min_cpm": 200.0, "max_cpm": 140.0}, "min_cpm"),
        ("speech_rate", {"window_s": 0.0}, "window_s"),
        ("speech_rate", {"pause_ms": -1}, "pause_ms"),
        ("speech_rate", {"error_ratio": 2.0}, "error_ratio"),
        ("banned_phrases", {"words": WordList("x", ())}, "words"),
        ("banned_phrases", {"hit_distance": 0.3}, "hit_distance"),
        ("banned_phrases", {"min_gain": -1.0}, "min_gain"),
        ("banned_phrases", {"min_probability": -0.1}, "min_probability"),
        ("volume", {"min_dbov": -10.0}, "min_dbov"),
        ("volume", {"surge_db": 0.0}, "surge_db"),
        ("volume", {"error_db": -1.0}, "error_db"),
        ("volume", {"max_clipped_ratio": 2.0}, "max_clipped_ratio"),
        ("pickup", {"max_rings": 0}, "max_rings"),
        ("pickup", {"ring_s": 0.0}, "ring_s"),
        ("pickup", {"error_s": 3.0}, "error_s"),
    ],
)
def test_parameters_that_make_no_sense(check_id: str, params: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        registry()[check_id].Params(**params)


def test_parameters_have_types_a_rule_book_can_fill() -> None:
    import typing

    allowed = {str, int, float, bool, tuple[str, ...], WordList}
    by_field = {check_id: module for check_id, module in registry().items() if not hasattr(module.Params, "read")}
    for check_id, module in by_field.items():
        if hasattr(module.Params, "read"):
            continue  # reads its table itself
        hints = typing.get_type_hints(module.Params)
        assert all(hints[f.name] in allowed for f in dataclasses.fields(module.Params) if f.name != "slots"), check_id


def test_documentation_page_is_that_of_the_checks() -> None:
    written = Path(__file__).parents[1] / "docs" / "checks.md"
    assert written.read_text(encoding="utf-8") == page(), "run: python -m qa.check_docs docs/checks.md"


# ---------------------------------------------------------------- greeting


@pytest.mark.parametrize("company", ["华宁通信", "蓝火焰屯液配送"])
def test_greeting_slot_is_the_houses_own(company: str) -> None:
    call = Scene(f"坐席 0.5-4.0 您好，{company}，很高兴为您服务。")()
    for slot in ("华宁通信", "蓝火焰屯液配送"):
        found = findings("greeting", call, slots=(("company", (slot,)),))
        assert found[0].outcome is (Outcome.PASS if slot == company else Outcome.FAIL)


@pytest.mark.parametrize("said", ["八零零一", "八〇〇幺", "8001"])
def test_number_is_heard_however_it_is_written(said: str) -> None:
    call = Scene(f"坐席 0.5-4.0 您好，华宁通信工号{said}。", agent_id="8001")()
    found = findings("greeting", call, patterns=("您好，{company}，工号{agent_number}",))
    assert found[0].outcome is Outcome.PASS


def test_any_number_will_do_without_a_record() -> None:
    params = {"patterns": ("您好，工号{agent_number}为您服务",)}
    said = Scene("坐席 0.5-4.0 您好，工号三六九为您服务。", record=False)()
    assert findings("greeting", said, **params)[0].outcome is Outcome.PASS
    unsaid = Scene("坐席 0.5-4.0 您好，工号保密，为您服务。", record=False)()
    assert findings("greeting", unsaid, **params)[0].outcome is Outcome.FAIL


def test_wrong_optional_number_is_noted_and_costs_nothing() -> None:
    call = Scene("坐席 0.5-4.5 您好，华宁通信，工号五七八七，很高兴为您服务。", agent_id="1024")()
    (finding,) = findings("greeting", call)
    assert finding.outcome is Outcome.PASS
    assert finding.value("said_number") == "五七八七" and "1024" in finding.message


def test_pass_needs_no_second_decode_and_a_fail_does() -> None:
    good = Scene("坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。", opening="")()
    assert findings("greeting", good)[0].outcome is Outcome.PASS
    assert greeting.Params().turns == 2


# ---------------------------------------------------------------- speech rate


def test_pauses_up_to_the_limit_are_speech_time() -> None:
    text = "坐席 0-6 一二三四五六七八九十一二三四五六七八\n坐席 {0}-{1} 一二三四五六七八九十一二三四五六七八"
    counted = findings("speech_rate", Scene(text.format(6.5, 12.5))())[0]
    assert counted.value("speech_s") == 12.5 and counted.value("rate_cpm") == pytest.approx(60 * 36 / 12.5, abs=0.05)
    left_out = findings("speech_rate", Scene(text.format(6.51, 12.51))())[0]
    assert left_out.value("speech_s") == 12.0 and left_out.value("rate_cpm") == 180.0


def test_worst_stretch_is_found_and_not_ruled_on() -> None:
    slow, fast = "一二三四五六七八九十" * 3, "一二三四五六七八九十" * 4
    call = Scene(f"坐席 0-12 {slow}\n坐席 13-23 {fast}\n坐席 24-36 {slow}")()
    (finding,) = findings("speech_rate", call)
    assert finding.outcome is Outcome.PASS
    assert finding.value("rate_cpm") == pytest.approx(60 * 100 / 34, abs=0.05)
    assert finding.value("worst_cpm") == 240.0
    assert (finding.evidence[0].span.start_ms, finding.evidence[0].span.end_ms) == (13_000, 23_000)


def test_untranscribed_speech_leaves_the_time() -> None:
    spoken = "坐席 0-10 " + "一二三四五六七八九十" * 3
    (finding,) = findings("speech_rate", Scene(spoken + "\n坐席 12-13")())
    assert finding.value("rate_cpm") == 180.0 and finding.value("unheard_ratio") == pytest.approx(1 / 11, abs=1e-3)
    assert speech_rate.Params().max_unheard_ratio == 0.1


# ---------------------------------------------------------------- banned phrases

POLITE = (
    "您先把表前的阀门关上，窗户全部打开通风。",
    "那是滚动公告，讲机房搬迁。",
    "没有关系的，充话费和查余额都照常。",
    "烦请您走到光猫跟前看一眼。",
    "还有三项没完成，做完立刻通知您。",
    "刚刚有杂音，我没听清楚后半句。",
    "您要是不清楚的话我再解释一遍。",
    "不知道您明天上午方便吗？",
    "归我们管的，今天就给您办掉。",
    "有办法的，换个插孔就能好。",
    "我不管理这个小区，不过可以帮您转过去。",
    "两个傻瓜相机的订单我都查到了。",
)


@pytest.mark.parametrize("line", POLITE)
def test_polite_words_are_neither_hit_nor_suspected(line: str) -> None:
    (finding,) = findings("banned_phrases", Scene(f"坐席 1-4 您好，请讲。\n坐席 20-24 {line}\n坐席 40-42 再见。")())
    assert finding.outcome is Outcome.PASS, finding.message


@pytest.mark.parametrize("phrase", [p.text for p in banned_phrases.Params().words.phrases])
def test_every_phrase_of_the_list_is_found(phrase: str) -> None:
    found = findings("banned_phrases", Scene(f"坐席 1-4 您好，请讲。\n坐席 20-24 {phrase}。\n坐席 40-42 再见。")())
    assert combine(f.outcome for f in found) is Outcome.FAIL
    assert found[0].evidence[0].span.start_ms == 20_000 and found[0].evidence[0].span.end_ms == 24_000


def test_each_place_is_found_once() -> None:
    found = findings("banned_phrases", Scene("坐席 0-8 这事不归我管，那是你自己的事，有完没完")())
    assert [f.value("phrase") for f in found] == ["不归我管", "那是你自己的事", "有完没完"]
    assert {f.outcome for f in found} == {Outcome.FAIL}


def test_exception_needs_no_punctuation_in_its_midst() -> None:
    words = WordList("x", (Phrase("不知道", ("不知道您*方便",)),))
    excused = findings("banned_phrases", Scene("坐席 20-24 不知道您方便吗")(), words=words)
    assert excused[0].outcome is Outcome.PASS
    parted = findings("banned_phrases", Scene("坐席 20-24 我不知道，您自己方便吗")(), words=words)
    assert parted[0].outcome is Outcome.FAIL


def test_pause_inside_a_phrase_is_a_doubt() -> None:
    words = WordList("x", (Phrase("不知道"),))
    call = Scene("坐席 20-21 我不知道")()
    (utterance,) = call.transcript.utterances
    later = [Span(w.span.start_ms + 900 * (i > 1), w.span.end_ms + 900 * (i > 1)) for i, w in enumerate(utterance.words)]
    late = tuple(dataclasses.replace(w, span=span) for w, span in zip(utterance.words, later, strict=True))
    said = dataclasses.replace(utterance, words=late)
    slow = dataclasses.replace(call, transcript=dataclasses.replace(call.transcript, utterances=(said,), edges=()))
    assert findings("banned_phrases", slow, words=words)[0].outcome is Outcome.INCONCLUSIVE
    assert findings("banned_phrases", call, words=words)[0].outcome is Outcome.FAIL


# ---------------------------------------------------------------- volume and pickup


def test_surge_must_last() -> None:
    def surges(seconds: float) -> set[Outcome]:
        sound = Sound(louder=((8.0, 8.0 + seconds, 14.0, 1.3),))
        return {f.outcome for f in findings("volume", Scene("坐席 1-20 " + "一" * 60, agent=sound)())}

    assert surges(0.5) == {Outcome.PASS}
    assert surges(1.5) == {Outcome.FAIL}
    assert volume.Params().surge_s == 1.0


@pytest.mark.parametrize(
    ("wait_ms", "rings"), [(0, 1), (1, 1), (4999, 1), (5000, 1), (5001, 2), (10_000, 2), (14_999, 3), (15_000, 3), (15_001, 4), (27_300, 6)]
)
def test_rings_begun_before_the_answer(wait_ms: int, rings: int) -> None:
    assert pickup.rings_begun(wait_ms, 5.0) == rings


def test_a_ring_on_both_channels_counts_once_and_a_drowned_one_counts() -> None:
    call = Scene("坐席 17-19 您好。", wait_s=None, rings=(0.0, 5.0, 15.0))()
    other = tuple(dataclasses.replace(tone, channel=1) for tone in call.acoustics.tones)
    both = dataclasses.replace(call, acoustics=dataclasses.replace(call.acoustics, tones=(*call.acoustics.tones, *other)))
    assert pickup.rings_heard(both, 5.0) == 4
    after = dataclasses.replace(call.acoustics.tones[0], span=Span(18_500, 18_900))
    later = dataclasses.replace(call, acoustics=dataclasses.replace(call.acoustics, tones=(*call.acoustics.tones, after)))
    assert pickup.rings_heard(later, 5.0) == 4
