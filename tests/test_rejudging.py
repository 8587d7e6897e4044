"""What the store knows is taken over and what it does not know is judged; fingerprints tell the one from the other."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from stored_houses import SCRIPT, call, house, save

from qa import errors, fingerprint, jury, rescore, rulebook, scoring
from qa.errors import QaError, RuleBookError, RuleBookErrors, StoreError
from qa.ledger_cards import filed
from qa.rules.book import Rule, RuleBook
from qa.store import Store
from qa.types import Call, Outcome

DAYS = range(1, 9)
CLOSING = '[checks.closing]\nclause = "结束语"\ndeduction = 5\n'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


@pytest.fixture
def filled(store: Store, tmp_path: Path) -> Store:
    for day in DAYS:
        says = SCRIPT + f"\n客户 13-14 第{'甲乙丙丁戊己庚辛'[day - 1]}次。"
        save(store, house(tmp_path / "old"), call(f"C{day}", f"2025-05-0{day}T10:00:00.000", rings=5 if day % 2 else 2, says=says))
    return store


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the rules that are judged from now on."""
    done: list[str] = []
    judge = scoring.judge

    def watched(of: Call, rule: Rule, book: RuleBook) -> scoring.Judgement:
        done.append(rule.id)
        return judge(of, rule, book)

    monkeypatch.setattr(scoring, "judge", watched)
    return done


def _all(store: Store) -> list[Any]:
    """Everything of the standing scorecards but which rows hold it."""
    return [
        (row.call_id, row.checks, replace(card, provenance=replace(card.provenance, rule_book_version=""))) for row, card in store.scored()
    ]


# ---------------------------------------------------------------- taken over


def test_other_points_need_no_judgement(filled: Store, tmp_path: Path, judged: list[str]) -> None:
    dear = house(tmp_path / "dear", worth='weight = 30\nseverity = "major"')
    found = rescore.rescore(filled, dear)
    assert (found.rescored, found.changed, judged) == (8, 8, [])
    cards = [card for _, card in filled.scored()]
    assert {(r.weight, r.severity) for card in cards for r in card} == {(30.0, "major")}
    assert [card.results for card in cards] == [scoring.score(filled.call(card.call_id), dear).results for card in cards]


def test_only_the_rule_that_changed_is_judged(filled: Store, tmp_path: Path, judged: list[str]) -> None:
    found = rescore.rescore(filled, house(tmp_path / "new", rings=5))
    assert (found.changed, judged) == (4, ["pickup"] * 8)


def test_an_added_rule_is_judged_and_a_removed_one_goes(filled: Store, tmp_path: Path, judged: list[str]) -> None:
    more = '[checks.thanks]\nkind = "phrase"\ntitle = "感谢"\nclause = "应致谢。"\nweight = 5\nrequire = ["谢谢"]\n'
    rescore.rescore(filled, house(tmp_path / "more", more=more))
    assert judged == ["thanks"] * 8
    assert {row.checks[2].outcome for row in filled.calls()} == {Outcome.FAIL}
    rescore.rescore(filled, house(tmp_path / "less"))
    assert len(judged) == 8 and {len(row.checks) for row in filled.calls()} == {2}


def test_another_program_judges_everything_again(filled: Store, tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "program", lambda: "another")
    assert rescore.rescore(filled, house(tmp_path / "same")).unchanged == 8
    assert judged == ["pickup", "volume"] * 8


def test_an_error_is_not_taken_over(store: Store, tmp_path: Path, judged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    book = house(tmp_path / "house")
    module = book.rules[0].module

    def broken(of: Call, params: Any) -> Any:
        raise MemoryError("once")

    with monkeypatch.context() as once:
        once.setattr(module, "run", broken)
        save(store, book, call("A"))
    assert store.scorecard("A").results[0].outcome is Outcome.ERROR
    judged.clear()
    assert rescore.rescore(store, book).changed == 1
    assert judged == ["pickup"] and store.scorecard("A").results[0].outcome is Outcome.FAIL


def test_a_corrected_record_is_another_call(filled: Store, tmp_path: Path, judged: list[str]) -> None:
    """What was judged on other inputs is never taken over: a call that is scored again is judged whole."""
    save(filled, house(tmp_path / "old"), call("C1", "2025-05-01T10:00:00.000", rings=2))
    assert judged == ["pickup", "volume"]


def test_scorecards_of_older_programs_are_judged_again(filled: Store, tmp_path: Path, judged: list[str]) -> None:
    """They say neither what judged nor which notes are the call's own."""
    db = filled._db.sqlite
    for table in ("scorecards", "judged_rules"):
        db.execute(f"drop trigger {table}_no_update")
    db.execute("update judged_rules set fingerprint = ''")
    db.execute("update scorecards set call_notes_json = null")
    db.commit()
    before = _all(Store(filled.path))
    with Store(filled.path) as store:
        assert rescore.rescore(store, house(tmp_path / "old")).unchanged == 8
        assert judged == ["pickup", "volume"] * 8 and _all(store) == before


def test_findings_and_rules_lie_there_once(filled: Store, tmp_path: Path) -> None:
    count = "select (select count(*) from judgements) as j, (select count(*) from judged_rules) as r, count(*) as s from scorecards"
    before = filled._db.rows(count)[0]
    rescore.rescore(filled, house(tmp_path / "dear", worth="weight = 30"))
    after = filled._db.rows(count)[0]
    assert before["s"] == 8 and after == before | {"s": 16}
    shown = filled._db.rows("select * from check_results where scorecard_id = (select max(id) from scorecards) order by position")
    assert [(row["check_id"], row["outcome"], row["weight"]) for row in shown] == [("pickup", "pass", 30.0), ("volume", "pass", 30.0)]
    assert all(row["findings_json"].startswith("[{") for row in shown)


def test_a_transaction_undone_leaves_no_memory_of_rows(store: Store, tmp_path: Path) -> None:
    book = house(tmp_path / "house")
    store.ledger.register(book)
    of = call("A")
    with pytest.raises(KeyboardInterrupt), store._db.writing():
        store._save_call_row(of, "A", None)
        store._cards.append(filed(scoring.score(of, book), ()), b"", False)
        raise KeyboardInterrupt
    assert store._db.rows("select * from judgements") == []
    save(store, book, of)
    assert store.scorecard("A") == scoring.score(of, book)


# ---------------------------------------------------------------- fingerprints


def _prints(tmp_path: Path, **how: Any) -> tuple[str | None, ...]:
    return fingerprint.of_book(house(tmp_path / "house", **how))


def test_what_is_found_depends_on_parameters_words_and_time_and_not_on_worth(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    words = tmp_path / "house" / "rude.txt"
    rule = '[checks.rude]\nkind = "phrase"\ntitle = "粗话"\nclause = "不得说粗话。"\nweight = 5\nforbid = ["rude.txt"]\n'
    words.write_text("滚开\n闭嘴\n", "utf-8")
    first = _prints(tmp_path, more=rule)
    assert None not in first and first == _prints(tmp_path, more=rule.replace("weight = 5", 'weight = 9\nseverity = "critical"'))
    variations: list[Callable[[], object]] = [
        lambda: rule.replace('粗话"', '脏话"'),
        lambda: rule.replace("不得说粗话。", "不许说粗话。"),
        lambda: rule + 'who = "customer"\n',
        lambda: rule + 'when = { direction = "out" }\n',
        lambda: rule + "effective_from = 2025-01-01\n",
    ]
    marks = {_prints(tmp_path, more=str(make()))[2] for make in variations}
    words.write_text("滚开\n闭嘴 | 请闭嘴唇\n", "utf-8")
    marks.add(_prints(tmp_path, more=rule)[2])
    assert len(marks) == 6 and first[2] not in marks


def test_a_rule_for_kinds_of_days_and_calls_depends_on_what_the_book_says_of_them(tmp_path: Path) -> None:
    shared = '[conditions.asks]\nwho = "customer"\nsay = ["{}"]\n[call_types.bill]\ntitle = "账单"\nis = "asks"\n'
    days = '[holidays.own]\ntitle = "店庆"\ndates = ["2025-05-0{}..2025-05-04"]\n'
    rules = '[checks.closing]\nclause = "结束语"\nweight = 1\nwhen = {{ {} }}\n'

    def of(when: str, asks: str = "话费", day: int = 1) -> tuple[str | None, ...]:
        return _prints(tmp_path, more=shared.format(asks) + days.format(day) + rules.format(when))

    typed, festive = 'call_types = ["bill"]', 'holidays = ["own"]'
    assert of(typed) == of(typed, day=2) != of(typed, asks="流量")
    assert of(festive) == of(festive, asks="流量") != of(festive, day=2)


def test_every_bundled_rule_has_a_fingerprint_of_its_own_that_reading_again_repeats() -> None:
    for profile in rulebook.profiles():
        marks = fingerprint.of_book(rulebook.load(profile))
        assert None not in marks and len(set(marks)) == len(marks)
        assert marks == fingerprint.of_book(rulebook.load(profile))


def test_a_rule_of_a_foreign_check_or_with_strange_parameters_has_none(tmp_path: Path) -> None:
    book = house(tmp_path / "house")
    foreign = replace(book.rules[0], module=cast(Any, SimpleNamespace(run=None)))
    strange = replace(book.rules[1], params=object())
    assert fingerprint.of_book(replace(book, rules=(foreign, strange))) == (None, None)


# ---------------------------------------------------------------- several processes


def test_workers_find_what_one_process_finds(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = house(tmp_path / "new", rings=5, worth="deduction = 20\nwarn_first = 1", more=CLOSING)
    alone = [judged.card for judged in rescore.judge_again(filled, lambda day: new)]
    monkeypatch.setattr(jury, "PATIENCE_S", -1.0)
    monkeypatch.setattr(jury, "CHUNK", 3)
    monkeypatch.setattr(jury, "_judge_here", lambda cases: pytest.fail("judged in this process") if list(cases) else None)
    together = [judged.card for judged in rescore.judge_again(filled, lambda day: new)]
    assert together == alone and len(alone) == 8


def test_a_call_that_a_worker_cannot_read_is_told_and_the_others_go_on(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled._db.sqlite.execute("update blobs set payload = x'00' where instr(payload, ?)", ("丙".encode(),))
    filled._db.sqlite.commit()
    monkeypatch.setattr(jury, "PATIENCE_S", -1.0)
    found = rescore.rescore(filled, house(tmp_path / "new", rings=5))
    assert found.failed == 1 and [(e.subject, type(e), "损坏" in e.cause) for e in found.errors] == [("C3", StoreError, True)]
    assert found.rescored == 7


def test_a_worker_that_dies_costs_time_and_nothing_else(filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jury, "PATIENCE_S", -1.0)
    monkeypatch.setattr(jury, "_work", _die)
    assert rescore.rescore(filled, house(tmp_path / "new", rings=5)).changed == 4


def _die(*_: object) -> None:
    os._exit(9)


def _errors(kind: type[QaError]) -> list[type[QaError]]:
    return [kind, *(inner for child in kind.__subclasses__() for inner in _errors(child))]


@pytest.mark.parametrize("kind", [kind for kind in _errors(QaError) if kind.__module__ == errors.__name__])
def test_every_error_survives_the_way_from_a_worker(kind: type[QaError]) -> None:
    inner = RuleBookError("a:1", "cause", "cure")
    error = RuleBookErrors("a", (inner,)) if kind is RuleBookErrors else kind("C1", "坏了", "重来")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.subject, back.cause, back.cure) == (kind, str(error), error.subject, error.cause, error.cure)


# ---------------------------------------------------------------- warnings first, again


def test_a_month_of_two_versions_counts_breaches_from_its_first_day(store: Store, tmp_path: Path) -> None:
    """The first version does not warn; its breaches count for the second one, whichever scorecards stand when it is rescored."""
    for day, call_id in ((2, "A"), (12, "B")):
        save(store, house(tmp_path / "plain", worth="deduction = 20"), call(call_id, f"2025-05-{day:02d}T10:00:00.000"))
    store.ledger.register(house(tmp_path / "v1", rings=5, worth="deduction = 20", version='"2"', effective_from="2025-05-01"))
    v2 = house(tmp_path / "v2", worth="deduction = 20\nwarn_first = 1", version='"3"', effective_from="2025-05-10")
    first = rescore.rescore(store, v2)
    percents = {row.call_id: row.percent for row in store.calls()}
    assert percents == {"A": 100.0, "B": 100.0} and first.changed == 2
    assert rescore.rescore(store, v2).changed == 0


def test_a_call_that_cannot_be_judged_goes_on_to_count(store: Store, tmp_path: Path) -> None:
    warns = house(tmp_path / "warns", worth="deduction = 20\nwarn_first = 1")
    save(store, warns, call("A", "2025-05-02T10:00:00.000", says=SCRIPT + "\n客户 13-14 再见。"))
    save(store, warns, call("B", "2025-05-12T10:00:00.000"))
    assert {row.call_id: row.percent for row in store.calls()} == {"A": 100.0, "B": 80.0}
    store._db.sqlite.execute("update blobs set payload = x'00' where instr(payload, ?)", ("再".encode(),))
    store._db.sqlite.commit()
    changed = house(tmp_path / "warns", worth="deduction = 20\nwarn_first = 1", version='"2"', more=CLOSING)
    found = rescore.rescore(store, changed)
    assert [error.subject for error in found.errors] == ["A"]
    assert store.scorecard("B").results[0].points == 0.0
