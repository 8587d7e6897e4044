"""Text that persons correct: judged again at once, times kept where words are, and holding for later transcriptions."""

from __future__ import annotations

import itertools
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa.errors import ConflictError, NotFoundError, QaError, StoreError
from qa.rescore import judge, rescore
from qa.review import publications, text_marks, versions
from qa.review.alignment import aligned, tokens
from qa.review.verdicts import Terms
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Outcome, Span, Word

BY = Terms("李质检", "听了三遍")
MORE = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = [{ say = "不知道" }]\n'
GREET = '[checks.greeting]\nclause = "问候。"\nweight = 10\npatterns = ["您好，华宁通信"]\npatterns_out = ["您好，华宁通信"]\n'
START = "2025-05-10T10:00:00.000"
LAST = Span(7500, 12500)


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return house(tmp_path / "house", more=MORE + GREET)


@pytest.fixture
def store(tmp_path: Path, book: RuleBook) -> Store:
    made = Store(tmp_path / "qa.db")
    save(made, book, call("A", START, rings=2))
    return made


def outcome(store: Store, rule_id: str = "words") -> str:
    found = store.scorecard("A").result(rule_id)
    return found.outcome.value if found is not None else ""


def text(store: Store, speaker: str = "ch0") -> str:
    return "".join(u.text for u in store.call("A").transcript.of(speaker))


# ---------------------------------------------------------------- aligning


def words(text: str, start_ms: int = 1000, each_ms: int = 200, probability: float = 0.4) -> list[Word]:
    made = tokens(text)
    return [Word(t, Span(start_ms + each_ms * k, start_ms + each_ms * (k + 1)), probability) for k, t in enumerate(made)]


def test_what_did_not_change_keeps_its_time_and_the_rest_shares_the_time_between() -> None:
    old = words("您好，华您通信。")
    made = aligned(old, "您好，华宁通信。", Span(1000, 2200))
    assert [w.text for w in made] == ["您", "好，", "华", "宁", "通", "信。"]
    assert [w.span for w in made] == [w.span for w in old] and {w.probability for w in made} == {1.0}
    longer = aligned(old, "您好，这里是华宁通信。", Span(1000, 2200))
    assert [w.span for w in longer if w.text in ("通", "信。", "您")] == [old[0].span, old[4].span, old[5].span]
    assert all(a.span <= b.span for a, b in itertools.pairwise(longer))


def test_whole_words_of_the_recogniser_stay_whole() -> None:
    old = [Word("华宁", Span(0, 700), 0.5), Word("通信", Span(700, 900), 0.5)]
    first = aligned(old, "华宁通讯", Span(0, 900))[0]
    assert (first.text, first.span) == ("华宁", Span(0, 700))


def test_any_text_over_any_words_stays_in_time_and_whole() -> None:
    rng = random.Random(7)
    for _ in range(300):
        old = words("".join(rng.choice("您好我是谁，，的") for _ in range(rng.randrange(0, 9))).lstrip("，"), each_ms=rng.choice([20, 200]))
        new = "".join(rng.choice("您好我是谁Tom 12，。") for _ in range(rng.randrange(0, 12))).strip("，。 ")
        made = aligned(old, new, Span(1000, 3000))
        assert "".join(w.text for w in made) == new
        starts = [w.span.start_ms for w in made]
        assert starts == sorted(starts) and all(w.span.duration_ms > 0 for w in made)


# ---------------------------------------------------------------- correcting a call


def test_corrected_text_is_judged_at_once_and_found_at_once(store: Store) -> None:
    assert (outcome(store), outcome(store, "greeting")) == ("pass", "pass")
    done = text_marks.correct(store, "A", "ch0", LAST, "这个我不知道，话费是三十元。", BY)
    assert outcome(store) == "fail" and (done.before, done.after) == (100.0, 75.0)
    result = store.scorecard("A").result("words")
    assert result is not None and LAST.overlap_ms(result.findings[0].evidence[0].span) > 0
    assert [hit.call_id for hit in store.search("不知道")] == ["A"] and "您稍等" not in text(store)
    (mark,) = text_marks.marks(store.db, "A")
    assert (mark.by, mark.before_text) == ("李质检", "好的，您稍等，话费是三十元。")


def test_words_that_nobody_said_are_taken_out_and_missing_ones_put_in(store: Store) -> None:
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "", BY)
    assert outcome(store, "greeting") != "pass" and "华宁" not in text(store)
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "您好，华宁通信。", BY)
    assert outcome(store, "greeting") == "pass"
    first = store.call("A").transcript.of("ch0")[0]
    assert (first.span.start_ms, first.span.end_ms, first.text) == (500, 4500, "您好，华宁通信。")


def test_taken_back_everything_is_as_it_was(store: Store) -> None:
    before = store.call("A")
    done = text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", BY)
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "您好！华宁通信，很高兴为您服务。", BY)
    text_marks.undo(store, "A", done.mark.id, BY)
    assert outcome(store) == "pass" and "稍等" in text(store) and "您好！" in text(store)
    (other,) = text_marks.counting(text_marks.marks(store.db, "A"))
    text_marks.undo(store, "A", other.id, BY)
    assert store.call("A") == before and len(text_marks.marks(store.db, "A")) == 4
    with pytest.raises(NotFoundError, match="已撤回"):
        text_marks.undo(store, "A", done.mark.id, BY)
    for sql in ("update text_marks set text = 'x'", "delete from text_marks"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store.db.sqlite.execute(sql)


def test_of_two_on_one_stretch_the_later_goes_first(store: Store) -> None:
    first = text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", BY)
    text_marks.correct(store, "A", "ch0", LAST, "这个我查一下。", BY)
    assert outcome(store) == "pass"
    with pytest.raises(StoreError, match="后来又更正过"):
        text_marks.undo(store, "A", first.mark.id, BY)


def test_scored_again_from_its_recording_and_rescored_the_correction_holds(store: Store, book: RuleBook, tmp_path: Path) -> None:
    text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", BY)
    other = call("A", START, rings=2, says="坐席 0.5-4.5 您好，华宁通信。\n客户 5-7 我想查话费。\n坐席 7.4-12.4 好的，请稍等。")
    again = text_marks.standing(store, other, "A")
    assert again.transcript.of("ch0")[-1].text == "这个我不知道。" and other.transcript.of("ch0")[-1].text == "好的，请稍等。"
    assert judge(again, book, store.earlier()).result("words").outcome is Outcome.FAIL  # type: ignore[union-attr]
    assert rescore(store, house(tmp_path / "house", more=MORE + GREET, version='"2"')).failed == 0 and outcome(store) == "fail"
    stranger = replace(other, audio=replace(other.audio, sha256="e" * 64))
    assert text_marks.standing(store, stranger, "A") == stranger


def test_a_published_call_is_published_anew_in_the_same_act(store: Store) -> None:
    publications.publish(store, ["A"], "李质检")
    done = text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", BY)
    assert publications.newest(store.db, "A") == done.saved.id
    shown, card = publications.shown(store, "A")
    assert card.percent == 75.0 and shown.transcript.of("ch0")[-1].text == "这个我不知道。"


def test_a_closed_month_wants_consent_and_gets_a_proposal(store: Store) -> None:
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match="已关账的 2025-05"):
        text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", BY)
    done = text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", replace(BY, closed_month=True))
    assert done.saved.proposed and outcome(store) == "pass"
    store.adjust("A", "王主管", "同意")
    assert outcome(store) == "fail" and "不知道" in text(store)


@pytest.mark.parametrize(
    ("speaker", "span", "said", "terms", "kind", "told"),
    [
        ("ch7", LAST, "x", BY, NotFoundError, "没有这个说话人"),
        ("ch0", Span(7500, 99_000), "x", BY, StoreError, "不是录音里的一段"),
        ("ch0", LAST, "好的，您稍等，话费是三十元。", BY, StoreError, "相同"),
        ("ch0", LAST, "字" * 2001, BY, StoreError, "太长"),
        ("ch0", LAST, "a\x00b", BY, StoreError, "控制字符"),
        ("ch0", LAST, "x", Terms(" ", "r"), StoreError, "由谁更正"),
        ("ch0", LAST, "x", Terms("a", ""), StoreError, "理由"),
        ("ch0", LAST, "x", replace(BY, on="0.0.0.0.0"), ConflictError, "重新评过分"),
    ],
)
def test_what_is_refused(store: Store, speaker: str, span: Span, said: str, terms: Terms, kind: type[QaError], told: str) -> None:
    with pytest.raises(kind, match=told):
        text_marks.correct(store, "A", speaker, span, said, terms)
    assert text_marks.marks(store.db, "A") == () and len(store.history("A")) == 1


def test_of_two_editors_the_second_is_told(store: Store) -> None:
    seen = versions.version(store.db, "A")
    text_marks.correct(store, "A", "ch0", LAST, "这个我不知道。", replace(BY, on=seen))
    with pytest.raises(ConflictError, match="李质检 改了文字"):
        text_marks.correct(store, "A", "ch0", LAST, "好的。", Terms("王质检", "听了", on=seen))
