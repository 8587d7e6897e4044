"""How far what persons decide reaches: closed months, other recordings and parts, other agents, drafts that nobody published."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa import ledger_closing, legs, role_marks
from qa.appraisal import acknowledgements, closing, light, month_table
from qa.appraisal.month_table import Row
from qa.errors import ConflictError, NotFoundError, StoreError
from qa.rescore import judge, recount, rescore
from qa.review import appeals, publications, reviews, rule_editing, text_marks, verdicts
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.rules.money import AGENT
from qa.store import Store
from qa.types import Call, Evidence, Outcome, Role, Span

BY = Terms("李质检", "听错了")
CLOSED = Terms("李质检", "听错了", closed_month=True)
FINE = "deduction = 5\nfine = { low = 50, high = 500 }"
WARNED = "deduction = 10\nwarn_first = 1"
WORDS = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = [{ say = "不知道" }]\n'
PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def row(store: Store, agent: str = "8001", month: str = "2025-05") -> Row:
    return {one.of.agent_id: one for one in month_table.table(store, month, budget_s=None).rows}[agent]


def charged(store: Store, agent: str = "8001") -> tuple[str, str] | None:
    due = row(store, agent).money(AGENT)
    return None if due is None else (str(due.low), str(due.high))


def three(store: Store, folder: Path, worth: str) -> None:
    """C0, C1, C2 of May, each picked up too late."""
    for k in range(3):
        save(store, house(folder, worth=worth), call(f"C{k}", f"2025-05-1{k}T10:00:00.000", rings=5))


def percents(store: Store) -> list[float | None]:
    return [store.scorecard(f"C{k}").percent for k in range(3)]


def appealed(store: Store, call_id: str = "A") -> int:
    one = appeals.file(store, call_id, "pickup", "8001", "文字与录音不符", "只响了两声", "张")
    appeals.answer(store, one.id, "lead", "support", "请质检听", "陈")
    return one.id


def accept(store: Store, appeal_id: int) -> None:
    appeals.accept(store, appeal_id, "qa", "听了，属实", Terms("李质检"), Decision(PASS))


# ---------------------------------------------------------------- closed months


def test_a_breach_of_a_closed_month_is_confirmed_by_a_verdict_as_by_a_review(store: Store, tmp_path: Path) -> None:
    three(store, tmp_path / "h", FINE)
    ledger_closing.close_month(store, "2025-05", "人事")
    assert (row(store).pending, charged(store)) == (3, None)
    for k in range(3):
        verdicts.confirm(store, f"C{k}", "pickup", Terms("李质检", closed_month=True))
    assert (row(store).pending, charged(store)) == (0, ("150.00", "1500.00"))


@pytest.mark.parametrize("confirmed", [False, True])
def test_an_approved_correction_moves_the_first_warning_whoever_confirmed_before(store: Store, tmp_path: Path, confirmed: bool) -> None:
    three(store, tmp_path / "h", WARNED)
    ledger_closing.close_month(store, "2025-05", "人事")
    if confirmed:
        verdicts.confirm(store, "C1", "pickup", Terms("李质检", closed_month=True))
    verdicts.overturn(store, "C0", "pickup", PASS, CLOSED)
    closing.adjust(store, "2025-05", ["C0"], "人事", "核实")
    assert [(one.call_id, one.before, one.after) for one in closing.proposals(store, "2025-05")] == [("C1", 90.0, 100.0)]
    closing.adjust(store, "2025-05", ["C1"], "人事", "核实")
    assert percents(store) == [100.0, 100.0, 90.0] and not recount(store, [("8001", "2025-05")]).moved


def test_what_persons_corrected_stays_in_a_later_proposal(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "h", more=WORDS), call("A", rings=2))
    ledger_closing.close_month(store, "2025-05", "人事")
    text_marks.correct(store, "A", "ch0", Span(7500, 12500), "我不知道，话费是三十元。", CLOSED)

    def proposed() -> tuple[str, Outcome]:
        waiting = store.pending("A")
        assert waiting is not None
        made, card = publications.at(store, "A", waiting)
        result = card.result("words")
        assert result is not None
        return "".join(u.text for u in made.as_heard.transcript.of("ch0"))[-12:], result.outcome

    assert proposed() == ("我不知道，话费是三十元。", FAIL)
    rescore(store, None)
    assert proposed() == ("我不知道，话费是三十元。", FAIL)
    rescore(store, house(tmp_path / "h", more=WORDS, rings=1, version='"2"'))
    assert proposed() == ("我不知道，话费是三十元。", FAIL)
    role_marks.set_roles(store, "A", {"ch0": Role.THIRD_PARTY, "ch1": Role.CUSTOMER}, "王", "转接", closed_month=True)
    assert proposed()[0] == "我不知道，话费是三十元。"


def test_a_month_is_not_closed_with_other_fines_than_its_table_shows(store: Store, tmp_path: Path) -> None:
    free = house(tmp_path / "h1", worth="deduction = 5", effective_until="2025-05-14")
    warns = "deduction = 5\nwarn_first = 1\nfine = { low = 50, high = 50 }"
    fined = house(tmp_path / "h2", worth=warns, version='"2"', effective_from="2025-05-15")
    save(store, free, call("A", "2025-05-10T10:00:00.000", rings=5))
    save(store, fined, call("B", "2025-05-20T10:00:00.000", rings=5))
    verdicts.confirm(store, "B", "pickup", BY)
    assert (row(store).pending, charged(store)) == (1, None), "A's breach, if it is one, has taken the warning"
    with pytest.raises(StoreError, match="没有人确认"):
        closing.close(store, "2025-05", "人事", "", "2025-05", True)
    verdicts.confirm(store, "A", "pickup", BY)
    assert (row(store).pending, charged(store)) == (0, ("50.00", "50.00"))
    closing.close(store, "2025-05", "人事", "", "2025-05", True)
    assert charged(store) == ("50.00", "50.00")


# ---------------------------------------------------------------- other recordings and parts


def test_a_review_of_another_recording_confirms_no_money(store: Store, tmp_path: Path) -> None:
    book, first = house(tmp_path / "h", worth=FINE), call("A", rings=5)
    save(store, book, first)
    reviews.finish(store, "A", "李质检")
    assert charged(store) == ("50.00", "500.00")
    other = replace(first, audio=replace(first.audio, sha256="f" * 64))
    store.record(other, judge(other, book, store.earlier()), new_recording=True)
    of = store.stored_call("A")
    assert of is not None and not reviews.reviewed(store, of)
    assert (row(store).pending, charged(store)) == (1, None)


def test_a_verdict_holds_for_the_part_of_the_recording_that_was_heard(store: Store, tmp_path: Path) -> None:
    book, whole = house(tmp_path / "h", worth=FINE), call("A#2", rings=2)

    def of(agent: str, from_ms: int, to_ms: int) -> Call:
        assert whole.record is not None
        return legs.part(replace(whole, record=replace(whole.record, agent_id=agent)), from_ms, to_ms)

    save(store, book, of("8001", 0, 7000))
    given = verdicts.add(store, "A#2", "volume", Evidence(Span(1000, 3000), Role.AGENT), BY)
    assert charged(store) == ("50.00", "500.00")
    save(store, book, of("8009", 7000, 13000))
    moved = store.scorecard("A#2").result("volume")
    assert moved is not None and (store.scorecard("A#2").agent_id, moved.verdict) == ("8009", 0) and moved.outcome is not FAIL
    assert "另一段" in verdicts.given_on(store, given.verdict, verdicts.basis(store, "A#2"))[0]
    save(store, book, of("8001", 0, 7000))
    back = store.scorecard("A#2").result("volume")
    assert back is not None and back.verdict == given.verdict.id


def test_what_was_published_of_one_agent_is_shown_to_no_other(store: Store, tmp_path: Path) -> None:
    book = house(tmp_path / "h", worth="deduction = 5")
    save(store, book, call("A", rings=5))
    publications.publish(store, ["A"], "王")
    assert publications.newest(store.db, "A") and acknowledgements.missing(store.db, "8001", "2025-05") == ("A",)
    save(store, book, call("A", rings=5, agent="8002"))
    assert publications.newest(store.db, "A") is None and not list(publications.calls(store.db))
    assert light.calls(store, "8002", "2025-05", "2025-06", published=True) == ()
    assert acknowledgements.missing(store.db, "8002", "2025-05") == ()
    with pytest.raises(NotFoundError, match="没有公布"):
        publications.shown(store, "A")
    publications.publish(store, ["A"], "王")
    assert publications.shown(store, "A")[1].agent_id == "8002"


# ---------------------------------------------------------------- drafts


def test_an_accepted_appeal_reaches_the_agent_where_the_draft_says_so_already(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    publications.publish(store, ["A"], "王")
    one = appealed(store)
    rescore(store, house(tmp_path / "h", worth="deduction = 5", rings=5, version='"2"'))
    assert (store.scorecard("A").percent, publications.shown(store, "A")[1].percent) == (100.0, 95.0)
    accept(store, one)
    assert publications.shown(store, "A")[1].percent == 100.0


def test_an_accepted_appeal_shows_the_agent_no_deduction_that_nobody_published(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    publications.publish(store, ["A"], "王")
    one = appealed(store)
    more = WORDS.replace("weight = 10", "deduction = 40").replace("不知道", "华宁")
    rescore(store, house(tmp_path / "h", worth="deduction = 5", version='"2"', more=more))
    with pytest.raises(StoreError, match="还没有公布的新评分"):
        accept(store, one)
    assert publications.shown(store, "A")[1].percent == 95.0 and appeals.get(store.db, one).state().open
    publications.publish(store, ["A"], "王")
    accept(store, one)
    assert publications.shown(store, "A")[1].percent == 60.0


def test_a_correction_publishes_no_draft_that_nobody_published(store: Store, tmp_path: Path) -> None:
    three(store, tmp_path / "h", WARNED)
    publications.publish(store, ["C0", "C1", "C2"], "王")
    rescore(store, house(tmp_path / "h", worth=WARNED.replace("10", "30"), version='"2"'))
    assert percents(store) == [100.0, 70.0, 70.0]
    verdicts.overturn(store, "C0", "pickup", PASS, BY)
    verdicts.add(store, "C2", "volume", Evidence(Span(1000, 3000), Role.AGENT), BY)
    assert percents(store) == [100.0, 100.0, 40.0]
    assert [publications.shown(store, f"C{k}")[1].percent for k in range(3)] == [100.0, 90.0, 90.0]
    assert {one.call_id for one in publications.waiting(store.db)} == {"C1", "C2"}


def test_what_an_accepted_appeal_gave_is_not_taken_back_by_hand(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    publications.publish(store, ["A"], "王")
    accept(store, appealed(store))
    verdicts.confirm(store, "A", "pickup", Terms("王"))
    span = (Evidence(Span(0, 500), Role.AGENT),)
    for act in (
        lambda: verdicts.withdraw(store, "A", "pickup", BY),
        lambda: verdicts.overturn(store, "A", "pickup", FAIL, BY, span),
        lambda: verdicts.add(store, "A", "pickup", span[0], BY),
    ):
        with pytest.raises(StoreError, match="申诉 1 已成立"):
            act()
    assert publications.shown(store, "A")[1].percent == 100.0


def test_what_comes_back_after_an_accepted_appeal_may_be_appealed_against_again(store: Store, tmp_path: Path) -> None:
    book, first = house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5)
    save(store, book, first)
    publications.publish(store, ["A"], "王")
    accept(store, appealed(store))
    other = replace(first, audio=replace(first.audio, sha256="f" * 64))
    store.record(other, judge(other, book, store.earlier()), new_recording=True)
    publications.publish(store, ["A"], "王")
    assert publications.shown(store, "A")[1].percent == 95.0 and appeals.window(store, "A", "pickup").open


def test_a_draft_of_rules_does_not_undo_what_another_one_brought(store: Store, tmp_path: Path) -> None:
    save(store, house(tmp_path / "h", worth="deduction = 5"), call("A", rings=5))
    one, other = rule_editing.begin(store, "house", "甲"), rule_editing.begin(store, "house", "乙")
    one = rule_editing.set_limit(store, one.id, one.revision, "pickup", "max_rings", "4", "甲")
    other = rule_editing.set_limit(store, other.id, other.revision, "volume", "min_snr_db", "11", "乙")
    day = datetime.date(2026, 11, 1)
    rule_editing.adopt(store, one.id, one.revision, "2", day, "甲", old_texts=True)
    with pytest.raises(ConflictError, match="另一个版本 2"):
        rule_editing.adopt(store, other.id, other.revision, "3", day, "乙")
    assert store.ledger.versions("house")[-1].version == "2"
