"""Word lists and limits of a rule book edited in a draft, validated, tried on the stored calls and adopted with a date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from qa.clock import house_minute
from qa.errors import QaError
from qa.outcome_words import OUTCOMES
from qa.people.accounts import User
from qa.review import list_names, rule_editing, rule_limits, rule_texts
from qa.review.rule_editing import Draft, WrongLimits
from qa.review.rule_limits import Limit
from qa.review.rule_texts import Stale
from qa.rules.book import Rule, RuleBook
from qa.store import Store
from qa.web import newest
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages import review_view
from qa.web.pages.review import signed
from qa.web.permissions import Scope
from qa.web.refusals import Refused
from qa.web.wording import told

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
        moment=house_minute,
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
    """A draft: a form for each rule's numbers, the word lists, what is wrong, what was changed."""
    return _page(ask, _draft(ask))


@dataclass(frozen=True)
class RuleForm:
    """The numbers and texts of a rule as a form: ``asked`` what the house demands, ``fine`` what measures; ``stale``: texts that say a
    number of before; ``wrong``: beside which field, what."""

    rule: Rule
    asked: tuple[Limit, ...]
    fine: tuple[Limit, ...]
    stale: tuple[Stale, ...]
    wrong: Mapping[str, str]
    typed: Mapping[str, str]

    @property
    def place(self) -> str:
        """The id of the form on the page."""
        return f"r-{self.rule.id}"

    @property
    def texts(self) -> list[tuple[str, str, str, int, tuple[Stale, ...]]]:
        """The texts that can be edited: key, name, text, most characters, what is stale in it."""
        known = rule_texts.of_rule(self.rule)
        keys = rule_texts.NAMES.items()
        return [(key, name, known[key], rule_texts.LONGEST[key], self._of(key)) for key, name in keys]

    @property
    def apart(self) -> tuple[Stale, ...]:
        """What is stale in texts that cannot be edited here (of variants)."""
        return tuple(one for one in self.stale if one.key not in rule_texts.NAMES)

    @property
    def texts_open(self) -> bool:
        return bool(self.stale) or any(key in self.wrong for key in rule_texts.NAMES)

    def _of(self, key: str) -> tuple[Stale, ...]:
        return tuple(one for one in self.stale if one.key == key)


def _key(name: str) -> str:
    return re.sub(r"[\s/]", "-", name)


@dataclass(frozen=True)
class ListForm:
    """A word list, the rules that it is for, and what is wrong in it."""

    name: str
    text: str
    uses: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def key(self) -> str:
        """What the ids of its forms end with."""
        return _key(self.name)

    @property
    def phrases(self) -> int:
        return sum(1 for line in self.text.splitlines() if line.strip() and not line.startswith("#"))


def _rule_forms(ask: Ask, book: RuleBook, stale: tuple[Stale, ...], error: QaError | None) -> list[RuleForm]:
    """A form for each rule that has numbers; that of a rule whose numbers were refused with what was typed."""
    refused = ask.form.text("rule") if error is not None else ""
    forms = []
    for rule in book.rules:
        limits = rule_limits.ranged(rule)
        mine = rule.id == refused
        wrong = error.wrong if mine and isinstance(error, WrongLimits) else {}
        asked = tuple(limit for limit in limits if not limit.name.fine)
        fine = tuple(limit for limit in limits if limit.name.fine)
        if limits:
            old = tuple(one for one in stale if one.rule_id == rule.id)
            forms.append(RuleForm(rule, asked, fine, old, wrong, {**dict(_numbers(ask)), **_texts(ask)} if mine else {}))
    return forms


def _list_forms(one: Draft, book: RuleBook, wrong: tuple[str, ...]) -> list[ListForm]:
    uses = list_names.uses(one.archive, {rule.id: rule.title for rule in book.rules})
    return [
        ListForm(name, text, uses.get(name, ()), tuple(told for told in wrong if re.search(rf"(^|/){re.escape(name)}:\d", told)))
        for name, text in rule_editing.word_lists(one)
    ]


def _range(limit: Limit) -> str:
    """What a number may be, in words."""
    texts = [_("整数")] if limit.whole else []
    if limit.low is not None:
        texts.append((_("不小于 {n}") if limit.low.within else _("大于 {n}")).format(n=f"{limit.low.value:g}"))
    if limit.high is not None:
        texts.append((_("不大于 {n}") if limit.high.within else _("小于 {n}")).format(n=f"{limit.high.value:g}"))
    if limit.optional:
        texts.append(_("空着为不限"))
    return " · ".join(texts)


def _page(ask: Ask, one: Draft, status: int = 200, error: QaError | None = None, tried: object = None, place: str = "") -> Response:
    """``error``: why a change was refused, told at the ``place`` of the page where its form is."""
    wrong = rule_editing.problems(one)
    book, base = rule_editing.editable(ask.store, one), ask.store.ledger.load(one.base_hash)
    lists, stale = _list_forms(one, book, wrong), rule_editing.stale(ask.store, one) if not one.adopted else ()
    until = ask.query.day("until") or newest.day(ask.store, ask.today) or ask.today
    since = ask.query.day("since") or until - datetime.timedelta(days=TRIED_DAYS)
    rules = _rule_forms(ask, book, stale, error)
    places = {*(form.place for form in rules), *(f"{what}-{form.key}" for form in lists for what in ("add", "all"))}
    return ask.render(
        "web/review/draft.html.j2",
        status,
        title=_("规则书 {book} 的草稿 {n}", book=one.book_id, n=one.id),
        one=one,
        rules=rules,
        stale=stale,
        allowed=_range,
        language=0 if ask.lang == "zh" else 1,
        was={(limit.rule_id, limit.key): limit.value for limit in rule_editing.limits(base)},
        lists=lists,
        wrong=wrong,
        elsewhere=[told for told in wrong if not any(told in form.wrong for form in lists)],
        used=[version.version for version in ask.store.ledger.versions(one.book_id)],
        history=rule_editing.history(ask.store.db, one.id),
        moment=house_minute,
        tried=tried,
        outcome_words=OUTCOMES,
        since=since.isoformat(),
        until=until.isoformat(),
        first=ask.today.isoformat(),
        problem=_told(error) if error is not None else "",
        refused_at=place if place in places | (set() if one.adopted else {"adopt"}) else "",
        opened=ask.query.text("list"),
        typed=review_view.Typed(ask.form.pairs() if error is not None else {}),
    )


def _told(error: QaError) -> str:
    if isinstance(error, WrongLimits):
        return "；".join(filter(None, (_("没有保存，请改正标出的数字"), error.wrong.get("", ""))))
    return "；".join(str(p) for p in getattr(error, "problems", ())) or _(told(error))


def change(ask: Ask) -> Response:
    """The limits of a rule, a word list, or a phrase more in one."""
    name = ask.form.text("list")
    if not name:
        return _changed(ask, _change, f"r-{ask.form.text('rule')}")
    return _changed(ask, _change, f"{'add' if 'phrase' in ask.form else 'all'}-{_key(name)}", {"list": name})


def _change(ask: Ask, one: Draft, revision: int) -> str:
    if "list" in ask.form:
        name = ask.form.text("list")
        if "phrase" in ask.form:
            phrase, unless, note = (ask.form.text(key) for key in ("phrase", "unless", "note"))
            rule_editing.add_phrase(ask.store, one.id, revision, name, phrase, unless, note, signed(ask))
            ask.audit("rules.phrase", "draft", str(one.id), list=name)
            return _("已加入词表“{name}”", name=name)
        rule_editing.set_word_list(ask.store, one.id, revision, name, ask.form.raw("text"), signed(ask))
        ask.audit("rules.words", "draft", str(one.id), list=name)
        return _("词表已保存")
    rule, values, texts = ask.form.text("rule"), dict(_numbers(ask)), _texts(ask)
    made = rule_editing.set_limits(ask.store, one.id, revision, rule, values, signed(ask), texts)
    if made.revision == revision:
        return _("什么都没有变")
    ask.audit("rules.limit", "draft", str(one.id), rule=rule, change=made.what[:200])
    old = [found for found in rule_editing.stale(ask.store, made) if found.rule_id == rule]
    return _("已保存，但有文字还写着原来的数字，请看“{title}”", title=old[0].title) if old else _("限值已保存")


def _numbers(ask: Ask) -> list[tuple[str, str]]:
    """The numbers of a form: each ``key`` with the ``value`` that stands beside it."""
    keys, values = ask.form.all("key"), ask.form.all("value")
    if len(keys) != len(values):
        raise Refused(400, _("表单不完整，请刷新页面"))
    return [(key, value[:30]) for key, value in zip(keys, values, strict=True)]


def _texts(ask: Ask) -> dict[str, str]:
    """The texts of a form, by key."""
    return {key: ask.form.text(f"text-{key}") for key in rule_texts.NAMES if f"text-{key}" in ask.form}


def adopt(ask: Ask) -> Response:
    """The draft comes into force from a day on."""
    return _changed(ask, _adopt, "adopt")


def _adopt(ask: Ask, one: Draft, revision: int) -> str:
    day = ask.form.day("from")
    if day is None:
        raise Refused(400, _("请写明日期"))
    version, old_texts = ask.form.text("version")[:40], ask.form.text("old-texts") == "1"
    book = rule_editing.adopt(ask.store, one.id, revision, version, day, signed(ask), old_texts=old_texts)
    ask.audit("rules.adopt", "draft", str(one.id), version=book.stamp, day=day.isoformat(), **({"old_texts": 1} if old_texts else {}))
    return _("已采用，自 {day} 起施行；已评过的通话用 qa rescore 重评", day=day.isoformat())


def _changed(ask: Ask, act: Callable[[Ask, Draft, int], str], place: str, query: dict[str, str] | None = None) -> Response:
    """After a change the draft again, at the ``place`` of the form that was sent (``query`` opens it); a refused one shows why there."""
    one = _draft(ask)

    def changed() -> Response:
        notice = act(ask, one, ask.form.integer("revision"))
        return ask.redirect(address("/rules/{draft}", draft=str(one.id), query=query) + f"#{quote(place)}", notice=notice)

    return ask.attempt(
        changed, lambda problem: _page(ask, rule_editing.get(ask.store.db, one.id), problem.status, problem.error, place=place)
    )


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
