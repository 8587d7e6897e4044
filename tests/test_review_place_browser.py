"""Where one is on the review screen after a decision: a refusal in view beside its form, else the place where one was; with and without
the script, at both widths."""

# ruff: noqa: F811
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_review_seen_web import B, found_since  # noqa: F401
from web_browser import SHOTS, WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import House, call_id, house, house_made  # noqa: F401

from qa.people import sessions
from qa.review import publications, queue, reviews, rulings, text_marks, verdicts
from qa.review.verdicts import Terms
from qa.types import Outcome, Span

Open = Callable[..., Opened]
A = call_id("8001", 1)
SEEN = """s => {
  const at = document.querySelector(s), box = at.getBoundingClientRect(), middle = box.left + box.width / 2;
  const points = [[box.left + 5, box.top + 2], [middle, box.top + box.height / 2], [box.left + 5, box.bottom - 3]];
  const player = document.querySelector('.player').getBoundingClientRect();
  return box.height > 0 && points.every(([x, y]) => at.contains(document.elementFromPoint(x, y))) || JSON.stringify([box, player, scrollY]);
}"""
"""Whether all of an element can be seen: nothing lies over it, and it is within the window."""
TOP = "s => document.querySelector(s).getBoundingClientRect().top >= document.querySelector('.player').getBoundingClientRect().bottom - 1"


def pictured(one: Opened, name: str) -> None:
    """What the window shows."""
    if SHOTS:
        one.page.screenshot(path=str(Path(SHOTS) / f"{name}-{one.width}.png"))


def still(one: Opened) -> None:
    """Wait until the page is there and scrolls no more."""
    before = None
    while (now := one.page.evaluate("document.readyState === 'complete' ? scrollY : -1")) != before or now < 0:
        before = now
        one.page.wait_for_timeout(300)


@pytest.fixture
def plain(browser: Any, house: House, server: str) -> Iterator[Callable[[str, int], Opened]]:
    """``plain(path, width)``: QA in a browser without script."""
    made: list[Opened] = []

    def make(path: str, width: int) -> Opened:
        token = sessions.begin(house.store.db, house.users["qa"], house.clock[0])
        one = Opened(Without(browser), server, token, path, width)
        made.append(one)
        return one

    yield make
    for one in made:
        one.context.close()


class Without:
    """A browser whose pages run no script."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def new_context(self, **options: Any) -> Any:
        return self.browser.new_context(**options, java_script_enabled=False)


def last_rule(house: House, call: str = A) -> str:
    """The rule that stands last on the screen: the others were ruled on."""
    page = house.client("qa").get(f"/review/{call}").text
    return [part.partition('"')[0] for part in page.split('data-rule="')][-1]


def overturn(one: Opened, rule: str) -> None:
    """Fill in the form of a rule and send it."""
    form = f"#c-{rule} details[data-act=overturn]"
    one.page.click(f"{form} > summary")
    one.page.select_option(f"{form} select[name=outcome]", "inconclusive")
    one.page.fill(f"{form} input[name=reason]", "我听的不是这样")
    one.page.click(f"{form} button.primary")


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("width", WIDTHS)
def test_a_refusal_is_in_view_and_has_the_focus(opened: Open, house: House, width: int) -> None:
    rule = last_rule(house)
    one = opened("qa", f"/review/{A}", width)
    verdicts.confirm(house.store, A, rule, Terms("质检主管"))
    overturn(one, rule)
    one.until("document.activeElement.id === 'refused'")
    still(one)
    assert one.page.evaluate(SEEN, "#refused") is True and one.page.evaluate(TOP, "#refused")
    told = "e => [e.getAttribute('role'), e.closest('article').dataset.rule, e.textContent.includes('质检主管 改了判定')]"
    assert one.page.eval_on_selector("#refused", told) == ["alert", rule, True]
    assert one.page.input_value(f"#c-{rule} details[data-act=overturn] input[name=reason]") == "我听的不是这样"
    pictured(one, "refused")
    assert one.complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]
    one.complaints.clear()
    one.well()
    one.page.keyboard.press("o")
    assert one.page.evaluate("document.activeElement.closest('article').dataset.rule") == rule, "the keys go on from there"


@pytest.mark.parametrize("width", WIDTHS)
def test_without_script_a_refusal_is_in_view_too(plain: Callable[[str, int], Opened], house: House, width: int) -> None:
    rule = last_rule(house)
    one = plain(f"/review/{A}", width)
    verdicts.confirm(house.store, A, rule, Terms("质检主管"))
    overturn(one, rule)
    one.until("location.hash === '#refused'")
    still(one)
    assert one.page.evaluate(SEEN, "#refused") is True
    pictured(one, "refused-without-script")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_refusal_of_a_correction_stands_in_its_line(opened: Open, house: House, width: int) -> None:
    one = opened("qa", f"/review/{A}", width)
    line = one.page.eval_on_selector_all(".line:has(.fix)", "all => all.at(-1).id")
    one.page.click(f"#{line} .fix > summary")
    one.page.fill(f"#{line} .fix input[name=reason]", "没有改动")
    one.page.click(f"#{line} .fix button.primary")
    one.until("document.activeElement.id === 'refused'")
    still(one)
    assert one.page.eval_on_selector("#refused", "e => e.closest('.line').id") == line
    assert one.page.evaluate(SEEN, "#refused") is True
    pictured(one, "refused-text")


def test_the_refusal_of_a_finish_stands_beside_its_button(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    verdicts.confirm(house.store, A, last_rule(house), Terms("质检主管"))
    one.page.fill("#comment", "开头要问好")
    one.page.click("#done button.primary")
    one.until("document.activeElement.id === 'refused'")
    assert one.page.evaluate("document.activeElement.closest('#done') !== null") and one.page.input_value("#comment") == "开头要问好"
    assert one.page.evaluate(SEEN, "#refused") is True


# ---------------------------------------------------------------- going on where one was


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("script", [True, False])
def test_after_a_decision_one_is_where_one_was(
    opened: Open, plain: Callable[[str, int], Opened], house: House, width: int, script: bool
) -> None:
    at = f"/review/{A}"
    one = opened("qa", at, width) if script else plain(at, width)
    rule = last_rule(house)
    overturn(one, rule)
    one.until(f"document.querySelector('#c-{rule} .person').textContent.includes('我听的不是这样')")
    still(one)
    assert one.page.evaluate(SEEN, f"#t-{rule}") is True
    line = one.page.eval_on_selector_all(".line:has(.fix)", "all => all.at(-1).id")
    one.page.click(f"#{line} .fix > summary")
    one.page.fill(f"#{line} .fix textarea", "嗯，那就这样，祝您愉快，再见。")
    one.page.fill(f"#{line} .fix input[name=reason]", "听了")
    one.page.click(f"#{line} .fix button.primary")
    one.until("document.querySelector('.marks') && location.hash.startsWith('#line-')")
    still(one)
    place = one.page.evaluate("location.hash")
    assert "祝您愉快" in one.page.inner_text(place) and one.page.evaluate(SEEN, f"{place} .by") is True
    pictured(one, "corrected" if script else "corrected-without-script")
    one.page.click("#roles > summary")
    one.page.fill("#roles-reason", "听了")
    one.page.click("#roles button.primary")
    one.until("location.hash === '#roles'")
    still(one)
    assert one.page.evaluate(SEEN, "#roles > summary") is True


# ---------------------------------------------------------------- what a verdict does not cover


@pytest.fixture
def beside(house: House) -> House:
    """A confirmed breach, and two places found since that nobody ruled on."""
    store = house.store
    (rule,) = (r.check_id for r in store.scorecard(B) if r.kind == "banned_phrases" and r.outcome is Outcome.FAIL)
    verdicts.confirm(store, B, rule, Terms("质检主管"))
    reviews.finish(store, B, "质检主管")
    publications.publish(store, [B], "质检主管")
    text_marks.correct(store, B, "ch0", Span(12500, 15000), "这个不归我管，你管不着，再见。", Terms("质检小王", "听了"))
    queue.refresh(store)
    return house


@pytest.mark.parametrize("width", WIDTHS)
def test_places_that_nobody_ruled_on_are_gone_to_and_stay_open_when_the_old_ones_are_confirmed(
    opened: Open, beside: House, width: int
) -> None:
    store = beside.store
    (result,) = (r for r in store.scorecard(B) if r.outgrown)
    open_ = [result.findings[place].evidence[0].span.start_ms for place in verdicts.undecided(result)]
    assert open_ and result.outcome is Outcome.FAIL
    one = opened("qa", f"/review/{B}", width)
    heard = []
    for _ in range(40):
        one.page.keyboard.press("j")
        if one.page.evaluate("document.activeElement.dataset.rule") == result.check_id:
            heard.append(one.page.evaluate("Math.round(1000 * document.getElementById('audio').currentTime)"))
    assert [min(open_, key=lambda ms: abs(ms - at)) for at in dict.fromkeys(heard)][: len(open_)] == open_
    while one.page.evaluate("document.activeElement.dataset.rule") != result.check_id:
        one.page.keyboard.press("k")
    assert one.page.evaluate(SEEN, f"#c-{result.check_id} [data-undecided]") is True
    pictured(one, "undecided")
    one.well()
    one.page.keyboard.press("c")
    one.until("document.getElementById('notices').textContent.includes('仍待判定')")
    assert [v.action for v in rulings.of_call(store.db, B)] == ["confirm", "uphold"]
    assert len(verdicts.undecided(next(r for r in store.scorecard(B) if r.check_id == result.check_id))) == len(open_)
    queue.refresh(store)
    assert queue.page(store.db, queue.Filter())[0].call_id == B
    one.page.keyboard.press("d")
    assert one.page.evaluate("document.activeElement.name") == "dismissed"
    for box in one.page.query_selector_all(f"#c-{result.check_id} input[name=dismissed]"):
        box.check()
    one.page.fill(f"#dr-{result.check_id}", "客户说的")
    pictured(one, "dismissing")
    one.page.keyboard.press("Enter")
    one.until("!document.querySelector('[data-undecided]')")
    assert all(r.settled for r in store.scorecard(B) if r.check_id == result.check_id)
