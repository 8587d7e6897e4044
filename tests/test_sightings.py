"""Which findings were before a person's eyes: by place, role and, of the call log, by row."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from qa.bench import ruled
from qa.judgements import Result, RuleWords
from qa.sightings import GONE, Place, apart, each_among, held, new_among, same
from qa.types import Evidence, Finding, Outcome, Role, Row, Ruling, Span

AGENT, CUSTOMER = Role.AGENT, Role.CUSTOMER
FAIL, PASS, OPEN, NOT_APPLICABLE = Outcome.FAIL, Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE


def at(*spans: tuple[int, int], outcome: Outcome = FAIL, role: Role = AGENT, message: str = "m") -> Finding:
    return Finding(outcome, message, tuple(Evidence(Span(*one), role) for one in spans))


@pytest.mark.parametrize(
    ("one", "other", "due"),
    [
        ((1000, 2000), (1000, 2000), True),
        ((1000, 2000), (1500, 2500), True),
        ((1000, 2000), (1501, 2501), False),
        ((1000, 2000), (2000, 3000), False),
        ((0, 15_000), (14_000, 15_000), True),
        ((0, 15_001), (14_000, 15_000), False),
        ((0, 60_000), (29_000, 61_000), True),
        ((0, 60_000), (31_000, 61_000), False),
        ((5, 6), (5, 6), True),
        ((5, 6), (6, 7), False),
    ],
)
def test_one_place_is_half_of_the_shorter_and_of_long_ones_half_of_the_longer(
    one: tuple[int, int], other: tuple[int, int], due: bool
) -> None:
    places = [Place(Evidence(Span(*span), AGENT)) for span in (one, other)]
    assert same(*places) is same(*reversed(places)) is due
    assert not same(places[0], Place(Evidence(Span(*one), CUSTOMER)))


def test_rows_of_the_call_log_are_the_same_wherever_they_stand_in_the_file() -> None:
    one, moved, other = (Place(Row(f"log.csv:{n}", "2025-05-10T10:00:00", text)) for n, text in ((2, "超时"), (9, "超时"), (2, "漏接")))
    assert same(one, moved) and not same(one, other) and not same(one, Place(Evidence(Span(0, 1), AGENT)))


def test_a_row_whose_text_was_deleted_is_known_by_its_time() -> None:
    row, gone = Place(Row("a.csv:2", "2025-05-10T10:00:00", "呼损")), Place(Row("a.csv:2", "2025-05-10T10:00:00", GONE))
    assert same(row, gone) and same(gone, row) and not same(gone, Place(Row("a.csv:3", "2025-05-10T10:00:01", "呼损")))
    assert not same(Place(Row("a.csv:2", None, GONE)), Place(Row("a.csv:3", None, "呼损")))


def test_a_finding_is_new_unless_all_its_own_places_were_shown() -> None:
    seen = [at((1000, 2000)), at((5000, 6000), outcome=PASS)]
    assert new_among([at((1100, 2000), message="x"), at((5000, 5600))], seen) == ()
    both = at((1000, 2000), (8000, 9000))
    assert new_among([both], seen) == (both,) and not apart(both, seen) and apart(at((8000, 9000)), seen)
    occasion = Finding(FAIL, "m", (Evidence(Span(1000, 2000), AGENT), Evidence(Span(200, 900), CUSTOMER)))
    assert new_among([occasion], seen) == (), "what the customer said gave occasion to it"
    assert new_among([at((1000, 2000), role=CUSTOMER)], seen) != ()
    doubtful, unplaced = at((8000, 9000), outcome=OPEN), Finding(OPEN, "分不清")
    assert new_among([doubtful, unplaced, at((8000, 9000), outcome=PASS)], seen) == (doubtful,)


def test_each_breach_is_one_of_those_seen_and_no_two_are_the_same() -> None:
    a, b, near = at((1000, 2000)), at((5000, 6000)), at((1300, 2300))
    assert each_among([a], [a, b]) and each_among([b, a], [a, b]) and each_among([], [])
    assert not each_among([a, near], [a, b]) and each_among([near], [a]) and not each_among([a], [])


def test_of_any_breaches_the_pairing_is_found_where_there_is_one() -> None:
    rng = random.Random(5)
    for _ in range(300):
        spots = [at((s := rng.randrange(0, 6000, 250), s + 1000), message=str(n)) for n in range(8)]
        found, seen = spots[: rng.randrange(1, 4)], spots[4 : 4 + rng.randrange(1, 5)]
        fits = [[not new_among([one], [other]) for other in seen] for one in found]
        due = any(all(fits[k][p] for k, p in enumerate(chosen)) for chosen in itertools.permutations(range(len(seen)), len(found)))
        assert each_among(found, seen) is due


def test_a_ruling_holds_as_far_as_it_was_seen() -> None:
    old, new = at((1000, 2000), message="甲"), at((8000, 9000), message="乙")
    kept = Ruling(3, PASS, (Finding(PASS, "人工复核"),), "2025-05-11", (old,))
    assert held(kept, [old], FAIL) is kept
    open_ = held(kept, [old, new], FAIL)
    assert (open_.outcome, open_.outgrown, open_.verdict, open_.occurrences) == (OPEN, True, 3, 1)
    assert open_.findings[0].message.startswith("乙；2025-05-11 人工判定为“通过”") and open_.findings[0].evidence == new.evidence
    broken = held(Ruling(3, FAIL, (old,), "2025-05-11"), [new], FAIL)
    assert (broken.outcome, broken.occurrences, broken.outgrown, len(broken.findings)) == (FAIL, 1, True, 2)


def test_a_ruling_holds_no_longer_where_other_words_stand() -> None:
    a, b = at((1000, 2000), message="甲"), at((8000, 9000), message="乙")
    now_a, found_a = replace(a, message="甲"), at((1000, 2000), message="丙")
    broken = held(Ruling(3, FAIL, (a, b), "2025-05-11", changed=((a, now_a),)), [b], FAIL)
    assert (broken.outcome, broken.outgrown) == (FAIL, True)
    assert [(f.outcome, f.message[:1]) for f in broken.findings] == [(FAIL, "乙"), (OPEN, "甲")]
    instead = held(Ruling(3, FAIL, (a,), "2025-05-11", changed=((a, now_a),)), [found_a], FAIL)
    assert (instead.outcome, [f.message[:1] for f in instead.findings]) == (OPEN, ["丙"]), "one place is told once"
    assert "当时这里是别的话" in instead.findings[0].message
    kept = Ruling(3, PASS, (replace(a, outcome=PASS),), "2025-05-11", (a,), tuple((one, one) for one in (a, replace(a, outcome=PASS))))
    assert held(kept, [Finding(PASS, "没有")], PASS) is kept and held(kept, [Finding(PASS, "没有")], NOT_APPLICABLE).outcome is OPEN


def test_a_place_left_open_is_open_whatever_the_program_finds() -> None:
    a, left = at((1000, 2000), message="甲"), at((8000, 9000), message="乙", outcome=OPEN)
    ruling = Ruling(3, FAIL, (a,), "2025-05-11", left=(left,))
    assert held(ruling, [a], FAIL).findings == (a, left) and held(ruling, [a], FAIL).outgrown
    again = held(ruling, [a, at((8000, 9000), message="乙")], FAIL)
    assert [f.message.count("没有人判定过") for f in again.findings] == [0, 1]


def test_no_ruling_is_applied_to_findings_that_are_not_at_hand() -> None:
    words = RuleWords("", "words", "禁语", "", "phrase", "minor", None)
    with pytest.raises(ValueError, match="not at hand"):
        ruled(Result(words, FAIL, 1, 0.0, None, judgement=7), Ruling(1, PASS, (Finding(PASS, "x"),)))
