"""Scorecards outlive the words: what the pages show of a call whose transcript was deleted, and which calls are kept from that."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stored_houses
import web_house
from test_purge import LATER, OLD, own_recordings
from web_house import House, call_id

from qa.appraisal import closing, figures
from qa.clock import HOUSE_ZONE
from qa.errors import StoreError
from qa.operation import purge, remains
from qa.operation.retention import Retention
from qa.people import audit
from qa.review import appeal_windows, appeals, publications, reviews, verdicts
from qa.review.verdicts import Terms
from qa.rulebook import load
from qa.types import Outcome

WORDS = Retention({"transcripts": 365})
DELETED = "的文字已于"
CARD, REVIEW, SOUND = f"/my/calls/{OLD}", f"/review/{OLD}", f"/calls/{OLD}/audio"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def purge_words(house: House) -> None:
    purge.run(house.store, WORDS, "管理员", LATER)
    with pytest.raises(StoreError, match=DELETED):
        house.store.call(OLD)


@pytest.fixture
def purged(house: House) -> House:
    """A published call whose words are gone and whose recording is there."""
    own_recordings(house)
    house.publish(OLD)
    purge_words(house)
    return house


# ---------------------------------------------------------------- the pages


def test_the_agent_still_sees_every_deduction(purged: House) -> None:
    answer = purged.client("agent").get(CARD)
    text = plain(answer.text)
    assert answer.status_code == 200 and DELETED in text and "评分和扣分仍然有效" in text
    failed = [r for r in purged.store.scorecard(OLD).results if r.outcome is Outcome.FAIL]
    assert failed and all(result.title in text and result.clause in text for result in failed)
    assert "没有听到该说的话" not in text and "识别把握" not in text  # nobody knows that any more
    assert ("李敏", "call.view", OLD) in [(name, action, of) for name, action, of in named(purged)]


def named(house: House) -> list[tuple[str, str, str]]:
    names = {person.login: person.name for person in web_house.PEOPLE.values()}
    return [(names.get(by, by), action, of) for by, action, of in house.actions()]


def test_each_deduction_is_heard_where_the_recording_is_still_there(purged: House) -> None:
    agent = purged.client("agent")
    page = agent.get(CARD).text
    assert f'href="/calls/{OLD}"' not in page and f"/calls/{OLD}?at=" not in page  # they need the words
    sounds = set(re.findall(rf'href="({SOUND})#t=([\d.]+),([\d.]+)"', page))
    spans = {e.span for r in purged.store.scorecard(OLD).results if r.outcome is Outcome.FAIL for f in r.findings for e in f.evidence}
    assert {(float(a), float(b)) for _, a, b in sounds} == {(s.start_ms / 1000, s.end_ms / 1000) for s in spans} and spans
    heard = agent.get(SOUND)
    assert heard.status_code == 200 and heard.content[:4] == b"RIFF" and ("agent", "call.listen", OLD) in purged.actions()
    assert purged.client("agent2").get(SOUND).status_code == 404 and purged.client("hr").get(SOUND).status_code == 403
    assert purged.client("qa").get(SOUND).status_code == 200


def test_without_the_recording_the_sound_says_so(purged: House) -> None:
    shutil.rmtree(purged.folder / "recordings")
    assert purged.client("agent").get(CARD).status_code == 200
    gone = purged.client("agent").get(SOUND)
    assert gone.status_code == 404 and "没有录音可放" in gone.text


def test_the_agent_may_still_appeal_where_the_window_is_open(purged: House) -> None:
    """As after a correction that was published since."""
    agent = purged.client("agent")
    failed = next(r.check_id for r in purged.store.scorecard(OLD).results if r.outcome is Outcome.FAIL)
    form = agent.get(f"{CARD}/appeal?rule={failed}")
    assert form.status_code == 200 and "<textarea" in form.text
    reason = appeals.terms_of(purged.store, purged.store.scorecard(OLD)).reasons[0]
    made = agent.post(f"{CARD}/appeal", {"rule": failed, "reason": reason, "text": "我说的不是这个意思"})
    assert made.status_code == 303 and len(appeals.against(purged.store.db, OLD)) == 1


def test_the_review_screen_shows_results_and_seconds_and_invents_no_words(purged: House) -> None:
    page = purged.client("qa").get(REVIEW)
    text = plain(page.text)
    assert page.status_code == 200 and DELETED in text
    assert all(r.title in text for r in purged.store.scorecard(OLD).results)
    assert "此处未听到" not in text and "没有转写出文字" not in text and "没有区分说话人" not in text
    assert f'src="{SOUND}"' in page.text
    words = plain(purged.client("qa").get(f"/review/{call_id('8002', 2)}").text)
    assert DELETED in words  # the other call of the script is past its period as well


def test_the_words_themselves_are_refused(purged: House) -> None:
    for who in ("agent", "qa"):
        answer = purged.client(who).get(f"/calls/{OLD}")
        assert answer.status_code == 409 and DELETED in answer.text


def test_pages_say_it_in_english_too(purged: House) -> None:
    for who, path in (("agent", CARD), ("qa", REVIEW)):
        browser = purged.client(who)
        browser.client.cookies.set("qa-lang", "en")
        text = plain(browser.get(path).text)
        assert "The words of this call were deleted on" in text and "仍然有效" not in text


def test_a_call_that_was_scored_anew_shows_each_scorecard_as_it_is_left(purged: House) -> None:
    """The agent sees the scorecard from before, whose words are gone; QA one with words."""
    store = purged.store
    old = publications.newest(store.db, OLD)
    again = web_house.call(purged.folder, OLD, "8001", "good", "2025-06-12T09:00:00.000", seed=77)
    store.ledger.register(load("default"))
    saved = store.record(again, stored_houses.judge(again, load("default"), store.earlier()), new_recording=True)
    assert old is not None and saved.id > old
    assert remains.at(store, OLD, old).gone and not remains.at(store, OLD, saved.id).gone
    page = purged.client("agent").get(CARD)
    assert page.status_code == 200 and DELETED in page.text
    now = purged.client("qa").get(REVIEW)
    assert now.status_code == 200 and DELETED not in now.text and "本月话费是三十元" in now.text


def test_the_same_words_heard_anew_are_the_words_of_the_older_scorecard_too(house: House, tmp_path: Path) -> None:
    store = house.store
    of, old = store.call(OLD), publications._standing(store, OLD)
    purge_words(house)
    assert remains.at(store, OLD, old).gone
    saved = stored_houses.save(store, stored_houses.house(tmp_path / "other"), of)
    assert [remains.at(store, OLD, one).gone for one in (old, saved.id)] == ["", ""]
    assert remains.at(store, OLD, old).call == of


def test_what_is_only_counted_anew_has_no_words_again(purged: House) -> None:
    """As first warnings are counted again after a decision on another call."""
    store = purged.store
    old, card = publications._standing(store, OLD), store.scorecard(OLD)
    (row,) = store.db.rows("select * from scorecards where id = ?", old)
    with store.db.writing():
        new = store.db.insert("scorecards", {n: v for n, v in row.items() if n != "id"} | {"digest": "0" * 64})
    assert [bool(remains.at(store, OLD, one).gone) for one in (old, new)] == [True, True]
    assert remains.standing(store, OLD).card.results == card.results
    with pytest.raises(StoreError, match=DELETED):  # and not that they were damaged
        store.call(OLD)


def test_lost_data_are_not_called_deleted(house: House) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("PRAGMA foreign_keys = off")
        house.store.db.sqlite.execute("delete from blobs")
    with pytest.raises(StoreError, match="缺失或已损坏"):
        remains.standing(house.store, OLD)


def test_what_is_there_is_shown_whole(house: House) -> None:
    house.publish(OLD)
    assert remains.published(house.store, OLD) == remains.standing(house.store, OLD)
    there = remains.standing(house.store, OLD)
    assert (there.call, there.card, there.told) == (house.store.call(OLD), house.store.scorecard(OLD), "")
    page = house.client("agent").get(CARD).text
    assert f'href="/calls/{OLD}"' in page and f"/calls/{OLD}?at=" in page and DELETED not in page


# ---------------------------------------------------------------- money


@pytest.fixture
def fined(house: House, tmp_path: Path) -> House:
    """Two calls in May with a fine that nobody has confirmed, and one without."""
    book = stored_houses.house(tmp_path / "fined", worth="deduction = 5\nfine = { low = 50, high = 500 }")
    for n in range(3):
        stored_houses.save(house.store, book, stored_houses.call(f"M-{n}", f"2025-05-1{n}T10:00:00.000", rings=5 if n < 2 else 2))
    return house


def close_may(house: House) -> None:
    closing.close(house.store, "2025-05", "人事小张", "", "2025-05", True, datetime(2025, 6, 15).date())


def test_a_month_with_purged_calls_can_be_closed_on_the_screen(fined: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(purge, "held", lambda *asked: frozenset())  # as an older program deleted
        purge.run(fined.store, WORDS, "管理员", LATER)
    with pytest.raises(StoreError, match="还没有人确认"):
        close_may(fined)
    browser = fined.client("qa")
    for call in ("M-0", "M-1"):
        page = browser.get(f"/review/{call}")
        on = re.search(r'name="on" value="([^"]+)"', page.text)
        assert page.status_code == 200 and on is not None
        assert browser.post(f"/review/{call}/finish", {"on": on[1], "comment": "按录音核对过"}).status_code == 303
    close_may(fined)
    assert fined.store.ledger.is_closed("2025-05")


# ---------------------------------------------------------------- what is kept from a purge


NOW = datetime(2025, 6, 14, 12, tzinfo=HOUSE_ZONE)


def waiting(house: House, now: datetime = NOW, days: int = 20) -> set[str]:
    return set(purge.held(house.store, Retention({"transcripts": days}), now))


@pytest.mark.parametrize("counted", [False, True])
def test_breaches_of_an_open_month_that_nobody_confirmed_are_kept(fined: House, counted: bool) -> None:
    def again() -> set[str]:
        if counted:
            figures.ensure(fined.store, budget_s=None)
        return waiting(fined)

    assert again() == {"M-0", "M-1"}  # not the one without a breach
    reviews.finish(fined.store, "M-0", "质检小王")
    assert again() == {"M-1"}
    verdicts.overturn(fined.store, "M-1", "pickup", Outcome.PASS, Terms("质检小王", "没有超时"))
    assert again() == set()
    verdicts.withdraw(fined.store, "M-1", "pickup", Terms("质检小王", "看错了"))
    assert waiting(fined) == {"M-1"}  # whatever was counted before


def test_those_of_a_closed_month_are_not(fined: House) -> None:
    fined.store.ledger.close_month("2025-05", "人事小张")  # as older programs closed months
    assert waiting(fined) == set()


def test_nor_those_that_no_period_reaches(fined: House) -> None:
    assert waiting(fined, days=365) == set()


def test_a_purge_leaves_them_all_they_need(fined: House) -> None:
    own = {"M-0", "M-1"}
    purge.run(fined.store, Retention({"transcripts": 365, "quotes": 365}), "管理员", LATER)
    assert {c.call_id for c in fined.store.calls() if fined.store.db.rows("select 1 from utterances where call_id = ?", c.call_id)} == own
    assert all(fined.store.call(one) for one in own)


def at(house: House, days: float) -> datetime:
    """So many days of 24 hours after the last publication."""
    (row,) = house.store.db.rows("select max(created) as created from publications")
    return datetime.fromisoformat(row["created"]) + timedelta(days=days)


def test_a_published_call_is_kept_until_its_agent_can_appeal_no_more(house: House) -> None:
    house.publish(OLD)
    until = appeal_windows.window(house.store, OLD, appeals.WHOLE_CALL).until
    assert until is not None
    last = datetime(until.year, until.month, until.day, 23, 59, tzinfo=HOUSE_ZONE)
    assert waiting(house, last) == {OLD} and waiting(house, last + timedelta(minutes=2)) == set()
    purge.run(house.store, Retention({"transcripts": 1}), "管理员", last)
    assert house.store.call(OLD)
    with pytest.raises(StoreError, match=DELETED):
        house.store.call(call_id("8002", 2))
    purge.run(house.store, Retention({"transcripts": 1}), "管理员", last + timedelta(minutes=2))
    with pytest.raises(StoreError, match=DELETED):
        house.store.call(OLD)


def test_the_time_to_appeal_is_that_of_the_rule_book(house: House, tmp_path: Path) -> None:
    book = stored_houses.house(tmp_path / "long", more="[appeals]\nwindow_days = 200\nworkdays = false\n")
    stored_houses.save(house.store, book, stored_houses.call("L-1", "2025-05-10T10:00:00.000"))
    house.publish("L-1", OLD)
    assert waiting(house, at(house, 150)) == {"L-1"} and waiting(house, at(house, 202)) == set()


def test_what_is_hidden_again_is_not_kept(house: House) -> None:
    house.publish(OLD)
    publications.retract(house.store, [OLD], "质检小王", "弄错了")
    assert waiting(house, datetime.now(UTC)) == set()


def test_looking_at_what_is_kept_changes_nothing(fined: House) -> None:
    before = fined.store.db.sqlite.conn.total_changes
    waiting(fined)
    assert fined.store.db.sqlite.conn.total_changes == before and audit.entries(fined.store.db) == ()
