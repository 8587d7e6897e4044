"""How often rules are overturned: the figures of the control sample are those of looking at each of its calls."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
from stored_houses import call, house, save

from qa.errors import QaError
from qa.review import overturns, queue, reviews, text_marks, verdicts
from qa.review.rulings import of_call, standing
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Evidence, Outcome, Role, Span

WORDS = '[checks.words]\nkind = "phrase"\ntitle = "禁语"\nclause = "不说。"\nweight = 10\nforbid = [{ say = "不知道" }]\n'
RULES = ("pickup", "volume", "words")
SPANS = (Evidence(Span(0, 500), Role.AGENT), Evidence(Span(1000, 1500), Role.AGENT))
BY = Terms("李质检", "听了")
READ = re.compile("json_each|SCAN (r|seen)\\b")
"""What was read by an index already: the results of a scorecard, the reviews of the period."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Calls of which every other one is of the control sample, with everything that persons may decide, drawn at random."""
    monkeypatch.setattr(queue, "control", lambda call_id: int(call_id[1:]) % 2 == 0)
    made, book, chance = Store(tmp_path / "qa.db"), house(tmp_path / "house", more=WORDS), random.Random(23)
    for n in range(28):
        save(made, book, call(f"C{n}", f"2025-05-{1 + n:02d}T10:00:00.000", rings=chance.choice((2, 5))))
        if chance.random() < 0.4:
            text_marks.correct(made, f"C{n}", "ch0", Span(7500, 12500), "我不知道，话费是三十元。", BY)
        for _ in range(chance.randrange(5)):
            decided(made, f"C{n}", chance)
        if chance.random() < 0.8:
            reviews.finish(made, f"C{n}", "李质检")
            if chance.random() < 0.5:
                decided(made, f"C{n}", chance)
    made.withdrawals.by_person(["C0", "C2"], False, "王主管", "重复的录音")
    return made


def decided(store: Store, call_id: str, chance: random.Random) -> None:
    """A verdict drawn at random; one that cannot be given is not."""
    rule, span = chance.choice(RULES), chance.choice(SPANS)
    try:
        match chance.choice(("confirm", "overturn", "add", "drop", "withdraw")):
            case "confirm":
                verdicts.confirm(store, call_id, rule, BY)
            case "overturn":
                verdicts.overturn(store, call_id, rule, chance.choice(verdicts.OUTCOMES), BY, (span,))
            case "add":
                verdicts.add(store, call_id, rule, span, BY)
            case "drop":
                verdicts.drop(store, call_id, rule, (0,), BY)
            case _:
                verdicts.withdraw(store, call_id, rule, BY)
    except QaError:
        return


def looked_at_one_by_one(store: Store) -> dict[str, Counter[bool]]:
    """Of each rule how many results of the control sample were right (False) and wrong, each call loaded."""
    counts: dict[str, Counter[bool]] = {}
    for row in store.db.rows("select call_id, max(scorecard_id) as card from reviews group by call_id"):
        call_id = row["call_id"]
        if not queue.control(call_id) or store.stored_call(call_id) is None:
            continue
        marked = min((one.created for one in text_marks.marks(store.db, call_id)), default="")
        kept = store.history(call_id)
        before = max((one.id for one in kept if one.created < marked), default=kept[0].id) if marked else row["card"]
        of, then = store.stored_call(call_id, row["card"]), store.stored_call(call_id, before)
        assert of is not None and then is not None
        known, now = standing(of_call(store.db, call_id)), {result.check_id: result.outcome for result in of.results}
        for result in then.results:
            if result.own.outcome in (Outcome.PASS, Outcome.FAIL) and result.check_id in now:
                ruled = known.get(result.check_id)
                last = now[result.check_id] if ruled is None else ruled.outcome
                wrong = last is not result.own.outcome or (ruled is not None and ruled.overturned)
                counts.setdefault(result.check_id, Counter())[wrong] += 1
    return counts


def test_the_control_sample_has_the_figures_of_looking_at_each_call(store: Store) -> None:
    expected = looked_at_one_by_one(store)
    right, wrong = (sum(count[wrong] for count in expected.values()) for wrong in (False, True))
    assert set(expected) == set(RULES) and right > 5 and wrong > 5
    found = {one.rule_id: (one.control.n, one.control.value) for one in overturns.per_rule(store)}
    assert found == {rule: (sum(count.values()), count[True] / sum(count.values())) for rule, count in expected.items()}


def test_reviews_of_other_days_are_not_of_the_period(store: Store) -> None:
    assert overturns.per_rule(store, since="2999-01-01") == () == overturns.per_rule(store, until="2000-01-01")


def confirmed_one_by_one(store: Store) -> Counter[str]:
    """By rule how many breaches finished reviews confirmed that no verdict is about, each call loaded."""
    counts: Counter[str] = Counter()
    for row in store.db.rows("select call_id, max(scorecard_id) as card from reviews group by call_id"):
        of = store.stored_call(row["call_id"], row["card"])
        if of is not None and store.stored_call(row["call_id"]) is not None:
            ruled = standing(of_call(store.db, row["call_id"]))
            fails = [r.check_id for r in of.results if r.outcome is Outcome.FAIL and not r.verdict]
            counts.update(rule for rule in fails if rule not in ruled)
    return counts


def test_what_was_confirmed_by_finishing_was_looked_at(store: Store) -> None:
    reviewed = {row["call_id"] for row in store.db.rows("select call_id from reviews")}
    expected = confirmed_one_by_one(store)
    found = {one.rule_id: one for one in overturns.per_rule(store)}
    with store.db.writing():
        store.db.sqlite.execute("create table gone as select * from reviews")
        store.db.sqlite.execute("drop table reviews")
        store.db.sqlite.execute("create table reviews as select * from gone where 0")
        store.db.sqlite.execute("create index idx_reviews_created on reviews (created)")
        store.db.sqlite.execute("create index idx_reviews_call_id on reviews (call_id)")
    alone = {one.rule_id: one for one in overturns.per_rule(store)}
    assert sum(expected.values()) > 3 and len(reviewed) > 10
    for rule, one in found.items():
        by_verdict = alone[rule].all if rule in alone else None
        assert one.all.n == expected[rule] + (by_verdict.n if by_verdict else 0)
        wrong = one.wrong_fail + one.wrong_pass
        assert one.all.n == 0 or one.all.value == wrong / one.all.n
        assert (one.wrong_fail, one.wrong_pass) == ((alone[rule].wrong_fail, alone[rule].wrong_pass) if rule in alone else (0, 0))


def test_no_table_is_read_whole_for_it(store: Store) -> None:
    db = store.db.sqlite
    asked = (overturns._VERDICTS, ("0", "9")), (overturns._CONFIRMED, ("0", "9"))
    for sql, given in (*asked, (overturns._RULED_OF, ("[]",)), (overturns._CARDS_OF, ("[]",))):
        told = [row[3] for row in db.execute(f"explain query plan {sql}", given)]
        assert [line for line in told if line.startswith("SCAN") and not READ.search(line)] == []
        assert not any("idx_verdicts_rule_id" in line for line in told), "a rule has as many verdicts as the house"
