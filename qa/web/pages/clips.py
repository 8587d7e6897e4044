"""Clips: heard, cut, released by QA, exported.  All sound and all words here are redacted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clips import cutting, export, playlists, release, search, sounds
from qa.clips.cutting import Clip, Wish, WishError
from qa.errors import AudioError, QaError, StoreError
from qa.types import Span
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages import clip_form
from qa.web.pages.trainer_parts import EXAMPLES, ROLES, STATES, clip_sound, listed, logged, number, ranged, stretch
from qa.web.permissions import Permission
from qa.web.refusals import Refused
from qa.web.wording import told

if TYPE_CHECKING:
    from qa.web.ask import Ask

AROUND_MS = 20_000
"""So much is heard before and behind a moment when it is cut."""
_LONGEST_WINDOW_MS = cutting.LONGEST_MS
_LONGEST_TITLE = 80
KINDS = ("opus", "mp3", "wav", "vtt", "labels", "textgrid")


def listing(ask: Ask) -> Response:
    """The newest clips."""
    clips = cutting.clips(ask.store)
    return ask.render("web/trainer/clips.html.j2", title=_("片段"), clips=clips, **listed(ask, clips))


def queue(ask: Ask) -> Response:
    """What waits for QA."""
    clips = release.queue(ask.store)
    return ask.render("web/trainer/release.html.j2", title=_("片段放行"), clips=clips, **listed(ask, clips))


def waiting(ask: Ask) -> dict[str, object] | None:
    """For the start page: of QA how many clips wait, of a trainer which were sent back or must be cut anew; None where there is nothing."""
    if ask.may(Permission.CLIP_RELEASE):
        clips = release.waiting(ask.store)
        return {"links": [("/release", _("待放行的片段"), clips)]} if clips else None
    newest = cutting.clips(ask.store, limit=50)
    states = release.states(ask.store, newest)
    asked = (release.REFUSED, release.OUTDATED)
    back = [(address("/clips/{clip_id}", clip_id=c.id), c.title, _(STATES[states[c.id]][0])) for c in newest if states[c.id] in asked]
    return {"links": back[:5]} if back else None


def page(ask: Ask) -> Response:
    """One clip: its sound, its words, what was decided about it."""
    one = _clip(ask)
    ask.audit("clip.view", "clip", str(one.id))
    return ask.render(
        "web/trainer/clip.html.j2",
        title=one.title,
        clip=one,
        **listed(ask, [one]),
        roles=ROLES,
        decisions=release.decisions(ask.store, one.id),
        lists=playlists.playlists(ask.store),
        kinds=_kinds(),
        may_release=ask.may(Permission.CLIP_RELEASE),
        own_cut=release.cut_by(ask.store, one, ask.user),
        whys=_whys(one),
        problem="",
    )


def _clip(ask: Ask) -> Clip:
    return cutting.clip(ask.store, number(ask.params["clip_id"]))


def _kinds() -> tuple[tuple[str, str], ...]:
    names = ("Opus", "MP3", "WAV", _("字幕（VTT）"), _("Audacity 标签"), "TextGrid（Praat）")
    return tuple(zip(KINDS, names, strict=True))


def _whys(one: Clip) -> list[tuple[int, int, str]]:
    """The beeps of a clip: from, to (ms), why."""
    names = {
        "number": _("号码"),
        "name": _("姓名"),
        "address": _("地址"),
        "unheard": _("没有听清"),
        "keyed": _("按键音"),
        "person": _("人工加的"),
    }
    return [(b.span.start_ms, b.span.end_ms, "、".join(names.get(w, w) for w in b.why.split("+"))) for b in one.version.beeps]


def sound(ask: Ask) -> Response:
    """The sound of a clip; listening is logged."""
    return clip_sound(ask, _clip(ask))


# ---------------------------------------------------------------- cutting


def _card(ask: Ask) -> tuple[int, str]:
    """The call that is asked for by one of its scorecards, and the scorecard that it is searched by: a page that was opened before the call
    was scored again leads to the same call."""
    call_id = search.call_of(ask.store, number(ask.params["card"]))
    card = search.card_of(ask.store, call_id) if call_id is not None else None
    if call_id is None or card is None:
        raise Refused(404, _("这通电话已不在检索里，请重新查找"))
    return card, call_id


def _window(ask: Ask, duration_ms: int) -> Span:
    """What is heard while cutting; asked for in ms."""
    low = ask.query.integer("from", 0, high=duration_ms)
    high = min(duration_ms, ask.query.integer("to", min(duration_ms, low + 30_000), high=10**9))
    if not cutting.SHORTEST_MS <= high - low <= _LONGEST_WINDOW_MS:
        raise Refused(400, _("请选 {low} 到 {high} 秒的一段", low=1, high=_LONGEST_WINDOW_MS // 1000))
    return Span(low, high)


def _around(span: Span, duration_ms: int) -> Span:
    """A stretch and what stands around it, so much as may be heard at once."""
    middle = (span.start_ms + span.end_ms) // 2
    half = min(_LONGEST_WINDOW_MS // 2, span.duration_ms // 2 + AROUND_MS)
    return Span(max(0, middle - half), min(duration_ms, middle + half))


def cutter(ask: Ask) -> Response:
    """A stretch around a moment, to be heard and cut."""
    card, call_id = _card(ask)
    total = ask.store.call(call_id).audio.duration_ms
    start = ask.query.integer("start", 0, high=total)
    end = max(start, min(total, ask.query.integer("end", min(total, start + 10_000), high=10**9)))
    check, example = ask.query.text("check"), ask.query.one_of("example", tuple(EXAMPLES), "")
    title = (dict(search.checks(ask.store)).get(check) or ask.query.text("words"))[:_LONGEST_TITLE]
    wish = Wish(Span(start, end), title=title, check_id=check, example=example)
    return _editor(ask, (card, call_id), _around(wish.span, total), clip_form.written(wish))


def _editor(
    ask: Ask,
    of: tuple[int, str],
    window: Span,
    fields: Mapping[str, str],
    one: Clip | None = None,
    problems: Mapping[str, str] | None = None,
) -> Response:
    """The form to cut by; ``of``: scorecard and call, ``one``: the clip that is cut anew, ``problems``: by field, "" for the whole."""
    card, call_id = of
    ask.audit("clip.prepare", "call", call_id, start_ms=window.start_ms, **({"clip": one.id} if one else {}))
    action = "/search/{card}/cut" if one is None else "/clips/{clip_id}/edit"
    edges = {"from": window.start_ms, "to": window.end_ms}
    return ask.render(
        "web/trainer/cut.html.j2",
        400 if problems else 200,
        title=_("重剪“{title}”", title=one.title) if one else _("剪片段"),
        f=fields,
        bad=problems or {},
        action=address(action, query=edges, **({"clip_id": one.id} if one else {"card": card})),
        window=window,
        sound_at=address("/search/{card}/sound", card=card, query=edges),
        said=[x for x in search.said(ask.store, call_id) if x.start_ms < window.end_ms and x.end_ms > window.start_ms],
        roles=ROLES,
        examples=EXAMPLES,
        checks=search.checks(ask.store),
    )


def window_sound(ask: Ask) -> Response:
    """The redacted sound around a moment; listening is logged."""
    card, call_id = _card(ask)
    window = _window(ask, ask.store.call(call_id).audio.duration_ms)
    part = stretch(ask, call_id, card, window)
    ask.listened(("stretch", call_id), "call.listen_redacted", "call", call_id, start_ms=window.start_ms)
    return ranged(ask, sounds.encoded(part.pcm, part.rate_hz, "wav"), "audio/wav", f"{card}-{window.start_ms}-{window.end_ms}")


def cut(ask: Ask) -> Response:
    """Make a clip, or show the form again with what is wrong with it."""
    of = _card(ask)
    by = ask.user.name or ask.user.login
    made = _made(ask, of[1], lambda wish: cutting.cut(ask.store, of[1], wish, by, logged(ask)))
    if isinstance(made, Clip):
        return ask.redirect(address("/clips/{clip_id}", clip_id=made.id), _("片段已剪好，等质检员放行"))
    return _editor(ask, of, _window(ask, ask.store.call(of[1]).audio.duration_ms), clip_form.typed(ask.form), problems=made)


def _made(ask: Ask, call_id: str, make: Callable[[Wish], Clip]) -> Clip | dict[str, str]:
    """What is made by the form, or what is wrong with it by field ("": with none of them)."""
    ask.form.one_of("example", tuple(EXAMPLES), "")
    wish, problems = clip_form.read(clip_form.typed(ask.form), ask.store.call(call_id).audio.duration_ms)
    if wish is None:
        return problems
    try:
        return make(wish)
    except WishError as error:
        return clip_form.refused(error)
    except AudioError as error:
        return {"": error.cause}


def editor(ask: Ask) -> Response:
    """A clip to be cut anew."""
    one = _clip(ask)
    span = Span(one.version.start_ms, one.version.end_ms)
    window = _around(span, ask.store.call(one.call_id).audio.duration_ms)
    return _editor(ask, (_searched_card(ask, one), one.call_id), window, clip_form.written(cutting.wish_of(one)), one)


def _searched_card(ask: Ask, one: Clip) -> int:
    """The scorecard under which the clip's call is searched.  Refused (404) where it counts no more: nothing new is cut from it."""
    card = search.card_of(ask.store, one.call_id)
    if card is None:
        raise Refused(404, _("这通电话已不在检索里，不能再剪"))
    return card


def edit(ask: Ask) -> Response:
    """Another version of a clip, or (``renew``) the same once more under the present rules of what is hidden."""
    one = _clip(ask)
    card = _searched_card(ask, one)
    by = ask.user.name or ask.user.login
    if "renew" in ask.form:
        made: Clip | dict[str, str] = cutting.renew(ask.store, one.id, by, logged(ask, release.RENEWED))
    else:
        made = _made(ask, one.call_id, lambda wish: cutting.cut_again(ask.store, one.id, wish, by, logged(ask)))
    if isinstance(made, Clip):
        return ask.redirect(address("/clips/{clip_id}", clip_id=made.id), _("片段已重剪，要重新放行"))
    window = _window(ask, ask.store.call(one.call_id).audio.duration_ms)
    return _editor(ask, (card, one.call_id), window, clip_form.typed(ask.form), one, made)


def delete(ask: Ask) -> Response:
    """Delete a clip for good."""
    one = _clip(ask)
    cutting.delete(ask.store, one.id)
    ask.audit("clip.delete", "clip", str(one.id))
    return ask.redirect("/clips", _("片段已删除"))


# ---------------------------------------------------------------- release and export


def decide(ask: Ask) -> Response:
    """QA releases, refuses or withdraws the version that was heard."""
    one = _clip(ask)
    decision = ask.form.one_of("decision", release.DECISIONS)
    heard = ask.form.text("heard") == "1"
    try:
        release.decide(ask.store, one.id, ask.form.integer("version"), decision, ask.user, ask.form.text("reason"), heard=heard)
    except StoreError as error:
        raise Refused(409, told(error)) from error
    more = {"heard": "start to end"} if decision == release.RELEASED else {}
    ask.audit(f"clip.{decision}", "clip", str(one.id), version=one.version.id, **more)
    return ask.redirect("/release", _("已记录：{decision}", decision=_(STATES[decision][0])))


def single(ask: Ask) -> Response:
    """A released clip as a file."""
    one = _clip(ask)
    if ask.params["kind"] not in KINDS:
        raise Refused(404)
    try:
        made = export.single(ask.store, one, ask.params["kind"])
    except QaError as error:
        raise Refused(409, told(error)) from error
    ask.audit("clip.export", "clip", str(one.id), version=one.version.id, form=ask.params["kind"])
    return ask.download(made.data, f"clip-{one.id}.{made.name.rpartition('.')[2]}", made.media_type)
