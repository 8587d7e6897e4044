"""Word lists and limits of a rule book edited in a draft, validated, tried on the stored calls and adopted with a date."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.errors import ConflictError, NotFoundError, QaError
from qa.outcome_words import OUTCOMES
from qa.people.accounts import User
from qa.review import rule_editing
from qa.review.rule_editing import Draft
from qa.store import Store
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages import review_view
from qa.web.pages.review import signed
from qa.web.permissions import Scope
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

TRIED_DAYS = 31


def page(ask: Ask) -> Response:
    """The rule books that scored anything, with their versions, and the drafts."""
    ids = [row["id"] for row in ask.store.db.rows("select distinct id from rule_books order by id")]
    books = [(book_id, ask.store.ledger.versions(book_id)) for book_id in ids]
    return ask.render(
        "web/review/rules.html.j2",
        title=_("规则书"),
        books=[(book_id, versions, max(versions, key=lambda v: v.number)) for book_id, versions in books if versions],
        drafts=rule_editing.drafts(ask.store.db),
        moment=review_view.moment_text,
    )


def begin(ask: Ask) -> Response:
    """A new draft of a rule book."""
    made = rule_editing.begin(ask.store, ask.form.text("book"), signed(ask))
    ask.audit("rules.begin", "draft", str(made.id), book=made.book_id)
    return ask.redirect(address("/rules/{draft}", draft=str(made.id)))


def _known(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """Parameter ``draft``: one that there is; whoever edits rules reaches all."""
    text = params["draft"]
    plain = text.isascii() and text.isdigit() and len(text) < 16
    return plain and bool(store.db.rows("select 1 from rule_drafts where draft = ? limit 1", int(text)))


DRAFT_KNOWN = Scope("draft", _known)


def _draft(ask: Ask) -> Draft:
    return rule_editing.get(ask.store.db, int(ask.params["draft"]))


def draft(ask: Ask) -> Response:
    """A draft: limits and word lists, what is wrong with it, what was changed."""
    return _page(ask, _draft(ask))


def _page(ask: Ask, one: Draft, problem: str = "", status: int = 200, tried: object = None) -> Response:
    wrong = rule_editing.problems(one)
    limits = () if wrong else rule_editing.limits(rule_editing.load(one))
    base = rule_editing.limits(ask.store.ledger.load(one.base_hash))
    until = ask.query.day("until") or newest.day(ask.store, ask.today) or ask.today
    since = ask.query.day("since") or until - datetime.timedelta(days=TRIED_DAYS)
    return ask.render(
        "web/review/draft.html.j2",
        status,
        title=_("规则书 {book} 的草稿 {n}", book=one.book_id, n=one.id),
        one=one,
        limits=limits or base,
        was={(limit.rule_id, limit.key): limit.value for limit in base},
        lists=rule_editing.word_lists(one),
        wrong=wrong,
        history=rule_editing.history(ask.store.db, one.id),
        moment=review_view.moment_text,
        tried=tried,
        outcome_words=OUTCOMES,
        since=since.isoformat(),
        until=until.isoformat(),
        first=ask.today.isoformat(),
        problem=problem,
        typed=review_view.Typed(ask.form.pairs() if problem else {}),
    )


def change(ask: Ask) -> Response:
    """One limit or one word list."""
    return _changed(ask, _change)


def _change(ask: Ask, one: Draft, revision: int) -> str:
    if "list" in ask.form:
        name = ask.form.text("list")
        rule_editing.set_word_list(ask.store, one.id, revision, name, ask.form.raw("text"), signed(ask))
        ask.audit("rules.words", "draft", str(one.id), list=name)
        return _("词表已保存")
    rule, key, value = (ask.form.text(name) for name in ("rule", "key", "value"))
    rule_editing.set_limit(ask.store, one.id, revision, rule, key, value, signed(ask))
    ask.audit("rules.limit", "draft", str(one.id), rule=rule, key=key, value=value[:30])
    return _("限值已保存")


def adopt(ask: Ask) -> Response:
    """The draft comes into force from a day on."""
    return _changed(ask, _adopt)


def _adopt(ask: Ask, one: Draft, revision: int) -> str:
    day = ask.form.day("from")
    if day is None:
        raise Refused(400, _("请写明日期"))
    book = rule_editing.adopt(ask.store, one.id, revision, ask.form.text("version")[:40], day, signed(ask))
    ask.audit("rules.adopt", "draft", str(one.id), version=book.stamp, day=day.isoformat())
    return _("已采用，自 {day} 起施行；已评过的通话用 qa rescore 重评", day=day.isoformat())


def _changed(ask: Ask, act: Callable[[Ask, Draft, int], str]) -> Response:
    one = _draft(ask)
    try:
        notice = act(ask, one, ask.form.integer("revision"))
    except NotFoundError:
        raise
    except QaError as error:
        told = "；".join(str(p) for p in getattr(error, "problems", ())) or f"{error.cause}。{error.cure}"
        return _page(ask, rule_editing.get(ask.store.db, one.id), told, 409 if isinstance(error, ConflictError) else 400)
    return ask.redirect(address("/rules/{draft}", draft=str(one.id)), notice=notice)


def attempt(ask: Ask) -> Response:
    """What the draft would change in the stored calls of a period; nothing is written."""
    one = _draft(ask)
    since, until = ask.query.day("since"), ask.query.day("until")
    if since is None and until is None:
        return ask.redirect(address("/rules/{draft}", draft=str(one.id)) + "#try")
    if since is None or until is None or until < since:
        raise Refused(400, _("请写明起止日期"))
    if rule_editing.problems(one):
        return _page(ask, one)
    found = rule_editing.tried(ask.store, one, since.isoformat(), until.isoformat())
    ask.audit("rules.try", "draft", str(one.id), calls=found.calls)
    return _page(ask, one, tried=found)
