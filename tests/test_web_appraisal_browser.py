"""The pages of agents, team leads and HR in a real browser: widths, keyboard, contrast, the chart and its table, printing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stored_houses
import web_house
from web_browser import WIDTHS, Opened, pytestmark  # noqa: F401
from web_house import House, call_id

from qa import rulebook
from qa.appraisal import figures
from qa.review import appeals

Open = Callable[..., Opened]
BANNED = call_id("8001", 2)
DRAWN = """(() => { const c = document.querySelector('#trend-chart canvas');
  return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v); })()"""
TEAM = "/teams/~e4~b8~80~e7~bb~84"  # 一组


@pytest.fixture
def busy(house: House) -> House:
    """Several months of published calls, an appeal with an answer, a month to close; an agent who changed team in May."""
    book = rulebook.load("default")
    for month in (3, 4, 5):
        for n in range(6):
            kind = web_house.KINDS[(n + month) % 3]
            for agent in ("8001", "8002"):
                start = f"2025-{month:02d}-{10 + n:02d}T10:00:00.000"
                of = web_house.call(house.folder, f"{agent}-{month}-{n}", agent, kind, start, seed=n)
                stored_houses.save(house.store, book, of)
    with house.store.db.writing():
        late = "agent_id = '8002' and started between '2025-05-14' and '2025-06'"
        house.store.db.sqlite.execute(f"update calls set team = '二组' where {late}")
    house.publish(*(row["call_id"] for row in house.store.db.rows("select call_id from calls where agent_id in ('8001', '8002')")))
    filed = appeals.file(house.store, BANNED, "banned_phrases", "8001", "文字与录音不符", "我说的是别的", "李敏")
    appeals.answer(house.store, filed.id, "lead", "reject", "听得很清楚，是原话", "王班长")
    figures.ensure(house.store, budget_s=None)
    return house


PAGES = {
    "own-month": ("agent", "/my?of=2025-06-12"),
    "own-week": ("agent", "/my?period=week&of=2025-06-12"),
    "own-card": ("agent", f"/my/calls/{BANNED}"),
    "own-appeal-form": ("agent", f"/my/calls/{BANNED}/appeal?rule=closing"),
    "own-appeals": ("agent", "/my/appeals"),
    "own-appeal": ("agent", "/my/appeals/1"),
    "own-start": ("agent", "/"),
    "teams": ("hr", "/teams?month=2025-05"),
    "team": ("lead", f"{TEAM}?month=2025-05"),
    "agent-month": ("lead", "/agents/8001?month=2025-05"),
    "appraisal": ("hr", "/appraisal?month=2025-05"),
    "appraisal-print": ("hr", "/appraisal/print?month=2025-05"),
    "months": ("hr", "/months?month=2025-05"),
}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_the_pages(opened: Open, busy: House, name: str, width: int) -> None:
    one = opened(*PAGES[name], width)
    one.well()
    one.shot(f"appraisal-{name}")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_chart_is_drawn_and_its_figures_stand_below(opened: Open, busy: House, width: int) -> None:
    one = opened("agent", "/my?of=2025-06-12", width)
    one.until("document.querySelector('#trend-chart canvas') !== null")
    assert one.page.evaluate(DRAWN)
    rows = one.page.locator("#h-trend ~ .sheet tbody tr").count()
    assert rows == 4  # March to June
    one.well()


def test_an_agent_appeals_by_keyboard_alone(opened: Open, busy: House) -> None:
    one = opened("agent", f"/my/calls/{BANNED}", 1440)
    one.tab_to("a[href*='appeal?rule=closing']")
    one.page.keyboard.press("Enter")
    one.until("document.querySelector('#f-text') !== null")
    one.tab_to("#f-text")
    one.page.keyboard.type("第十五秒说了再见")
    one.tab_to("button.primary")
    one.page.keyboard.press("Enter")
    one.until("location.pathname.startsWith('/my/appeals/')")
    assert "待班组长答复" in one.page.locator("main").inner_text() and one.complaints == []


def test_a_clip_plays_its_seconds_alone(opened: Open, busy: House) -> None:
    one = opened("agent", "/my?of=2025-06-12", 1440)
    source = one.page.locator("figure.clip-own audio").first.get_attribute("src")
    start, end = map(float, source.rpartition("#t=")[2].split(","))
    one.page.evaluate("() => document.querySelector('figure.clip-own audio').play()")
    one.until(f"document.querySelector('figure.clip-own audio').currentTime > {start}")
    assert one.page.evaluate("document.querySelector('figure.clip-own audio').currentTime") < end + 1


def test_the_printed_table_has_no_navigation_and_fits_the_paper(opened: Open, busy: House) -> None:
    one = opened("hr", "/appraisal/print?month=2025-05", 1440)
    one.page.emulate_media(media="print")
    assert not one.page.locator(".top").is_visible() and not one.page.locator("#print").is_visible()
    assert one.page.locator(".signs").is_visible()
    one.shot("appraisal-printed")


def test_closing_by_hand(opened: Open, busy: House) -> None:
    one = opened("hr", "/months?month=2025-05", 360)
    one.page.locator("#f-confirm").fill("2025-05")
    one.page.locator("input[name=accept]").check()
    one.page.get_by_role("button", name="关账并签字").click()
    one.until("document.querySelector('.notice.good') !== null")
    assert busy.store.ledger.is_closed("2025-05")
    one.well()
    one.shot("appraisal-months-closed")
