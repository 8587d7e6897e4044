"""Verdicts of persons: they count at once, outlive every later judging, change nothing else, and are only ever added to."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from stored_houses import call, house, save

from qa import explain, rescore
from qa.books import Books
from qa.errors import ConflictError, NotFoundError, QaError, StoreError
from qa.review import publications, rulings, verdicts, versions
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import CheckResult, Evidence, Outcome, Role, Span
from qa.whatif import what_if

BY = Terms("李质检", "听了，铃响三声")
FINE = "fine = { amount = 50 }"
WORTH = "deduction = 5"
PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """May of agent 8001: A and B were picked up too late, C in time."""
    made = Store(tmp_path / "qa.db")
    for call_id, day, rings in (("A", 10, 5), ("B", 11, 5), ("C", 12, 2)):
        save(made, house(tmp_path / "house", worth=WORTH), call(call_id, f"2025-05-{day}T10:00:00.000", rings=rings))
    return made


def result(store: Store, call_id: str = "A", rule_id: str = "pickup") -> CheckResult:
    found = store.scorecard(call_id).result(rule_id)
    assert found is not None
    return found


def percent(store: Store, call_id: str = "A") -> float | None:
    return store.scorecard(call_id).percent


# ---------------------------------------------------------------- what it does


def test_overturned_the_points_follow_at_once_and_the_program_s_own_result_stands_beside(store: Store) -> None:
    assert (result(store).outcome, percent(store)) == (FAIL, 95.0)
    given = verdicts.overturn(store, "A", "pickup", PASS, BY)
    now = result(store)
    assert (now.outcome, now.points, percent(store)) == (PASS, 5.0, 100.0)
    assert now.verdict == given.verdict.id and "听了，铃响三声" in now.findings[0].message
    assert now.machine is not None and (now.machine.outcome, now.machine.points, now.machine.verdict) == (FAIL, 0.0, 0)
    assert now.machine.findings[0].evidence and (given.before, given.after, given.month) == (95.0, 100.0, None)
    assert percent(store, "B") == 95.0 and [len(store.history(c)) for c in "AB"] == [2, 1]
    assert explain.call(store, "A", Books(store)).stale is False


def test_it_outlives_another_version_of_the_rules_and_another_transcript(store: Store, tmp_path: Path) -> None:
    verdicts.overturn(store, "A", "pickup", PASS, BY)
    stricter = house(tmp_path / "house", rings=2, worth="deduction = 20", version='"2"')
    done = rescore.rescore(store, stricter)
    assert (done.failed, result(store).outcome, percent(store), percent(store, "B")) == (0, PASS, 100.0, 80.0)
    assert result(store).machine is not None and result(store).machine.outcome is FAIL  # type: ignore[union-attr]
    again = save(store, stricter, call("A", "2025-05-10T10:00:00.000", says="坐席 0.5-4.5 您好，华宁通信，很高兴。"))
    assert again.new and result(store).outcome is PASS
    (verdict,) = rulings.of_call(store.db, "A")
    assert verdicts.given_on(store, verdict, verdicts.basis(store, "A")) == ("文字已改",)


def test_a_confirmed_breach_stays_when_the_program_no_longer_sees_it(store: Store, tmp_path: Path) -> None:
    verdicts.confirm(store, "A", "pickup", Terms("李质检"))
    assert (result(store).verdict, result(store).findings) == (1, store.history("A")[0].scorecard.results[0].findings)
    rescore.rescore(store, house(tmp_path / "house", rings=9, worth=WORTH, version='"2"'))
    assert (percent(store, "A"), percent(store, "B")) == (95.0, 100.0)
    assert result(store).machine is not None and result(store).machine.outcome is PASS  # type: ignore[union-attr]


def test_a_rule_that_is_no_more_is_not_ruled_on_and_the_rest_goes_on(store: Store, tmp_path: Path) -> None:
    given = verdicts.overturn(store, "A", "pickup", PASS, BY)
    folder = tmp_path / "house"
    text = (folder / "rules.toml").read_text("utf-8").replace("[checks.pickup]", '[checks.answering]\nkind = "pickup"')
    (folder / "rules.toml").write_text(text, "utf-8")
    from qa import rulebook

    rescore.rescore(store, rulebook.load(folder))
    assert (result(store, rule_id="answering").outcome, percent(store)) == (FAIL, 95.0)
    assert verdicts.given_on(store, given.verdict, verdicts.basis(store, "A")) == ("规则书里已没有这条规则，不起作用",)


def test_on_another_recording_nobody_has_listened_to_it_does_not_count(store: Store, tmp_path: Path) -> None:
    given = verdicts.overturn(store, "A", "pickup", PASS, BY)
    other = call("A", "2025-05-10T10:00:00.000")
    other = replace(other, audio=replace(other.audio, sha256="f" * 64))
    book = house(tmp_path / "house", worth=WORTH)
    store.record(other, rescore.judge(other, book, store.earlier()), new_recording=True)
    assert (result(store).outcome, result(store).verdict) == (FAIL, 0)
    assert "录音已换成另一份" in verdicts.given_on(store, given.verdict, verdicts.basis(store, "A"))[0]


def test_withdrawn_the_program_s_result_counts_again_and_all_is_on_record(store: Store) -> None:
    verdicts.overturn(store, "A", "pickup", PASS, BY)
    verdicts.withdraw(store, "A", "pickup", Terms("王主管", "听错了"))
    assert (result(store).outcome, result(store).verdict, percent(store)) == (FAIL, 0, 95.0)
    told = [(v.action, v.outcome, v.by, v.machine) for v in rulings.of_call(store.db, "A")]
    assert told == [("overturn", PASS, "李质检", FAIL), ("withdraw", None, "王主管", FAIL)]
    assert [k.scorecard.percent for k in store.history("A")] == [95.0, 100.0, 95.0]
    for sql in ("update verdicts set made_by = 'x'", "delete from verdicts"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            store.db.sqlite.execute(sql)


def test_tried_rules_leave_what_persons_said(store: Store, tmp_path: Path) -> None:
    verdicts.overturn(store, "A", "pickup", PASS, BY)
    tried = what_if(store, house(tmp_path / "tried", rings=2, worth="deduction = 20"))
    assert {m.call_id for m in tried.moves} == {"B"}


# ---------------------------------------------------------------- findings one by one


def test_findings_are_added_and_dropped_one_by_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "qa.db")
    worth = 'deduction = 5\nper = "occurrence"'
    more = (
        f'[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\n{worth}\nforbid = [{{ say = "话费" }}, {{ say = "稍等" }}]\n'
    )
    save(store, house(tmp_path / "house", worth="deduction = 1", more=more), call("A"))
    assert (result(store, rule_id="words").occurrences, percent(store)) == (2, 89.0)
    added = Evidence(Span(500, 2500), Role.AGENT)
    verdicts.add(store, "A", "words", added, Terms("李质检", "语气生硬"))
    now = result(store, rule_id="words")
    assert (now.occurrences, now.findings[0].evidence[0].span, percent(store)) == (3, added.span, 84.0)
    assert "您好" in now.findings[0].evidence[0].text and now.machine is not None and now.machine.occurrences == 2
    verdicts.drop(store, "A", "words", [1], Terms("李质检", "只有这一处"))
    now = result(store, rule_id="words")
    assert (now.occurrences, percent(store)) == (1, 94.0) and now.machine is not None and now.machine.occurrences == 2
    verdicts.add(store, "A", "volume", added, Terms("李质检", "喊叫"))
    assert (result(store, rule_id="volume").outcome, percent(store)) == (FAIL, 93.0)


@pytest.mark.parametrize(
    ("act", "kind", "told"),
    [
        (lambda s: verdicts.overturn(s, "A", "pickup", PASS, Terms(" ", "r")), StoreError, "由谁判定"),
        (lambda s: verdicts.overturn(s, "A", "pickup", PASS, Terms("a", " ")), StoreError, "没有写理由"),
        (lambda s: verdicts.overturn(s, "A", "pickup", FAIL, BY), StoreError, "与现在的相同"),
        (lambda s: verdicts.overturn(s, "A", "pickup", Outcome.ERROR, BY), StoreError, "不能改判为 error"),
        (lambda s: verdicts.overturn(s, "A", "rude", PASS, BY), NotFoundError, "没有这条规则。有的规则：pickup、volume"),
        (lambda s: verdicts.overturn(s, "Z", "pickup", PASS, BY), NotFoundError, "没有这通电话"),
        (lambda s: verdicts.add(s, "A", "volume", Evidence(Span(0, 99_000), Role.AGENT), BY), StoreError, "不是录音里的一段。录音长"),
        (lambda s: verdicts.add(s, "A", "volume", Evidence(Span(500, 500), Role.AGENT), BY), StoreError, "不是录音里的一段"),
        (lambda s: verdicts.drop(s, "A", "pickup", [], BY), StoreError, "没有剔除，或全部剔除"),
        (lambda s: verdicts.drop(s, "A", "pickup", [7], BY), StoreError, "只能从违反的发现里选留"),
        (lambda s: verdicts.withdraw(s, "A", "pickup", BY), StoreError, "无可撤回"),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_no_trace(store: Store, act: Any, kind: type[QaError], told: str) -> None:
    with pytest.raises(kind, match=told):
        act(store)
    assert rulings.of_call(store.db, "A") == () and len(store.history("A")) == 1


# ---------------------------------------------------------------- two at once


def test_of_two_reviewers_the_second_is_told_and_the_first_loses_nothing(store: Store) -> None:
    seen = versions.version(store.db, "A")
    verdicts.overturn(store, "A", "pickup", PASS, replace(BY, on=seen))
    with pytest.raises(ConflictError, match=r"李质检 改了判定.*没有保存"):
        verdicts.confirm(store, "A", "pickup", Terms("王质检", on=seen))
    assert [v.by for v in rulings.of_call(store.db, "A")] == ["李质检"] and result(store).outcome is PASS
    verdicts.confirm(store, "A", "pickup", Terms("王质检", on=versions.version(store.db, "A")))


def test_a_confirmation_alone_is_a_change_for_the_other(store: Store) -> None:
    seen = versions.version(store.db, "A")
    verdicts.confirm(store, "A", "volume", Terms("李质检"))
    with pytest.raises(ConflictError, match="李质检"):
        verdicts.overturn(store, "A", "pickup", PASS, Terms("王质检", "r", on=seen))


def test_a_rescore_under_way_does_not_write_over_a_verdict(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.bench import Bench

    book, plain = house(tmp_path / "house", rings=2, worth="deduction = 20", version='"2"'), Bench.card
    done: list[str] = []

    def card(self: Bench, of: Any, *rest: Any) -> Any:
        made = plain(self, of, *rest)
        if of.call_id == "B" and not done:  # a person decides after B was judged and before it is written
            done.append("B")
            with Store(store.path) as other:
                verdicts.overturn(other, "B", "pickup", PASS, BY)
        return made

    monkeypatch.setattr(Bench, "card", card)
    found = rescore.rescore(store, book)
    assert (found.failed, result(store, "B").outcome, percent(store, "A")) == (1, PASS, 80.0)
    assert "有人复核了" in found.errors[0].cause
    assert rescore.rescore(store, book).failed == 0 and percent(store, "B") == 100.0


# ---------------------------------------------------------------- months and money


def test_in_a_closed_month_it_proposes_and_withdrawn_nothing_is_left_to_adjust(store: Store) -> None:
    store.ledger.close_month("2025-05", "财务")
    with pytest.raises(StoreError, match=r"已关账的 2025-05"):
        verdicts.overturn(store, "A", "pickup", PASS, BY)
    given = verdicts.overturn(store, "A", "pickup", PASS, replace(BY, closed_month=True))
    assert given.saved.proposed and given.month == "2025-05" and percent(store) == 95.0
    verdicts.overturn(store, "A", "volume", Outcome.NOT_APPLICABLE, replace(BY, closed_month=True))
    assert percent(store) == 95.0
    store.adjust("A", "王主管", "同意")
    assert (percent(store), result(store, rule_id="volume").outcome) == (100.0, Outcome.NOT_APPLICABLE)
    verdicts.overturn(store, "B", "pickup", PASS, replace(BY, closed_month=True))
    verdicts.withdraw(store, "B", "pickup", replace(BY, closed_month=True))
    assert percent(store, "B") == 95.0
    if store.pending("B") is not None:
        store.adjust("B", "王主管", "误批")
    assert (percent(store, "B"), result(store, "B").outcome) == (95.0, FAIL)


def test_confirming_in_a_closed_month_moves_no_figure_and_proposes_nothing(store: Store) -> None:
    store.ledger.close_month("2025-05", "财务")
    given = verdicts.confirm(store, "A", "pickup", Terms("李质检", closed_month=True))
    assert not given.saved.proposed and store.pending("A") is None
    assert set(rulings.standing(rulings.of_call(store.db, "A"))) == {"pickup"}


def test_first_warnings_are_counted_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "qa.db")
    book = house(tmp_path / "house", worth="deduction = 5\nwarn_first = 1")
    for call_id, day in (("A", 10), ("B", 11)):
        save(store, book, call(call_id, f"2025-05-{day}T10:00:00.000"))
    assert (percent(store, "A"), percent(store, "B")) == (100.0, 95.0)
    publications.publish(store, ["B"], "李质检")
    given = verdicts.overturn(store, "A", "pickup", PASS, BY)
    assert given.others == ("B",) and percent(store, "B") == 100.0
    assert publications.shown(store, "B")[1].percent == 100.0


def test_the_money_of_the_month_follows(tmp_path: Path) -> None:
    store = Store(tmp_path / "qa.db")
    for call_id, day in (("A", 10), ("B", 11)):
        save(store, house(tmp_path / "house", worth=FINE), call(call_id, f"2025-05-{day}T10:00:00.000"))
    fines = lambda: float(explain.month(store, "8001", 2025, 5, Books(store)).fines.rules[0].fine.low)  # noqa: E731
    assert fines() == 100
    verdicts.overturn(store, "A", "pickup", Outcome.NOT_APPLICABLE, BY)
    assert fines() == 50


# ---------------------------------------------------------------- the command


def test_the_command_gives_verdicts_and_shows_them_without_numbers(qa: Run, store: Store) -> None:
    store.close()
    done = qa("review", "verdict", "A", "pickup", "pass", "--by", "李质检", "--reason", "客户 13812345678 说三声")
    assert done.code == 0 and "A 的 pickup 已记下：改判（李质检）；得分 95 → 100" in done.out
    added = qa("review", "verdict", "A", "volume", "add", "--by", "李质检", "--reason", "喊叫", "--at", "0.5-2", "--json").json
    assert (added["outcome"], added["percent_after"]) == ("fail", 95.0)
    told = qa("review", "show", "A")
    assert "改判：" in told.out and "138****5678" in told.out and "13812345678" not in told.out
    assert [d["what"] for d in qa("review", "show", "A", "--json").json["decisions"]][1].startswith("补充发现")
    assert qa("review", "show", "B").out.strip() == "还没有人工的决定"
    assert qa("review", "refresh", "--json").json["looked_at"] == 3
    for wrong in (("gut",), ("add",), ("add", "--at", "x"), ("pass", "--reason", "")):
        assert qa("review", "verdict", "B", "pickup", *wrong, "--by", "李质检").code == 2
