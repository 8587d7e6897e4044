"""What a trainer types is not lost by a slip, an open page outlives a decision of QA, and no words stand where QA has not released them."""

from __future__ import annotations

import html
import re
from datetime import date
from typing import Any

import pytest
from test_web_trainer import CUTTING, card, clip, indexed  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.clips import briefing, cutting, index, playlists, release
from qa.clips.cutting import Wish
from qa.review import verdicts
from qa.review.verdicts import Terms
from qa.types import Outcome, Span
from qa.web.pages import clips as pages

CALL = call_id("8001", 1)
BRIEF = "/briefing/~e4~b8~80~e7~bb~84?day=2025-06-12"
READERS = ("lead", "trainer", "qa")


def field(page: str, name: str) -> str:
    """What an input of the page holds."""
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', page) or re.search(rf'name="{name}"[^>]*>([^<]*)</textarea>', page)
    assert found is not None, name
    return html.unescape(found[1])


def told(page: str, name: str) -> str:
    """What stands beside a field that is wrong, which its input points to."""
    found = re.search(rf'<p class="told" id="f-{name}-bad">✗ ([^<]*)</p>', page)
    assert found is not None, name
    assert re.search(rf'id="f-{name}"[^>]*aria-describedby="f-{name}-bad [^>]*aria-invalid="true"', page)
    return html.unescape(found[1])


# ---------------------------------------------------------------- words of what is not released


def test_the_brief_shows_words_of_what_is_released_alone(indexed: House) -> None:  # noqa: F811
    store = indexed.store
    known, _ = briefing.make_playlist(store, "一组", date(2025, 6, 12), "培训老师")
    first = playlists.items(store, known)[0].clip
    words = first.version.captions[0].text

    def shown() -> set[bool]:
        pages_ = [indexed.client(who).get(BRIEF).text for who in READERS]
        assert all(first.title in page for page in pages_)
        return {words in page.split("<main")[1] or "<blockquote" in page for page in pages_}

    assert words and shown() == {False}  # nobody has heard it yet
    release.decide(store, first.id, first.version.id, release.RELEASED, "质检小王", heard=True)
    assert shown() == {True}
    release.decide(store, first.id, first.version.id, release.WITHDRAWN, "质检小王", "有姓名", heard=False)
    assert shown() == {False}
    assert "已撤回" in indexed.client("lead").get(BRIEF).text


def test_a_refused_clip_stands_on_the_brief_without_words(indexed: House) -> None:  # noqa: F811
    store = indexed.store
    known, _ = briefing.make_playlist(store, "一组", date(2025, 6, 12), "培训老师")
    for item in playlists.items(store, known):
        release.decide(store, item.clip.id, item.clip.version.id, release.REFUSED, "质检小王", "有姓名", heard=False)
    page = indexed.client("lead").get(BRIEF).text
    assert "<blockquote" not in page and "<audio" not in page and "已退回" in page


def test_what_is_not_released_is_not_printed_and_counted(indexed: House) -> None:  # noqa: F811
    store = indexed.store
    known, _ = briefing.make_playlist(store, "一组", date(2025, 6, 12), "培训老师")
    held = len(playlists.items(store, known)) - 1
    first = playlists.items(store, known)[0].clip
    release.decide(store, first.id, first.version.id, release.RELEASED, "质检小王", heard=True)
    page = indexed.client("trainer").get(BRIEF).text
    hear = page.split('<ol class="hear">')[1].split("</ol>")[0]
    assert held and len(re.findall('<li class="no-print">', hear)) == held and len(re.findall("<li>", hear)) == 1
    assert f"另有 {held} 个片段没有放行，不打印。" in page


# ---------------------------------------------------------------- a page that is open while QA decides


def test_an_open_cutting_page_outlives_a_decision_of_qa(indexed: House) -> None:  # noqa: F811
    trainer, before = indexed.client("trainer"), card(indexed, CALL)
    open_page = f"/search/{before}/cut"
    assert trainer.get(f"{open_page}?start=7000&end=9000").status_code == 200
    verdicts.overturn(indexed.store, CALL, "greeting", Outcome.PASS, Terms("李质检", "听过了"))
    index.refresh(indexed.store)
    assert card(indexed, CALL) != before
    assert trainer.get(f"/search/{before}/sound?from=0&to=9000").status_code == 200
    answer = trainer.post(open_page, CUTTING)
    assert answer.status_code == 303 and cutting.clips(indexed.store)[0].call_id == CALL
    assert trainer.get(f"{open_page}?start=7000&end=9000").status_code == 200
    for who in ("lead", "agent", "hr", "admin"):
        assert indexed.client(who).post(open_page, CUTTING).status_code == 403


def test_an_old_scorecard_of_a_call_that_left_the_index_leads_nowhere(indexed: House) -> None:  # noqa: F811
    one = card(indexed, CALL)
    index.forget(indexed.store, CALL)
    assert indexed.client("trainer").get(f"/search/{one}/cut").status_code == 404
    assert indexed.client("trainer").post(f"/search/{one}/cut", CUTTING).status_code == 404


# ---------------------------------------------------------------- slips

SLIPS: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"start": "16", "end": "6.5"}, "end", "晚于开始"),
    ({"start": "abc"}, "start", "秒数"),
    ({"end": "-3"}, "end", "秒数"),
    ({"end": "nan"}, "end", "秒数"),
    ({"end": "9999999"}, "end", "秒数"),
    ({"start": "88888", "end": "99999"}, "start", "录音只有"),
    ({"margin": "99"}, "margin", "0 到 15 秒"),
    ({"margin": ""}, "margin", "秒数"),
    ({"start": "8", "end": "8.1", "margin": "0"}, "end", "0.5 到 300 秒"),
    ({"beeps": "abc"}, "beeps", "12.3-14"),
    ({"beeps": "7-7.5\n9-8"}, "beeps", "“9-8”"),
    ({"beeps": "7-7.5\n0.2-0.4"}, "beeps", "消音 0.2-0.4 秒不在片段里（6.0-16.5 秒）"),
)


@pytest.mark.parametrize(("change", "wrong", "why"), SLIPS)
@pytest.mark.parametrize("again", [False, True])
def test_a_slip_costs_nothing_that_was_typed(
    indexed: House,  # noqa: F811
    change: dict[str, str],
    wrong: str,
    why: str,
    again: bool,
) -> None:
    form = CUTTING | {"title": "开场要道歉", "note": "听语气", "example": "bad", "check": "greeting", "beeps": "7-7.5"} | change
    at = f"/clips/{clip(indexed).id}/edit" if again else f"/search/{card(indexed, CALL)}/cut"
    versions = indexed.store.db.rows("select count(*) as n from clip_versions")
    answer = indexed.client("trainer").post(f"{at}?from=4000&to=20000", form)
    assert answer.status_code == 400 and indexed.store.db.rows("select count(*) as n from clip_versions") == versions
    page = answer.text
    assert why in told(page, wrong) and "毫秒" not in page
    assert page.count('class="told"') == 1 and f'<a href="#f-{wrong}">' in page
    assert {name: field(page, name) for name in ("start", "end", "margin", "title", "beeps", "note")} == {
        name: form[name] for name in ("start", "end", "margin", "title", "beeps", "note")
    }
    assert 'value="bad" selected' in page and 'value="greeting" selected' in page
    assert 'data-offset="4000"' in page and "from=4000" in page  # the same stretch is heard
    assert ("trainer", "clip.prepare", CALL) in indexed.actions()
    action = html.unescape(re.search(r'action="([^"]+)" id="cut-form"', page)[1])  # type: ignore[index]
    mended = form | {"start": "6.5", "end": "16", "margin": "0.5", "beeps": "7-7.5"}
    assert indexed.client("trainer").post(action, mended).status_code == 303


def test_every_wrong_field_is_told_at_once(indexed: House) -> None:  # noqa: F811
    slips = {"start": "x", "margin": "16", "beeps": "y"}
    page = indexed.client("trainer").post(f"/search/{card(indexed, CALL)}/cut", CUTTING | slips).text
    assert [bool(told(page, name)) for name in slips] == [True] * 3 and page.count('class="told"') == 3


def test_a_check_that_is_gone_is_named(indexed: House) -> None:  # noqa: F811
    answer = indexed.client("trainer").post(f"/search/{card(indexed, CALL)}/cut", CUTTING | {"check": "no_such", "title": "开场"})
    assert (
        answer.status_code == 400 and '<a href="#f-check">检查项</a>：没有这个检查' in answer.text and field(answer.text, "title") == "开场"
    )


def test_a_recording_that_is_gone_costs_nothing_that_was_typed(indexed: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(cutting, "recording", lambda call: (None, "录音文件不在了。"))
    answer = indexed.client("trainer").post(f"/search/{card(indexed, CALL)}/cut", CUTTING | {"title": "开场"})
    assert answer.status_code == 400 and "录音文件不在了" in answer.text and field(answer.text, "title") == "开场"


def test_a_slip_is_told_in_english_too(indexed: House) -> None:  # noqa: F811
    browser = indexed.client("trainer")
    browser.client.cookies.set("qa-lang", "en")
    at = f"/search/{card(indexed, CALL)}/cut"
    for change, name in (
        ({"beeps": "0.2-0.4"}, "beeps"),
        ({"start": "8", "end": "8.1", "margin": "0"}, "end"),
        ({"margin": "16"}, "margin"),
    ):
        page = browser.post(at, CUTTING | change).text
        assert not re.search("[\u4e00-\u9fff]", told(page, name)), told(page, name)


def test_what_is_heard_around_a_long_clip_may_be_heard(indexed: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(pages, "_LONGEST_WINDOW_MS", 12_000)
    trainer: Any = indexed.client("trainer")
    made = cutting.cut(indexed.store, CALL, Wish(Span(6000, 16_500), 0, title="长"), "培训老师")
    page = trainer.get(f"/clips/{made.id}/edit").text
    address = html.unescape(re.search(r'src="(/search/[^"]+/sound[^"]*)"', page)[1])  # type: ignore[index]
    assert trainer.get(address).status_code == 200


def test_the_cutter_says_whose_time_the_player_tells(indexed: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(pages, "AROUND_MS", 2000)
    page = indexed.client("trainer").get(f"/search/{card(indexed, CALL)}/cut?start=11500&end=16000").text
    assert 'data-offset="9500"' in page and "（录音的 9.5 秒处）" in page and 'id="cut-now"' in page
