"""How often rules are overturned: the figures of the control sample are those of looking at each of its calls."""

from __future__ import annotations

import random
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


def test_no_table_is_read_whole_for_it(store: Store) -> None:
    db = store.db.sqlite
    for sql, given in ((overturns._VERDICTS, ("0", "9")), (overturns._RULED_OF, ("[]",)), (overturns._CARDS_OF, ("[]",))):
        told = [row[3] for row in db.execute(f"explain query plan {sql}", given)]
        assert [line for line in told if line.startswith("SCAN") and "json_each" not in line] == []
        assert not any("idx_verdicts_rule_id" in line for line in told), "a rule has as many verdicts as the house"
