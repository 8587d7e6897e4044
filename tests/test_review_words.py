"""What a person ruled on was words at a place: where others stand by now nobody has ruled on them.  And places left open stay so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import save
from test_review_reach import charged, row, store  # noqa: F401
from test_review_seen import BY, EACH, FAIL, INCONCLUSIVE, LAST, PASS, RUDE, SAYS, book, fined, heard, listed, starts, told, words

from qa.errors import StoreError
from qa.rescore import rescore
from qa.review import appeals, publications, queue, reviews, rulings, text_marks, verdicts
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Outcome, Role, Span
from qa.web.pages import appeal_view

FIRST = Span(500, 4500)
AT = Evidence(Span(3300, 4500), Role.AGENT)
"""Where the agent says “我不知道” in the last second and a bit."""
LOOKED = Terms("丙", "听了")


def corrected(store: Store, text: str, span: Span = FIRST) -> None:  # noqa: F811
    text_marks.correct(store, "A", "ch0", span, text, Terms("乙", "听了"))


def again(store: Store, folder: Path, says: str) -> None:  # noqa: F811
    save(store, book(folder), heard(says))


# ---------------------------------------------------------------- other words at the same place


def test_another_breach_in_words_corrected_at_the_place_of_a_verdict_is_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    verdicts.overturn(store, "A", "words", PASS, BY)
    reviews.finish(store, "A", "甲")
    assert listed(store)[0] == "done"
    corrected(store, "您好，华宁通信，你滚蛋。")
    now = words(store)
    assert (now.outcome, now.outgrown, now.machine is not None and now.machine.outcome) == (INCONCLUSIVE, True, FAIL)
    assert [f.evidence[0].text for f in now.findings] == ["滚蛋"] and "当时这里是别的话，没有人判定过" in now.findings[0].message
    assert listed(store)[0] == "open" and told(store) == [("文字已改", "判定的地方文字已改")]
    with pytest.raises(StoreError, match="文字已改"):
        verdicts.confirm(store, "A", "words", LOOKED)
    verdicts.overturn(store, "A", "words", PASS, LOOKED)
    assert (words(store).outcome, words(store).settled) == (PASS, True)


def test_a_confirmed_breach_whose_words_are_gone_is_none_that_counts_until_a_person_says_so_again(
    store: Store,  # noqa: F811
    tmp_path: Path,
) -> None:
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    reviews.finish(store, "A", "甲")
    assert (charged(store), listed(store)[0]) == (("20.00", "20.00"), "done")
    corrected(store, "您好，华宁通信，很高兴。")
    now = words(store)
    assert (now.outcome, now.outgrown, now.points) == (INCONCLUSIVE, True, None)
    assert "很高兴" in now.findings[0].evidence[0].text, "the words to be judged are those that stand there"
    assert charged(store) == ("0.00", "0.00") and listed(store)[0] == "open"
    verdicts.overturn(store, "A", "words", FAIL, LOOKED)
    assert (words(store).outcome, words(store).settled, charged(store)) == (FAIL, True, ("20.00", "20.00"))


def test_words_that_were_taken_for_others_and_stand_again_are_ruled_on(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    corrected(store, "您好，华宁通信，很高兴。")
    assert words(store).outgrown
    text_marks.undo(store, "A", text_marks.marks(store.db, "A")[0].id, LOOKED)
    assert (words(store).outcome, words(store).settled, told(store)) == (FAIL, True, [()])


def test_of_several_breaches_only_those_whose_words_are_gone_are_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["不知道", "稍等"], EACH), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    assert (words(store).occurrences, store.scorecard("A").percent) == (2, 20.0)
    corrected(store, "好的，马上就好，话费是三十元。", LAST)
    now = words(store)
    assert (now.outcome, starts(now, FAIL), starts(now, INCONCLUSIVE), now.outgrown) == (FAIL, [3000], [9000], True)
    assert store.scorecard("A").percent == 60.0 and listed(store)[0] == "open"
    verdicts.confirm(store, "A", "words", LOOKED)
    assert (starts(words(store), FAIL), starts(words(store), INCONCLUSIVE)) == ([3000], [9000]), "what is open stays open"
    assert listed(store)[0] == "open"


@pytest.mark.parametrize("says", [SAYS.replace("您好，", "您好呀，"), SAYS.replace("4.5 您", "4.6 您"), SAYS.replace("三十元", "四十元")])
def test_words_that_only_moved_or_stand_elsewhere_take_nothing_back(store: Store, tmp_path: Path, says: str) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    again(store, tmp_path / "h", says)
    assert (words(store).outcome, words(store).settled) == (FAIL, True) and told(store) == [("文字已改",)]


def test_a_verdict_that_quotes_no_words_is_not_about_them(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    verdicts.overturn(store, "A", "pickup", FAIL, LOOKED, (Evidence(Span(0, 400), Role.AGENT),))
    verdicts.overturn(store, "A", "volume", Outcome.NOT_APPLICABLE, LOOKED)
    corrected(store, "喂。")
    assert {store.scorecard("A").result(rule).settled for rule in ("pickup", "volume")} == {True}  # type: ignore[union-attr]


def test_what_a_person_wrote_down_as_heard_stands_once_the_text_says_so(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", worth=EACH), heard(SAYS.replace("我不知道", "很高兴")))
    verdicts.add(store, "A", "words", replace(AT, text="你管不着"), LOOKED)
    corrected(store, "您好，华宁通信，你管不着。")
    assert (words(store).outcome, words(store).settled) == (FAIL, True)
    corrected(store, "您好，华宁通信，我管得着。")
    assert (words(store).outcome, words(store).settled) == (INCONCLUSIVE, False)


def test_under_another_version_of_the_rules_the_same_words_stay_ruled_on(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    rescore(store, book(tmp_path / "h", ["滚蛋"], version="2"))
    assert (words(store).outcome, words(store).settled, words(store).machine.outcome) == (FAIL, True, PASS)  # type: ignore[union-attr]


def test_a_review_confirms_no_breach_in_other_words(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    reviews.finish(store, "A", "甲")
    assert (charged(store), listed(store)[0]) == (("20.00", "20.00"), "done")
    corrected(store, "您好，华宁通信，你滚蛋。")
    assert starts(words(store), FAIL) == [3000] and (row(store).pending, charged(store)) == (1, None)
    assert listed(store) == ("open", ("critical", "money"))


def test_an_appeal_is_not_answered_over_words_that_it_was_not_about(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["不知道", "稍等"], EACH), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    corrected(store, "好的，马上就好，话费是三十元。", LAST)
    with pytest.raises(StoreError, match="没有人判定过"):
        appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))


# ---------------------------------------------------------------- what is left open


def found_since(store: Store, folder: Path) -> None:  # noqa: F811
    """A confirmed breach; then two more at other places."""
    save(store, book(folder, worth=EACH), heard())
    verdicts.confirm(store, "A", "words", Terms("甲"))
    reviews.finish(store, "A", "甲")
    corrected(store, "你滚蛋，您稍等，话费是不知道。", LAST)
    assert (starts(words(store), FAIL), len(verdicts.undecided(words(store)))) == ([3000], 2)


def test_new_places_are_settled_one_by_one_and_the_rest_stays_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    found_since(store, tmp_path / "h")
    verdicts.confirm(store, "A", "words", Terms("丙"))
    first, _second = verdicts.undecided(words(store))
    verdicts.drop(store, "A", "words", [0], LOOKED, [first])
    now = words(store)
    assert (starts(now, FAIL), len(starts(now, INCONCLUSIVE)), len(starts(now, PASS)), now.settled) == ([3000], 1, 1, False)
    assert listed(store) == ("open", ("critical", "inconclusive")) and store.scorecard("A").percent == 60.0
    (place,) = verdicts.undecided(now)
    verdicts.drop(store, "A", "words", [0], LOOKED, [place])
    assert (words(store).occurrences, words(store).settled, listed(store)[0]) == (1, True, "done")
    rescore(store, book(tmp_path / "h", RUDE, EACH, version="2"))
    assert (words(store).occurrences, words(store).settled, listed(store)[0]) == (1, True, "done"), "what was dismissed stays so"


def test_a_new_place_that_is_added_leaves_the_other_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    found_since(store, tmp_path / "h")
    now = words(store)
    verdicts.add(store, "A", "words", now.findings[verdicts.undecided(now)[0]].evidence[0], LOOKED)
    now = words(store)
    assert (now.occurrences, len(verdicts.undecided(now)), now.settled, listed(store)[0]) == (2, 1, False, "open")


def test_nothing_is_dismissed_that_is_not_open_nor_without_a_reason(store: Store, tmp_path: Path) -> None:  # noqa: F811
    found_since(store, tmp_path / "h")
    place = verdicts.undecided(words(store))[0]
    for kept, terms, dismissed, cause in (([0], Terms("丙"), [place], "理由"), ([0], LOOKED, [0], "选留"), ([0], LOOKED, [], "没有剔除")):
        with pytest.raises(StoreError, match=cause):
            verdicts.drop(store, "A", "words", kept, terms, dismissed)
    assert len(rulings.of_call(store.db, "A")) == 1


def test_what_was_dismissed_by_confirming_before_stays_dismissed(store: Store, tmp_path: Path) -> None:  # noqa: F811
    """Verdicts that older programs kept said that what was new does not count."""
    found_since(store, tmp_path / "h")
    of = verdicts.basis(store, "A")
    (old,) = store.db.rows("select * from verdicts")
    with store.db.writing():
        store.db.insert("verdicts", {**old, "id": 2, "scorecard_id": of.scorecard_id})
    rescore(store, book(tmp_path / "h", RUDE, EACH, version="2"))
    assert (words(store).occurrences, words(store).settled) == (1, True)


def test_an_accepted_part_leaves_open_what_was_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["不知道", "稍等"], EACH), heard())
    verdicts.confirm(store, "A", "words", Terms("甲"))
    rescore(store, book(tmp_path / "h", ["不知道", "稍等", "三十元"], EACH, version="2"))
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(kept=(0,)))
    now = words(store)
    assert (starts(now, FAIL), starts(now, INCONCLUSIVE), now.settled) == ([3000], [11000], False)
    queue.refresh(store)
    assert queue.page(store.db, queue.Filter())[0].call_id == "A" and Outcome.FAIL is now.outcome


# ---------------------------------------------------------------- a correction that is taken back


def undone(store: Store) -> None:  # noqa: F811
    text_marks.undo(store, "A", text_marks.marks(store.db, "A")[-1].id, LOOKED)


def test_a_breach_that_was_dismissed_for_other_words_is_open_when_its_own_stand_again(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["不知道", "稍等"], EACH), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    corrected(store, "您好，华宁通信，很高兴。")
    (place,) = verdicts.undecided(words(store))
    verdicts.drop(store, "A", "words", [0], LOOKED, [place])
    undone(store)
    assert words(store).outgrown and listed(store)[0] == "open"


@pytest.mark.parametrize("text", ["您好，华宁通信，很高兴。", "您好，华宁通信。"])
def test_a_breach_that_was_overturned_for_other_words_or_none_is_open_too(store: Store, tmp_path: Path, text: str) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    corrected(store, text)
    verdicts.overturn(store, "A", "words", PASS, LOOKED)
    undone(store)
    assert words(store).outgrown and listed(store)[0] == "open"


def test_an_insult_in_words_that_an_accepted_appeal_was_not_about_may_be_ruled_one(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["不知道", "滚蛋"]), heard())
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))
    with pytest.raises(StoreError, match="已成立"):
        verdicts.overturn(store, "A", "words", FAIL, LOOKED)
    corrected(store, "您好，华宁通信，你滚蛋。")
    verdicts.overturn(store, "A", "words", FAIL, LOOKED)
    assert (words(store).outcome, words(store).settled) == (FAIL, True)


def test_a_breach_in_other_words_is_not_the_one_that_the_agent_appealed_against(store: Store, tmp_path: Path) -> None:  # noqa: F811
    """At the same place: whoever accepts is shown what would go, and takes it away on purpose."""
    save(store, book(tmp_path / "h", ["不知道", "滚蛋"]), heard())
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    (published,) = (f for f in words(store).findings if f.outcome is FAIL)
    assert [f for f in appeals.appealed_against(store, one) if f.outcome is FAIL] == [published]
    assert appeal_view.listed(store, one, words(store)) == ()
    corrected(store, "您好，华宁通信，你滚蛋。")
    now = words(store)
    assert [f.evidence[0].text for f in now.findings] == ["滚蛋"] and published not in appeals.appealed_against(store, one)
    assert appeal_view.listed(store, one, now) == (0,)
