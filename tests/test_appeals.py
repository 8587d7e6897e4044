"""Appeals: who may say what until when, who answers, what becomes of the call, and that lapse of time is worked out and never written."""

from __future__ import annotations

import datetime
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_houses import call, house, save

from qa import rulebook
from qa.errors import NotFoundError, QaError, RuleBookError, StoreError
from qa.review import appeals, publications, verdicts
from qa.review.appeal_states import ACCEPT, ACCEPT_OWNER, ACCEPTED, CLOSED, FINAL, LEAD, QA, REFUSED, WAITING, State, Step, state, today
from qa.review.appeals import Decision, Whole
from qa.review.verdicts import Terms
from qa.rules.appeal_terms import AppealTerms
from qa.store import Store
from qa.types import Outcome
from qa.web.language import speaking, translated
from qa.web.sentences import chinese

ANSWER = Terms("李质检")
WHY = "文字与录音不符"
D = datetime.date
DAY = datetime.timedelta(days=1)
PLAIN = AppealTerms(workdays=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "qa.db")
    for call_id, rings in (("A", 5), ("B", 2)):
        save(made, house(tmp_path / "house", worth="deduction = 5", more="[appeals]\nworkdays = false\n"), call(call_id, rings=rings))
    publications.publish(made, ["A", "B"], "王质检")
    return made


def filed(store: Store, **other: Any) -> appeals.Appeal:
    given = {"call_id": "A", "rule_id": "pickup", "agent_id": "8001", "reason": WHY, "text": "我三声就接了", "by": "张坐席", **other}
    return appeals.file(store, **given)


def outcome(store: Store) -> str:
    result = store.scorecard("A").result("pickup")
    return result.outcome.value if result is not None else ""


# ---------------------------------------------------------------- the way through


def test_from_the_agent_to_an_accepted_appeal(store: Store) -> None:
    one = filed(store)
    assert one.state() == State(LEAD, WAITING, today() + 3 * DAY) and [a.id for a, _ in appeals.waiting(store.db, LEAD)] == [one.id]
    one = appeals.answer(store, one.id, LEAD, "support", "听了，确实三声", "陈班长")
    assert one.state() == State(QA, WAITING, today() + 5 * DAY) and appeals.waiting(store.db, LEAD) == ()
    done, given = appeals.accept(store, one.id, QA, "录音开头算多了", ANSWER, Decision(Outcome.PASS))
    assert str(done.state()) == "申诉成立" and given is not None and given.verdict.appeal_id == one.id
    assert outcome(store) == "pass" and publications.shown(store, "A")[1].percent == 100.0
    assert [(s.level, s.action, s.by) for s in done.steps] == [("lead", "support", "陈班长"), ("qa", "accept", "李质检")]
    assert done.steps[-1].verdict_id == given.verdict.id and not appeals.window(store, "A", "pickup").open


def test_refused_it_goes_on_to_somebody_who_has_not_decided_on_it(store: Store) -> None:
    one = filed(store)
    appeals.answer(store, one.id, LEAD, "reject", "是五声", "陈班长")
    assert appeals.get(store.db, one.id).state().status == REFUSED
    appeals.escalate(store, one.id, "请再听", "张坐席")
    appeals.answer(store, one.id, QA, "reject", "是五声", "李质检")
    one = appeals.escalate(store, one.id, "不服", "张坐席")
    assert one.state() == State(FINAL, WAITING, today() + 5 * DAY)
    for same in ("李质检", "陈班长"):
        with pytest.raises(StoreError, match="终审要由没有判过"):
            appeals.answer(store, one.id, FINAL, "reject", "是五声", same)
    one = appeals.answer(store, one.id, FINAL, "reject", "听了三遍，是五声", "赵主管")
    assert one.state() == State(FINAL, CLOSED) and outcome(store) == "fail"
    window = appeals.window(store, "A", "pickup")
    assert (window.open, window.why) == (False, "已经申诉过，答复是最终的")
    with pytest.raises(StoreError, match="现在不能继续申诉"):
        appeals.escalate(store, one.id, "还是不服", "张坐席")


def test_taken_back_it_may_be_made_again(store: Store) -> None:
    one = filed(store)
    with pytest.raises(StoreError, match="已经申诉，正在处理"):
        filed(store)
    assert appeals.take_back(store, one.id, "张坐席").state().status == "withdrawn"
    with pytest.raises(StoreError, match="已经结束"):
        appeals.take_back(store, one.id, "张坐席")
    assert filed(store).id != one.id and [a.id for a in appeals.of_agent(store.db, "8001")] == [2, 1]


def test_in_a_closed_month_the_verdict_is_a_proposal(store: Store) -> None:
    one = filed(store)
    appeals.answer(store, one.id, LEAD, "support", "同意", "陈班长")
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match="已关账的 2025-05"):
        appeals.accept(store, one.id, QA, "录音算多了", ANSWER, Decision())
    assert appeals.get(store.db, one.id).state().status == WAITING
    _, given = appeals.accept(store, one.id, QA, "录音算多了", replace(ANSWER, closed_month=True), Decision())
    assert given is not None and given.saved.proposed and outcome(store) == "fail"
    assert publications.shown(store, "A")[1].percent == 95.0
    store.adjust("A", "财务", "申诉成立")
    assert outcome(store) == "pass" and publications.shown(store, "A")[1].percent == 100.0


def test_an_appeal_about_the_whole_call_is_accepted_only_with_what_follows(store: Store) -> None:
    one = filed(store, rule_id=appeals.WHOLE_CALL, text="这通不是我接的")
    appeals.answer(store, one.id, LEAD, "support", "当天请假", "陈班长")
    with pytest.raises(StoreError, match="整通电话的申诉不改单项判定"):
        appeals.accept(store, one.id, QA, "话单有误，已更正", ANSWER, Decision())
    for nothing in (None, Whole(""), Whole(ACCEPT)):
        with pytest.raises(StoreError, match=r"没有写明|没有勾选"):
            appeals.accept(store, one.id, QA, "话单有误，已更正", ANSWER, nothing)
    assert appeals.get(store.db, one.id).state().status == WAITING
    done, given = appeals.accept(store, one.id, QA, "话单有误", ANSWER, Whole(ACCEPT_OWNER))
    assert str(done.state()) == "申诉成立：更正通话归属" and given is None


def test_what_somebody_else_ruled_meanwhile_is_confirmed(store: Store) -> None:
    one = filed(store)
    appeals.answer(store, one.id, LEAD, "support", "同意", "陈班长")
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("王质检", "复核"))
    _, given = appeals.accept(store, one.id, QA, "已改", ANSWER, Decision(Outcome.PASS))
    assert given is not None and given.verdict.action == "confirm" and outcome(store) == "pass"


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        ({"agent_id": "8002"}, NotFoundError, "没有这通电话"),
        ({"agent_id": ""}, NotFoundError, "没有这通电话"),
        ({"call_id": "Z"}, NotFoundError, "没有这通电话"),
        ({"call_id": "B"}, StoreError, "这一项没有扣分或罚款"),
        ({"rule_id": "rude"}, StoreError, "这一项没有扣分或罚款"),
        ({"reason": "就是不服"}, StoreError, "不在规则书所列之中。可选：文字与录音不符、"),
        ({"text": " "}, StoreError, "没有写说明"),
        ({"text": "字" * 2001}, StoreError, "说明太长"),
        ({"day": today() + 8 * DAY}, StoreError, "已过"),
    ],
)
def test_who_may_not_appeal_against_what(store: Store, given: dict[str, Any], kind: type[QaError], told: str) -> None:
    with pytest.raises(kind, match=told):
        filed(store, **given)
    assert appeals.of_agent(store.db, "8001") == ()


def test_nothing_can_be_appealed_that_is_not_published_and_a_correction_of_something_else_gives_no_new_time(store: Store) -> None:
    publications.retract(store, ["A"], "王质检", "公布早了")
    assert appeals.window(store, "A", "pickup").why == "这通电话没有公布的评分"
    publications.publish(store, ["A"], "王质检")
    verdicts.overturn(store, "A", "volume", Outcome.NOT_APPLICABLE, Terms("王质检", "线路"))
    assert len(publications.of_call(store.db, "A")) == 4
    window = appeals.window(store, "A", "pickup")
    assert window.open and window.until == today() + 7 * DAY


@pytest.mark.parametrize(
    ("level", "action", "told"),
    [(QA, "reject", "现在不由质检答复"), (LEAD, "accept", "班组长不能“申诉成立”"), (LEAD, "escalate", "班组长不能“继续申诉”")],
)
def test_who_may_not_answer(store: Store, level: str, action: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        appeals.answer(store, filed(store).id, level, action, "x", "某人")


def test_steps_are_only_added(store: Store) -> None:
    one = filed(store)
    appeals.answer(store, one.id, LEAD, "support", "同意", "陈班长")
    for table in ("appeals", "appeal_steps"):
        for sql in (f"update {table} set made_by = 'x'", f"delete from {table}"):
            with pytest.raises(sqlite3.IntegrityError, match="append only"):
                store.db.sqlite.execute(sql)


# ---------------------------------------------------------------- time


def _step(level: str, action: str, day: D) -> Step:
    return Step(0, level, action, "x", "x", f"{day.isoformat()}T02:00:00.000+00:00")


CREATED = "2025-06-02T02:00:00.000+00:00"


@pytest.mark.parametrize(
    ("steps", "day", "now"),
    [
        ((), D(2025, 6, 5), State(LEAD, WAITING, D(2025, 6, 5))),
        ((), D(2025, 6, 6), State(QA, WAITING, D(2025, 6, 10))),
        ((), D(2025, 6, 11), State(FINAL, WAITING, D(2025, 6, 15))),
        ((), D(2025, 7, 11), State(FINAL, WAITING, D(2025, 6, 15), True)),
        ((_step(LEAD, "reject", D(2025, 6, 3)),), D(2025, 6, 6), State(LEAD, REFUSED, D(2025, 6, 6))),
        ((_step(LEAD, "reject", D(2025, 6, 3)),), D(2025, 6, 7), State(LEAD, CLOSED)),
        ((_step(QA, "reject", D(2025, 6, 7)),), D(2025, 6, 8), State(QA, REFUSED, D(2025, 6, 10))),
        ((_step(FINAL, "reject", D(2025, 7, 7)),), D(2025, 7, 8), State(FINAL, CLOSED)),
    ],
)
def test_what_is_not_answered_in_time_goes_up_and_what_is_not_pursued_ends(steps: tuple[Step, ...], day: D, now: State) -> None:
    assert state(CREATED, steps, PLAIN, day) == now


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (State(LEAD, REFUSED, D(2025, 6, 6)), "班组长驳回，可继续申诉（2025-06-06 前）"),
        (State(QA, REFUSED, D(2025, 6, 6)), "质检驳回，可继续申诉（2025-06-06 前）"),
        (State(LEAD, CLOSED), "班组长驳回，维持原判"),
        (State(QA, CLOSED), "质检驳回，维持原判"),
        (State(FINAL, CLOSED), "终审驳回，维持原判"),
        (State(QA, REFUSED, D(2025, 6, 6), part=True), "部分成立，其余驳回，可继续申诉（2025-06-06 前）"),
        (State(FINAL, ACCEPTED, part=True), "部分成立"),
        (State(FINAL, ACCEPTED), "申诉成立"),
        (State(QA, WAITING, D(2025, 6, 6), part=True), "待质检答复（2025-06-06 前）"),
    ],
)
def test_a_refusal_says_whose_it_is_and_whether_it_is_the_end(now: State, told: str) -> None:
    assert str(now) == told
    with speaking("en"):
        assert not chinese(translated(told))


def test_working_days_are_those_of_the_calendar() -> None:
    terms = AppealTerms()
    assert terms.after(D(2025, 9, 29), 3) == D(2025, 10, 10)  # 国庆 1-8 October; the 11th is a Saturday worked
    assert terms.after(D(2025, 10, 9), 2) == D(2025, 10, 11)
    assert terms.after(D(2090, 6, 2), 5) == D(2090, 6, 9)  # not announced: Monday to Friday
    assert state("2025-06-02T17:00:00.000+00:00", (), PLAIN, D(2025, 6, 3)).due == D(2025, 6, 6)  # 1 a.m. of the 3rd in the house


def test_the_rule_book_says_the_terms_and_its_faults_are_told(tmp_path: Path) -> None:
    more = '[appeals]\nwindow_days = 10\nreasons = ["录音不清", "其他"]\n'
    assert house(tmp_path / "a", more=more).appeals == AppealTerms(window_days=10, reasons=("录音不清", "其他"))
    assert house(tmp_path / "b").appeals == AppealTerms()
    for fault, told in (("window_days = 0", "window_days 应在 1 与 365 之间"), ("window = 3", "未知的键 window。是否想写 window_days？")):
        with pytest.raises(RuleBookError, match=told):
            house(tmp_path / "c", more=f"[appeals]\n{fault}\n")
    assert rulebook.load("default").appeals.window_days == 7
