"""What a person had before the eyes: money and verdicts reach no further, and what is found since is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import call, house, save
from test_review_reach import appealed, charged, row, store  # noqa: F401

from qa import ledger_closing, legs
from qa.errors import StoreError
from qa.rescore import judge, recount, rescore
from qa.review import appeals, publications, queue, reviews, rulings, text_marks, verdicts
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Call, CheckResult, Evidence, Outcome, Role, Span

BY = Terms("甲", "不是坐席说的")
PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
SAYS = "坐席 0.5-4.5 您好，华宁通信，我不知道。\n客户 5-7 我想查话费。\n坐席 7.5-12.5 好的，您稍等，话费是三十元。\n"
LAST = Span(7500, 12500)
RUDE = ("不知道", "滚蛋")
EACH = 'deduction = 40\nper = "occurrence"'


def book(folder: Path, says: Iterable[str] = RUDE, worth: str = "deduction = 40", version: str = "1", house_id: str = "house") -> RuleBook:
    forbid = ", ".join(f'{{ say = "{one}" }}' for one in says)
    rule = f'[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nseverity = "critical"\n{worth}\nforbid = [{forbid}]\n'
    return house(folder, worth="deduction = 5", more=rule, version=f'"{version}"', house_id=house_id)


def heard(says: str = SAYS) -> Call:
    return call("A", rings=2, says=says)


def words(store: Store) -> CheckResult:  # noqa: F811
    found = store.scorecard("A").result("words")
    assert found is not None
    return found


def starts(result: CheckResult, outcome: Outcome) -> list[int]:
    return [round(f.evidence[0].span.start_ms, -3) for f in result.findings if f.outcome is outcome]


def listed(store: Store) -> tuple[str, tuple[str, ...]]:  # noqa: F811
    """State and reasons of the call in the queue."""
    queue.refresh(store)
    return next((s, found[0].reasons) for s in ("open", "done", "rest") if (found := queue.page(store.db, queue.Filter(state=s))))


def told(store: Store) -> list[tuple[str, ...]]:  # noqa: F811
    return [verdicts.given_on(store, one, verdicts.basis(store, "A")) for one in rulings.of_call(store.db, "A")]


# ---------------------------------------------------------------- money


def fined(folder: Path, amount: int, says: Iterable[str], version: str, house_id: str = "house") -> RuleBook:
    return book(folder, says, f"deduction = 4\nfine = {{ amount = {amount} }}", version, house_id)


def test_a_review_confirms_the_breaches_that_were_there_and_no_others_of_the_rule(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, ["不知道"], "1"), heard())
    assert (row(store).pending, charged(store)) == (1, None)
    reviews.finish(store, "A", "甲")
    assert (row(store).pending, charged(store), listed(store)[0]) == (0, ("20.00", "20.00"), "done")
    rescore(store, fined(tmp_path / "h", 500, ["三十元"], "2"))
    assert (starts(words(store), FAIL), row(store).pending, charged(store)) == ([11000], 1, None)
    assert listed(store) == ("open", ("critical", "money"))
    rescore(store, fined(tmp_path / "h", 500, ["三十元", "不知道"], "3"))
    assert (words(store).occurrences, row(store).pending) == (2, 1)
    rescore(store, fined(tmp_path / "h", 20, ["不知道", "滚蛋"], "4"))
    assert (row(store).pending, charged(store), listed(store)[0]) == (0, ("20.00", "20.00"), "done")


def test_a_breach_found_in_words_that_were_corrected_later_is_not_confirmed(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    reviews.finish(store, "A", "甲")
    text_marks.correct(store, "A", "ch0", Span(500, 4500), "您好，华宁通信，很高兴。", BY)
    text_marks.correct(store, "A", "ch0", LAST, "好的，你滚蛋，话费是三十元。", BY)
    assert (words(store).occurrences, row(store).pending, charged(store)) == (1, 1, None)


def test_what_another_house_calls_the_same_is_not_confirmed_by_a_review_under_this_one(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, ["不知道"], "1"), heard())
    reviews.finish(store, "A", "甲")
    rescore(store, fined(tmp_path / "other", 500, ["不知道"], "1", "other"), all_houses=True)
    assert (row(store).pending, charged(store)) == (1, None)


def test_a_verdict_confirms_an_older_scorecard_that_stands_at_the_same_places_alone(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, fined(tmp_path / "h", 20, ["不知道"], "1"), heard())
    ledger_closing.close_month(store, "2025-05", "人事")
    of = store.stored_call("A")
    assert of is not None and reviews.confirmed(store, of) == frozenset()
    verdicts.add(store, "A", "words", Evidence(Span(8000, 9000), Role.AGENT), replace(BY, closed_month=True))
    assert store.pending("A") is not None and reviews.confirmed(store, of) == {"words"}
    verdicts.drop(store, "A", "words", [1], replace(BY, closed_month=True))
    assert reviews.confirmed(store, of) == frozenset(), "the person dropped the one that the scorecard has"


# ---------------------------------------------------------------- verdicts


def overturned(store: Store, folder: Path, worth: str = "deduction = 40") -> None:  # noqa: F811
    """The breach at 3.3 s is none, says a person, and the review is finished."""
    save(store, book(folder, worth=worth), heard())
    assert starts(words(store), FAIL) == [3000]
    verdicts.overturn(store, "A", "words", PASS, BY)
    reviews.finish(store, "A", "甲")
    assert (words(store).outcome, listed(store)[0]) == (PASS, "done")


def again_by_text(store: Store, folder: Path) -> None:  # noqa: F811
    text_marks.correct(store, "A", "ch0", LAST, "好的，你滚蛋，话费是三十元。", Terms("乙", "听了"))


def again_transcribed(store: Store, folder: Path) -> None:  # noqa: F811
    save(store, book(folder), heard(SAYS.replace("您稍等", "你滚蛋").replace("我不知道", "很高兴")))


def again_by_rules(store: Store, folder: Path) -> None:  # noqa: F811
    rescore(store, book(folder, (*RUDE, "您稍等"), version="2"))


@pytest.mark.parametrize("again", [again_by_text, again_transcribed, again_by_rules])
def test_what_is_found_after_a_verdict_at_another_place_is_inconclusive_and_wants_a_look(
    store: Store,  # noqa: F811
    tmp_path: Path,
    again: object,
) -> None:
    overturned(store, tmp_path / "h")
    assert callable(again)
    again(store, tmp_path / "h")
    now = words(store)
    assert (now.outcome, now.outgrown, now.settled) == (INCONCLUSIVE, True, False) and now.findings[0].evidence[0].span.start_ms > 8000
    assert "人工判定为“通过”，当时没有这一处，没有人判定过" in now.findings[0].message and len(now.findings) == 1
    assert now.machine is not None and now.machine.outcome is FAIL and "程序后来另有发现" in told(store)[0]
    state, reasons = listed(store)
    assert state == "open" and {"critical", "inconclusive"} <= {*reasons}
    with pytest.raises(StoreError, match="程序另有发现"):
        verdicts.confirm(store, "A", "words", Terms("丙"))
    verdicts.overturn(store, "A", "words", PASS, Terms("丙", "也不是坐席说的"))
    reviews.finish(store, "A", "丙")
    assert (words(store).outcome, words(store).settled, listed(store)[0]) == (PASS, True, "done")
    rescore(store, book(tmp_path / "h", (*RUDE, "您稍等"), version="3"))
    assert (words(store).outcome, listed(store)[0]) == (PASS, "done"), "both places were before a person's eyes"


def test_who_rules_again_knows_what_was_ruled_on_before(store: Store, tmp_path: Path) -> None:  # noqa: F811
    overturned(store, tmp_path / "h")
    rescore(store, book(tmp_path / "h", ["三十元"], version="2"))
    assert starts(words(store), INCONCLUSIVE) == [11000]
    verdicts.overturn(store, "A", "words", PASS, BY)
    rescore(store, book(tmp_path / "h", ["三十元", "不知道"], version="3"))
    assert (words(store).outcome, words(store).settled) == (PASS, True)


def test_what_a_person_cannot_tell_either_is_settled_and_a_breach_rests_on_what_is_new(store: Store, tmp_path: Path) -> None:  # noqa: F811
    overturned(store, tmp_path / "h")
    again_by_text(store, tmp_path / "h")
    verdicts.overturn(store, "A", "words", INCONCLUSIVE, Terms("丙", "听不清"))
    assert (words(store).outcome, words(store).settled) == (INCONCLUSIVE, True)
    verdicts.withdraw(store, "A", "words", Terms("丙"))
    assert (words(store).outcome, words(store).verdict) == (FAIL, 0), "withdrawn, the earlier ones do not come back"
    verdicts.overturn(store, "A", "words", PASS, BY)
    rescore(store, book(tmp_path / "h", (*RUDE, "三十元"), version="2"))
    assert starts(words(store), INCONCLUSIVE) == [11000]
    verdicts.overturn(store, "A", "words", FAIL, Terms("丙", "是坐席说的"))
    assert starts(words(store), FAIL) == [11000] and words(store).settled


def test_a_confirmed_breach_stays_and_what_is_new_counts_once_a_person_adds_it(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", worth=EACH), heard())
    verdicts.confirm(store, "A", "words", Terms("甲"))
    reviews.finish(store, "A", "甲")
    assert (listed(store)[0], store.scorecard("A").percent) == ("done", 60.0)
    again_by_text(store, tmp_path / "h")
    now = words(store)
    assert (now.outcome, now.occurrences, now.outgrown, store.scorecard("A").percent) == (FAIL, 1, True, 60.0)
    assert len(starts(now, INCONCLUSIVE)) == 1 and listed(store) == ("open", ("critical", "inconclusive"))
    of = store.stored_call("A")
    assert of is not None and reviews.confirmed(store, of) == {"words"}, "the breach that was confirmed is"
    given = verdicts.confirm(store, "A", "words", Terms("甲"))
    now = words(store)
    assert (given.verdict.action, now.occurrences, len(starts(now, INCONCLUSIVE)), now.settled) == ("uphold", 1, 1, False)
    assert listed(store) == ("open", ("critical", "inconclusive")), "to stand by the old one dismisses nothing"
    (place,) = verdicts.undecided(now)
    new = now.findings[place].evidence[0]
    verdicts.add(store, "A", "words", new, Terms("甲", "是坐席说的"))
    assert (words(store).occurrences, words(store).settled, store.scorecard("A").percent) == (2, True, 20.0)


def test_the_program_s_finding_where_a_person_added_one_is_nothing_new(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h", ["滚蛋"], EACH), heard())
    verdicts.add(store, "A", "words", Evidence(Span(3000, 4500), Role.AGENT), Terms("甲", "顶撞"))
    rescore(store, book(tmp_path / "h", RUDE, EACH, version="2"))
    assert words(store).machine is not None and words(store).machine.outcome is FAIL  # type: ignore[union-attr]
    assert (words(store).occurrences, words(store).settled) == (1, True)


def test_under_another_house_s_rule_book_the_rule_of_that_name_was_not_ruled_on(store: Store, tmp_path: Path) -> None:  # noqa: F811
    overturned(store, tmp_path / "h")
    assert rescore(store, book(tmp_path / "other", ["话费"], house_id="other"), all_houses=True).failed == 0
    assert (words(store).outcome, words(store).verdict, listed(store)[0]) == (FAIL, 0, "open")
    assert told(store) == [("已按另一本规则书评分，这次判定不再起作用",)]
    held = {one: rulings.standing(rulings.holding(store.db, "A", one, heard())) for one in ("house", "other")}
    assert (set(held["house"]), held["other"]) == ({"words"}, {})
    assert rescore(store, book(tmp_path / "h", version="2"), all_houses=True).failed == 0
    assert (words(store).outcome, words(store).settled) == (PASS, True)


def test_counted_again_for_first_warnings_what_is_new_stays_open(store: Store, tmp_path: Path) -> None:  # noqa: F811
    overturned(store, tmp_path / "h", "deduction = 40\nwarn_first = 1")
    text_marks.correct(store, "A", "ch0", LAST, "好的，你滚蛋，话费是三十元。", BY)
    save(store, book(tmp_path / "h", worth="deduction = 40\nwarn_first = 1"), call("B", "2025-05-09T10:00:00.000", rings=2, says=SAYS))
    assert recount(store, [("8001", "2025-05")]).calls == 2
    assert (words(store).outcome, words(store).outgrown) == (INCONCLUSIVE, True)
    assert store.scorecard("B").result("words").points == 40.0  # type: ignore[union-attr]


def test_in_a_closed_month_it_is_proposed_and_a_look_is_wanted(store: Store, tmp_path: Path) -> None:  # noqa: F811
    overturned(store, tmp_path / "h")
    ledger_closing.close_month(store, "2025-05", "人事")
    text_marks.correct(store, "A", "ch0", LAST, "好的，你滚蛋，话费是三十元。", replace(BY, closed_month=True))
    assert store.pending("A") is not None and words(store).outcome is PASS
    assert verdicts.whole_result(store, verdicts.basis(store, "A"), "words").outcome is INCONCLUSIVE and listed(store)[0] == "open"


def test_what_an_accepted_appeal_was_not_about_may_be_ruled_on(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, book(tmp_path / "h"), heard())
    publications.publish(store, ["A"], "王")
    one = appeals.file(store, "A", "words", "8001", "文字与录音不符", "我没说", "张")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    appeals.accept(store, one.id, "qa", "属实", Terms("李"), Decision(PASS))
    again_by_text(store, tmp_path / "h")
    assert publications.shown(store, "A")[1].result("words").outcome is INCONCLUSIVE  # type: ignore[union-attr]
    old, new = Evidence(Span(3300, 3900), Role.AGENT), Evidence(Span(8900, 9600), Role.AGENT)
    for act in (
        lambda: verdicts.withdraw(store, "A", "words", BY),
        lambda: verdicts.add(store, "A", "words", old, BY),
        lambda: verdicts.overturn(store, "A", "words", FAIL, BY, (old, new)),
    ):
        with pytest.raises(StoreError, match="已成立"):
            act()
    verdicts.add(store, "A", "words", new, BY)
    assert starts(words(store), FAIL) == [9000] and words(store).settled


# ---------------------------------------------------------------- whose part, and who decides last


def test_a_verdict_on_an_agent_s_part_is_none_on_another_agent_in_the_same_time(store: Store, tmp_path: Path) -> None:  # noqa: F811
    whole = heard()
    assert whole.record is not None
    for agent in ("8001", "8009", "8001"):
        of = legs.part(replace(whole, record=replace(whole.record, agent_id=agent)), 0, 7000)
        store.ledger.register(book(tmp_path / "h"))
        store.record(of, judge(of, book(tmp_path / "h"), store.earlier()))
        ruled = words(store).verdict
        assert ruled == (1 if rulings.of_call(store.db, "A") and agent == "8001" else 0)
        if not rulings.of_call(store.db, "A"):
            verdicts.overturn(store, "A", "words", PASS, BY)


def test_who_only_ruled_on_the_rule_has_not_the_last_word_and_the_agent_is_no_decider(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    verdicts.confirm(store, "A", "pickup", Terms("甲", user_id=1))
    publications.publish(store, ["A"], "王")
    one = appealed(store)
    appeals.answer(store, one, "qa", "reject", "听了", "乙", user_id=2)
    appeals.escalate(store, one, "不服", "张")
    for name, account in (("甲", None), ("甲改了名", 1), ("乙", None), ("乙改了名", 2), ("陈", 9)):
        with pytest.raises(StoreError, match="终审要由没有判过"):
            appeals.answer(store, one, "final", "reject", "维持", name, user_id=account)
    known = appeals.get(store.db, one)
    assert {d.name for d in appeals.deciders(store.db, known)} == {"甲", "乙", "陈"}
    appeals.answer(store, one, "final", "reject", "维持", "张", user_id=3)
    assert not appeals.get(store.db, one).state().open
