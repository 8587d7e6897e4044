"""An accepted appeal about the whole call leads to something; an answer is to what stands; what goes up by itself leaves a trace."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import call, house, save
from test_appeal_parts import WORDS

from qa.appraisal import closing, month_table
from qa.clock import house_day
from qa.errors import ConflictError, StoreError
from qa.rescore import judge
from qa.review import appeal_windows, appeals, publications, verdicts, versions
from qa.review.appeal_states import (
    ACCEPT,
    ACCEPT_OUT,
    ACCEPT_OWNER,
    ACCEPTED,
    FINAL,
    LEAD,
    QA,
    REFUSED,
    WAITING,
    Lapse,
    Step,
    history,
    state,
    today,
)
from qa.review.appeals import WHOLE_CALL, Decision, Whole
from qa.review.verdicts import Terms
from qa.rules.appeal_terms import AppealTerms
from qa.rules.book import RuleBook
from qa.store import Store
from qa.types import Outcome
from qa.web.language import speaking, translated
from qa.web.sentences import chinese

SAYS = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-9.5 这个我不知道。
客户 10-11 那怎么办？
坐席 11.5-13.5 反正我不知道。
"""
MONTH = "2025-05"
ANSWER = Terms("李质检", user_id=7)
DAY = datetime.timedelta(days=1)
BOTH = {"pickup": Decision(), "words": Decision(Outcome.NOT_APPLICABLE)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Published: call A, answered late and with two bad words, and a good call B of the same agent."""
    made = Store(tmp_path / "qa.db")
    book = house(tmp_path / "house", worth="deduction = 5", more=WORDS)
    save(made, book, call("A", rings=5, says=SAYS))
    save(made, book, call("B", rings=2))
    publications.publish(made, ["A", "B"], "王质检")
    return made


def filed(store: Store, rule: str = WHOLE_CALL) -> appeals.Appeal:
    return appeals.file(store, "A", rule, "8001", "文字与录音不符", "这通不是我接的", "张坐席")


def at_qa(store: Store, rule: str = WHOLE_CALL) -> appeals.Appeal:
    return appeals.answer(store, filed(store, rule).id, LEAD, "support", "当天请假", "陈班长", user_id=3)


def accepted(store: Store, follows: Whole, terms: Terms = ANSWER) -> appeals.Appeal:
    return appeals.accept(store, at_qa(store).id, QA, "听了", terms, follows)[0]


def warned(store: Store) -> str:
    return "；".join(closing.warnings(store, month_table.table(store, MONTH, budget_s=None)))


# ---------------------------------------------------------------- the call is in no appraisal


def test_taken_out_the_call_counts_for_nobody_and_the_decision_names_the_appeal(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OUT))
    now, why = done.state(), store.withdrawals.standing("A")
    assert (now.status, str(now)) == (ACCEPTED, "申诉成立：本通不计入考核") and why is not None
    assert f"申诉 {done.id}" in why.reason and why.by == "李质检"
    assert publications.newest(store.db, "A") is None and [one.call_id for one in store.calls("8001")] == ["B"]
    assert appeal_windows.approval(store, done) == "" and appeals.misattributed(store.db) == ()


def test_in_a_closed_month_that_is_proposed_and_the_agent_may_appeal_again_once_it_is_refused(store: Store) -> None:
    one = at_qa(store)
    store.ledger.close_month(MONTH, "财务")
    with pytest.raises(StoreError, match="已关账的 2025-05"):
        appeals.accept(store, one.id, QA, "听了", ANSWER, Whole(ACCEPT_OUT))
    assert appeals.get(store.db, one.id).state().status == WAITING
    done, _ = appeals.accept(store, one.id, QA, "听了", replace(ANSWER, closed_month=True), Whole(ACCEPT_OUT))
    assert store.withdrawals.standing("A") is None and [w.call_id for w in store.withdrawals.waiting(MONTH)] == ["A"]
    assert appeal_windows.approval(store, done) == "申诉已成立，等人事批准"
    window = appeals.window(store, "A", WHOLE_CALL)
    assert (window.open, window.awaits, window.appeal_id) == (False, True, done.id)
    closing.refuse(store, MONTH, ["A"], "人事", "话单是对的")
    assert appeal_windows.approval(store, done) == "申诉已成立，人事没有批准更正" and appeals.window(store, "A", WHOLE_CALL).open


def test_approved_it_is_done(store: Store) -> None:
    one = at_qa(store)
    store.ledger.close_month(MONTH, "财务")
    done, _ = appeals.accept(store, one.id, QA, "听了", replace(ANSWER, closed_month=True), Whole(ACCEPT_OUT))
    closing.adjust(store, MONTH, ["A"], "人事", "同意")
    assert store.withdrawals.standing("A") is not None and appeal_windows.approval(store, done) == ""


# ---------------------------------------------------------------- breaches of it fall


def test_all_its_breaches_fall_each_by_a_verdict_of_the_appeal(store: Store) -> None:
    assert publications.shown(store, "A")[1].percent == 85.0
    done, given = appeals.accept(store, at_qa(store).id, QA, "听了", ANSWER, Whole(ACCEPT, BOTH))
    card = publications.shown(store, "A")[1]
    assert (str(done.state()), card.percent) == ("申诉成立", 100.0) and given is not None
    assert {r.check_id: r.outcome for r in card.results if r.check_id in BOTH} == {k: one.outcome for k, one in BOTH.items()}
    assert {v.rule_id for v in verdicts.standing(_verdicts(store)).values() if v.appeal_id == done.id} == {"pickup", "words"}
    assert "不再算的：" in done.steps[-1].text and "禁语 0:08.5、0:12.5" in done.steps[-1].text
    window = appeals.window(store, "A", WHOLE_CALL)
    assert (window.open, window.why, window.appeal_id) == (False, "已经申诉过，答复是最终的", done.id)
    verdicts.overturn(store, "A", "volume", Outcome.NOT_APPLICABLE, Terms("王质检", "线路"))
    assert appeals.window(store, "A", WHOLE_CALL).open  # what came after it the answer does not cover


def _verdicts(store: Store) -> tuple[verdicts.Verdict, ...]:
    from qa.review.rulings import of_call

    return of_call(store.db, "A")


@pytest.mark.parametrize(
    "falls", [{"pickup": Decision()}, {"words": Decision(kept=(0,))}, {"words": Decision(kept=(1,)), "pickup": Decision()}]
)
def test_with_what_is_left_the_agent_may_go_on(store: Store, falls: dict[str, Decision]) -> None:
    done = accepted(store, Whole(ACCEPT, falls))
    now, percent = done.state(), 85.0 + 5 * len(falls)
    assert (now.status, now.part) == (REFUSED, True) and publications.shown(store, "A")[1].percent == percent
    assert "成立的：" in done.steps[-1].text and "仍然算的：" in done.steps[-1].text
    appeals.escalate(store, done.id, "其余也不是我", "张坐席")
    last = appeals.answer(store, done.id, FINAL, "reject", "听了", "赵主管", user_id=9)
    assert last.state().status == ACCEPTED and appeals.window(store, "A", WHOLE_CALL).why == "已经申诉过，答复是最终的"


def test_only_breaches_fall(store: Store) -> None:
    with pytest.raises(StoreError, match="只能从违反的发现里选"):
        accepted(store, Whole(ACCEPT, {"volume": Decision()}))
    assert _verdicts(store) == ()


def test_a_draft_that_the_agent_does_not_see_is_published_first(store: Store, tmp_path: Path) -> None:
    one = at_qa(store)
    store.record(
        store.call("A"), judge(store.call("A"), house(tmp_path / "next", rings=6, worth="deduction = 5", more=WORDS), store.earlier())
    )
    with pytest.raises(StoreError, match="还没有公布的新评分"):
        appeals.accept(store, one.id, QA, "听了", ANSWER, Whole(ACCEPT, {"words": Decision()}))
    assert _verdicts(store) == ()


# ---------------------------------------------------------------- it is another agent's


def test_what_is_another_agents_stays_a_task_until_the_records_say_so(store: Store) -> None:
    assert "归属" not in warned(store)
    done = accepted(store, Whole(ACCEPT_OWNER))
    assert appeals.misattributed(store.db) == appeals.misattributed(store.db, MONTH) == (done,)
    assert appeals.misattributed(store.db, "2025-06") == ()
    assert "有 1 通申诉成立、不是本人的电话，通话归属还没有更正：A" in warned(store)
    assert appeal_windows.approval(store, done) == "通话归属还没有更正，更正以前得分和罚款仍按原来的计"
    window = appeals.window(store, "A", WHOLE_CALL)
    assert (window.open, window.why) == (False, "申诉已成立，通话归属待更正")
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    assert appeals.misattributed(store.db) == () and "归属" not in warned(store)
    assert appeal_windows.approval(store, done) == "通话归属已更正"


def test_in_a_closed_month_until_the_correction_is_approved(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    store.ledger.close_month(MONTH, "财务")
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    assert appeals.misattributed(store.db) == (done,)
    closing.adjust(store, MONTH, ["A"], "人事", "同意")
    assert appeals.misattributed(store.db) == () and appeal_windows.approval(store, done) == "通话归属已更正"


def house_of(store: Store) -> RuleBook:
    (card,) = store.db.rows("select rule_book, rule_book_version from current_scorecards where call_id = 'A'")
    found = store.ledger.known(card["rule_book"], card["rule_book_version"])
    assert found is not None
    return found


def test_where_they_cannot_be_corrected_the_call_is_taken_out(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    with pytest.raises(StoreError, match="没有写说明"):
        appeals.settle(store, done.id, " ", ANSWER)
    done = appeals.settle(store, done.id, "话单找不到了", ANSWER)
    assert str(done.state()) == "申诉成立：本通不计入考核" and store.withdrawals.standing("A") is not None
    assert appeals.misattributed(store.db) == ()
    with pytest.raises(StoreError, match="没有什么要更正了"):
        appeals.settle(store, done.id, "再来一次", ANSWER)


def test_in_a_closed_month_the_task_stays_until_that_is_approved(store: Store) -> None:
    done = accepted(store, Whole(ACCEPT_OWNER))
    store.ledger.close_month(MONTH, "财务")
    done = appeals.settle(store, done.id, "话单找不到了", replace(ANSWER, closed_month=True))
    assert appeals.misattributed(store.db) == (done,) and appeal_windows.approval(store, done) == "申诉已成立，等人事批准"
    with pytest.raises(StoreError, match="已经建议不计这通电话"):
        appeals.settle(store, done.id, "再来一次", replace(ANSWER, closed_month=True))
    closing.adjust(store, MONTH, ["A"], "人事", "同意")
    assert appeals.misattributed(store.db) == ()


def test_an_old_one_that_led_to_nothing_can_still_be_read(store: Store) -> None:
    one = at_qa(store)
    row = {"appeal_id": one.id, "level": QA, "action": "accept", "text": "属实", "made_by": "李质检"}
    store.db.insert("appeal_steps", row | {"created": one.steps[-1].created, "verdict_id": None})
    old = appeals.get(store.db, one.id)
    assert str(old.state()) == "申诉成立" and appeal_windows.approval(store, old) == "" and appeals.unsettled(store.db) == ()


# ---------------------------------------------------------------- an answer is to what stands


def test_nothing_is_upheld_that_stands_no_more(store: Store) -> None:
    one = at_qa(store, "pickup")
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("王质检", "听错了"))
    day = house_day(verdicts.standing(_verdicts(store))["pickup"].created)
    with pytest.raises(StoreError, match=f"没有可以维持的原判：王质检 于 {day} 改判，现在是“通过”"):
        appeals.answer(store, one.id, QA, "reject", "维持", "李质检")
    done, given = appeals.accept(store, one.id, QA, "已改", ANSWER, Decision())
    assert given is not None and given.verdict.action == "confirm" and "已改（王质检 于 " in done.steps[-1].text


def test_nor_does_a_team_lead_reject_it(store: Store) -> None:
    one = filed(store, "pickup")
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("王质检", "听错了"))
    with pytest.raises(StoreError, match="请支持并转质检"):
        appeals.answer(store, one.id, LEAD, "reject", "维持", "陈班长")
    assert appeals.answer(store, one.id, LEAD, "support", "已改", "陈班长").state().level == QA


@pytest.mark.parametrize("rule", ["pickup", WHOLE_CALL])
def test_nor_what_is_another_agents_or_counts_no_more_and_nothing_is_ruled_for_that_agent(store: Store, rule: str) -> None:
    one = at_qa(store, rule)
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    with pytest.raises(StoreError, match="不再算这位坐席的"):
        appeals.answer(store, one.id, QA, "reject", "维持", "李质检")
    if rule != WHOLE_CALL:
        done, given = appeals.accept(store, one.id, QA, "是的", ANSWER, Decision())
        assert given is None and _verdicts(store) == () and done.state().status == ACCEPTED
    else:
        store.withdrawals.by_person(["A"], False, "王质检", "重复")
        with pytest.raises(StoreError, match="起不计入考核"):
            appeals.answer(store, one.id, QA, "reject", "维持", "李质检")


@pytest.mark.parametrize("follows", [Whole(ACCEPT_OUT), Whole(ACCEPT, BOTH), Whole(ACCEPT)])
def test_of_another_agents_call_nothing_is_taken_and_nothing_told(store: Store, follows: Whole) -> None:
    one = at_qa(store)
    save(store, house_of(store), call("A", rings=5, says=SAYS, agent="8002"))
    publications.publish(store, ["A"], "王质检")
    with pytest.raises(StoreError, match="不再算这位坐席的。请答复通话归属已更正"):
        appeals.accept(store, one.id, QA, "听了", replace(ANSWER, closed_month=True), follows)
    assert [(row.call_id, row.percent) for row in store.calls("8002")] == [("A", 85.0)] and _verdicts(store) == ()
    done, given = appeals.accept(store, one.id, QA, "已更正", ANSWER, Whole(ACCEPT_OWNER))
    assert given is None and done.steps[-1].text == "已更正" and appeals.misattributed(store.db) == ()
    assert appeal_windows.approval(store, done) == "通话归属已更正" and appeals.window(store, "A", WHOLE_CALL).open


def test_an_answer_to_what_somebody_changed_meanwhile_is_not_kept(store: Store) -> None:
    one = filed(store, "words")
    seen = versions.version(store.db, "A")
    verdicts.drop(store, "A", "words", (0,), Terms("王质检", "第二处不是"))
    for action in ("support", "reject"):
        with pytest.raises(ConflictError, match="王质检 改了判定"):
            appeals.answer(store, one.id, LEAD, action, "听了", "陈班长", on=seen)
    one = appeals.answer(store, one.id, LEAD, "support", "听了", "陈班长", on=versions.version(store.db, "A"))
    with pytest.raises(ConflictError):
        appeals.answer(store, one.id, QA, "reject", "听了", "李质检", on=seen)
    assert appeals.answer(store, one.id, QA, "reject", "听了", "李质检", on=versions.version(store.db, "A")).state().status == REFUSED


# ---------------------------------------------------------------- what went up by itself


def _step(level: str, action: str, day: datetime.date) -> Step:
    return Step(0, level, action, "x", "x", f"{day.isoformat()}T02:00:00.000+00:00")


def test_who_did_not_answer_in_time_is_told_in_order(store: Store) -> None:
    terms, june = AppealTerms(workdays=False), datetime.date(2025, 6, 2)
    lead, qa = Lapse(LEAD, june + 3 * DAY, QA), Lapse(QA, june + 8 * DAY, FINAL)
    created = "2025-06-02T02:00:00.000+00:00"
    late = _step(QA, "reject", june + 5 * DAY)
    assert history(created, (), terms, june + 3 * DAY) == ()
    assert history(created, (), terms, june + 4 * DAY) == (lead,)
    assert history(created, (late,), terms, june + 6 * DAY) == (lead, late)
    assert history(created, (), terms, june + 90 * DAY) == (lead, qa)  # the last instance answers late rather than never
    refused = _step(LEAD, "reject", june + DAY)
    assert (
        history(created, (refused,), terms, june + 90 * DAY) == (refused,) and not state(created, (refused,), terms, june + 90 * DAY).open
    )


def test_the_agents_own_steps_are_the_agents(store: Store) -> None:
    one = appeals.answer(store, filed(store).id, LEAD, "reject", "是您", "陈班长")
    one = appeals.take_back(store, appeals.escalate(store, one.id, "不服", "张坐席").id, "张坐席")
    assert [(step.side, step.by) for step in one.steps] == [("班组长", "陈班长"), ("坐席", "张坐席"), ("坐席", "张坐席")]
    assert one.history(today()) == one.steps


# ---------------------------------------------------------------- in English


@pytest.mark.parametrize(
    "told",
    [
        "没有可以维持的原判：Li 于 2026-11-24 改判，现在是“通过”。请答复申诉成立；要维持原判，请先在复核里重新判定",
        "没有可以维持的原判：重新评分后，现在是“不适用”。请支持并转质检，由质检答复申诉成立",
        "没有可以维持的原判：这通电话自 2026-11-24 起不计入考核。请答复申诉成立；要维持原判，请先在复核里重新判定",
        "没有可以维持的原判：按更正后的通话记录，这通电话不再算这位坐席的。请支持并转质检，由质检答复申诉成立",
        "没有可以维持的原判：规则书 2.0 里已没有这条规则。请支持并转质检，由质检答复申诉成立",
        "勾选了不再算的违反，选的却是“申诉成立：本通不计入考核”。请只留一样",
        "没有写明申诉成立以后怎么办。请选一种；都不合适请用“驳回（维持原判）”",
        "有 1 通申诉成立、不是本人的电话，通话归属还没有更正：B-1、B-2 等 12 通",
        "说明太长：写了 2001 字。最多 2000 字",
        "已经建议不计这通电话。请等人事批准",
        "班组长不能“申诉成立：本通不计入考核”。请质检来定",
        "按更正后的通话记录，这通电话不再算这位坐席的。请答复通话归属已更正；它的评分不因这件申诉改动",
    ],
)
def test_what_is_told_has_english(told: str) -> None:
    with speaking("en"):
        assert not chinese(translated(told)), translated(told)
