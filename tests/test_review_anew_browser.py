# ruff: noqa: F811
"""After a verdict the pins above the sound, the bands and the marks beside the words are those of the new scorecard, without a reload."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

Open = Callable[..., Opened]
CALL, RULE = call_id("8001", 2), "banned_phrases"
PINS = "[...document.querySelectorAll('.pin')].map(p => [p.className, p.title, getComputedStyle(p).left, getComputedStyle(p).bottom])"
CHIPS = "[...document.querySelectorAll('#lines .line .chip')].map(c => [c.closest('.line').dataset.start, c.className, c.title])"
BANDS = "[...document.querySelectorAll('#wave svg rect[class^=\"u-\"]')].map(r => [r.getAttribute('class'), r.getAttribute('x')])"
MARKS = "[...document.querySelectorAll('#lines mark')].map(m => m.textContent)"
SHOWN = f"[{PINS}, {CHIPS}, {BANDS}, {MARKS}]"


def decide(one: Opened, act: str, told: str, **fields: str) -> None:
    form = f'article[data-rule="{RULE}"] details[data-act="{act}"]'
    one.page.evaluate(f"document.querySelector('{form}').open = true")
    if "outcome" in fields:
        one.page.select_option(f"{form} select[name=outcome]", fields.pop("outcome"))
    for name, value in fields.items():
        one.page.fill(f"{form} input[name={name}]", value)
    one.page.click(f"{form} button.primary")
    one.until(f"document.querySelector('#notices .good')?.textContent.includes('{told}')")
    one.until("!document.querySelector('.htmx-settling, .htmx-swapping, .htmx-added')")  # what had the same name gets its new look last
    one.page.wait_for_timeout(100)


def stops(one: Opened) -> list[float]:
    """Where 上一处 and 下一处 lead, from the first on."""
    one.page.evaluate("document.getElementById('audio').currentTime = 0")
    found: list[float] = []
    while True:
        one.page.evaluate("window.was = document.getElementById('audio').currentTime; document.getElementById('next').click()")
        at = float(one.page.evaluate("document.getElementById('audio').pause() || document.getElementById('audio').currentTime"))
        if found and at - found[-1] < 0.3:
            return found
        found.append(round(at, 1))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_verdict_shows_the_new_findings_everywhere(opened: Open, house: House, width: int) -> None:
    one = opened("qa", f"/review/{CALL}", width)
    one.page.evaluate("window.same = true")
    before = one.page.evaluate(SHOWN)
    assert any("o-fail" in pin[0] for pin in before[0]) and before[1] and before[3]
    decide(one, "overturn", "已改判", outcome="pass", reason="没有这样说")
    now = one.page.evaluate(SHOWN)
    of_it = [[x for x in part if "o-fail" in x[0] + x[1] and "服务禁语" in x[1] + x[2]] for part in (now[0], now[1])]
    assert of_it == [[], []] and now[2] != before[2] and "通过" in next(pin[1] for pin in now[0] if "服务禁语" in pin[1])
    decide(one, "add", "已补充发现", start="13", end="14.5", reason="说得很冲")
    added = one.page.evaluate(SHOWN)
    assert [pin[0] for pin in added[0] if "0:13.0 服务禁语" in pin[1]] == ["pin o-fail"]
    assert any("o-fail" in chip[1] and "说得很冲" in chip[2] for chip in added[1]) and added[2] != now[2]
    assert one.page.evaluate("window.same"), "the page was not loaded again"
    assert 13.0 in stops(one)
    one.shot("review-anew")
    one.page.reload()
    assert one.page.evaluate(SHOWN) == added, "as the page has it that is loaded anew"
    one.well()


def test_where_one_was_in_the_words_stays(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{CALL}", 1440)
    one.page.set_viewport_size({"width": 1440, "height": 500})
    one.page.evaluate("document.querySelectorAll('#lines details.fix')[1].open = true")
    one.page.evaluate("document.querySelector('.words').scrollTop = 60")
    top = one.page.evaluate("document.querySelector('.words').scrollTop")
    assert top > 0
    kept = "[document.querySelectorAll('#lines details.fix[open]').length, document.querySelector('.words').scrollTop]"
    one.page.click(f'article[data-rule="{RULE}"] button[data-act="confirm"]')
    one.until("document.querySelector('#notices .good')?.textContent.includes('已确认')")
    assert one.page.evaluate(kept) == [1, top]


def test_who_types_in_a_line_meanwhile_goes_on_typing(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{CALL}", 1440)
    one.page.evaluate("document.querySelectorAll('#lines details.fix')[0].open = true")
    box = "#lines details.fix[open] textarea"
    one.page.evaluate(
        f"document.querySelector('article[data-rule=\"{RULE}\"] button[data-act=confirm]').click(); document.querySelector('{box}').focus()"
    )
    one.page.keyboard.type("喂")
    one.until("document.querySelector('#notices .good')?.textContent.includes('已确认')")
    one.page.wait_for_timeout(200)
    assert one.page.evaluate(f"document.activeElement === document.querySelector('{box}')")
    one.page.keyboard.type("你")
    assert "喂你" in one.page.evaluate(f"document.querySelector('{box}').value")
