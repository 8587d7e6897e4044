"""What a hostile or unlucky request must not do: freeze the server, be unlogged, change without a row, show what is hidden."""

from __future__ import annotations

import io
import sqlite3
import sys
from datetime import date
from typing import Any

import numpy as np
import pytest
from web_house import PASSWORD, Browser, House, call_id

from qa.clips import briefing, cutting, export, index, playlists, release
from qa.clips.cutting import Wish
from qa.people import audit, throttle
from qa.review import publications, text_marks, versions
from qa.review.verdicts import Terms
from qa.types import Span
from qa.web import journal
from qa.web.addresses import address
from qa.web.settings import Settings, normal

CALL = call_id("8001", 1)
FORM = "application/x-www-form-urlencoded"


def send(browser: Browser, path: str, body: bytes, kind: str, **headers: str) -> Any:
    more = {"Origin": "http://127.0.0.1", "Content-Type": kind} | headers
    return browser.client.post(path, content=body, headers=more, follow_redirects=False)


def without_key(house: House) -> None:
    """From now on no row of the log can be written."""
    audit.record(house.store.db, "x", "y", "z", "1")
    key = audit.key_path(house.store.db)
    key.rename(f"{key}.away")


# ---------------------------------------------------------------- what is read before anybody is known


def test_the_journal_writes_where_the_stream_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    import structlog

    try:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        journal.configure()
        journal.log.info("one")
        sys.stderr.close()
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        journal.log.info("two")
        assert '"two"' in sys.stderr.getvalue()  # type: ignore[attr-defined]
    finally:
        structlog.reset_defaults()


@pytest.mark.parametrize(
    "kind", [f"{FORM}; charset=punycode", f"{FORM}; charset=utf-7", "multipart/form-data; boundary=x", "text/plain", ""]
)
def test_no_other_form_than_ours_is_read(house: House, kind: str) -> None:
    assert send(house.anonymous(), "/login", b"login=a&password=b", kind).status_code == 400


def test_the_body_of_a_login_is_small_whatever_its_headers_say(house: House) -> None:
    large = b"login=" + b"a" * (64 << 10)
    assert send(house.anonymous(), "/login", large, FORM).status_code == 413
    chunked = house.anonymous().client.post("/login", content=iter([large]), headers={"Origin": "http://127.0.0.1", "Content-Type": FORM})
    assert chunked.status_code == 413
    assert send(house.anonymous(), "/login", large, FORM, **{"Content-Length": "10"}).status_code == 413


@pytest.mark.parametrize(("headers", "status"), [({"Host": "evil.example"}, 400), ({"Origin": "http://evil.example"}, 403), ({}, 401)])
def test_no_body_is_read_of_whom_it_is_not_taken(house: House, headers: dict[str, str], status: int) -> None:
    """One that is refused by its size or kind alone would be answered otherwise."""
    browser = house.client("qa") if headers else house.anonymous()
    assert send(browser, "/publish", b"a" * (5 << 20), "text/plain", **headers).status_code == status


@pytest.mark.parametrize("body", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 2001)])
def test_what_is_no_form(house: House, body: bytes) -> None:
    assert send(house.client("qa"), "/publish", body, FORM).status_code == 400


def test_a_public_address_is_compared_as_browsers_write_it() -> None:
    assert (
        normal("https://QA.Example.com:443/")
        == "https://qa.example.com"
        == Settings(db=None, public_url="https://QA.example.com/").public_url
    )  # type: ignore[arg-type]
    assert normal("http://x:8080/") == "http://x:8080" and normal("") == ""


# ---------------------------------------------------------------- the log


def test_nothing_is_heard_while_the_log_cannot_be_written(house: House) -> None:
    browser = house.client("qa")
    without_key(house)
    assert [browser.get(f"/calls/{CALL}/audio").status_code for _ in range(3)] == [409] * 3


def test_a_change_and_its_row_stand_or_fall_together(house: House) -> None:
    browser = house.client("qa")
    without_key(house)
    assert browser.post("/publish", {"call": CALL}).status_code == 409
    assert publications.newest(house.store.db, CALL) is None


def test_a_clip_and_its_row_stand_or_fall_together(house: House) -> None:
    index.refresh(house.store)
    card = house.store.db.rows("select scorecard_id as id from search_calls where call_id = ?", CALL)[0]["id"]
    browser, form = house.client("trainer"), {"start": "6", "end": "9", "margin": "0", "beeps": "", "title": "t", "check": "", "note": ""}
    without_key(house)
    assert browser.post(f"/search/{card}/cut", form | {"example": ""}).status_code == 409
    assert house.store.db.rows("select 1 from clips") == []


def test_a_screen_with_a_problem_is_read_and_logged_like_any(house: House) -> None:
    terms = {"action": "confirm", "reason": "x", "on": "of-before"}
    rule = house.store.scorecard(CALL).results[0].check_id
    answer = house.client("qa").post(f"/review/{CALL}/verdict", terms | {"rule": rule})
    assert answer.status_code in (400, 409) and "宽带" in answer.text
    assert house.actions()[-1] == ("qa", "call.view", CALL)


def test_pages_of_many_are_logged_too(house: House) -> None:
    index.refresh(house.store)
    house.publish(CALL)
    shown = (("hr", "/months", "month.view"), ("hr", "/teams", "team.view"), ("agent", f"/my/calls/{CALL}/appeal", "call.view"))
    for who, path, action in shown:
        assert house.client(who).get(path).status_code == 200
        assert house.actions()[-1][:2] == (who, action)
    house.client("qa").get("/search?words=宽带")
    last = audit.entries(house.store.db, limit=1)[0]
    card = house.store.db.rows("select scorecard_id as id from search_calls where call_id = ?", CALL)[0]["id"]
    assert last.action == "search" and str(card) in dict(last.details)["scorecards"]


def test_a_busy_database_is_told_with_all_headers(house: House) -> None:
    browser = house.client("qa")
    house.clock[0] += 120
    other = sqlite3.connect(house.db, isolation_level=None)
    other.execute("begin immediate")
    try:
        answer = browser.get("/teams")
    finally:
        other.execute("rollback")
        other.close()
    assert answer.status_code == 503 and "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_failure_before_the_handler_has_all_headers(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.people import sessions

    def broken(*_: object) -> None:
        raise RuntimeError("幺三八")

    monkeypatch.setattr(sessions, "standing", broken)
    answer = house.anonymous().get("/")
    assert answer.status_code == 500 and "default-src 'none'" in answer.headers["content-security-policy"] and "幺" not in answer.text


# ---------------------------------------------------------------- what is hidden


def corrected(house: House, text: str) -> None:
    said = next(u for u in house.store.call(CALL).transcript.utterances if "一三八" in u.text)
    terms = Terms("质检", "听过", versions.version(house.store.db, CALL), False)
    text_marks.correct(house.store, CALL, said.speaker, said.span, text, terms)


@pytest.mark.parametrize("text", ["我的电话是", "我的电话就是我现在打过来的这个号码", "好的嗯我找一下稍等一下啊", ""])
def test_a_corrected_text_never_takes_a_beep_off(house: House, text: str) -> None:
    wish = Wish(Span(11_000, 16_500), 0)
    before = cutting.redacted(house.store, CALL, wish)
    corrected(house, text)
    after = cutting.redacted(house.store, CALL, wish)
    for beep in before.beeps:
        assert sum(beep.span.overlap_ms(b.span) for b in after.beeps) == beep.span.duration_ms
    hidden = np.concatenate([np.arange(8 * b.span.start_ms, 8 * b.span.end_ms) for b in before.beeps])
    original = cutting._samples(cutting.recording(house.store.call(CALL))[0], after.span)  # type: ignore[arg-type]
    assert (after.pcm[hidden] != original[hidden]).any() and not np.array_equal(after.pcm[hidden], original[hidden])


def test_a_number_written_by_a_person_stays_hidden_when_it_is_taken_out_again(house: House) -> None:
    corrected(house, "我的电话是一三九八七六五四三二一")
    index.refresh(house.store)
    corrected2 = next(u for u in house.store.call(CALL).transcript.utterances if "一三九" in u.text)
    terms = Terms("质检", "听过", versions.version(house.store.db, CALL), False)
    text_marks.correct(house.store, CALL, corrected2.speaker, corrected2.span, "就是这个", terms)
    assert any("number" in b.why for b in cutting.redacted(house.store, CALL, Wish(Span(11_000, 16_500), 0)).beeps)


def test_what_people_write_about_a_clip_has_no_number(house: House) -> None:
    with house.store.db.writing():  # a line number, which is masked only where it is known
        house.store.db.sqlite.execute("update calls set customer_number = '65432109' where call_id = ?", (CALL,))
    made = cutting.cut(house.store, CALL, Wish(Span(6500, 9000), title="a\nhttp://evil.example/x.mp3"), "培训")
    assert "\n" not in made.title
    release.decide(house.store, made.id, made.version.id, "refused", "质检", "还听得到65432109", heard=False)
    assert "65432109" not in release.decisions(house.store, made.id)[-1].reason
    one = playlists.create(house.store, "列\n表", "培训")
    playlists.add(house.store, one, made.id, "打65432109")
    assert "65432109" not in playlists.items(house.store, one)[0].note and playlists.playlist(house.store, one).title == "列 表"
    with pytest.raises(Exception, match="没有这个检查"):
        cutting.cut(house.store, CALL, Wish(Span(6500, 9000), check_id="13812345678"), "培训")


def test_a_title_of_before_is_one_line_of_a_playlist(house: House) -> None:
    import zipfile

    made = cutting.cut(house.store, CALL, Wish(Span(6500, 9000), title="x"), "培训")
    with house.store.db.writing():
        house.store.db.sqlite.execute("update clips set title = ?", ("x\nhttp://evil.example/a.mp3",))
    release.decide(house.store, made.id, made.version.id, "released", "质检", heard=True)
    one = playlists.create(house.store, "列表", "培训")
    playlists.add(house.store, one, made.id)
    from datetime import UTC, datetime

    zipped = export.packed(house.store, playlists.playlist(house.store, one), playlists.items(house.store, one), "wav", datetime.now(UTC))
    text = zipfile.ZipFile(io.BytesIO(zipped.data)).read("playlist.m3u8").decode()
    assert not [line for line in text.splitlines() if line.startswith("http")]


# ---------------------------------------------------------------- scopes


def test_a_day_in_an_address_is_a_day_and_nothing_else(house: House) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set team = '北京 一组' where team = '二组'")
    index.refresh(house.store)
    made, _problems = briefing.make_playlist(house.store, "北京 一组", date(2025, 6, 12), "QA")
    one = playlists.items(house.store, made)[0].clip
    release.decide(house.store, one.id, one.version.id, "released", "QA", heard=True)
    path = "/briefing/{team}/{day}/clips/{clip_id}/sound"
    for day in ("2025-06-12 北京", "20250612", "2025-W24-4"):
        assert house.client("lead").get(address(path, team="一组", day=day, clip_id=one.id)).status_code == 404
    assert house.client("qa").get(address(path, team="北京 一组", day="2025-06-12", clip_id=one.id)).status_code == 200


def test_a_lead_sees_of_an_agent_only_the_own_team(house: House) -> None:
    moved = call_id("8001", 0)
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set team = '二组' where call_id = ?", (moved,))
    page = house.client("lead").get("/agents/8001?month=2025-06").text
    assert moved not in page and call_id("8001", 1) in page and "共 2 通" in page and "共 3 通" not in page
    every = house.client("qa").get("/agents/8001?month=2025-06").text
    assert moved in every and "共 3 通" in every


@pytest.mark.parametrize("path", ["/my?of=9999-12-31", "/my?of=0001-01-01", "/my?of=1999-12-31", "/my?of=20250601", "/my?of=2101-01-01"])
def test_days_of_no_house_are_refused(house: House, path: str) -> None:
    assert house.client("agent").get(path).status_code == 400


@pytest.mark.parametrize("month", ["9999-12", "1000-01", "1999-12", "2101-01"])
def test_months_of_no_house_are_refused(house: House, month: str) -> None:
    assert house.client("hr").get(f"/appraisal?month={month}").status_code == 400


@pytest.mark.parametrize("path", ["/calls/~ff", "/teams/~ff", "/agents/~ed~a0~80"])
def test_an_id_that_is_no_text_is_nobodys(house: House, path: str) -> None:
    assert house.client("qa").get(path).status_code == 404


def test_a_range_of_endless_digits_is_none(house: House) -> None:
    made = cutting.cut(house.store, CALL, Wish(Span(6500, 9000), title="x"), "培训")
    whole = house.client("trainer").get(f"/clips/{made.id}/sound", headers={"Range": f"bytes={'9' * 5000}-"})
    assert whole.status_code == 200


def test_a_clip_of_a_call_that_counts_no_more_is_not_cut_again(house: House) -> None:
    made = cutting.cut(house.store, CALL, Wish(Span(6500, 9000), title="x"), "培训")
    form = {"start": "6", "end": "9", "margin": "0", "beeps": "", "title": "t", "check": "", "note": "", "example": ""}
    index.forget(house.store, CALL)
    assert house.client("trainer").get(f"/clips/{made.id}/edit").status_code == 404
    assert house.client("trainer").post(f"/clips/{made.id}/edit", form).status_code == 404
    assert cutting.clip(house.store, made.id).version == made.version


# ---------------------------------------------------------------- logging in


def test_an_attempt_counts_before_the_password_is_looked_at(house: House) -> None:
    db = house.store.db
    assert [throttle.attempt(db, "hr", "10.0.0.1", 1.0) for _ in range(6)] == [True] * 5 + [False]
    throttle.succeeded(db, "hr", "10.0.0.1")
    assert throttle.attempt(db, "hr", "10.0.0.1", 1.0)


def test_a_right_password_leaves_no_attempt_behind(house: House) -> None:
    for _ in range(7):
        browser = house.anonymous()
        browser.get("/login")
        browser.csrf = browser.client.cookies["qa-login"]
        assert browser.post("/login", {"login": "hr", "password": PASSWORD}).status_code == 303
    assert house.store.db.rows("select 1 from login_attempts") == []


def test_an_address_of_ipv6_is_its_net() -> None:
    assert throttle.place("2001:db8:1:2::1") == throttle.place("2001:db8:1:2:ffff::9") != throttle.place("2001:db8:1:3::1")
    assert throttle.place("::ffff:10.0.0.1") == throttle.place("10.0.0.1") == "10.0.0.1" and throttle.place("testclient") == "testclient"
