"""What a person confirmed and others corrected afterwards, words or roles: nobody has ruled on what stands there now, and that is said."""

# ruff: noqa: F811
from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest
from stored_houses import save
from test_review_reach import charged, row, store  # noqa: F401
from test_review_seen import EACH, FAIL, INCONCLUSIVE, LAST, PASS, RUDE, book, fined, heard, listed, starts, words
from test_review_words import AT, FIRST, LOOKED, corrected
from web_house import House, call_id, house, house_made  # noqa: F401

from qa import role_marks
from qa.review import publications, queue, reviews, verdicts, versions
from qa.store import Store
from qa.types import Evidence, Outcome, Role

B = call_id("8001", 2)
CHANGED = "人工判定过的地方改过了"


def swapped(store: Store) -> None:
    role_marks.setting(store, "A", {"ch0": Role.CUSTOMER, "ch1": Role.AGENT}, "乙", "声道接反了")()


def other_words(store: Store) -> None:
    corrected(store, "您好，华宁通信，很高兴。")


CORRECT = pytest.mark.parametrize("correct", [other_words, swapped])


# ---------------------------------------------------------------- confirmed, and corrected


@CORRECT
def test_a_confirmed_breach_is_open_once_its_words_or_whose_they_are_were_corrected(
    store: Store, tmp_path: Path, correct: Callable[[Store], None]
) -> None:
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    verdicts.confirm(store, "A", "words", LOOKED)
    reviews.finish(store, "A", "甲")
    assert (charged(store), listed(store)[0]) == (("20.00", "20.00"), "done")
    correct(store)
    now = words(store)
    assert (now.outcome, now.outgrown, now.points) == (INCONCLUSIVE, True, None)
    assert charged(store) == ("0.00", "0.00") and listed(store)[0] == "open" and "inconclusive" in listed(store)[1]


@CORRECT
def test_a_breach_confirmed_by_finishing_alone_is_none_any_more(store: Store, tmp_path: Path, correct: Callable[[Store], None]) -> None:
    save(store, fined(tmp_path / "h", 20, RUDE, "1"), heard())
    reviews.finish(store, "A", "甲")
    assert charged(store) == ("20.00", "20.00")
    correct(store)
    assert words(store).outcome is not FAIL and charged(store) == ("0.00", "0.00")


def test_who_rules_with_a_reason_of_their_own_rules_on_what_is_heard(store: Store, tmp_path: Path) -> None:
    save(store, fined(tmp_path / "h", 20, ["滚蛋"], "1"), heard())
    verdicts.overturn(store, "A", "words", FAIL, LOOKED, (AT,))
    assert charged(store) == ("20.00", "20.00")
    corrected(store, "您好，华宁通信，你滚蛋。")
    now = words(store)
    assert (now.outcome, now.settled, charged(store)) == (FAIL, True, ("20.00", "20.00")), (
        "whoever corrects what was ruled on undoes nothing"
    )


def test_an_added_breach_stays_beside_a_confirmed_one_whose_words_are_gone(store: Store, tmp_path: Path) -> None:
    save(store, book(tmp_path / "h", worth=EACH), heard())
    verdicts.add(store, "A", "words", Evidence(LAST, Role.AGENT), LOOKED)
    corrected(store, "好的，马上就好，话费是三十元。", LAST)
    corrected(store, "您好，华宁通信，很高兴。", FIRST)
    now = words(store)
    assert (now.outcome, starts(now, FAIL), starts(now, INCONCLUSIVE)) == (FAIL, [8000], [3000])


def test_it_is_no_breach_of_the_agents_where_somebody_else_speaks_there(store: Store, tmp_path: Path) -> None:
    save(store, fined(tmp_path / "h", 20, ["滚蛋"], "1"), heard())
    verdicts.overturn(store, "A", "words", FAIL, LOOKED, (AT,))
    swapped(store)
    assert (words(store).outcome, words(store).settled, charged(store)) == (INCONCLUSIVE, False, ("0.00", "0.00"))


def test_nor_where_a_person_says_that_nobody_speaks(store: Store, tmp_path: Path) -> None:
    save(store, book(tmp_path / "h", ["滚蛋"]), heard())
    verdicts.overturn(store, "A", "words", FAIL, LOOKED, (AT,))
    corrected(store, "", FIRST)
    assert (words(store).outcome, words(store).settled) == (INCONCLUSIVE, False)


def test_that_it_was_kept_reaches_no_further_than_the_words(store: Store, tmp_path: Path) -> None:
    save(store, book(tmp_path / "h"), heard())
    verdicts.overturn(store, "A", "words", PASS, LOOKED)
    corrected(store, "您好，华宁通信，你滚蛋。")
    assert (words(store).outcome, words(store).settled) == (INCONCLUSIVE, False)


# ---------------------------------------------------------------- said on the screen, and to the agent


def banned(house: House) -> str:
    return next(r.check_id for r in house.store.scorecard(B) if r.kind == "banned_phrases")


def correct_text(house: House, text: str = "这个归我管，您稍等。") -> str:
    """The line with the banned phrase is corrected on the screen; the page after it."""
    store, client = house.store, house.client("qa")
    (place,) = (e for f in store.scorecard(B).result(banned(house)).findings for e in f.evidence)  # type: ignore[union-attr]
    of = store.load(verdicts.basis(store, B))
    line = next(u for u in of.transcript.utterances if u.span.overlap_ms(place.span) and of.roles.role_of(u.speaker) is place.role)
    form = {"speaker": line.speaker, "start_ms": str(line.span.start_ms), "end_ms": str(line.span.end_ms), "text": text, "reason": "听了"}
    assert client.post(f"/review/{B}/text", {**form, "on": versions.version(store.db, B)}).status_code == 303
    return html.unescape(client.get(f"/review/{B}").text)


def notice(page: str) -> str:
    return page.partition('id="notices"')[2].partition("</div>")[0]


def test_the_screen_names_the_rule_whose_verdict_holds_no_more(house: House) -> None:
    rule = house.store.scorecard(B).result(banned(house))
    verdicts.confirm(house.store, B, banned(house), LOOKED)
    page = correct_text(house)
    assert CHANGED in notice(page) and rule is not None and rule.title in notice(page)
    queue.refresh(house.store)
    assert B in {one.call_id for one in queue.page(house.store.db, queue.Filter(reason="inconclusive"))}


def test_it_names_the_rule_by_roles_that_were_corrected_too(house: House) -> None:
    verdicts.confirm(house.store, B, banned(house), LOOKED)
    client, form = house.client("qa"), {"role-ch0": "customer", "role-ch1": "agent", "reason": "声道接反了"}
    assert client.post(f"/review/{B}/roles", {**form, "on": versions.version(house.store.db, B)}).status_code == 303
    rule = house.store.scorecard(B).result(banned(house))
    assert rule is not None and (rule.outcome, rule.outgrown) == (INCONCLUSIVE, True)
    told = notice(client.get(f"/review/{B}").text)
    assert CHANGED in told and rule.title in told


def test_of_breaches_confirmed_by_finishing_it_names_those_that_are_others_now(house: House) -> None:
    reviews.finish(house.store, B, "质检主管")
    sure = reviews.confirmed(house.store, verdicts.basis(house.store, B))
    told = notice(correct_text(house, "这个不归我管，你自己打别的电话。"))
    now = verdicts.basis(house.store, B)
    other = {r.title for r in now.results if r.outcome is FAIL and r.check_id in sure - reviews.confirmed(house.store, now)}
    (same,) = (r.title for r in now.results if r.check_id == banned(house))
    assert CHANGED in told and other and all(title in told for title in other) and same not in told


def test_nothing_is_said_where_nobody_had_ruled(house: House) -> None:
    assert CHANGED not in notice(correct_text(house))


def test_the_agent_reads_that_a_person_corrected_the_words_and_no_certainty_of_others(house: House) -> None:
    rule = banned(house)
    publications.publish(house.store, [B], "质检主管")
    agent = house.client("agent")
    assert "识别把握" in agent.get(f"/my/calls/{B}").text
    correct_text(house, "这个不归我管，你自己打别的电话。")
    found = house.store.scorecard(B).result(rule)
    assert found is not None and found.outcome is Outcome.FAIL
    article = agent.get(f"/my/calls/{B}").text.partition(f'id="d-{rule}"')[2].partition("</article>")[0]
    assert "由人更正" in article and "识别把握" not in article
