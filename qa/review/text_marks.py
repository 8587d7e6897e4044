"""Text that persons corrected: a stretch of the transcript as it was really said; kept with name and reason, only ever added to.

Corrected text takes the place of the recogniser's before anything is judged, and the call is judged again at once.  What of the words did
not change keeps its time; new words share the time between those around them.  A person has listened to the stretch: its words are certain,
and a second decode of it (:class:`qa.types.Edge`) says the same.  When the recording is transcribed anew the correction holds for its time
and its voice, whatever label that has by then (:mod:`qa.review.voices`); where nobody can tell the voice it is not applied, and the roles
are unsure until it is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from qa import rows, set_apart
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import Saved
from qa.rescore import day_of, judge
from qa.review import publications, versions, voices
from qa.review.alignment import aligned
from qa.review.recounting import recounted
from qa.review.verdicts import Terms, basis, check_month
from qa.rules.book import RuleBook
from qa.store import Store, StoredCall
from qa.types import Call, Span, Transcript, Utterance, Word

LONGEST = 2000
"""Characters of one correction."""
_PLAIN = ("call_id", "file_sha256", "speaker", "channel", "text", "undoes", "reason", "created", "user_id")


@dataclass(frozen=True)
class TextMark:
    """What is really said in ``span`` by ``speaker`` (label as heard) on ``channel``; "": nothing is said there.

    ``before``: the words that stood there, ``edges`` those of the second decodes (which, words).  ``undoes``: takes that mark back.
    ``user_id``: the account of whoever made it, None where that is not known.
    """

    id: int
    call_id: str
    file_sha256: str
    speaker: str
    channel: int
    span: Span
    text: str
    before: tuple[Word, ...]
    edges: tuple[tuple[str, tuple[Word, ...]], ...]
    undoes: int | None
    by: str
    reason: str
    created: str
    user_id: int | None = None

    @property
    def before_text(self) -> str:
        return "".join(word.text for word in self.before)

    @property
    def deleted(self) -> bool:
        """Whether its words were purged: one that nothing is said has the words that stood there."""
        return not self.text and not self.before


def marks(db: Database, call_id: str) -> tuple[TextMark, ...]:
    """All marks of a call, the earliest first."""
    return tuple(
        TextMark(
            **{name: r[name] for name in ("id", *_PLAIN)},
            span=Span(r["start_ms"], r["end_ms"]),
            before=rows.from_json(r["before_json"], tuple[Word, ...]),
            edges=rows.from_json(r["edges_json"], tuple[tuple[str, tuple[Word, ...]], ...]),
            by=r["made_by"],
        )
        for r in db.rows("select * from text_marks where call_id = ? order by id", call_id)
    )


def counting(known: Iterable[TextMark]) -> tuple[TextMark, ...]:
    """Of marks in order of time those that were not taken back."""
    every = tuple(known)
    undone = {mark.undoes for mark in every}
    return tuple(mark for mark in every if mark.undoes is None and mark.id not in undone)


# ---------------------------------------------------------------- correcting


@dataclass(frozen=True)
class Corrected:
    """What a correction did: as of :class:`qa.review.verdicts.Given`."""

    mark: TextMark
    saved: Saved
    before: float | None
    after: float | None
    month: str | None
    others: tuple[str, ...] = ()


def correct(store: Store, call_id: str, speaker: str, span: Span, text: str, terms: Terms) -> Corrected:
    """Correct what ``speaker`` (label as heard) says in ``span`` and judge the call again from what is stored.

    ``span`` is widened to the whole words that it touches.
    Errors: :class:`NotFoundError` for an unknown call or speaker; :class:`StoreError` where the stretch is none of the recording, the text
    is what stands there, too long or not text, name or reason is missing, or consent to propose in a closed month is;
    :class:`ConflictError` where others decided since ``terms.on``.
    """
    return correcting(store, call_id, speaker, span, text, terms)()


def correcting(store: Store, call_id: str, speaker: str, span: Span, text: str, terms: Terms) -> Callable[[], Corrected]:
    """The same in two steps: the call is judged here, while others may write; what is returned only writes it down.  Errors: as
    :func:`correct`, of either step."""
    of = basis(store, call_id)
    call = store.load(of)
    mark = _new(call, call_id, speaker, span, text, terms)
    return _judged(store, of, applied(call, [mark]), mark, terms)


def undo(store: Store, call_id: str, mark_id: int, terms: Terms) -> Corrected:
    """Take a correction back: the words that stood there stand there again.

    Errors: as :func:`correct`; :class:`NotFoundError` where there is none; :class:`StoreError` where a later one covers the stretch.
    """
    return undoing(store, call_id, mark_id, terms)()


def undoing(store: Store, call_id: str, mark_id: int, terms: Terms) -> Callable[[], Corrected]:
    """The same in two steps, as :func:`correcting`."""
    of = basis(store, call_id)
    call, known = store.load(of), counting(marks(store.db, call_id))
    mark = next((one for one in known if one.id == mark_id), None)
    if mark is None or mark.file_sha256 != call.audio.sha256:
        raise NotFoundError(f"{call_id} 的更正 {mark_id}", "没有这条更正，或已撤回", "请核对编号")
    now = {one.id: found for one in known if (found := voices.carried(store, one, call)) is not None}
    here = now.get(mark.id)
    if here is not None and any(one.id > mark.id and _same_voice(one, here) and one.span.overlap_ms(here.span) for one in now.values()):
        raise StoreError(f"{call_id} 的更正 {mark_id}", "后来又更正过这一段", "请先撤回后来的更正")
    _check_signed(call_id, terms)
    by, reason = terms.by.strip(), terms.reason.strip()
    back = replace(mark, id=0, undoes=mark.id, by=by, reason=reason, created=rows.now_utc(), user_id=terms.user_id)
    made = _put(call, here, here.before, dict(here.edges)) if here is not None else _told_again(store, of, call, mark)
    return _judged(store, of, made, back, terms)


def _told_again(store: Store, of: StoredCall, call: Call, mark: TextMark) -> Call:
    """The call without ``mark``, which was not applied: its words stay, and who is who is told anew."""
    from qa import role_marks  # which asks this module

    return role_marks.told_again(store, call, _book(store, of, call).roles, without=mark.id)


def _new(call: Call, call_id: str, speaker: str, span: Span, text: str, terms: Terms) -> TextMark:
    _check_signed(call_id, terms)
    heard = call.as_heard
    labels = {(u.speaker, u.channel) for u in heard.transcript.utterances} | {(t.speaker, t.channel) for t in heard.turns.turns}
    channel = next((number for label, number in sorted(labels) if label == speaker), None)
    if channel is None:
        raise NotFoundError(f"{call_id} 的说话人 {speaker}", "没有这个说话人", f"有：{'、'.join(sorted({label for label, _ in labels}))}")
    if span.duration_ms < 1 or span.end_ms > call.audio.duration_ms:
        raise StoreError(call_id, "不是录音里的一段", f"录音长 {call.audio.duration_ms / 1000:g} 秒；起点要早于终点")
    text = " ".join(text.split())
    if len(text) > LONGEST or not text.isprintable():
        raise StoreError(call_id, "文字太长，或含有控制字符", f"一次最多 {LONGEST} 字")
    before = tuple(words_in(heard.transcript.utterances, speaker, channel, span))
    if before:
        span = Span(min(span.start_ms, before[0].span.start_ms), max(span.end_ms, *(w.span.end_ms for w in before)))
    if text == "".join(word.text for word in before):
        raise StoreError(call_id, "更正后的文字与原来的相同", "不需要更正")
    edges = tuple((e.which, _inside(e.words, span)) for e in heard.transcript.edges if e.speaker == speaker)
    signed = (None, terms.by.strip(), terms.reason.strip(), rows.now_utc(), terms.user_id)
    return TextMark(0, call_id, call.audio.sha256, speaker, channel, span, text, before, edges, *signed)


def _check_signed(call_id: str, terms: Terms) -> None:
    for text, cause, cure in ((terms.by, "没有写由谁更正", "请写明姓名"), (terms.reason, "没有写更正的理由", "请写明理由")):
        if not text.strip():
            raise StoreError(call_id, cause, cure)


def _judged(store: Store, of: StoredCall, made: Call, mark: TextMark, terms: Terms) -> Callable[[], Corrected]:
    month = check_month(store, of.call_id, terms.closed_month)
    judged = replace(judge(made, _book(store, of, made), store.earlier()), call_id=of.call_id)

    def also() -> None:
        versions.check(store.db, of.call_id, terms.on)
        _insert(store.db, mark)

    note = f"更正文字：{mark.reason}"
    follow = lambda saved: publications.follow(store.db, of.call_id, of.scorecard_id, saved, mark.by, note)  # noqa: E731

    def kept() -> Corrected:
        with store.db.writing():
            saved = store.record(made, judged, also=also, then=follow)
            done = Corrected(marks(store.db, of.call_id)[-1], saved, of.percent, judged.percent, month)
            return replace(done, others=recounted(store, of.call_id, terms.by))

    return kept


def _book(store: Store, of: StoredCall, call: Call) -> RuleBook:
    """The rule book of the scorecard where it is to be had, so that nothing but the text makes the difference."""
    known = store.ledger.known(of.rule_book, of.rule_book_version)
    return known or store.ledger.newest(of.rule_book, day_of(call.record), of.call_id)


def _insert(db: Database, mark: TextMark) -> None:
    row: dict[str, object] = {name: getattr(mark, name) for name in _PLAIN}
    row |= {"start_ms": mark.span.start_ms, "end_ms": mark.span.end_ms, "made_by": mark.by}
    db.insert("text_marks", row | {"before_json": rows.to_json(mark.before), "edges_json": rows.to_json(mark.edges)})


# ---------------------------------------------------------------- what they make of a call


def standing(store: Store, call: Call, call_id: str) -> Call:
    """The call as it was just heard with all corrections that persons made of this recording, of voices that it still has."""
    found = (voices.carried(store, one, call) for one in _of(store, call, call_id))
    return applied(call, [one for one in found if one is not None])


def lost(store: Store, call: Call, call_id: str) -> tuple[TextMark, ...]:
    """The corrections that count and are of no voice of ``call`` that anybody could tell: they are not applied."""
    return tuple(one for one in _of(store, call, call_id) if voices.carried(store, one, call) is None)


def _of(store: Store, call: Call, call_id: str) -> tuple[TextMark, ...]:
    """The corrections of what is heard in the call: the same recording, and the part of it that is this agent's."""
    audio = call.audio
    here = [one for one in counting(marks(store.db, call_id)) if one.file_sha256 == audio.sha256]
    return tuple(one for one in here if one.span.overlap_ms(Span(audio.from_ms, audio.duration_ms)))


def applied(call: Call, given: Iterable[TextMark]) -> Call:
    """The call with corrections on what was heard; its roles stay as they are."""
    for mark in given:
        words = tuple(aligned(words_in(call.as_heard.transcript.utterances, mark.speaker, mark.channel, mark.span), mark.text, mark.span))
        call = _put(call, mark, words, None)
    return call


def _put(call: Call, mark: TextMark, words: tuple[Word, ...], edges: dict[str, tuple[Word, ...]] | None) -> Call:
    """``words`` in the place of those of the stretch; ``edges``: what the second decodes said there, None: the same."""
    heard = call.as_heard
    transcript = replace(heard.transcript, utterances=_said(heard.transcript, mark, words))
    second = []
    for edge in heard.transcript.edges:
        if edge.speaker == mark.speaker and edge.span.overlap_ms(mark.span):
            inside = words if edges is None else edges.get(edge.which, ())
            kept = [w for w in edge.words if not _in(w, mark.span)]
            edge = replace(edge, words=tuple(sorted((*kept, *_inside(inside, edge.span)), key=lambda w: w.span)))
        second.append(edge)
    return set_apart.applied(replace(heard, transcript=replace(transcript, edges=tuple(second))))


def _said(transcript: Transcript, mark: TextMark, words: tuple[Word, ...]) -> tuple[Utterance, ...]:
    """Utterances with ``words`` in the stretch: in the one that has most of it, else as one of their own."""
    own = [u for u in transcript.utterances if (u.speaker, u.channel) == (mark.speaker, mark.channel)]
    touched = [u for u in own if any(_in(w, mark.span) for w in u.words)]
    host = max(touched, key=lambda u: u.span.overlap_ms(mark.span), default=None)
    out = [u for u in transcript.utterances if u not in touched]
    for one in touched:
        left = [w for w in one.words if not _in(w, mark.span)]
        out += _utterance(one, (*left, *(words if one is host else ())))
    if host is None and words:
        out.append(Utterance(mark.speaker, mark.channel, Span(words[0].span.start_ms, words[-1].span.end_ms), words))
    return tuple(sorted(out, key=lambda u: (u.span, u.channel)))


def _utterance(one: Utterance, words: tuple[Word, ...]) -> list[Utterance]:
    if not words:
        return []
    in_time = tuple(sorted(words, key=lambda w: w.span))
    return [replace(one, words=in_time, span=Span(in_time[0].span.start_ms, max(w.span.end_ms for w in in_time)))]


def words_in(utterances: tuple[Utterance, ...], speaker: str, channel: int, span: Span) -> list[Word]:
    """What ``speaker`` says in a stretch, in order of time."""
    own = [w for u in utterances if (u.speaker, u.channel) == (speaker, channel) for w in u.words]
    return sorted((w for w in own if _in(w, span)), key=lambda w: w.span)


def _inside(words: Iterable[Word], span: Span) -> tuple[Word, ...]:
    return tuple(w for w in words if _in(w, span))


def _in(word: Word, span: Span) -> bool:
    """A word is where its middle lies."""
    return span.start_ms <= (word.span.start_ms + word.span.end_ms) // 2 < max(span.end_ms, span.start_ms + 1)


def _same_voice(one: TextMark, other: TextMark) -> bool:
    return (one.speaker, one.channel) == (other.speaker, other.channel)
