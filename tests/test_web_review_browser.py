"""The review pages in a real browser: at 360 and 1440 px, by keyboard alone, with and without the script."""

# ruff: noqa: F811
from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.review import appeals, queue, reviews, rule_editing, rulings, sampling, text_marks, verdicts
from qa.review.appeal_states import today
from qa.review.verdicts import Terms
from qa.types import Evidence, Outcome, Role, Span

Open = Callable[..., Opened]
A, B = call_id("8001", 1), call_id("8001", 2)


@pytest.fixture
def furnished(house: House) -> House:
    """With verdicts, a correction, a published call with its appeal, a plan of a day, and a draft of rules."""
    store = house.store
    queue.refresh(store)
    verdicts.overturn(store, B, "greeting", Outcome.NOT_APPLICABLE, Terms("质检主管", "客户先说话"))
    verdicts.add(store, B, "banned_phrases", Evidence(Span(12_500, 14_000), Role.AGENT), Terms("质检主管", "不耐烦地挂断"))
    text_marks.correct(store, B, "ch0", Span(12_500, 15_000), "再见吧。", Terms("质检小王", "听了三遍"))
    house.publish(A)
    house.clock[0] = time.time()
    appeals.file(store, A, "greeting", "8001", "文字与录音不符", "我问候了，请再听开头", "李敏", today())
    one = appeals.answer(store, 1, "lead", "support", "听了，开头有半句问候", "王班长")
    assert one.state().level == "qa"
    draft = rule_editing.begin(store, "default", "质检小王")
    rule_editing.set_limit(store, draft.id, draft.revision, "speech_rate", "max_cpm", "281", "质检小王")
    sampling.draw(store, __import__("datetime").date(2025, 6, 12), 1, "质检小王")
    queue.refresh(store)
    return house


PAGES = {
    "queue": ("qa", "/review"),
    "review": ("qa", f"/review/{B}"),
    "review-appealed": ("qa", f"/review/{A}"),
    "sampling": ("qa", "/sampling?day=2025-06-12"),
    "publish": ("qa", "/publish"),
    "appeals": ("qa", "/appeals"),
    "appeal": ("qa", "/appeals/1"),
    "lead-appeals": ("lead", "/team/appeals"),
    "rules": ("qa", "/rules"),
    "draft": ("qa", "/rules/1"),
    "draft-tried": ("qa", "/rules/1/try?since=2025-06-01&until=2025-06-30"),
    "overturned": ("qa", "/rules/overturned"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_well_at_both_widths(opened: Open, furnished: House, name: str, width: int) -> None:
    one = opened(*PAGES[name], width)
    one.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = !d.classList.contains('me'); })")
    one.well()
    one.page.evaluate(
        "document.querySelectorAll('main details').forEach(d => {"
        " d.open = d.matches('.acts > details:first-of-type') && !d.closest('article ~ article'); })"
    )
    one.shot(name)


FOCUSED = "document.activeElement.closest('article.rule')?.dataset.rule || ''"


def test_a_call_is_reviewed_by_keyboard_alone(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    _goes_to_the_greeting(one)
    _overturns_and_confirms(one, house)
    _adds_a_finding(one, house)
    _corrects_the_text(one, house)
    _finishes(one, house)
    assert one.complaints == []


def _goes_to_the_greeting(one: Opened) -> None:
    keys, page = one.page.keyboard, one.page
    keys.press("j")
    first = page.evaluate(FOCUSED)
    assert first and page.evaluate("document.getElementById('audio').currentTime") >= 0
    one.until("!document.getElementById('audio').paused")
    keys.press(" ")
    one.until("document.getElementById('audio').paused")
    while page.evaluate(FOCUSED) != "greeting":
        before = page.evaluate(FOCUSED)
        keys.press("j")
        assert page.evaluate(FOCUSED) != before


def _overturns_and_confirms(one: Opened, house: House) -> None:
    keys, page = one.page.keyboard, one.page
    keys.press("o")
    assert page.evaluate("document.activeElement.name") == "outcome"
    keys.press("Tab")
    keys.type("录音开头被截断")  # the letters of the shortcuts are only letters here
    keys.press("Enter")
    one.until("document.querySelector('#c-greeting .person')?.textContent.includes('录音开头被截断')")
    assert page.evaluate("location.pathname").endswith(A) and page.evaluate(FOCUSED) == "greeting"
    (overturned,) = rulings.of_call(house.store.db, A)
    assert (overturned.action, overturned.by) == ("overturn", "质检小王")
    assert "已改判" in page.inner_text("#notices")

    keys.press("w")
    keys.press("Enter")
    one.until("document.querySelector('#c-greeting .person').textContent.includes('尚未复核')")
    keys.press("c")
    one.until("document.querySelector('#c-greeting .person').textContent.includes('确认')")
    assert [v.action for v in rulings.of_call(house.store.db, A)] == ["overturn", "withdraw", "confirm"]


def _adds_a_finding(one: Opened, house: House) -> None:
    keys, page = one.page.keyboard, one.page
    for sign in "kkkkkkkjjjjjjj":
        if page.evaluate(FOCUSED) == "banned_phrases":
            break
        keys.press(sign)
    assert page.evaluate(FOCUSED) == "banned_phrases"
    page.evaluate("document.getElementById('audio').pause(); document.getElementById('audio').currentTime = 6.5")
    keys.press("a")
    assert page.evaluate("document.activeElement.name") == "start"
    keys.press("[")
    page.evaluate("document.getElementById('audio').currentTime = 8")
    keys.press("]")
    times = "#c-banned_phrases details[open] :is(input[name=start], input[name=end])"
    assert page.evaluate("s => [...document.querySelectorAll(s)].map(i => i.value)", times) == ["6.5", "8.0"]
    for _ in range(3):
        keys.press("Tab")
    keys.type("语气生硬")
    keys.press("Enter")
    one.until("document.querySelector('#c-banned_phrases .person').textContent.includes('语气生硬')")
    found = house.store.scorecard(A).result("banned_phrases")
    assert found is not None and found.outcome is Outcome.FAIL and found.findings[0].evidence[0].span == Span(6500, 8000)


def _corrects_the_text(one: Opened, house: House) -> None:
    keys, page = one.page.keyboard, one.page
    page.evaluate("document.getElementById('audio').currentTime = 1")
    one.until("document.querySelector('.line.now')")
    keys.press("t")
    keys.press("Control+a")
    keys.type("您好，华宁通信，很高兴为您服务。")
    keys.press("Tab")
    keys.type("听了")
    keys.press("Enter")
    one.until("document.querySelector('.marks')")
    assert text_marks.marks(house.store.db, A)[0].before_text.startswith("什么事")
    assert page.evaluate("new URL(location.href).searchParams.get('at')") == "1000"


def _finishes(one: Opened, house: House) -> None:
    keys, page = one.page.keyboard, one.page
    keys.press("r")
    assert page.evaluate("document.activeElement.id") == "v-ch0"
    keys.press("Escape")
    keys.press("f")
    keys.type("开头要问好")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    one.until(f"location.pathname !== '/review/{A}'")
    assert reviews.of_call(house.store.db, A)[0].comment == "开头要问好"


def test_a_verdict_that_another_has_overtaken_says_so_and_keeps_the_words(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    verdicts.confirm(house.store, A, "greeting", Terms("质检主管"))
    one.page.focus("#c-greeting")
    one.page.keyboard.press("o")
    one.page.keyboard.press("Tab")
    one.page.keyboard.type("我听的不是这样")
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('#review [role=alert]')?.textContent.includes('质检主管 改了判定')")
    assert (
        one.page.evaluate("document.querySelector('#c-greeting details[data-act=overturn] input[name=reason]').value") == "我听的不是这样"
    )
    one.page.evaluate("document.querySelector('#c-greeting details[data-act=overturn] button.primary').click()")
    one.until("document.querySelector('#c-greeting .person').textContent.includes('我听的不是这样')")
    assert [v.by for v in rulings.of_call(house.store.db, A)] == ["质检主管", "质检小王"]


def test_the_shortcuts_can_be_switched_off_and_that_is_kept(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    one.page.evaluate("document.querySelector('.keys').open = true; document.getElementById('keys-on').click()")
    one.page.focus("#c-greeting")
    one.page.keyboard.press("c")
    one.page.reload()
    assert one.page.evaluate("document.getElementById('keys-on').checked") is False
    one.page.keyboard.press("c")
    one.page.wait_for_timeout(300)
    assert rulings.of_call(house.store.db, A) == ()


@pytest.mark.parametrize("width", WIDTHS)
def test_in_english_nothing_overflows(opened: Open, furnished: House, width: int) -> None:
    one = opened("qa", f"/review/{B}", width)
    one.page.evaluate("document.querySelector('button[name=lang]').click()")
    one.until("document.documentElement.lang === 'en'")
    one.well()
    one.shot("review-english")
