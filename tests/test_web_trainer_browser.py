"""The trainer's pages in a real browser: at 360 and 1440 px, by keyboard alone, and printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.clips import briefing, cutting, index, playlists, release
from qa.clips.cutting import Wish
from qa.types import Span
from qa.web.pages import clips

Open = Callable[..., Opened]
TEAM = "/briefing/~e4~b8~80~e7~bb~84?day=2025-06-12"


@pytest.fixture
def furnished(house: House) -> House:  # noqa: F811
    """With the index, a released clip, a waiting one, a playlist of both and a brief."""
    store = house.store
    index.refresh(store)
    made = [
        cutting.cut(
            store,
            call_id("8001", 1),
            Wish(Span(6000, 16_500), 0, title="报修：先道歉再要号码", example="bad", check_id="greeting"),
            "培训老师",
        ),
        cutting.cut(
            store, call_id("8001", 0), Wish(Span(500, 8000), 1000, title="开场和报工号", example="good", note="听语气"), "培训老师"
        ),
    ]
    release.decide(store, made[0].id, made[0].version.id, "released", "质检小王", heard=True)
    lists = playlists.create(store, "六月新人培训", "培训老师", "先听差例，再听好例")
    for one in made:
        playlists.add(store, lists, one.id, "注意语气")
    in_brief, _ = briefing.make_playlist(store, "一组", date(2025, 6, 12), "培训老师")
    first = playlists.items(store, in_brief)[0].clip
    release.decide(store, first.id, first.version.id, "released", "质检小王", heard=True)
    return house


def card(house: House) -> int:  # noqa: F811
    return int(house.store.db.rows("select scorecard_id from search_calls where call_id = ?", call_id("8001", 1))[0]["scorecard_id"])


PAGES = {
    "search": ("trainer", "/search?words=投诉&rate_from=100"),
    "search-none": ("trainer", "/search?words=没有人说过这句话"),
    "search-check": ("qa", "/search?check=banned_phrases&example=bad"),
    "search-outcome": ("trainer", "/search?outcome=fail"),
    "clips": ("trainer", "/clips"),
    "clip": ("qa", "/clips/1"),
    "clip-waiting": ("trainer", "/clips/2"),
    "release": ("qa", "/release"),
    "playlists": ("trainer", "/playlists"),
    "playlist": ("trainer", "/playlists/1"),
    "playlist-notes": ("qa", "/playlists/1"),
    "briefings": ("trainer", "/briefing"),
    "brief": ("trainer", TEAM),
    "brief-lead": ("lead", TEAM),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_well(furnished: House, opened: Open, name: str, width: int) -> None:  # noqa: F811
    one = opened(*PAGES[name], width)
    one.page.wait_for_timeout(600)
    one.shot(f"trainer-{name}")
    one.well()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_clip_is_cut_by_keyboard_alone(furnished: House, opened: Open, width: int) -> None:  # noqa: F811
    before = len(cutting.clips(furnished.store))
    one = opened("trainer", f"/search/{card(furnished)}/cut?start=11500&end=16000", width)
    one.until("document.querySelector('audio').readyState >= 1")
    one.page.wait_for_timeout(700)
    one.shot("trainer-cut")
    one.well()
    keyboard = one.page.keyboard
    one.page.evaluate("document.querySelector('audio').currentTime = 12")
    one.until("document.querySelector('#cut-now b').textContent === '12.0'")  # the window begins with the recording
    keyboard.press("[")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("]")
    assert one.page.evaluate("[f('f-start'), f('f-end')].map(Number)".replace("f(", "(i => document.getElementById(i).value)(")) == [
        12.0,
        14.0,
    ]
    keyboard.press("b")
    keyboard.press("ArrowLeft")
    keyboard.press("b")
    assert one.page.evaluate("document.getElementById('f-beeps').value") == "13.0-14.0"
    keyboard.press(" ")
    one.until("!document.querySelector('audio').paused")
    keyboard.press(" ")
    one.until("document.querySelector('audio').paused")
    one.tab_to("#f-title")
    keyboard.type("号码怎么记")
    one.tab_to("#cut-form button.primary")
    keyboard.press("Enter")
    one.until("location.pathname.startsWith('/clips/')")
    made = cutting.clips(furnished.store)
    assert (
        len(made) == before + 1 and made[0].title == "号码怎么记" and (made[0].version.start_ms, made[0].version.end_ms) == (11_000, 16_000)
    )  # at pauses
    one.well()


def test_the_player_s_place_is_told_in_the_recording_s_time(furnished: House, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(clips, "AROUND_MS", 2000)
    one = opened("trainer", f"/search/{card(furnished)}/cut?start=11500&end=16000", 360)
    one.until("document.querySelector('audio').readyState >= 1 && document.getElementById('cut-now').checkVisibility()")
    one.page.evaluate("document.querySelector('audio').currentTime = 3")
    one.until("document.querySelector('#cut-now b').textContent === '12.5'")
    one.well()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_slip_is_shown_beside_its_field(furnished: House, opened: Open, width: int) -> None:  # noqa: F811
    one = opened("trainer", f"/search/{card(furnished)}/cut?start=11500&end=16000", width)
    one.until("document.querySelector('audio').readyState >= 1")
    one.page.locator("#f-end").fill("3")
    one.page.locator("#f-title").fill("开场")
    one.page.locator("#f-beeps").fill("abc")
    one.page.locator("#cut-form button.primary").click()
    one.until("document.querySelectorAll('.told').length === 2")
    one.page.wait_for_timeout(700)
    one.shot("trainer-cut-slip")
    assert [one.complaints.pop()] == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]
    one.well()
    assert one.page.evaluate("['f-end', 'f-title', 'f-beeps'].map(i => document.getElementById(i).value)") == ["3", "开场", "abc"]


def test_qa_releases_by_keyboard(furnished: House, opened: Open) -> None:  # noqa: F811
    one = opened("qa", "/release", 360)
    one.tab_to(".cards a")
    one.page.keyboard.press("Enter")
    one.until("location.pathname.startsWith('/clips/')")
    one.tab_to("input[name=heard]")
    one.page.keyboard.press(" ")
    one.well()
    one.tab_to("button[value=released]")
    one.page.keyboard.press("Enter")
    one.until("location.pathname === '/release' && document.getElementById('notices').textContent.includes('已记录')")


def test_a_playlist_plays_through_and_words_play_from_their_place(furnished: House, opened: Open) -> None:  # noqa: F811
    one = opened("trainer", "/playlists/1", 360)
    one.tab_to("#play-all button")
    one.page.keyboard.press("Enter")
    one.until("!document.querySelectorAll('audio')[0].paused")
    one.page.evaluate("document.querySelectorAll('audio')[0].currentTime = 1e4")
    one.until("!document.querySelectorAll('audio')[1].paused && document.querySelectorAll('audio')[0].paused")
    other = opened("trainer", "/clips/1", 1440)
    other.tab_to(".said-list li:nth-child(2) .at")
    other.page.keyboard.press("Enter")
    other.until("document.querySelector('audio').currentTime > 4")


def test_the_brief_prints_on_paper(furnished: House, opened: Open) -> None:  # noqa: F811
    one = opened("trainer", TEAM, 1440)
    one.page.emulate_media(media="print")
    assert one.page.evaluate("[...document.querySelectorAll('nav, button, audio, .foot')].filter(e => e.checkVisibility()).length") == 0
    printed = "s => [...document.querySelectorAll(s)].filter(e => e.checkVisibility()).length"
    assert one.page.evaluate(f"['.hear li', '.hear blockquote', '.print-only'].map({printed})") == [
        1,
        1,
        1,
    ]  # what is released, and how many are not
    one.shot("trainer-brief-print")
    assert len(re.findall(rb"/Type\s*/Page\b", one.page.pdf(format="A4"))) == 1


def test_everything_works_without_script(furnished: House, browser: object, server: str, opened: Open) -> None:  # noqa: F811
    made = opened("trainer", "/clips", 1440)
    cookies = made.context.cookies()
    plain = browser.new_context(java_script_enabled=False)  # type: ignore[attr-defined]
    plain.add_cookies(cookies)
    page = plain.new_page()
    page.goto(f"{server}/search/{card(furnished)}/cut?start=11500&end=16000")
    page.locator("#f-title").fill("没有脚本")
    page.locator("#cut-form button").click()
    page.wait_for_url("**/clips/*")
    plain.close()
    assert cutting.clips(furnished.store)[0].title == "没有脚本"


def test_english(furnished: House, opened: Open) -> None:  # noqa: F811
    one = opened("trainer", "/search", 360)
    one.context.add_cookies([{"name": "qa-lang", "value": "en", "url": one.address}])
    one.page.goto(f"{one.address}/search?words=投诉")
    one.shot("trainer-search-english")
    text = one.page.evaluate("document.querySelector('main form').textContent")
    assert "Words said" in text and "检查项" not in text
    one.well()
