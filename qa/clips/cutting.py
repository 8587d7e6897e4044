"""Clips cut from calls: margins around a moment, what is personal beeped and masked, each cut kept beside the earlier ones.

A version of a clip is what was heard and confirmed: its sound is made once and kept, so that neither a better recogniser nor a corrected
text changes what a person has released.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from qa import rows
from qa.callfacts import bridged
from qa.clips import keyed, sounds
from qa.clips.beeping import beeped
from qa.clips.earlier import transcripts
from qa.clips.index import known_names
from qa.clips.masking import masker
from qa.clips.redaction import KEYED, SOUND_VERSION, Beep, Redaction, redact
from qa.clips.tables import next_id
from qa.errors import AudioError, NotFoundError, StoreError
from qa.report import recording
from qa.store import Store
from qa.types import Audio, Call, Int16Array, Span

MARGIN_MS = 1500
LONGEST_MARGIN_MS = 15_000
SHORTEST_MS, LONGEST_MS = 500, 300_000
_NEAR_MS = 1500  # so far a margin may grow to the next pause
_TENTH_MS = 100  # seconds are written with one decimal: an edge of the recording lies up to so much beside what is written of it
_AROUND_MS = 2000  # so far around a stretch keyed digits are looked for: a key that its edge cuts, the next one of the number
_INSIDE = "请改到片段之内，或删去这一行"
BY_HAND = "person"
EXAMPLES = ("", "good", "bad")
_TITLE, _NOTE = 80, 1000


@dataclass(frozen=True)
class Caption:
    """Redacted words in a clip; times in ms from the clip's start."""

    role: str
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True)
class Version:
    """One cut of a clip: ``start_ms`` to ``end_ms`` of the recording; beeps and captions from the clip's start; ``sound`` is a digest.

    ``outdated``: made when less was hidden; people who may hear redacted sound alone hear it again when it is cut anew.
    """

    id: int
    clip_id: int
    start_ms: int
    end_ms: int
    captions: tuple[Caption, ...]
    beeps: tuple[Beep, ...]
    sound: str
    demo: bool
    made_by: str
    created: str
    outdated: bool

    @property
    def duration_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True)
class Clip:
    """A clip with its newest version; ``example``: ``good``, ``bad`` or "" (neither); ``check_id``: what it is an example of, or ""."""

    id: int
    call_id: str
    title: str
    example: str
    check_id: str
    note: str
    made_by: str
    created: str
    version: Version


@dataclass(frozen=True)
class Wish:
    """What is to be cut: ``span`` of the recording with ``margin_ms`` on both sides; ``beeps``: stretches that a person added."""

    span: Span
    margin_ms: int = MARGIN_MS
    beeps: tuple[Span, ...] = ()
    title: str = ""
    example: str = ""
    check_id: str = ""
    note: str = ""


class WishError(StoreError):
    """What was asked for cannot be cut; ``of`` names the field of :class:`Wish` that is to be changed."""

    def __init__(self, subject: str, cause: str, cure: str, of: str) -> None:
        self.of = of
        super().__init__(subject, cause, cure)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.subject, self.cause, self.cure, self.of)


@dataclass(frozen=True)
class Redacted:
    """A stretch of a call that may be heard: samples (samples, channels) with beeps, captions, beeps; times from its start."""

    span: Span
    pcm: Int16Array
    rate_hz: int
    captions: tuple[Caption, ...]
    beeps: tuple[Beep, ...]


Also = Callable[[Clip], None]
"""What is to be kept in the same transaction as a clip (its row of the log)."""


def cut(store: Store, call_id: str, wish: Wish, by: str, also: Also = lambda clip: None) -> Clip:
    """A new clip.  Errors: :class:`NotFoundError` for an unknown call, :class:`AudioError` where its recording is not to be had,
    :class:`WishError` for an impossible wish, :class:`StoreError` without a name of who does it."""
    call = store.call(call_id)
    part = redacted(store, call_id, wish, call)
    row = _words_of(store, wish, call_id, call) | {"call_id": call_id, "made_by": signed(by), "created": rows.now_utc()}
    with store.db.writing():
        clip_id = store.db.insert("clips", row | {"id": next_id(store.db, "clips")})
        _keep(store, clip_id, call, part, by)
        also(made := clip(store, clip_id))
    return made


def cut_again(store: Store, clip_id: int, wish: Wish, by: str, also: Also = lambda clip: None) -> Clip:
    """Another version of a clip, which has to be released anew.  Errors: as :func:`cut`."""
    known = clip(store, clip_id)
    call = store.call(known.call_id)
    part = redacted(store, known.call_id, wish, call)
    words = _words_of(store, wish, known.call_id, call)
    with store.db.writing():
        store.db.sqlite.execute(
            "update clips set title = ?, example = ?, check_id = ?, note = ? where id = ?",
            (words["title"], words["example"], words["check_id"], words["note"], clip_id),
        )
        _keep(store, clip_id, call, part, by)
        also(made := clip(store, clip_id))
    return made


def renew(store: Store, clip_id: int, by: str, also: Also = lambda clip: None) -> Clip:
    """The same stretch once more, under the present rules of what is hidden; it has to be released anew.  Errors: as :func:`cut`."""
    return cut_again(store, clip_id, wish_of(clip(store, clip_id)), by, also)


def wish_of(one: Clip) -> Wish:
    """What a clip's newest version was cut by."""
    version = one.version
    by_hand = (Span(b.span.start_ms + version.start_ms, b.span.end_ms + version.start_ms) for b in version.beeps if BY_HAND in b.why)
    return Wish(Span(version.start_ms, version.end_ms), 0, tuple(by_hand), one.title, one.example, one.check_id, one.note)


def signed(by: str) -> str:
    """Errors: :class:`StoreError` where nobody answers for what is done."""
    if not by.strip():
        raise StoreError("片段", "没有写由谁操作", "请先登录")
    return by.strip()


def redacted(store: Store, call_id: str, wish: Wish, call: Call | None = None) -> Redacted:
    """A stretch of a call as it may be heard; ``call`` where it is loaded already.  Errors: as :func:`cut`."""
    call = call or store.call(call_id)
    span = stretch(call, wish.span, wish.margin_ms)
    for beep in wish.beeps:
        at, clip = _seconds(beep), _seconds(span)
        if not beep.overlap_ms(span):
            raise WishError("片段", f"消音 {at} 秒不在片段里（{clip} 秒）", _INSIDE, "beeps")
        if beep.start_ms < span.start_ms - _TENTH_MS or beep.end_ms > span.end_ms + _TENTH_MS:
            raise WishError("片段", f"消音 {at} 秒有一部分在片段之外（{clip} 秒）", _INSIDE, "beeps")
    audio, problem = recording(call)
    if audio is None:
        raise AudioError(call.audio.path.rpartition("/")[2], problem.rstrip("。"), "")
    more = (*(Beep(s, BY_HAND) for s in wish.beeps), *_keyed(audio, span))
    found = redact(call, known_names(store), transcripts(store, call_id, call)).with_beeps(more)
    beeps = tuple(
        Beep(Span(max(b.span.start_ms, span.start_ms) - span.start_ms, min(b.span.end_ms, span.end_ms) - span.start_ms), b.why)
        for b in found.beeps
        if b.span.overlap_ms(span) > 0
    )
    pcm = _samples(audio, span)
    return Redacted(
        span,
        beeped(pcm, audio.info.rate_hz, [b.span for b in beeps]),
        audio.info.rate_hz,
        captions(call, found, span),
        beeps,
    )


def _seconds(span: Span) -> str:
    """As a person writes a stretch: seconds of the recording."""
    return f"{span.start_ms / 1000:.1f}-{span.end_ms / 1000:.1f}"


def stretch(call: Call, span: Span, margin_ms: int) -> Span:
    """A moment with its margins, which end at pauses where one is near, inside of the call.

    Errors: :class:`WishError` where nothing or too much is left.
    """
    if not 0 <= margin_ms <= LONGEST_MARGIN_MS:
        raise WishError(f"前后各留 {margin_ms / 1000:g} 秒", "超出范围", f"请在 0 到 {LONGEST_MARGIN_MS // 1000} 秒之间选", "margin_ms")
    low = max(call.audio.from_ms, span.start_ms - margin_ms)
    high = min(call.audio.duration_ms, span.end_ms + margin_ms)
    if margin_ms:
        low, high = _at_pauses(call, span, low, high)
    if not SHORTEST_MS <= high - low <= LONGEST_MS:
        raise WishError(
            "片段", f"长 {max(0, high - low) / 1000:.1f} 秒", f"请选 {SHORTEST_MS / 1000:g} 到 {LONGEST_MS // 1000} 秒的一段", "span"
        )
    return Span(low, high)


def _at_pauses(call: Call, span: Span, low: int, high: int) -> tuple[int, int]:
    """Edges that would cut somebody short, moved to a pause near by: outward first, else inward, but never into the moment itself."""
    said = bridged((u.span for u in call.transcript.utterances), 0)
    for one in (u for u in said if u.start_ms < low < u.end_ms):
        low = one.start_ms if low - one.start_ms <= _NEAR_MS else one.end_ms if one.end_ms <= span.start_ms else low
    for one in (u for u in said if u.start_ms < high < u.end_ms):
        high = one.end_ms if one.end_ms - high <= _NEAR_MS else one.start_ms if one.start_ms >= span.end_ms else high
    return max(call.audio.from_ms, low), min(call.audio.duration_ms, high)


def _keyed(audio: Audio, span: Span) -> list[Beep]:
    """Keyed digits in and at a stretch of a recording; times of the recording."""
    window = Span(max(0, span.start_ms - _AROUND_MS), min(audio.info.duration_ms, span.end_ms + _AROUND_MS))
    heard = _samples(audio, window)
    found = keyed.spans([heard[:, k] for k in range(heard.shape[1])], audio.info.rate_hz)
    return [Beep(Span(window.start_ms + s.start_ms, window.start_ms + s.end_ms), KEYED) for s in found]


def _samples(audio: Audio, span: Span) -> Int16Array:
    rate = audio.info.rate_hz
    edges = span.start_ms * rate // 1000, span.end_ms * rate // 1000
    return np.stack([audio.samples(k, *edges) for k in range(audio.info.channels)], axis=1)


def captions(call: Call, found: Redaction, span: Span) -> tuple[Caption, ...]:
    """The redacted words of a stretch: of an utterance that reaches over its edge only those inside."""
    out = []
    for index, utterance in sorted(enumerate(call.transcript.utterances), key=lambda pair: pair[1].span):
        text = found.text(index, utterance.text)
        ends = list(itertools.accumulate(len(w.text) for w in utterance.words))
        inside = [k for k, w in enumerate(utterance.words) if span.start_ms <= (w.span.start_ms + w.span.end_ms) // 2 < span.end_ms]
        if not inside:
            continue
        first, last = utterance.words[inside[0]], utterance.words[inside[-1]]
        words = text[ends[inside[0]] - len(first.text) : ends[inside[-1]]]
        begin, end = max(first.span.start_ms, span.start_ms), min(max(last.span.end_ms, first.span.end_ms), span.end_ms)
        role = call.roles.role_of(utterance.speaker).value
        out.append(Caption(role, begin - span.start_ms, max(begin, end) - span.start_ms, words))
    return tuple(out)


def _words_of(store: Store, wish: Wish, call_id: str, call: Call) -> dict[str, str]:
    if wish.example not in EXAMPLES:
        raise WishError(wish.example, "没有这种示例", "请选好例、差例或不标", "example")
    if wish.check_id and not store.db.rows("select 1 from judged_rules where check_id = ? limit 1", wish.check_id):
        raise WishError("片段", "没有这个检查", "请从列表里选", "check_id")
    texts = {"title": " ".join(wish.title.split())[:_TITLE] or "片段", "note": wish.note.strip()[:_NOTE]}
    masked = masker(store, call_id, call)
    return {name: masked(text) for name, text in texts.items()} | {"example": wish.example, "check_id": wish.check_id}


def _keep(store: Store, clip_id: int, call: Call, part: Redacted, by: str) -> None:
    sound = sounds.kept(part.pcm, part.rate_hz)
    digest = hashlib.sha256(sound).hexdigest()
    store.db.insert("clip_sounds", {"digest": digest, "sound": sound}, "or ignore")
    row = {"clip_id": clip_id, "start_ms": part.span.start_ms, "end_ms": part.span.end_ms, "rules": SOUND_VERSION, "made_by": signed(by)}
    row |= {"demo": int(call.transcript.demo), "file_sha256": call.audio.sha256, "sound": digest, "created": rows.now_utc()}
    row |= {"captions_json": rows.to_json(part.captions), "beeps_json": rows.to_json(part.beeps)}
    store.db.insert("clip_versions", row | {"id": next_id(store.db, "clip_versions")})


# ---------------------------------------------------------------- reading

_NEWEST = "v.id = (select max(id) from clip_versions where clip_id = c.id)"
_UNDECIDED = "not exists (select 1 from clip_decisions d where d.clip_id = c.id and d.version_id = v.id and d.sound = v.sound)"
_CLIPS = (
    "select c.*, v.id as version_id, v.start_ms, v.end_ms, v.captions_json, v.beeps_json, v.sound, v.demo, v.rules, v.made_by as cut_by,"
    f" v.created as cut_at from clips c join clip_versions v on v.clip_id = c.id and {_NEWEST}"
)


def clip(store: Store, clip_id: int) -> Clip:
    """Errors: :class:`NotFoundError` for an unknown clip."""
    found = store.db.rows(f"{_CLIPS} where c.id = ?", clip_id)
    if not found:
        raise NotFoundError(f"片段 {clip_id}", "没有这个片段", "它可能已被删除")
    return _clip(found[0])


def clips(store: Store, ids: Iterable[int] | None = None, limit: int = 200) -> tuple[Clip, ...]:
    """The newest clips, or those named, in their order."""
    if ids is not None:
        return tuple(clip(store, one) for one in ids)
    return tuple(map(_clip, store.db.rows(f"{_CLIPS} order by c.id desc limit ?", limit)))


def undecided(store: Store, limit: int) -> tuple[Clip, ...]:
    """Clips whose newest version, as it sounds, nobody has decided on, the oldest first."""
    return tuple(map(_clip, store.db.rows(f"{_CLIPS} where {_UNDECIDED} order by c.id limit ?", limit)))


def count_undecided(store: Store) -> int:
    """How many there are of these."""
    (row,) = store.db.rows(f"select count(*) as n from clips c join clip_versions v on v.clip_id = c.id and {_NEWEST} where {_UNDECIDED}")
    return int(row["n"])


def sound(store: Store, version: Version) -> bytes:
    """The kept sound of a version (FLAC).  Errors: :class:`NotFoundError` where it was deleted."""
    found = store.db.rows("select sound from clip_sounds where digest = ?", version.sound)
    if not found:
        raise NotFoundError(f"片段 {version.clip_id}", "声音已按保存期限删除", "")
    return bytes(found[0]["sound"])


def delete(store: Store, clip_id: int) -> None:
    """Delete a clip with its versions and sounds, also from playlists; what was decided about it stays on record."""
    digests = [row["sound"] for row in store.db.rows("select sound from clip_versions where clip_id = ?", clip_id)]
    execute = store.db.sqlite.execute
    with store.db.writing():
        execute("delete from playlist_items where clip_id = ?", (clip_id,))
        execute("delete from clip_versions where clip_id = ?", (clip_id,))
        execute("delete from clips where id = ?", (clip_id,))
        for digest in digests:
            execute("delete from clip_sounds where digest = ? and not exists (select 1 from clip_versions where sound = ?)", (digest,) * 2)


def _clip(row: dict[str, Any]) -> Clip:
    version = Version(
        row["version_id"], row["id"], row["start_ms"], row["end_ms"],
        msgspec.json.decode(row["captions_json"], type=tuple[Caption, ...]), msgspec.json.decode(row["beeps_json"], type=tuple[Beep, ...]),
        row["sound"], bool(row["demo"]), row["cut_by"], row["cut_at"],
        row["rules"] < SOUND_VERSION,
    )  # fmt: skip
    names: Sequence[str] = ("id", "call_id", "title", "example", "check_id", "note", "made_by", "created")
    return Clip(**{name: row[name] for name in names}, version=version)
