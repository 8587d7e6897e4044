"""The review screen: hear a call, confirm or overturn each result, add findings, set roles, correct text, finish and go on."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa import report, role_marks
from qa.books import Books
from qa.clock import house_minute
from qa.errors import StoreError
from qa.operation import remains
from qa.report_text import ROLE_TEXT, percent_text, speaker_text
from qa.report_view import view
from qa.review import appeals, assignments, looking, publications, queue, recounting, reviews, text_marks, verdicts, versions
from qa.review.verdicts import Terms
from qa.types import Call, Evidence, Outcome, Role, Span
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.pages import review_view
from qa.web.pages.call import points, published_instead, wave_data
from qa.web.pages.queue import queue_query, wanted
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.ledger_calls import StoredCall
    from qa.web.ask import Ask, Problem

OUTCOMES = (
    (Outcome.PASS.value, marked("通过")),
    (Outcome.FAIL.value, marked("不通过")),
    (Outcome.NOT_APPLICABLE.value, marked("不适用")),
    (Outcome.INCONCLUSIVE.value, marked("人工也无法判定")),
)
_TIME = re.compile(r"(?:(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)")
_PLACE = re.compile(r"[A-Za-z0-9_.-]+")
"""What an id on the screen is made of."""
_DONE = {
    "confirm": marked("已确认"),
    "uphold": marked("已确认原来的；没有判定过的地方仍待判定"),
    "overturn": marked("已改判，已重新计分"),
    "add": marked("已补充发现，已重新计分"),
    "drop": marked("已剔除发现，已重新计分"),
    "withdraw": marked("已撤回人工判定"),
}
_WAITS = marked("所在月份已关账：新的评分只是建议，等待批准")


def signed(ask: Ask) -> str:
    """The name under which a decision is kept."""
    return ask.user.name or ask.user.login


def page(ask: Ask) -> Response:
    """The screen; viewing is logged."""
    return _screen(ask)


def _screen(ask: Ask, refused: Problem | None = None, place: str = "") -> Response:
    """``refused``: why the last decision was not taken; what was typed stays in its form, at the ``place`` of the page that it is about."""
    call_id, store = ask.params["call_id"], ask.store
    ask.audit("call.view", "call", call_id, screen=looking.SCREEN)
    of = verdicts.basis(store, call_id)
    there = remains.at(store, call_id, of.scorecard_id)
    call, card = there.call, there.card
    sound = ask.sounds.problem(call.audio)
    number = call.record.customer_number if call.record is not None else ""
    book = Books(store).known(card.provenance)
    call, card = review_view.masked(call, card)
    shown = remains.lines_left(view(call, card, book), there.gone)
    rules, lines = review_view.rules(store, of, call, card, book), review_view.lines(call, shown.lines)
    corrections = review_view.corrections(store, call_id, number)
    assigned = assignments.of_call(store.db, call_id)
    return ask.render(
        "web/review/review.html.j2",
        refused.status if refused is not None else 200,
        layout="web/review/part.html.j2" if ask.htmx else "web/base.html.j2",
        title=_("复核 {call}", call=card.call_id),
        call_key=call_id,
        call_id=card.call_id,
        gone=there.told,
        facts=report.call_facts(call, card),
        notes=[note for note in card.notes if not note.startswith("演示")],
        demo=card.provenance.demo,
        percent=card.percent,
        percent_text=_(percent_text(card.percent)),
        coverage=card.coverage,
        duration_ms=call.audio.duration_ms,
        v=shown,
        rules=rules,
        lines=lines,
        corrections=corrections,
        voices=_voices(call),
        role_marks=[str(mark) for mark in role_marks.marks(store.db, call_id)],
        comments=reviews.of_call(store.db, call_id),
        finished=reviews.finished(store, call_id),
        appealed=[(one, review_view.state_text(one.state(ask.today))) for one in appeals.against(store.db, call_id)],
        assignee=assigned.assignee if assigned is not None else "",
        looked=looking.others(store.db, ask.user.id).get(call_id),
        published=publications.newest(store.db, call_id) is not None,
        instead=published_instead(ask, call_id, of.scorecard_id),
        to_publish=_to_publish(ask, of),
        month=store.closed_month_of(call_id),
        pending=store.pending(call_id) is not None,
        audio="" if sound else address("/calls/{call_id}/audio", call_id=call_id),
        audio_problem=_("没有录音可放：{cause}。以下时间仍对应原录音。", cause=sound),
        wave=wave_data(call),
        at_ms=ask.query.integer("at", 0),
        outcomes=OUTCOMES,
        roles=[(role.value, ROLE_TEXT[role]) for role in role_marks.SETTABLE],
        on=versions.version(store.db, call_id),
        problem=refused.text if refused is not None else "",
        refused_at=place if place in review_view.places(rules, lines, corrections) else "",
        typed=review_view.Typed(ask.form.pairs() if refused is not None else {}),
        filters_query=_kept(ask),
        blank=review_view.Typed(),
        source=report.provenance(call, card),
        moment=house_minute,
    )


def _to_publish(ask: Ask, of: StoredCall) -> str | None:
    """What finishing can publish: "" the scorecard that is shown, or the points of the one that stands while the shown one is a proposal;
    None where the agent sees that already."""
    standing = ask.store.stored_call(of.call_id)
    if standing is None or not standing.standing or published_instead(ask, of.call_id, standing.scorecard_id) is None:
        return None
    return "" if standing.scorecard_id == of.scorecard_id else points(standing.percent)


def _voices(call: Call) -> list[tuple[str, str, str]]:
    """Label, name and role of the voices that a person may name."""
    heard = call.as_heard
    if heard.turns.method == "none":
        return []
    return [(label, speaker_text(heard, label), heard.roles.role_of(label).value) for label in role_marks.labels(heard.turns)]


# ---------------------------------------------------------------- deciding


def verdict(ask: Ask) -> Response:
    """A verdict on one rule."""
    place = f"c-{ask.form.text('rule')}"
    return _decided(ask, lambda ask, terms: partial(_verdict, ask, terms), lambda: place, place)


def roles(ask: Ask) -> Response:
    """Who is who; the call is judged again at once."""
    return _decided(ask, _roles, lambda: "roles", "roles")


def text(ask: Ask) -> Response:
    """Corrected text of a stretch, or a correction taken back; the call is judged again at once."""
    if "undo" in ask.form:
        return _decided(ask, _text, lambda: "corrections", "corrections")
    speaker, start = ask.form.text("speaker"), ask.form.integer("start_ms", 0)
    after = lambda: review_view.line_id(speaker, review_view.line_near(ask.store, ask.params["call_id"], speaker, start))  # noqa: E731
    return _decided(ask, _text, after, review_view.line_id(speaker, start))


def _decided(ask: Ask, ready: Callable[[Ask, Terms], Callable[[], str]], after: Callable[[], str], at_form: str) -> Response:
    """After a decision the screen again, at the place that ``after`` gives; a refused one shows why, with what was typed, ``at_form``.
    ``ready`` judges, what it returns writes."""
    call_id = ask.params["call_id"]
    reason, on, consent = ask.form.text("reason"), ask.form.text("on"), ask.form.text("closed_month") == "1"

    def judged() -> Callable[[], Response]:
        recounting.at_hand(ask.store, call_id)
        return partial(decided, ready(ask, Terms(signed(ask), reason, on, consent, user_id=ask.user.id)))

    def decided(act: Callable[[], str]) -> Response:
        notice = act()
        queue.update(ask.store, call_id)
        at = ask.form.integer("at", 0)
        back = address("/review/{call_id}", call_id=call_id, query={**_kept(ask), **({"at": at} if at else {})})
        place = after()
        return ask.redirect(back + (f"#{place}" if _PLACE.fullmatch(place) else ""), notice=notice)

    return ask.attempt_ready(judged, lambda problem: _screen(ask, problem, at_form))


def _verdict(ask: Ask, terms: Terms) -> str:
    call_id, rule, store = ask.params["call_id"], ask.form.text("rule"), ask.store
    action = ask.form.one_of("action", ("confirm", "overturn", "add", "drop", "withdraw"))
    if action == "confirm":
        given = verdicts.confirm(store, call_id, rule, terms)
    elif action == "overturn":
        outcome = Outcome(ask.form.one_of("outcome", [value for value, _text_ in OUTCOMES]))
        given = verdicts.overturn(store, call_id, rule, outcome, terms, _evidence(ask) if outcome is Outcome.FAIL else ())
    elif action == "add":
        found = _evidence(ask)
        if not found:
            raise StoreError(rule, "没有写在第几秒", "请写明起止时间")
        given = verdicts.add(store, call_id, rule, found[0], terms)
    elif action == "drop":
        kept, dismissed = (
            [int(place) for place in ask.form.all(name) if place.isdecimal() and len(place) < 6] for name in ("kept", "dismissed")
        )
        given = verdicts.drop(store, call_id, rule, kept, terms, dismissed)
    else:
        given = verdicts.withdraw(store, call_id, rule, terms)
    details = {"rule": rule, "verdict": given.verdict.id, "outcome": str(given.verdict.outcome or ""), "scorecard": given.saved.id}
    ask.audit(f"review.{given.verdict.action}", "call", call_id, **details)
    return _told(_(_DONE[given.verdict.action]), given.saved.proposed, given.others)


def _told(done: str, proposed: bool, others: tuple[str, ...], unruled: tuple[str, ...] = ()) -> str:
    anew = _("人工判定过的地方改过了，请重新判定：{rules}", rules="、".join(unruled)) if unruled else ""
    more = _("先警告的次数已重算，另有 {n} 通的得分改变", n=len(others)) if others else ""
    return "；".join(part for part in (done, anew, more, _(_WAITS) if proposed else "") if part)


def _evidence(ask: Ask) -> tuple[Evidence, ...]:
    """Of the form: where, who, and the words; () where no time is given."""
    start, end = ask.form.text("start"), ask.form.text("end")
    if not start and not end:
        return ()
    role = Role(ask.form.one_of("role", [role.value for role in Role], Role.AGENT.value))
    return (Evidence(_span(start, end), role, ask.form.text("words")[:500]),)


def _span(start: str, end: str) -> Span:
    times = [_ms(start), _ms(end)]
    if times[0] >= times[1]:
        raise StoreError(f"{start}–{end}", "起点要早于终点", "请核对时间")
    return Span(*times)


def _ms(text: str) -> int:
    """``75.3`` or ``1:15.3`` in milliseconds.  Errors: :class:`StoreError`."""
    found = _TIME.fullmatch(text.replace("：", ":"))
    if found is None:
        raise StoreError(text, "不是录音里的时间", "请写成 75.3 或 1:15.3")
    return round(1000 * (60 * int(found[1] or 0) + float(found[2])))


def _roles(ask: Ask, terms: Terms) -> Callable[[], str]:
    call_id = ask.params["call_id"]
    labels = role_marks.labels(ask.store.call(call_id).as_heard.turns)
    given = {
        label: Role(chosen) for label in labels if (chosen := ask.form.text(f"role-{label}")) in {r.value for r in role_marks.SETTABLE}
    }
    whole, before = ask.form.text("whole") == "1", verdicts.basis(ask.store, call_id)
    keep = role_marks.setting(
        ask.store,
        call_id,
        given,
        terms.by,
        terms.reason,
        apart=not whole,
        closed_month=terms.closed_month,
        on=terms.on,
        user_id=terms.user_id,
    )

    def written() -> str:
        done = keep()
        others = recounting.recounted(ask.store, call_id, terms.by)
        ask.audit("review.roles", "call", call_id, scorecard=done.saved.id)
        return _told(_("角色已设定，已重新评分"), done.saved.proposed, others, _unruled(ask, before))

    return written


def _text(ask: Ask, terms: Terms) -> Callable[[], str]:
    call_id, store, undone = ask.params["call_id"], ask.store, "undo" in ask.form
    before = verdicts.basis(store, call_id)
    if undone:
        keep = text_marks.undoing(store, call_id, ask.form.integer("undo"), terms)
    else:
        start = ask.form.integer("start_ms")
        span = Span(start, ask.form.integer("end_ms", low=start))
        given = review_view.unmasked(*_texts(ask, span), ask.form.text("text"))
        keep = text_marks.correcting(store, call_id, ask.form.text("speaker"), span, given, terms)

    def written() -> str:
        done = keep()
        details = {"undoes": done.mark.undoes or 0} if undone else {"scorecard": done.saved.id}
        ask.audit("review.text", "call", call_id, mark=done.mark.id, **details)
        told = _("更正已撤回，已重新评分") if undone else _("文字已更正，已重新评分")
        return _told(told, done.saved.proposed, done.others, _unruled(ask, before))

    return written


def _unruled(ask: Ask, before: StoredCall) -> tuple[str, ...]:
    return reviews.unruled(ask.store, before, verdicts.basis(ask.store, before.call_id))


def _texts(ask: Ask, span: Span) -> tuple[str, str]:
    """What stands in a line, and what was shown of it."""
    call_id = ask.params["call_id"]
    call, card = publications.at(ask.store, call_id, verdicts.basis(ask.store, call_id).scorecard_id)
    both = zip(call.transcript.utterances, review_view.masked(call, card)[0].transcript.utterances, strict=True)
    return next(((one.text, other.text) for one, other in both if one.span == span), ("", ""))


# ---------------------------------------------------------------- finishing


def finish(ask: Ask) -> Response:
    """The review of this call is done; on to the next one of the queue."""
    return ask.attempt(lambda: _finished(ask), lambda problem: _screen(ask, problem, "done"))


def _finished(ask: Ask) -> Response:
    call_id = ask.params["call_id"]
    comment, again = ask.form.text("comment"), ask.form.text("again") == "1"
    done = reviews.finish(ask.store, call_id, signed(ask), comment, ask.form.text("on"), ask.user.id, again)
    if ask.form.text("publish") == "1":
        made = publications.publish(ask.store, [call_id], signed(ask), "复核后公布")
        ask.audit("call.publish", "call", call_id, publications=len(made))
    filters, kept, worth, db = wanted(ask.query), queue_query(wanted(ask.query)), _worth(ask, call_id), ask.store.db
    following = queue.following(db, filters, call_id, worth, ask.user.id, looking.others(db, ask.user.id))
    ask.audit("review.finish", "call", call_id, scorecard=done.scorecard_id, **({"next": following} if following is not None else {}))
    left = following is None and queue.following(db, filters, call_id, worth) is not None
    queue.update(ask.store, call_id)
    if following is None:
        told = _("复核完成。剩下的有人正在看，或已分派给别人，要看请从这里打开") if left else _("复核完成，队列里没有别的通话了")
        return ask.redirect(address("/review", query=kept), notice=told)
    return ask.redirect(address("/review/{call_id}", call_id=following, query=kept), notice=_("复核完成，这是下一通"))


def _kept(ask: Ask) -> dict[str, object]:
    """The filters of the queue that one came from, and where in it this call was: what is decided of it moves it."""
    worth = _worth(ask, ask.params["call_id"])
    return queue_query(wanted(ask.query)) | ({"worth": worth} if worth is not None else {})


def _worth(ask: Ask, call_id: str) -> int | None:
    """What the call was worth when the look at it began; None where it is not in the part of the queue that one came from."""
    if "worth" in ask.query:
        return ask.query.integer("worth")
    return queue.worth(ask.store.db, wanted(ask.query), call_id)


def refuse_without_calls(calls: tuple[str, ...]) -> None:
    """Refused (400) where a form names no call, or too many."""
    if not 0 < len(calls) <= 500:
        raise Refused(400, _("请选择 1 到 500 通电话"))
