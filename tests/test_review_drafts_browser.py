# ruff: noqa: F811
"""What is half-typed on the review screen survives that the call is judged again; nothing of it is left for anybody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web_browser import WIDTHS, Opened, browser, opened, pytestmark, server  # noqa: F401
from web_house import PASSWORD, House, call_id, house, house_made  # noqa: F401

from qa.review import queue, reviews, verdicts
from qa.review.verdicts import Terms
from qa.types import Outcome

Open = Callable[..., Opened]
A, B = call_id("8001", 1), call_id("8001", 2)
COMMENT, WHY = "语气急，没有安抚", "报号码之前没有问候"
KEPT = "Object.keys(sessionStorage).filter(k => k.startsWith('draft'))"
RULE = 'article[data-rule="greeting"] details[data-act="add"]'
TYPED = f"""[document.getElementById('comment').value, document.querySelector('{RULE} input[name=reason]').value,
  document.querySelector('{RULE} input[name=start]').value, document.querySelector('{RULE}').open]"""


def half_typed(one: Opened) -> None:
    one.page.evaluate("document.querySelector('details.comment').open = true")
    one.page.fill("#comment", COMMENT)
    one.page.evaluate(f"document.querySelector('{RULE}').open = true")
    one.page.fill(f"{RULE} input[name=start]", "1.5")
    one.page.fill(f"{RULE} input[name=reason]", WHY)


def sets_roles(one: Opened) -> None:
    one.page.evaluate("document.getElementById('roles').open = true")
    one.page.fill("#roles input[name=reason]", "听声音")
    one.page.click("#roles button.primary")
    one.until("document.querySelector('#notices .good')?.textContent.includes('角色已设定')")


def corrects_text(one: Opened) -> None:
    one.page.evaluate("document.querySelector('details.fix').open = true")
    one.page.fill("details.fix[open] textarea", "喂，什么事？")
    one.page.fill("details.fix[open] input[name=reason]", "听了")
    one.page.click("details.fix[open] button.primary")
    one.until("document.querySelector('#notices .good')?.textContent.includes('文字已更正')")


def rules_on_another(one: Opened) -> None:
    form = 'article[data-rule="banned_phrases"] details[data-act="overturn"]'
    one.page.evaluate(f"document.querySelector('{form}').open = true")
    one.page.select_option(f"{form} select[name=outcome]", "not_applicable")
    one.page.fill(f"{form} input[name=reason]", "不适用")
    one.page.click(f"{form} button.primary")
    one.until("document.querySelector('#notices .good')?.textContent.includes('已改判')")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("act", [sets_roles, corrects_text, rules_on_another])
def test_a_comment_and_a_finding_half_typed_stay_while_something_else_is_decided(
    opened: Open, house: House, act: Callable[[Opened], None], width: int
) -> None:
    one = opened("qa", f"/review/{A}", width)
    half_typed(one)
    act(one)
    assert one.page.evaluate(TYPED) == [COMMENT, WHY, "1.5", True]
    assert one.page.evaluate("document.querySelector('details.comment').open")
    one.well()
    one.shot(f"drafts-{act.__name__}")
    one.page.reload()
    assert one.page.evaluate(TYPED) == [COMMENT, WHY, "1.5", True]
    assert one.page.evaluate("document.querySelectorAll('details.fix[open], #roles[open]').length") == 0, "what was saved is typed no more"


def test_what_is_saved_or_finished_is_kept_no_more(opened: Open, house: House) -> None:
    queue.refresh(house.store)
    one = opened("qa", f"/review/{A}")
    half_typed(one)
    one.page.fill(f"{RULE} input[name=end]", "2")
    one.page.click(f"{RULE} button.primary")
    one.until("document.querySelector('#notices .good')?.textContent.includes('已补充发现')")
    assert one.page.evaluate(f"document.querySelector('{RULE} input[name=reason]').value") == ""
    assert one.page.evaluate("document.getElementById('comment').value") == COMMENT and len(one.page.evaluate(KEPT)) == 1
    one.page.click("#done button.primary")
    one.until(f"!location.pathname.endsWith('{A}') && document.querySelector('#notices .good')")
    assert one.page.evaluate(KEPT) == [] and reviews.of_call(house.store.db, A)[-1].comment == COMMENT
    one.page.goto(f"{one.address}/review/{A}")
    assert one.page.evaluate("document.getElementById('comment').value") == ""


def test_what_is_refused_stays_with_all_the_rest(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    half_typed(one)
    verdicts.overturn(house.store, A, "banned_phrases", Outcome.NOT_APPLICABLE, Terms("质检主管", "不适用"))
    one.page.click("#done button.primary")
    one.until("document.getElementById('refused')")
    assert one.page.evaluate(TYPED) == [COMMENT, WHY, "1.5", True] and reviews.of_call(house.store.db, A) == ()
    sets_roles(one)
    assert one.page.evaluate(TYPED) == [COMMENT, WHY, "1.5", True]


def test_each_call_has_its_own_and_nothing_is_left_after_the_log_out(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    half_typed(one)
    one.page.goto(f"{one.address}/review/{B}")
    assert one.page.evaluate("document.getElementById('comment').value") == "" and len(one.page.evaluate(KEPT)) == 1
    one.page.evaluate("sessionStorage.setItem('draft:0:X', '{}')")
    one.page.goto(f"{one.address}/review")
    (key,) = one.page.evaluate(KEPT)
    assert key == f"draft:{house.users['qa'].id}:{A}", "another account's is taken away"
    one.page.evaluate("document.querySelector('details.me').open = true")
    one.page.click("details.me form button")
    one.until("location.pathname === '/login'")
    assert one.page.evaluate(KEPT) == []


def test_a_session_that_ended_by_itself_leaves_it_for_the_same_account_alone(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    half_typed(one)
    for who, left in (("qa", [COMMENT, WHY, "1.5", True]), ("qa2", ["", "", "", False])):
        with house.store.db.writing():
            house.store.db.sqlite.execute("delete from sessions")
        one.page.goto(f"{one.address}/review/{A}")
        one.until("location.pathname === '/login'")
        one.page.fill("input[name=login]", who)
        one.page.fill("input[name=password]", PASSWORD)
        one.page.click("main button.primary")
        one.until(f"location.pathname === '/review/{A}'")
        assert one.page.evaluate(TYPED) == left


def test_neither_consents_nor_ticks_beside_findings_are_kept(opened: Open, house: House) -> None:
    one = opened("qa", f"/review/{A}")
    half_typed(one)
    one.page.evaluate(
        "document.querySelector('#done form').insertAdjacentHTML('beforeend', '<input type=checkbox name=closed_month value=1>')"
    )
    one.page.check("#done input[name=closed_month]")
    assert "closed_month" not in one.page.evaluate("Object.values(sessionStorage).join()")
    assert COMMENT in one.page.evaluate("Object.values(sessionStorage).join()")
