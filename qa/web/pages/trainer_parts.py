"""What the trainer's pages share: the scopes of their objects, sound from memory by ranges, redacted stretches kept for a while."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from qa.clips import briefing, cutting, playlists, release, search, sounds
from qa.clips.cutting import Clip, Redacted, Wish
from qa.errors import NotFoundError, QaError
from qa.people.accounts import User, UserRole
from qa.report_text import ROLE_TEXT
from qa.store import Store
from qa.types import Span
from qa.web.ask import plain_day
from qa.web.language import marked
from qa.web.language import translated as _
from qa.web.permissions import TEAM_IN_REACH, Scope
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

STATES = {
    release.RELEASED: (marked("已放行"), "good"),
    release.REFUSED: (marked("已退回"), "bad"),
    release.WITHDRAWN: (marked("已撤回"), "bad"),
    release.WAITING: (marked("待放行"), "warn"),
    release.OUTDATED: (marked("旧规则遮蔽，需重新剪辑"), "bad"),
}
EXAMPLES = {"": marked("不标"), "good": marked("好例"), "bad": marked("差例")}
ROLES = {role.value: text for role, text in ROLE_TEXT.items()}
HEARS_ALL = frozenset({UserRole.QA})
"""Who hears any call as it was recorded, and so also a clip in which too little is hidden."""
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


# ---------------------------------------------------------------- scopes


def number(text: str) -> int:
    """A parameter of a path that is an id; -1 for what is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _searched(store: Store, user: User, params: Mapping[str, str]) -> bool:
    return user.role in (UserRole.QA, UserRole.TRAINER) and search.call_of(store, number(params["card"])) is not None


def _clip_known(store: Store, user: User, params: Mapping[str, str]) -> bool:
    try:
        cutting.clip(store, number(params["clip_id"]))
    except NotFoundError:
        return False
    return user.role in (UserRole.QA, UserRole.TRAINER)


def _playlist_known(store: Store, user: User, params: Mapping[str, str]) -> bool:
    try:
        playlists.playlist(store, number(params["playlist_id"]))
    except NotFoundError:
        return False
    return user.role in (UserRole.QA, UserRole.TRAINER)


def _brief_clip(store: Store, user: User, params: Mapping[str, str]) -> bool:
    """A released clip of the brief of a team within reach, on its day."""
    if not TEAM_IN_REACH.holds(store, user, params):
        return False
    day = plain_day(params["day"])
    known = briefing.find_playlist(store, params["team"], day) if day is not None else None
    if known is None:
        return False
    clips = [item.clip for item in playlists.items(store, known.id) if item.clip.id == number(params["clip_id"])]
    return any(release.state(store, one) == release.RELEASED for one in clips)


SEARCHED = Scope("searched", _searched)
CLIP_KNOWN = Scope("clip", _clip_known)
PLAYLIST_KNOWN = Scope("playlist", _playlist_known)
BRIEF_CLIP = Scope("brief_clip", _brief_clip)


def logged(ask: Ask, action: str = release.CUT) -> Callable[[Clip], None]:
    """The row of the log that stands or falls with a clip's cut."""
    return lambda one: ask.audit(action, "clip", str(one.id), version=one.version.id)


def may_hear(ask: Ask, one: Clip) -> bool:
    """Whether the person may hear and read the clip as it was kept: under older rules of what is hidden only who may hear calls whole."""
    return not one.version.outdated or ask.user.role in HEARS_ALL


def listed(ask: Ask, clips: Iterable[Clip]) -> dict[str, Any]:
    """What every page that shows several clips tells of each: state and kind, which of them may be heard by who may hear what is redacted,
    and which QA has released: what is shown to others than those, or printed, is of these alone."""
    clips = tuple(clips)
    states = release.states(ask.store, clips)
    heard = frozenset(one.id for one in clips if may_hear(ask, one))
    released = frozenset(one.id for one in clips if states[one.id] == release.RELEASED)
    return {"states": states, "words": STATES, "examples": EXAMPLES, "audible": heard, "released": released}


# ---------------------------------------------------------------- sound


def ranged(ask: Ask, data: bytes, media_type: str, digest: str) -> Response:
    """Sound from memory, or the range of it that the browser asks for (RFC 9110, 14)."""
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-store", "ETag": f'"{digest}"'}
    asked = _RANGE.fullmatch(ask.request.headers.get("range", ""))
    if asked is None or not (asked[1] or asked[2]):
        return Response(data, media_type=media_type, headers=headers)
    start = int(asked[1]) if asked[1] else max(0, len(data) - int(asked[2]))
    end = min(len(data), int(asked[2]) + 1) if asked[1] and asked[2] else len(data)
    if start >= end:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return Response(data[start:end], 206, headers, media_type)


def clip_sound(ask: Ask, one: Clip) -> Response:
    """The kept sound of a clip's newest version as WAV, which every browser plays to the sample; listening is logged.

    Refused (409) to who may hear redacted sound alone, where less was hidden then.
    """
    if not may_hear(ask, one):
        raise Refused(409, _("旧规则遮蔽，需重新剪辑"))
    ask.listened(("clip", one.version.id), "clip.listen", "clip", str(one.id), version=one.version.id)
    pcm, rate_hz = sounds.samples(cutting.sound(ask.store, one.version))
    return ranged(ask, sounds.encoded(pcm, rate_hz, "wav"), "audio/wav", one.version.sound)


class _Kept:
    """The last redacted stretches: a browser asks for one several times.  Several threads may ask at once."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._made: OrderedDict[tuple[str, int, int, int], Redacted] = OrderedDict()

    def stretch(self, store: Store, call_id: str, scorecard_id: int, span: Span) -> Redacted:
        key = (str(store.path), scorecard_id, span.start_ms, span.end_ms)
        with self._lock:
            known = self._made.get(key)
        if known is None:
            known = cutting.redacted(store, call_id, Wish(span, margin_ms=0))
            with self._lock:
                self._made[key] = known
                while len(self._made) > self._most:
                    self._made.popitem(last=False)
        return known


_kept = _Kept(8)


def stretch(ask: Ask, call_id: str, scorecard_id: int, span: Span) -> Redacted:
    """A stretch of a call that may be heard.  Refused (404) where the recording is not to be had."""
    try:
        return _kept.stretch(ask.store, call_id, scorecard_id, span)
    except QaError as error:
        raise Refused(404, _(error.cause)) from error
