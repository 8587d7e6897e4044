"""One call: what was said, what the checks found, and the sound; the same partials as the report of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa import report
from qa.books import Books
from qa.errors import QaError
from qa.operation import remains
from qa.operation.remains import Remains
from qa.people.accounts import UserRole
from qa.report_media import envelopes
from qa.report_privacy import without_numbers
from qa.report_text import percent_text
from qa.report_view import view
from qa.review import publications
from qa.types import Call
from qa.web import audio as sounds
from qa.web.addresses import address
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.refusals import Refused
from qa.web.wording import card_on_pages

if TYPE_CHECKING:
    from qa.web.ask import Ask

WAVE_COLUMNS = 1000
_MISSING = marked("没有录音可放：{cause}。以下时间仍对应原录音。")


def seen(ask: Ask) -> Remains:
    """The call and the scorecard that this person sees: an agent the published one, all others the one that stands."""
    of = remains.published if ask.user.role is UserRole.AGENT else remains.standing
    return of(ask.store, ask.params["call_id"])


def page(ask: Ask) -> Response:
    """The call with its scorecard; reading it is logged.  Errors: :class:`StoreError` where its words were deleted."""
    call_id = ask.params["call_id"]
    there = seen(ask)
    there.refuse_without_words()
    call, card = there.call, there.card
    problem = ask.sounds.problem(call.audio)
    book = Books(ask.store).known(card.provenance)
    ask.audit("call.view", "call", call_id)
    call, card = without_numbers(call, card)
    card = card_on_pages(card)
    shown = view(call, card, book)
    return ask.render(
        "web/call.html.j2",
        title=card.call_id,
        call_id=card.call_id,
        facts=report.call_facts(call, card),
        notes=[note for note in card.notes if not note.startswith("演示")],
        demo=card.provenance.demo,
        draft=_unpublished(ask, call_id),
        percent=card.percent,
        percent_text=_(percent_text(card.percent)),
        coverage=card.coverage,
        duration_ms=call.audio.duration_ms,
        v=shown,
        audio="" if problem else address("/calls/{call_id}/audio", call_id=call_id),
        audio_problem=_(_MISSING, cause=problem),
        wave=wave_data(call),
        at_ms=ask.query.integer("at", 0),
        provenance=report.provenance(call, card),
    )


def _unpublished(ask: Ask, call_id: str) -> str:
    """What somebody has to know who sees another scorecard than the call's agent does: a sentence; "" where both are the same."""
    if ask.user.role is UserRole.AGENT:
        return ""
    of = ask.store.stored_call(call_id)
    seen_instead = published_instead(ask, call_id, of.scorecard_id) if of is not None else None
    if seen_instead is None:
        return ""
    told = _("公布的是另一份（{points}），坐席看不到这一份。", points=seen_instead)
    return told if seen_instead else _("尚未公布，坐席看不到。")


def published_instead(ask: Ask, call_id: str, scorecard_id: int) -> str | None:
    """What the call's agent sees in the place of a scorecard: the points of another one (in the language of the request), "" for nothing;
    None where it is this scorecard that is published."""
    newest = publications.newest(ask.store.db, call_id)
    if newest == scorecard_id:
        return None
    found = ask.store.db.rows("select percent from scorecards where id = ?", newest)
    return points(found[0]["percent"]) if found else ""


def points(percent: float | None) -> str:
    """What a scorecard comes to, 0-100, in the language of the request."""
    return _(percent_text(None)) if percent is None else _("{n} 分", n=percent_text(percent))


def wave_data(call: Call) -> dict[str, object]:
    """What ``wave.js`` draws: bar heights (0-1) a channel, and the length in seconds."""
    return {"seconds": call.audio.duration_ms / 1000, "peaks": envelopes(call.acoustics.channels, call.audio.duration_ms, WAVE_COLUMNS)}


def audio(ask: Ask) -> Response:
    """The sound of a call, or a range of it, as long as it is there, also without the words; listening is logged."""
    call_id = ask.params["call_id"]
    call = seen(ask).call
    try:
        sound = ask.sounds.sound(call.audio)
    except QaError as error:
        raise Refused(404, _(_MISSING, cause=error.cause)) from error
    except LookupError as error:
        raise Refused(410, _(_MISSING, cause=str(error))) from error
    except OSError as error:
        raise Refused(404, _(_MISSING, cause=error.strerror or "")) from error
    ask.listened(call_id, "call.listen", "call", call_id)
    return sounds.answer(sound)
