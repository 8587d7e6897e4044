"""Appeals that are right in part, who may have the last word on them, and how much is read to say until when one may appeal."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils
from older_databases import forget, undo_accounts_of_work
from stored_houses import call, house, save

from qa import role_marks
from qa.errors import StoreError
from qa.judgements import Judgements
from qa.people import accounts
from qa.people.accounts import User, UserRole
from qa.rescore import judge
from qa.review import appeals, publications, reviews, text_marks, verdicts
from qa.review.appeal_states import CLOSED, FINAL, LEAD, QA, REFUSED, WAITING, State, today
from qa.review.appeals import Decider, Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Outcome, Role, Span

SAYS = """
坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。
客户 5-7 我想查话费。
坐席 7.5-9.5 这个我不知道。
客户 10-11 那怎么办？
坐席 11.5-13.5 我怎么会不知道。
客户 14-15 谁知道？
坐席 15.5-17.5 反正我不知道。
"""
WORDS = """[checks.words]
kind = "phrase"
title = "禁语"
clause = "不说不知道。"
deduction = 5
per = "occurrence"
forbid = [{ say = "不知道" }]
[appeals]
workdays = false
"""
DAY = datetime.timedelta(days=1)
WANG, OTHER_WANG = Terms("王伟", user_id=7), Terms("王伟", user_id=8)
"""Two who share a name."""
PEOPLE = (
    ("wang7", "王伟", UserRole.QA),
    ("wang8", "王伟", UserRole.QA),
    ("li", "李质检", UserRole.QA),
    ("qian", "钱质检", UserRole.QA),
    ("hr", "人事", UserRole.HR),
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Call A, in which the agent says three times what must not be said, published."""
    made = Store(tmp_path / "qa.db")
    save(made, house(tmp_path / "house", worth="deduction = 5", more=WORDS), call("A", rings=2, says=SAYS))
    publications.publish(made, ["A"], "王质检")
    return made


def filed(store: Store, rule: str = "words") -> appeals.Appeal:
    return appeals.file(store, "A", rule, "8001", "文字与录音不符", "后两处是在答客户的话", "张坐席")


def at_qa(store: Store) -> appeals.Appeal:
    return appeals.answer(store, filed(store).id, LEAD, "support", "请质检听", "陈班长", user_id=3)


def words(store: Store) -> tuple[int, float | None]:
    """How often the rule was broken and the call's percent, as the agent sees it."""
    card = publications.shown(store, "A")[1]
    result = card.result("words")
    assert result is not None
    return (result.occurrences if result.outcome is Outcome.FAIL else 0), card.percent


# ---------------------------------------------------------------- right in part


@pytest.mark.parametrize("kept", [(0,), (2,), (0, 1), (1, 2)])
def test_what_was_not_accepted_goes_on_to_count_and_the_answer_says_which(store: Store, kept: tuple[int, ...]) -> None:
    assert words(store) == (3, 85.0)
    done, given = appeals.accept(store, at_qa(store).id, QA, "听了", WANG, Decision(kept=kept))
    assert words(store) == (len(kept), 100.0 - 5 * len(kept)) and store.scorecard("A").percent == 100.0 - 5 * len(kept)
    assert given is not None and (given.verdict.action, given.verdict.appeal_id) == ("drop", done.id)
    times = ("0:08.5", "0:12.6", "0:16.5")
    gone, left = ("、".join(times[place] for place in range(3) if (place in kept) is on) for on in (False, True))
    assert done.steps[-1].text == f"听了（成立的：{gone}；仍然算的：{left}）"
    assert (done.steps[-1].action, done.steps[-1].verdict_id) == ("accept_part", given.verdict.id)


def test_with_the_rest_the_agent_may_go_on_and_the_last_word_is_the_end(store: Store) -> None:
    one = at_qa(store)
    done, _ = appeals.accept(store, one.id, QA, "听了", WANG, Decision(kept=(0, 1)))
    now = done.state()
    assert (now.level, now.status, now.part, now.title) == (QA, REFUSED, True, "部分成立，其余驳回，可继续申诉")
    assert appeals.window(store, "A", "words").why == "已经申诉，正在处理"
    appeals.escalate(store, one.id, "第二处也不是", "张坐席")
    assert appeals.get(store.db, one.id).state().status == WAITING
    with pytest.raises(StoreError, match="终审要由没有判过"):
        appeals.accept(store, one.id, FINAL, "听了", WANG, Decision(kept=(0,)))
    done, _ = appeals.accept(store, one.id, FINAL, "听了", OTHER_WANG, Decision(kept=(0,)))
    assert words(store) == (1, 95.0) and done.state() == State(FINAL, "accepted", part=True) and str(done.state()) == "部分成立"
    assert appeals.window(store, "A", "words").why == "已经申诉过，答复是最终的" and appeals.unsettled(store.db) == ()


@pytest.mark.parametrize("end", ["reject", "withdraw", "lapse"])
def test_what_was_given_stays_given_however_the_rest_ends(store: Store, end: str) -> None:
    one, day = at_qa(store), today()
    appeals.accept(store, one.id, QA, "听了", WANG, Decision(kept=(0,)))
    if end == "reject":
        appeals.escalate(store, one.id, "不服", "张坐席")
        appeals.answer(store, one.id, FINAL, "reject", "听了", "赵主管")
    elif end == "withdraw":
        appeals.take_back(store, one.id, "张坐席")
    else:
        day += 365 * DAY
    now = appeals.get(store.db, one.id).state(day)
    assert (now.status, now.title, now.open) == ("accepted", "部分成立", False) and words(store) == (1, 95.0)
    assert appeals.window(store, "A", "words", day).why == "已经申诉过，答复是最终的"


def test_accepted_as_a_whole_after_a_part_nothing_is_left(store: Store) -> None:
    one = at_qa(store)
    appeals.accept(store, one.id, QA, "听了", WANG, Decision(kept=(0,)))
    appeals.escalate(store, one.id, "第一处也不是", "张坐席")
    done, _ = appeals.accept(store, one.id, FINAL, "都不算", Terms("赵主管"), Decision())
    assert words(store) == (0, 100.0) and str(done.state()) == "申诉成立"


def test_what_comes_anew_after_a_part_may_be_appealed_against(store: Store, tmp_path: Path) -> None:
    one = at_qa(store)
    appeals.accept(store, one.id, QA, "听了", WANG, Decision(kept=(0,)))
    appeals.take_back(store, one.id, "张坐席")
    book, other = house(tmp_path / "house", worth="deduction = 5", more=WORDS), call("A", rings=2, says=SAYS)
    heard = replace(other, audio=replace(other.audio, sha256="f" * 64))
    store.record(heard, judge(heard, book, store.earlier()), new_recording=True)
    publications.publish(store, ["A"], "王质检")
    assert words(store) == (3, 85.0)
    assert appeals.window(store, "A", "words").why == "已经申诉过，答复是最终的", "the three that it was about"
    verdicts.add(store, "A", "words", Evidence(Span(500, 900), Role.AGENT), Terms("王质检", "又听到一处"))
    assert words(store) == (4, 80.0) and appeals.window(store, "A", "words").open


@pytest.mark.parametrize("kept", [(0, 1, 2), (3,), (0, 7)])
def test_a_part_is_neither_all_nor_what_was_never_found(store: Store, kept: tuple[int, ...]) -> None:
    one = at_qa(store)
    with pytest.raises(StoreError, match=r"全部剔除|只能从违反的发现里"):
        appeals.accept(store, one.id, QA, "听了", WANG, Decision(kept=kept))
    assert appeals.get(store.db, one.id).state().status == WAITING and words(store) == (3, 85.0)


def test_an_answer_as_long_as_allowed_is_not_too_long_with_its_places(store: Store) -> None:
    one = at_qa(store)
    with pytest.raises(StoreError, match="说明太长"):
        appeals.accept(store, one.id, QA, "字" * (appeals.LONGEST + 1), WANG, Decision(kept=(0,)))
    done, _ = appeals.accept(store, one.id, QA, "字" * appeals.LONGEST, WANG, Decision(kept=(0,)))
    assert done.steps[-1].text.endswith("；仍然算的：0:08.5）")


# ---------------------------------------------------------------- the last word


def refused_at_qa(store: Store, by: str, user_id: int | None) -> appeals.Appeal:
    one = at_qa(store)
    appeals.answer(store, one.id, QA, "reject", "听了，是", by, user_id=user_id)
    return appeals.escalate(store, one.id, "不服", "张坐席")


def closed(store: Store, one: appeals.Appeal, by: str, user_id: int | None) -> bool:
    """Whether that person could be the last instance."""
    try:
        done = appeals.answer(store, one.id, FINAL, "reject", "听了，是", by, user_id=user_id)
    except StoreError as error:
        assert "终审要由没有判过" in error.cause
        return False
    return done.state().status == CLOSED


@pytest.mark.parametrize(
    ("before", "now", "may"),
    [
        (("王伟", 7), ("王伟", 8), True),  # two of one name
        (("王伟", 7), ("王大伟", 7), False),  # one who has another name since
        (("王伟", 7), ("王伟", 7), False),
        (("王伟", None), ("王伟", 8), False),  # an answer of which no account is known: the name is all there is
        (("王伟", 7), ("王伟", None), False),
        (("王伟", None), ("赵琳", 8), True),
    ],
)
def test_the_last_instance_is_another_person_and_not_another_name(
    store: Store, before: tuple[str, int | None], now: tuple[str, int | None], may: bool
) -> None:
    assert closed(store, refused_at_qa(store, *before), *now) is may


@pytest.mark.parametrize(("now", "may"), [(("王伟", 8), True), (("王大伟", 7), False)])
def test_whoever_ruled_on_the_rule_is_told_apart_by_account_too(store: Store, now: tuple[str, int], may: bool) -> None:
    verdicts.confirm(store, "A", "words", WANG)
    assert closed(store, refused_at_qa(store, "李质检", 9), *now) is may


def test_one_who_has_the_agents_name_has_decided_all_the_same(store: Store) -> None:
    one = refused_at_qa(store, "张坐席", 7)
    assert not closed(store, one, "张坐席", 7) and Decider("张坐席", 7) in appeals.deciders(store.db, one)


def test_taken_back_and_made_again_it_finds_no_last_instance_among_those_who_refused_it(store: Store) -> None:
    one = refused_at_qa(store, "李质检", 9)
    appeals.take_back(store, one.id, "张坐席")
    again = refused_at_qa(store, "赵琳", 10)
    assert again.id != one.id and not closed(store, again, "李质检", 9) and closed(store, again, "钱主管", 11)


def finished(store: Store) -> None:
    reviews.finish(store, "A", "王伟", user_id=7)


def ruled_on_another(store: Store) -> None:
    verdicts.confirm(store, "A", "volume", WANG)


def corrected(store: Store) -> None:
    text_marks.correct(store, "A", "ch1", Span(5000, 7000), "我要查话费。", replace(WANG, reason="听了"))


def took_back(store: Store) -> None:
    text_marks.correct(store, "A", "ch1", Span(5000, 7000), "我要查话费。", Terms("陈班长", "听了", user_id=3))
    text_marks.undo(store, "A", 1, replace(WANG, reason="听错"))


def set_roles(store: Store) -> None:
    role_marks.setting(store, "A", {"ch0": Role.AGENT, "ch1": Role.THIRD_PARTY}, "王伟", "听了", user_id=7)()


@pytest.mark.parametrize("work", [finished, ruled_on_another, corrected, took_back, set_roles])
def test_who_had_any_part_in_the_review_of_the_call_is_not_the_last_instance(store: Store, work: Callable[[Store], None]) -> None:
    people = {login: accounts.add(store.db, User(0, login, name, role), "long-enough-2026", "测试").id for login, name, role in PEOPLE}
    store.db.sqlite.execute("update users set id = 7 where id = ?", (people["wang7"],))
    work(store)
    one = refused_at_qa(store, "李质检", people["li"])
    with pytest.raises(StoreError, match="也不能是参与过这通电话复核的人") as refused:
        appeals.answer(store, one.id, FINAL, "reject", "是三处", "改了名", user_id=7)
    assert refused.value.cure == "可以终审的质检员：王伟（wang8）、钱质检"
    store.db.sqlite.execute("update users set disabled = 1 where login in ('wang8', 'qian')")
    with pytest.raises(StoreError) as refused:
        appeals.answer(store, one.id, FINAL, "reject", "是三处", "改了名", user_id=7)
    assert refused.value.cure.startswith("现在没有这样的质检员账号")
    assert closed(store, one, "王伟", people["wang8"]), "another account of that name"


def test_who_answered_an_appeal_about_something_else_may_be_the_last_instance(store: Store) -> None:
    verdicts.overturn(store, "A", "volume", Outcome.FAIL, Terms("李质检", "太轻", user_id=9), (Evidence(Span(500, 900), Role.AGENT),))
    publications.publish(store, ["A"], "王质检")
    other = filed(store, "volume")
    appeals.answer(store, other.id, LEAD, "support", "请质检听", "陈班长", user_id=3)
    appeals.accept(store, other.id, QA, "够响", Terms("钱质检", user_id=11), Decision(Outcome.PASS))
    one = refused_at_qa(store, "李质检", 9)
    assert closed(store, one, "钱质检", 11)


def test_a_database_of_before_opens_and_its_answers_go_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    made = Store(path)
    save(made, house(tmp_path / "house", worth="deduction = 5", more=WORDS), call("A", rings=2, says=SAYS))
    publications.publish(made, ["A"], "王质检")
    one = refused_at_qa(made, "李质检", 9)
    made.close()
    older(path)
    with Store(path) as store:
        assert [(s.by, s.user_id) for s in appeals.get(store.db, one.id).steps][:2] == [("陈班长", None), ("李质检", None)]
        assert not closed(store, one, "李质检", 9) and closed(store, one, "赵琳", 10)


def older(path: Path) -> None:
    """The database as it was before it kept accounts."""
    db = sqlite_utils.Database(path)
    undo_accounts_of_work(db)
    for table in ("verdicts", "appeal_steps"):
        db.execute(f"alter table {table} drop column user_id")
    forget(db, "review_accounts")
    db.close()


# ---------------------------------------------------------------- how much is read


def test_windows_of_all_rules_are_read_at_once_and_no_call_for_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        verdicts.overturn(store, "A", "volume", (Outcome.NOT_APPLICABLE, Outcome.PASS)[number % 2], Terms("王质检", "线路"))
    one = filed(store)
    ids = ("words", "volume", "pickup", appeals.WHOLE_CALL)
    single = {rule_id: appeals.window(store, "A", rule_id) for rule_id in ids}
    unpacked, asked = itertools.count(), list[str]()
    real = Judgements.unpack
    monkeypatch.setattr(Judgements, "unpack", lambda self, text: (next(unpacked), real(self, text))[1])
    monkeypatch.setattr(Judgements, "whole", lambda self, text: pytest.fail("findings are not wanted"))
    monkeypatch.setattr(Store, "load", lambda self, of: pytest.fail("no call is wanted"))
    store.db.sqlite.conn.set_trace_callback(asked.append)
    assert appeals.windows(store, "A", ids) == single and single["words"].why == "已经申诉，正在处理" and one.state().open
    many = sum(sql.startswith("select") for sql in asked)
    assert len(store.db.rows("select 1 from scorecards")) == 5 and next(unpacked) == 5, "each published scorecard once"
    asked.clear()
    appeals.windows(store, "A", ("words",))
    assert sum(sql.startswith("select") for sql in asked) == many
