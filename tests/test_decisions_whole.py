"""A decision on a page is kept whole, with its row of the log, or not at all; and it keeps others from writing for a moment only."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stored_houses import call, save
from stored_houses import house as rules_of
from web_house import House, call_id

from qa import explain, ledger, ledger_closing, role_marks
from qa.appraisal import acknowledgements, closing, figures, month_table
from qa.errors import ConflictError, StoreError
from qa.people import audit
from qa.rescore import rescore
from qa.review import appeals, publications, queue, recounting, rule_editing, sampling, text_marks, verdicts, versions
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome
from qa.web.addresses import address

A = call_id("8001", 1)
MAY = "2025-05"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def broken(*_args: object, **_more: object) -> Any:
    raise StoreError(A, "保存的数据缺失或已损坏", "请从备份恢复")


def form(house: House, **fields: Any) -> dict[str, Any]:
    return {"on": versions.version(house.store.db, A), "reason": "听过录音", **fields}


def changed(house: House) -> list[int]:
    """How many rows there are of what persons decide."""
    tables = ("verdicts", "text_marks", "role_marks", "appeal_steps", "scorecards", "publications", "rule_drafts")
    return [len(house.store.db.rows(f"select 1 from {table}")) for table in tables]


def logged(house: House) -> list[tuple[str, str, str]]:
    return [row for row in house.actions() if not row[1].endswith(".view")]


# ---------------------------------------------------------------- all of it or nothing


@pytest.mark.parametrize("what", ["verdict", "text", "roles"])
def test_a_refused_decision_on_a_call_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    line = house.store.call(A).transcript.utterances[0]
    label = role_marks.labels(house.store.call(A).as_heard.turns)[0]
    fields = {
        "verdict": {"rule": "greeting", "action": "overturn", "outcome": "pass"},
        "text": {"speaker": line.speaker, "start_ms": line.span.start_ms, "end_ms": line.span.end_ms, "text": "您好"},
        "roles": {f"role-{label}": "customer"},
    }[what]
    client, before, log = house.client("qa"), changed(house), logged(house)
    for module in (verdicts, text_marks, recounting):
        monkeypatch.setattr(module, "recounted", broken)
    answer = client.post(f"/review/{A}/{what}", form(house, **fields))
    assert answer.status_code == 400 and "缺失或已损坏" in answer.text
    assert (changed(house), logged(house)) == (before, log)
    monkeypatch.undo()
    assert client.post(f"/review/{A}/{what}", form(house, **fields)).status_code == 303
    assert changed(house) != before and len(logged(house)) == len(log) + 1


def test_a_finished_review_that_cannot_be_published_is_not_finished(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publications, "publish", broken)
    answer = house.client("qa").post(f"/review/{A}/finish", form(house, publish="1"))
    assert answer.status_code == 400 and not house.store.db.rows("select 1 from reviews")


def test_a_refused_answer_to_an_appeal_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.publish(A)
    one = appeals.file(house.store, A, "greeting", "8001", "文字与录音不符", "我说了您好", "李敏", date(2025, 6, 15))
    appeals.answer(house.store, one.id, "lead", "support", "属实", "王班长", date(2025, 6, 15))
    before, log = changed(house), logged(house)
    monkeypatch.setattr(appeals, "recounted", broken)
    answer = house.client("qa").post(f"/appeals/{one.id}", form(house, action="accept", text="同意", outcome="pass"))
    assert answer.status_code == 400 and (changed(house), logged(house)) == (before, log)
    assert appeals.get(house.store.db, one.id).state(date(2025, 6, 15)).open


def test_a_change_of_the_rules_that_cannot_be_logged_is_not_made(house: House) -> None:
    client = house.client("qa")
    there = client.post("/rules", {"book": house.store.db.rows("select id from rule_books")[0]["id"]}).headers["location"]
    one = rule_editing.get(house.store.db, int(there.rsplit("/", 1)[1]))
    limit = next(limit for limit in rule_editing.limits(rule_editing.load(one)) if isinstance(limit.value, int | float))
    wanted = {"rule": limit.rule_id, "key": limit.key, "value": f"{limit.value + 1:g}", "revision": str(one.revision)}
    key = audit.key_path(house.store.db)
    key.rename(house.folder / "elsewhere")
    assert client.post(there, wanted).status_code >= 400 and rule_editing.get(house.store.db, one.id) == one
    (house.folder / "elsewhere").rename(key)
    assert client.post(there, wanted).status_code == 303 and rule_editing.get(house.store.db, one.id).revision == one.revision + 1


def test_without_a_page_a_decision_is_whole_too(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, rules_of(tmp_path / "h", worth="deduction = 5"), call("A", "2025-05-10T10:00:00.000"))
    with monkeypatch.context() as patched, pytest.raises(StoreError, match="缺失或已损坏"):
        patched.setattr(verdicts, "recounted", broken)
        verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("甲", "听过"))
    assert store.scorecard("A").percent == 95.0 and not store.db.rows("select 1 from verdicts")
    ledger_closing.close_month(store, MAY, "张三")
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("甲", "听过", closed_month=True))
    with monkeypatch.context() as patched, pytest.raises(StoreError, match="缺失或已损坏"):
        patched.setattr(closing, "counted_again", broken)
        closing.adjust(store, MAY, ["A"], "人事", "申诉成立")
    assert store.scorecard("A").percent == 95.0 and store.adjustments("A") == ()


# ---------------------------------------------------------------- for a moment only


def watched(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, store_of: Callable[..., Any]) -> list[bool]:
    """Each time it is called, whether others are kept from writing meanwhile."""
    found: list[bool] = []
    real = getattr(module, name)

    def called(*args: Any, **more: Any) -> Any:
        db = store_of(*args, **more)
        found.append(db._depth > 0)
        return real(*args, **more)

    monkeypatch.setattr(module, name, called)
    return found


def test_a_call_is_judged_while_others_may_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [watched(monkeypatch, module, "judge", lambda _call, _book, earlier: earlier.db) for module in (text_marks, role_marks)]
    line = house.store.call(A).transcript.utterances[0]
    there = {"speaker": line.speaker, "start_ms": line.span.start_ms, "end_ms": line.span.end_ms}
    client = house.client("qa")
    assert client.post(f"/review/{A}/text", form(house, text="您好", **there)).status_code == 303
    mark = text_marks.marks(house.store.db, A)[-1].id
    assert client.post(f"/review/{A}/text", form(house, undo=mark)).status_code == 303
    label = role_marks.labels(house.store.call(A).as_heard.turns)[0]
    assert client.post(f"/review/{A}/roles", form(house, **{f"role-{label}": "customer"})).status_code == 303
    assert found == [[False, False], [False]]


def test_what_was_judged_on_something_older_is_not_kept(house: House) -> None:
    line = house.store.call(A).transcript.utterances[0]
    terms = Terms("甲", "听过", on=versions.version(house.store.db, A))
    keep = text_marks.correcting(house.store, A, line.speaker, line.span, "您好", terms)
    verdicts.overturn(house.store, A, "greeting", Outcome.PASS, Terms("乙", "听过"))
    with pytest.raises(ConflictError, match="乙 改了判定"):
        keep()
    assert text_marks.marks(house.store.db, A) == ()


def test_rule_books_are_read_while_others_may_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found = watched(monkeypatch, ledger, "load_stored", lambda db, *_: db)
    client = house.client("qa")  # of another process than what made the house: nothing is in memory
    for rule in ("greeting", "closing"):
        fields = {"rule": rule, "action": "overturn", "outcome": "inconclusive"}
        assert client.post(f"/review/{A}/verdict", form(house, **fields)).status_code == 303
    assert found and not any(found)


def test_a_month_is_worked_out_while_others_may_write(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = rules_of(tmp_path / "h", worth="deduction = 5")
    for n in range(3):
        save(house.store, book, call(f"M{n}", f"2025-05-{10 + n}T10:00:00.000", f"800{n}"))
    sheets = watched(monkeypatch, explain, "month", lambda store, *_: store.db)
    counted = watched(monkeypatch, figures, "count", lambda store, *_: store.db)
    answer = house.client("hr").post("/months/close", {"month": MAY, "confirm": MAY, "accept": "1"})
    assert answer.status_code == 303 and house.store.ledger.is_closed(MAY)
    assert sheets and counted and not any(sheets) and not any(counted)


def test_a_lead_signs_figures_that_were_counted_while_others_might_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    page = house.client("lead").get(address("/teams/{team}", team="一组")).text
    fields = {name: re.findall(rf'name="{name}" value="([^"]*)"', page)[-1] for name in ("digest", "month")}
    verdicts.confirm(house.store, A, "greeting", Terms("质检小王"))
    counted = watched(monkeypatch, figures, "count", lambda store, *_: store.db)
    answer = house.client("lead").post(address("/teams/{team}/sign", team="一组"), fields)
    assert answer.status_code == 303 and counted and not any(counted)


def test_calls_are_drawn_while_others_may_write(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found = watched(monkeypatch, sampling, "plans", lambda db, *_: db)
    looked = watched(monkeypatch, queue, "_worth", lambda store, *_: store.db)
    monkeypatch.setattr(sampling, "AT_ONCE", 3)
    assert house.client("qa").post("/sampling", {"day": "2025-06-11", "per_agent": "1"}).status_code == 303
    assert found == [False] and len(looked) == 4
    sampled = {row.call_id for row in queue.page(house.store.db, queue.Filter(reason="sampled"))}
    assert sampled == {call_id for plan in sampling.plans(house.store.db, date(2025, 6, 11)) for call_id in plan.drawn}


def test_of_two_who_draw_for_a_day_the_second_is_told(house: House) -> None:
    day = date(2025, 6, 11)
    keep = sampling.drawing(house.store, day, 1, "甲")
    assert sampling.draw(house.store, day, 1, "乙") == 4
    with pytest.raises(ConflictError, match="刚刚有别人"):
        keep()
    assert sum(len(plan.drawn) for plan in sampling.plans(house.store.db, day)) == 4


# ---------------------------------------------------------------- closing a month that others go on writing to


def test_calls_of_other_months_do_not_keep_a_month_from_being_closed(store: Store, tmp_path: Path) -> None:
    book = rules_of(tmp_path / "h", worth="deduction = 5")
    save(store, book, call("A", "2025-05-10T10:00:00.000"))
    keep = ledger_closing.closing_month(store, MAY, "张三")
    save(store, book, call("B", "2025-06-10T10:00:00.000"))
    assert keep().month == MAY


@pytest.mark.parametrize("what", ["a call", "a call that was of another month", "a verdict", "a call that is of another month now"])
def test_a_month_that_was_written_to_meanwhile_is_not_closed(store: Store, tmp_path: Path, what: str) -> None:
    book = rules_of(tmp_path / "h", worth="deduction = 5")
    for name, start in (("A", "2025-05-10T10:00:00.000"), ("C", "2025-05-12T10:00:00.000"), ("B", "2025-06-10T10:00:00.000")):
        save(store, book, call(name, start))
    keep = ledger_closing.closing_month(store, MAY, "张三")
    if what == "a verdict":
        verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("甲", "听过"))
    elif what == "a call that is of another month now":
        save(store, book, call("A", "2025-06-12T10:00:00.000"))
    else:
        save(store, book, call("D" if what == "a call" else "B", "2025-05-20T10:00:00.000"))
    with pytest.raises(StoreError, match="关账时有别的程序写入"):
        keep()
    assert not store.ledger.is_closed(MAY)


def test_a_month_is_not_closed_over_a_warning_that_nobody_was_told(store: Store, tmp_path: Path) -> None:
    save(store, rules_of(tmp_path / "h", worth="deduction = 5"), call("A", "2025-05-10T10:00:00.000"))
    publications.publish(store, ["A"], "王")
    keep = closing.closing(store, MAY, "人事", "", MAY, True)
    publications.retract(store, ["A"], "王", "误公布")
    with pytest.raises(StoreError, match="公布、申诉或签字又有变化"):
        keep()
    publications.publish(store, ["A"], "王")
    assert closing.close(store, MAY, "人事", "", MAY, True).month == MAY


# ---------------------------------------------------------------- confirming what is published


def test_to_confirm_what_is_published_leaves_it_published_and_taken_note_of(store: Store, tmp_path: Path) -> None:
    book = rules_of(tmp_path / "h", worth="deduction = 5")
    save(store, book, call("A", "2025-05-10T10:00:00.000"))
    publications.publish(store, ["A"], "王")
    acknowledgements.acknowledge(store, "A", "8001", "李", publications.newest(store.db, "A") or 0)
    verdicts.confirm(store, "A", "pickup", Terms("质检小王"))
    assert publications.waiting(store.db) == () and month_table.table(store, MAY, None, budget_s=None).unpublished == 0
    assert publications.newest(store.db, "A") == store.db.rows("select max(id) as id from scorecards")[0]["id"]
    assert acknowledgements.missing(store.db, "8001", MAY) == () and acknowledgements.of_published(store.db, "A", "8001") is not None
    verdicts.overturn(store, "A", "pickup", Outcome.PASS, Terms("质检小王", "听错了"))
    assert acknowledgements.missing(store.db, "8001", MAY) == ("A",) and acknowledgements.of_published(store.db, "A", "8001") is None


def test_to_confirm_a_draft_publishes_nothing_of_it(store: Store, tmp_path: Path) -> None:
    save(store, rules_of(tmp_path / "h", worth="deduction = 5", rings=5), call("A", "2025-05-10T10:00:00.000"))
    publications.publish(store, ["A"], "王")
    rescore(store, rules_of(tmp_path / "h", worth="deduction = 5", version='"2"'))
    verdicts.confirm(store, "A", "pickup", Terms("质检小王"))
    assert publications.shown(store, "A")[1].percent == 100.0 and store.scorecard("A").percent == 95.0
    assert [one.call_id for one in publications.waiting(store.db)] == ["A"]
