"""What decisions leave behind: closed months, counts of overturns, the queue, plans, and what was before a person's eyes."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from stored_houses import call, house, save
from test_review_reach import BY, CLOSED, FINE, PASS, WORDS, appealed, charged, row, store  # noqa: F401

from qa import ledger_closing, rulebook
from qa.appraisal import closing, month_table
from qa.errors import ConflictError, StoreError
from qa.rescore import judge, rescore
from qa.review import appeals, overturns, publications, queue, reviews, rule_editing, sampling, text_marks, verdicts
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Outcome, Role, Span

DEAR = 'deduction = 5\nfine = { escalation = [50, 100, 200], period = "quarter" }'
SPAN = Evidence(Span(1000, 3000), Role.AGENT)


def test_a_closed_month_is_reckoned_with_what_was_known_of_the_months_before(store: Store, tmp_path: Path) -> None:  # noqa: F811
    book = house(tmp_path / "h", worth=DEAR)
    for call_id, start in (("A", "2025-04-20T10:00:00.000"), ("B", "2025-05-20T10:00:00.000")):
        save(store, book, call(call_id, start, rings=5))
        verdicts.confirm(store, call_id, "pickup", Terms("李"))
    for month in ("2025-04", "2025-05"):
        ledger_closing.close_month(store, month, "人事")
    verdicts.overturn(store, "A", "pickup", PASS, CLOSED)
    store.adjust("A", "人事", "核实")
    assert charged(store) == ("100.00", "100.00")
    assert "100.00" in month_table.arithmetic(store, "8001", "2025-05").sums[-1]


def test_a_later_month_goes_on_from_what_was_kept_at_the_closing(store: Store, tmp_path: Path) -> None:  # noqa: F811
    book = house(tmp_path / "h", worth=DEAR)
    save(store, book, call("A", "2025-04-20T10:00:00.000", rings=5))
    save(store, book, call("B", "2025-05-20T10:00:00.000", rings=5))
    verdicts.confirm(store, "B", "pickup", Terms("李"))
    assert charged(store) == ("50.00", "50.00")
    ledger_closing.close_month(store, "2025-04", "人事")
    assert charged(store) == ("50.00", "50.00")  # nobody has confirmed what was kept of April
    reviews.finish(store, "A", "李")
    assert charged(store) == ("100.00", "100.00")


def test_what_calls_cost_is_known_once_their_rule_book_is(store: Store, tmp_path: Path) -> None:  # noqa: F811
    book, of = house(tmp_path / "h", worth=FINE), call("A", rings=5)
    store.record(of, judge(of, book, store.earlier()))
    reviews.finish(store, "A", "李")
    assert (row(store).of.fines.unknown, charged(store)) == (1, None)
    store.ledger.register(book)
    assert (row(store).of.fines.unknown, charged(store)) == (0, ("50.00", "500.00"))


def test_an_overturn_confirmed_by_another_person_is_one_still(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    verdicts.add(store, "A", "pickup", SPAN, BY)
    verdicts.confirm(store, "A", "pickup", Terms("王"))
    assert [(one.all.value, one.wrong_fail) for one in overturns.per_rule(store)] == [(1.0, 1)]


def test_an_appeal_against_a_rule_that_is_no_more_can_be_accepted(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    publications.publish(store, ["A"], "王")
    one, rules = appealed(store), tmp_path / "h" / "rules.toml"
    text = rules.read_text("utf-8").replace('version = "1"', 'version = "2"')
    rules.write_text(text[: text.index("[checks.pickup]")] + text[text.index("[checks.volume]") :], "utf-8")
    rescore(store, rulebook.load(tmp_path / "h"))
    with pytest.raises(StoreError, match="说明"):
        appeals.accept(store, one, "qa", " ", Terms("李"), Decision(PASS))
    settled, given = appeals.accept(store, one, "qa", "属实", Terms("李"), Decision(PASS))
    assert (settled.state().status, given, publications.shown(store, "A")[1].percent) == ("accepted", None, 100.0)


def test_an_appeal_about_a_withdrawn_call_can_be_accepted(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    publications.publish(store, ["A"], "王")
    one = appealed(store)
    store.withdrawals.by_person(["A"], False, "人事", "不是电话")
    assert appeals.accept(store, one, "qa", "属实", Terms("李"), Decision(PASS))[0].state().status == "accepted"


def test_the_queue_follows_what_is_withdrawn_and_counts_again(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth=FINE), call("A", rings=5))
    listed = lambda: (queue.refresh(store), [one.call_id for one in queue.page(store.db, queue.Filter())])[1]  # noqa: E731
    assert listed() == ["A"]
    store.withdrawals.by_person(["A"], False, "人事", "不是电话")
    assert listed() == []
    store.withdrawals.by_person(["A"], True, "人事", "是电话")
    assert listed() == ["A"]


def test_a_drawn_call_says_so_and_a_withdrawn_one_is_drawn_anew(store: Store, tmp_path: Path) -> None:  # noqa: F811
    book, day = house(tmp_path / "h", worth="deduction = 5"), datetime.date(2025, 5, 10)
    for k in range(4):
        save(store, book, call(f"C{k}", f"2025-05-10T1{k}:00:00.000", rings=2))
    queue.refresh(store)
    assert sampling.draw(store, day, 2, "李") == 2
    drawn = sampling.plans(store.db, day)[0].drawn
    sampled = queue.page(store.db, queue.Filter(reason="sampled"))
    assert {one.call_id for one in sampled} == {*drawn} and all(one.worth >= queue.WORTH["sampled"][0] for one in sampled)
    store.withdrawals.by_person([drawn[0]], False, "人事", "不是电话")
    assert sampling.draw(store, day, 2, "李") == 1 and len(sampling.plans(store.db, day)[0].drawn) == 2


def test_nobody_publishes_or_approves_what_was_not_before_the_eyes(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    calls, on = publications.chosen(store.db, ["A:1"])
    assert (calls, on) == (("A",), {"A": 1}) and publications.chosen(store.db, ["A"]) == (("A",), {})
    verdicts.overturn(store, "A", "pickup", PASS, BY)
    with pytest.raises(ConflictError, match="新的评分"):
        publications.publish(store, calls, "王", on=on)
    ledger_closing.close_month(store, "2025-05", "人事")
    verdicts.add(store, "A", "volume", SPAN, CLOSED)
    (seen,) = closing.proposals(store, "2025-05")
    verdicts.add(store, "A", "volume", Evidence(Span(4000, 5000), Role.AGENT), CLOSED)
    rescore(store, house(tmp_path / "h", worth="deduction = 7", more=WORDS.replace("weight", "deduction"), version='"2"'))
    with pytest.raises(ConflictError, match="又变了"):
        closing.adjust(store, "2025-05", ["A"], "人事", "核实", {"A": seen.scorecard_id})


def test_whoever_ruled_is_not_the_last_instance_and_numbers_have_bounds(store: Store, tmp_path: Path) -> None:  # noqa: F811
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    verdicts.overturn(store, "A", "pickup", Outcome.NOT_APPLICABLE, Terms("甲", "x"))
    verdicts.overturn(store, "A", "pickup", Outcome.FAIL, Terms("乙", "x"), (SPAN,))
    publications.publish(store, ["A"], "王")
    assert {"甲", "乙", "陈"} <= {one.name for one in appeals.deciders(store.db, appeals.get(store.db, appealed(store)))}
    draft = rule_editing.begin(store, "house", "甲")
    for value in ("1e5000", "1.0e400"):
        with pytest.raises(StoreError, match="不是数字"):
            rule_editing.set_limit(store, draft.id, draft.revision, "pickup", "max_rings", value, "甲")


def test_the_control_sample_counts_what_was_mended_and_has_no_interval_before_it_is_reviewed(
    store: Store,  # noqa: F811
    tmp_path: Path,
) -> None:
    book, (one, other) = house(tmp_path / "h", more=WORDS), [f"K{k}" for k in range(1000) if queue.control(f"K{k}")][:2]
    for call_id in (one, other):
        save(store, book, call(call_id, rings=2))
    queue.refresh(store)
    text_marks.correct(store, one, "ch0", Span(7500, 12500), "我不知道，话费是三十元。", BY)

    def control() -> dict[str, tuple[int, float | None, bool]]:
        return {o.rule_id: (o.control.n, o.control.value, o.control.low is not None) for o in overturns.per_rule(store)}

    reviews.finish(store, one, "李")
    queue.update(store, one)
    assert control() == {"words": (1, 1.0, False), "pickup": (1, 0.0, False), "volume": (1, 0.0, False)}
    reviews.finish(store, other, "李")
    queue.update(store, other)
    assert control() == {"words": (2, 0.5, True), "pickup": (2, 0.0, True), "volume": (2, 0.0, True)}
