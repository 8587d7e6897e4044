"""The queue, the day's plan, finished reviews, publications, and how often rules are overturned."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path

import pytest
import sqlite_utils
from older_databases import undo_accounts_of_work
from stored_houses import call, house, save

from qa.errors import ConflictError, NotFoundError, StoreError
from qa.people import accounts
from qa.people.accounts import User, UserRole
from qa.rescore import rescore
from qa.review import appeals, assignments, overturns, publications, queue, reviews, sampling, verdicts, versions
from qa.review.queue import Filter
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome

FINE = "fine = { amount = 50 }"
MORE = '[checks.own]\nkind = "phrase"\ntitle = "道歉"\nclause = "道歉。"\nseverity = "critical"\nweight = 10\nforbid = [{ say = "话费" }]\n'
BY = Terms("李质检", "听过了")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def fill(store: Store, folder: Path, worth: str = "weight = 10", more: str = "", calls: int = 4) -> None:
    book = house(folder / "house", worth=worth, more=more)
    for k in range(calls):
        agent = ("8001", "8002")[k % 2]
        save(store, book, call(f"C{k}", f"2025-05-10T1{k}:00:00.000", agent=agent, rings=(5, 2)[k // 2 % 2]))


def reviewer(store: Store, login: str, name: str, role: UserRole = UserRole.QA) -> int:
    """The number of a new account."""
    return accounts.add(store.db, User(0, login, name, role), "long-enough-2026", "测试").id


# ---------------------------------------------------------------- the queue


def test_the_worthiest_come_first_and_a_finished_review_leaves_until_something_else_is_said(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    assert queue.refresh(store) == 4 and queue.refresh(store) == 0
    found = queue.page(store.db, Filter())
    assert [(row.call_id, row.reasons) for row in found] == [("C1", ("money",)), ("C0", ("money",))]
    assert {row.call_id for row in queue.page(store.db, Filter(state="rest"))} == {"C2", "C3"}
    reviews.finish(store, "C0", "李质检", "铃声确实多")
    queue.update(store, "C0")
    assert [row.call_id for row in queue.page(store.db, Filter())] == ["C1"] and queue.following(store.db, Filter(), "C1") is None
    assert queue.page(store.db, Filter(state="done"))[0].call_id == "C0"
    rescore(store, house(tmp_path / "house", rings=4, worth=FINE.replace("50", "60"), version='"2"'))
    queue.refresh(store)
    assert queue.count(store.db, Filter()) == 1, "the same breach, reviewed, stays reviewed"
    rescore(store, house(tmp_path / "house", rings=9, worth=FINE, more=MORE, version='"3"'))
    queue.refresh(store)
    first = queue.page(store.db, Filter())[0]
    assert first.worth >= 300 and "critical" in first.reasons and queue.count(store.db, Filter(reason="critical")) == 4


def test_what_is_open_near_a_limit_appealed_or_drawn_has_its_weight(store: Store, tmp_path: Path) -> None:
    near = '[checks.long]\nkind = "measure"\ntitle = "时长"\nclause = "不超过。"\nweight = 1\nmeasure = "duration_s"\nhigh = 13\n'
    fill(store, tmp_path, more=near)
    queue.refresh(store)
    assert {row.reasons for row in queue.page(store.db, Filter())} == {("near",)}
    verdicts.overturn(store, "C2", "volume", Outcome.INCONCLUSIVE, BY)
    publications.publish(store, ["C0"], "李质检")
    one = appeals.file(store, "C0", "pickup", "8001", "其他", "三声就接了", "张坐席")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    sampling.draw(store, datetime.date(2025, 5, 10), 1, "李质检")
    for call_id in ("C0", "C1", "C2", "C3"):
        queue.update(store, call_id)
    found = {row.call_id: row.reasons for row in queue.page(store.db, Filter())}
    assert queue.page(store.db, Filter())[0].call_id == "C0" and "appealed" in found["C0"]
    assert "inconclusive" not in found["C2"], "a person has said that nobody can tell"
    assert sum("sampled" in reasons for reasons in found.values()) == 2
    reviews.finish(store, "C0", "李质检")
    queue.update(store, "C0")
    assert queue.page(store.db, Filter())[0].call_id == "C0", "an appeal wants an answer and not a look"


def test_filters_and_assignment(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    queue.refresh(store)
    assert [r.call_id for r in queue.page(store.db, Filter(agent_id="8002"))] == ["C1"]
    assert queue.count(store.db, Filter(team="一组")) == 0 and queue.count(store.db, Filter(since="2025-05-11")) == 0
    assert queue.count(store.db, Filter(since="2025-05-10", until="2025-05-10")) == 2
    wang = reviewer(store, "wang", "王质检")
    assert assignments.assign(store, ["C0", "C1", "C0"], wang, "李质检") == 2
    assert assignments.assign(store, ["C0"], wang, "李质检") == 0
    assert [r.call_id for r in queue.page(store.db, Filter(assignee=str(wang)))] == ["C1", "C0"]
    assert assignments.assign(store, ["C1"], None, "李质检") == 1
    assert assignments.assign(store, ["C1", "C2"], None, "李质检") == 0
    queue.update(store, "C1")
    assert [r.assignee for r in queue.page(store.db, Filter())] == ["", "王质检"]
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        store.db.sqlite.execute("update assignments set assignee = 'x'")


def test_a_call_is_an_account_s_whatever_the_names(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    queue.refresh(store)
    one, other = reviewer(store, "wang", "王质检"), reviewer(store, "wang2", "王质检")
    assignments.assign(store, ["C0"], one, "李质检")
    assignments.assign(store, ["C1"], other, "李质检", one)
    assert [[r.call_id for r in queue.page(store.db, Filter(assignee=str(n)))] for n in (one, other)] == [["C0"], ["C1"]]
    assert {r.title for r in assignments.reviewers(store.db)} == {"王质检（wang）", "王质检（wang2）"}
    store.db.sqlite.execute("update users set name = '王红' where id = ?", (one,))
    assert [(r.call_id, r.assignee) for r in queue.page(store.db, Filter(assignee=str(one)))] == [("C0", "王红")]
    queue.update(store, "C0")
    assert queue.count(store.db, Filter(assignee=str(one))) == 1
    given = assignments.of_call(store.db, "C0")
    assert given is not None and (given.assignee_id, given.assignee) == (one, "王红")
    for wrong in ("王质检", "-1", "９", "1" * 30):
        assert queue.count(store.db, Filter(assignee=wrong)) == 0
    accounts.set_disabled(store.db, "wang", True, "测试")
    for account in (one, reviewer(store, "chen", "陈", UserRole.TRAINER), 99):
        with pytest.raises(StoreError, match="不是在用的质检员账号"):
            assignments.assign(store, ["C0"], account, "李质检")


def test_calls_given_by_name_are_the_account_s_of_that_name_where_there_is_one(tmp_path: Path) -> None:
    made = Store(tmp_path / "qa.db")
    fill(made, tmp_path, worth=FINE, calls=6)
    queue.refresh(made)
    wang = reviewer(made, "wang", "王质检")
    for login, name, role in (("li1", "李质检", UserRole.QA), ("li2", "李质检", UserRole.QA), ("t", "王质检", UserRole.TRAINER)):
        reviewer(made, login, name, role)
    made.close()
    db = sqlite_utils.Database(tmp_path / "qa.db")
    undo_accounts_of_work(db)
    for call_id, names in {"C0": ["李质检", "王质检"], "C1": ["李质检"], "C2": ["旧名"], "C3": ["王质检", ""]}.items():
        for name in names:
            db.table("assignments").insert({"call_id": call_id, "assignee": name, "made_by": "甲", "created": "2026-01-01T00:00:00+00:00"})
            db.execute("update review_worth set assignee = ? where call_id = ?", [name, call_id])
    db.conn.commit()
    db.close()
    with Store(tmp_path / "qa.db") as store:
        known = {f"C{k}": assignments.of_call(store.db, f"C{k}") for k in range(4)}
        told = {call_id: (one.assignee_id, one.assignee) for call_id, one in known.items() if one is not None}
        assert told == {"C0": (wang, "王质检"), "C1": (None, "李质检"), "C2": (None, "旧名"), "C3": (None, "")}
        assert [r.call_id for r in queue.page(store.db, Filter(assignee=str(wang)))] == ["C0"]
        assert {r.call_id: r.assignee for r in queue.page(store.db, Filter())} == {"C0": "王质检", "C1": "李质检", "C4": "", "C5": ""}
        assert len(store.db.rows("select 1 from assignments where made_by = '甲'")) == 6, "nothing is written over"
        assert assignments.assign(store, ["C1"], None, "李质检") == 1 and assignments.assign(store, ["C2"], wang, "李质检") == 1


def test_a_withdrawn_call_leaves_the_queue_and_its_agent(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    publications.publish(store, ["C0"], "李质检")
    store.withdrawals.by_person(["C0"], False, "王主管", "重复的录音")
    queue.refresh(store)
    assert [r.call_id for r in queue.page(store.db, Filter())] == ["C1"]
    assert publications.newest(store.db, "C0") is None and list(publications.calls(store.db, "8001")) == []


def test_the_control_sample_is_the_same_for_everybody_and_as_large_as_said() -> None:
    drawn = [queue.control(f"call-{k}") for k in range(20_000)]
    assert drawn == [queue.control(f"call-{k}") for k in range(20_000)]
    assert 0.8 * queue.CONTROL < sum(drawn) / len(drawn) < 1.2 * queue.CONTROL


# ---------------------------------------------------------------- the day's plan


def test_a_plan_is_drawn_once_and_only_filled_up(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, calls=6)
    day = datetime.date(2025, 5, 10)
    assert sampling.draw(store, day, 2, "李质检") == 4
    plans = sampling.plans(store.db, day)
    assert [(p.agent_id, p.calls, len(p.drawn), p.done) for p in plans] == [("8001", 3, 2, 0), ("8002", 3, 2, 0)]
    assert sampling.draw(store, day, 2, "李质检", seed="x") == 0 and sampling.draw(store, day, 3, "李质检") == 2
    assert [p.drawn[:2] for p in sampling.plans(store.db, day)] == [p.drawn for p in plans]
    reviews.finish(store, plans[0].drawn[0], "李质检")
    assert sampling.plans(store.db, day)[0].done == 1
    for per_agent, by in ((0, "x"), (51, "x"), (1, " ")):
        with pytest.raises(StoreError, match="1–50"):
            sampling.draw(store, day, per_agent, by)


# ---------------------------------------------------------------- reviews


def test_money_waits_until_a_person_answers_for_the_breach(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth=FINE)
    confirmed = lambda call_id: reviews.confirmed_of(store, [call_id]).get(call_id, frozenset())  # noqa: E731
    assert confirmed("C0") == confirmed("C1") == frozenset()
    verdicts.confirm(store, "C0", "pickup", Terms("李质检"))
    reviews.finish(store, "C1", "李质检")
    assert confirmed("C0") == confirmed("C1") == {"pickup"}
    rescore(store, house(tmp_path / "house", rings=2, worth=FINE, more=MORE, version='"2"'))
    assert confirmed("C0") == confirmed("C1") == {"pickup"}, "the breach of the new rule nobody has looked at"


def test_a_review_of_what_another_has_changed_is_refused(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    seen = versions.version(store.db, "C0")
    verdicts.confirm(store, "C0", "pickup", BY)
    with pytest.raises(ConflictError, match="李质检 改了判定"):
        reviews.finish(store, "C0", "王质检", on=seen)
    assert reviews.of_call(store.db, "C0") == ()


# ---------------------------------------------------------------- publications


def test_agents_see_what_is_published_and_corrections_of_it_at_once(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path, worth="deduction = 5")
    with pytest.raises(NotFoundError, match="没有公布"):
        publications.shown(store, "C0")
    assert [w.call_id for w in publications.waiting(store.db)] == ["C0", "C1", "C2", "C3"]
    assert len(publications.publish(store, ["C0", "C1"], "李质检")) == 2 and publications.publish(store, ["C0"], "李质检") == ()
    assert [p.call_id for p in publications.calls(store.db, "8001")] == ["C0"]
    rescore(store, house(tmp_path / "house", worth="deduction = 7", version='"2"'))
    assert publications.shown(store, "C0")[1].percent == 95.0, "what the program says anew is a draft"
    assert [(w.call_id, w.anew) for w in publications.waiting(store.db)][:2] == [("C0", True), ("C1", True)]
    verdicts.confirm(store, "C0", "volume", Terms("李质检"))
    assert publications.shown(store, "C0")[1].percent == 95.0
    verdicts.overturn(store, "C0", "pickup", Outcome.PASS, BY)
    assert publications.shown(store, "C0")[1].percent == 100.0
    publications.retract(store, ["C1"], "李质检", "公布错了")
    assert list(publications.calls(store.db, "8002")) == [] and len(publications.of_call(store.db, "C1")) == 2
    with pytest.raises(NotFoundError):
        publications.publish(store, ["C2", "Z"], "李质检")
    assert publications.newest(store.db, "C2") is None, "all or none"


# ---------------------------------------------------------------- how often overturned


def test_how_often_a_rule_is_overturned_has_its_number_and_interval(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "control", lambda call_id: call_id in ("C0", "C1", "C2"))
    fill(store, tmp_path, calls=8)
    verdicts.overturn(store, "C0", "pickup", Outcome.PASS, BY)
    verdicts.confirm(store, "C1", "pickup", BY)
    verdicts.overturn(
        store,
        "C2",
        "pickup",
        Outcome.FAIL,
        BY,
        verdicts.whole_result(store, verdicts.basis(store, "C0"), "pickup").machine.findings[0].evidence,
    )  # type: ignore[union-attr]
    verdicts.overturn(store, "C4", "pickup", Outcome.PASS, BY)
    verdicts.withdraw(store, "C4", "pickup", BY)
    for call_id in ("C0", "C1", "C3"):
        reviews.finish(store, call_id, "李质检")
    first, *rest = overturns.per_rule(store)
    assert (first.rule_id, first.all.n, first.wrong_fail, first.wrong_pass) == ("pickup", 3, 1, 1)
    assert first.all.value == pytest.approx(2 / 3) and first.all.low is not None and 0.2 < first.all.low < first.all.high  # type: ignore[operator]
    assert (first.control.n, first.control.value) == (2, 0.5)
    assert [(one.rule_id, one.all.n, one.control.n, one.control.value) for one in rest] == [("volume", 0, 2, 0.0)]
    assert overturns.per_rule(store, since="2999-01-01") == ()


def test_breaches_that_were_confirmed_by_finishing_are_among_those_looked_at(store: Store, tmp_path: Path) -> None:
    book = house(tmp_path / "house")
    for k in range(28):
        save(store, book, call(f"C{k}", f"2025-05-{1 + k:02d}T10:00:00.000", rings=5))
    for k in range(2):
        verdicts.overturn(store, f"C{k}", "pickup", Outcome.PASS, BY)
    for k in range(2, 7):
        verdicts.confirm(store, f"C{k}", "pickup", BY)
    for k in range(28):
        reviews.finish(store, f"C{k}", "李质检")
        reviews.finish(store, f"C{k}", "李质检")
    (one,) = (found for found in overturns.per_rule(store) if found.rule_id == "pickup")
    assert (one.all.n, one.wrong_fail, one.wrong_pass) == (28, 2, 0)
    assert one.all.value == pytest.approx(2 / 28) and one.all.low is not None and one.all.high is not None
    assert one.all.low < 2 / 28 < one.all.high < 0.3
    store.withdrawals.by_person(["C27"], False, "王主管", "重复的录音")
    assert next(found.all.n for found in overturns.per_rule(store) if found.rule_id == "pickup") == 27
