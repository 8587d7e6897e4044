"""Roles that persons set: kept with name and reason, only ever added to; of a call the last one counts.

A person says of the voices that a call was divided into who is who.  When the call is divided anew (another diarisation engine), a voice is
the one with which it shares its time; where that is not clear the mark no longer holds, and the roles are unsure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from qa import roles, rows, scoring, serial
from qa.announcements import stretches
from qa.callfacts import bridged, gaps
from qa.clock import house_day
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import Saved
from qa.rescore import day_of, judge
from qa.review import publications, text_marks, versions, voices
from qa.review.verdicts import basis
from qa.role_settings import RoleSettings
from qa.store import Store
from qa.types import Call, Role, RoleAssignment, Roles, RoleStretch, Span, SpeakerTurns
from qa.voiceprints import is_enrolled

SETTABLE = (Role.AGENT, Role.CUSTOMER, Role.ANNOUNCEMENT, Role.THIRD_PARTY, Role.MIXED)
ALIKE = 0.8
"""A voice is one of an earlier division if it shares so much of the time of both."""


@dataclass(frozen=True)
class RoleMark:
    """Who is who in a call, by a person: ``roles`` by speaker label of the turns with ``turns_digest``; none: what the program finds.

    ``apart``: whether announcements that the program finds, and whoever takes over, are still set apart.  ``sha256``: the content of the
    recording that it was made on, "" of a mark of an older program.  ``alone``: nobody else is heard in the voices of agent and customer.
    ``user_id``: the account of whoever set them, None where that is not known.
    """

    id: int
    call_id: str
    turns_digest: str
    roles: tuple[tuple[str, Role], ...]
    apart: bool
    by: str
    reason: str
    created: str
    sha256: str = ""
    alone: bool = False
    user_id: int | None = None

    def __str__(self) -> str:
        if not self.roles:
            return f"由 {self.by} 撤回人工设定的角色：{self.reason}"
        told = "（确认声音里没有别人）" if self.alone else ""
        return f"由 {self.by} 设定角色 {'、'.join(f'{s}={role.value}' for s, role in self.roles)}{told}：{self.reason}"


def marks(db: Database, call_id: str) -> tuple[RoleMark, ...]:
    """All marks of a call, the earliest first."""
    found = db.rows("select * from role_marks where call_id = ? order by id", call_id)
    return tuple(
        RoleMark(
            r["id"],
            r["call_id"],
            r["turns_digest"],
            msgspec.json.decode(r["roles_json"], type=tuple[tuple[str, Role], ...]),
            bool(r["apart"]),
            r["made_by"],
            r["reason"],
            r["created"],
            r["sha256"],
            bool(r["alone"]),
            r["user_id"],
        )
        for r in found
    )


def new(call: Call, call_id: str, given: Mapping[str, Role], by: str, reason: str, apart: bool, alone: bool = False) -> RoleMark:
    """A mark of this moment on the voices of ``call``; without ``given`` a withdrawal.

    There is one agent and one customer: several voices of a recording of one channel in that role are one person who was taken for several;
    two persons on the customer's side are customer and third party.  Where the program found one voice only, it is the agent's or the
    customer's only if the person says that nobody else speaks in the call (``alone``).  A voice that holds several persons is ``mixed``.
    Errors: :class:`StoreError` where name or reason is missing, a role cannot be set, or agent or customer would be several channels or all
    voices;
    :class:`NotFoundError` for a voice that the call does not have.
    """
    for text, cause, cure in ((by, "没有写由谁设定", "请加 --by 姓名"), (reason, "没有写设定的理由", "请加 --reason 理由")):
        if not text.strip():
            raise StoreError(call_id, cause, cure)
    turns = call.as_heard.turns
    if given and turns.method == "none":
        cure = "qa roles set 不会重新区分说话人；请先再运行一次 qa score（qa rescore 不区分说话人），区分出来以后再设定"
        raise NotFoundError(f"{call_id} 的说话人 {'、'.join(given)}", "单声道录音，当时没有区分说话人", cure)
    for speaker, role in given.items():
        if speaker not in labels(turns):
            raise NotFoundError(f"{call_id} 的说话人 {speaker}", "没有这个说话人", f"可设定的说话人：{'、'.join(labels(turns))}")
        if role not in SETTABLE:
            raise StoreError(f"{call_id} 的说话人 {speaker}", f"不能设为 {role.value}", f"可用：{'、'.join(r.value for r in SETTABLE)}")
    _one_person_each(call_id, turns, given, alone)
    digest = hashlib.sha256(serial.encode(turns)).hexdigest()
    given_ = tuple(sorted(given.items()))
    return RoleMark(0, call_id, digest, given_, apart, by.strip(), reason.strip(), rows.now_utc(), call.audio.sha256, alone)


def _one_person_each(call_id: str, turns: SpeakerTurns, given: Mapping[str, Role], alone: bool) -> None:
    """Errors: :class:`StoreError` where agent or customer would be several channels, all voices, or one voice that may be both."""
    for role in (Role.AGENT, Role.CUSTOMER):
        several = list(given.values()).count(role)
        if several > 1 and (not turns.diarized or several == len(labels(turns))):
            cure = "坐席和客户各只能是一个说话人；单声道里同一个人被分成几个声音时，可都设为同一角色，但至少要留下另一方"
            raise StoreError(call_id, f"设了不止一个 {role.value}", cure)
        if several and turns.diarized and len(labels(turns)) == 1 and not alone:
            cure = "请设为 mixed（不止一个人）；听过确认从头到尾只有这一个人说话，才加 --alone"
            raise StoreError(call_id, f"只分出一个声音，里面多半不止一个人，不能设为 {role.value}", cure)


def labels(turns: SpeakerTurns) -> tuple[str, ...]:
    """The voices that a person may name."""
    return ("ch0", "ch1") if turns.method == "channel" else turns.speakers


def insert(db: Database, mark: RoleMark) -> None:
    """Add a mark, inside a transaction of the caller's."""
    row = {"call_id": mark.call_id, "turns_digest": mark.turns_digest, "made_by": mark.by, "reason": mark.reason}
    given = msgspec.json.encode(mark.roles).decode()
    db.insert("role_marks", row | {"created": mark.created, "roles_json": given, "user_id": mark.user_id} | _facts(mark))


def _facts(mark: RoleMark) -> dict[str, str | int]:
    return {"apart": int(mark.apart), "sha256": mark.sha256, "alone": int(mark.alone)}


# ---------------------------------------------------------------- setting them


@dataclass(frozen=True)
class Set:
    """What setting the roles did: ``before`` and ``after`` are percents; ``saved``: the scorecard; ``month`` a closed month it lies in."""

    mark: RoleMark
    saved: Saved
    before: float | None
    after: float | None
    month: str | None


def set_roles(
    store: Store,
    call_id: str,
    given: Mapping[str, Role],
    by: str,
    reason: str,
    *,
    apart: bool = True,
    alone: bool = False,
    closed_month: bool = False,
    on: str | None = None,
) -> Set:
    """Set who is who in a call (without ``given``: take that back) and judge it again from what is stored, by the rule book of its day.

    ``closed_month``: consent, where the call lies in a closed month; its new scorecard is a proposal then, as any other.  ``on``: what the
    person had before the eyes (:func:`qa.review.versions.version`), None: not asked.  Where the call is published it is so anew.
    Errors: :class:`NotFoundError` for an unknown call or voice, :class:`StoreError` as of :func:`new`, where nothing is there to take back,
    where consent is missing, or where the rule book is not to be had; :class:`ConflictError` where others decided since ``on``.
    """
    return setting(store, call_id, given, by, reason, apart=apart, alone=alone, closed_month=closed_month, on=on)()


def setting(
    store: Store,
    call_id: str,
    given: Mapping[str, Role],
    by: str,
    reason: str,
    *,
    apart: bool = True,
    alone: bool = False,
    closed_month: bool = False,
    on: str | None = None,
    user_id: int | None = None,
) -> Callable[[], Set]:
    """The same in two steps: the call is judged here, while others may write; what is returned only writes it down.  ``user_id``: the
    account of whoever sets them, None where there is none (a command).  Errors: as :func:`set_roles`, of either step."""
    of = basis(store, call_id)
    call = store.load(of)
    mark = replace(new(call, call_id, given, by, reason, apart, alone), user_id=user_id)
    known = marks(store.db, call_id)
    if not given and not (known and known[-1].roles):
        raise StoreError(call_id, "没有人工设定的角色，无可撤回", "请用 qa roles show 核对")
    month = store.closed_month_of(call_id)
    if month is not None and not closed_month:
        raise StoreError(call_id, f"通话在已关账的 {month}，重新评分只能作为建议，等待 qa adjust 批准", "确实要设，请加 --closed-month")
    day = day_of(call.record)
    book = store.ledger.newest(of.rule_book, day, call_id)
    made = applied(roles.told(_still_enrolled(store, call), book.roles), mark, book.roles, kept_turns(store))
    made = voices.doubted(made, text_marks.lost(store, made, call_id))
    judged = replace(judge(made, book, store.earlier()), call_id=call_id)

    def also() -> None:
        versions.check(store.db, call_id, on)
        insert(store.db, mark)

    follow = lambda saved: publications.follow(store.db, call_id, of.scorecard_id, saved, mark.by, str(mark))  # noqa: E731

    def kept() -> Set:
        with store.db.writing():
            saved = store.record(made, judged, also=also, then=follow)
            return Set(marks(store.db, call_id)[-1], saved, of.percent, judged.percent, month)

    return kept


def _still_enrolled(store: Store, call: Call) -> Call:
    """The call without what the voice of an agent told of it who has had it forgotten since."""
    voices = call.roles.voices
    if voices is None or is_enrolled(store.db, voices.agent_id, call.as_heard.turns.method):
        return call
    return replace(call, roles=replace(call.roles, voices=None))


def kept_turns(store: Store) -> Callable[[str], SpeakerTurns | None]:
    """Turns that a call was judged on, by their digest."""
    return lambda digest: store.part(digest, SpeakerTurns)


def standing(store: Store, call: Call, settings: RoleSettings, without: int | None = None) -> Call:
    """The call with the roles that a person has set, if one has; nobody's are known where corrected words are of nobody knows whom
    (:mod:`qa.review.voices`), but for the correction ``without``."""
    call_id = scoring.call_id(call)
    known = marks(store.db, call_id)
    made = applied(call, known[-1], settings, kept_turns(store)) if known else call
    return voices.doubted(made, [one for one in text_marks.lost(store, made, call_id) if one.id != without])


def told_again(store: Store, call: Call, settings: RoleSettings, without: int | None = None) -> Call:
    """A stored call with its roles told anew, as :func:`standing`."""
    return standing(store, roles.told(_still_enrolled(store, call), settings), settings, without)


# ---------------------------------------------------------------- what they make of a call


def applied(call: Call, mark: RoleMark | None, settings: RoleSettings, turns_of: Callable[[str], SpeakerTurns | None]) -> Call:
    """The call with the roles of the last ``mark`` on it; unchanged without one.  ``turns_of``: kept turns by their digest."""
    if mark is None or not mark.roles:
        return call
    heard, voices = call.as_heard, call.roles.voices
    given = _carried(heard, mark, turns_of)
    if given is None:
        what = "以前的说话人区分结果" if mark.sha256 in ("", heard.audio.sha256) else "另一段录音"
        told = f"人工设定的角色（{mark.by}，{house_day(mark.created)}）是对{what}所作，现在对不上"
        doubt = f"{told}；请重新用 qa roles set 设定，或 --withdraw 撤回"
        unknown = (RoleAssignment(s, Role.UNKNOWN, 0.0, "person") for s in labels(heard.turns))
        return roles.with_stretches(heard, Roles(tuple(unknown), doubt=doubt, voices=voices), stretches(heard, settings.announcements))
    made = _assignments(heard, mark, given, settings)
    machine = list(stretches(heard, settings.announcements)) if mark.apart else []
    machine = [one for one in machine if given.get(one.speaker) in (None, Role.AGENT, Role.CUSTOMER)]
    whole = Span(0, heard.audio.duration_ms)
    others = [s for s, role in given.items() if role in (Role.ANNOUNCEMENT, Role.THIRD_PARTY)]
    machine += [RoleStretch(s, whole, given[s], f"{mark.by} 设定") for s in others]
    mixed = [s for s, role in given.items() if role is Role.MIXED]
    machine += [RoleStretch(s, whole, Role.UNKNOWN, f"{mark.by} 设定：不止一个人") for s in mixed]
    others += mixed
    for role in (Role.AGENT, Role.CUSTOMER):
        first, *more = [s for s in labels(heard.turns) if given.get(s) is role] or [""]
        for s in more:
            taken = sorted(one.span for one in machine if one.speaker == s)
            machine += [RoleStretch(s, left, role, f"{mark.by} 设定，与 {first} 是同一个人") for left in gaps(taken, whole)]
        others += more
    kept = Roles(tuple(one for one in made if one.speaker not in others), voices=voices)
    return roles.with_stretches(heard, kept, machine, handed_over=mark.apart)


def _assignments(heard: Call, mark: RoleMark, given: Mapping[str, Role], settings: RoleSettings) -> list[RoleAssignment]:
    why = (f"{mark.by} {house_day(mark.created)}：{mark.reason}",)
    bearing = roles.bearings(heard, given, settings)
    made = []
    for s in labels(heard.turns):
        alone = mark.alone and given.get(s) in (Role.AGENT, Role.CUSTOMER)
        sure = 1.0 if given.get(s) not in (None, Role.MIXED) else 0.0
        made.append(RoleAssignment(s, given.get(s, Role.UNKNOWN), sure, "person", why, bearing.get(s, ()), alone))
    return made


def _carried(call: Call, mark: RoleMark, turns_of: Callable[[str], SpeakerTurns | None]) -> dict[str, Role] | None:
    """The roles by the labels that the call has now, None where they cannot be told.

    The channels of one content stay what they are; else a label is the one that has its time, be it that the call was divided anew or that
    its recording is another copy.  What shares no time is another call under its id.
    """
    given = dict(mark.roles)
    turns = call.turns
    same = turns.method == "channel" and mark.sha256 == call.audio.sha256
    if same or hashlib.sha256(serial.encode(turns)).hexdigest() == mark.turns_digest:
        return given if set(given) <= set(labels(turns)) else None
    then = turns_of(mark.turns_digest)
    if then is None or "none" in (then.method, turns.method) or then.diarized != turns.diarized:
        return None
    made: dict[str, Role] = {}
    for group, role in _persons(given):
        each = [_now(then, (speaker,), turns) for speaker in group]
        found = each if None not in each else [_now(then, group, turns)]
        names = [name for name in found if name is not None]
        if len(names) < len(found) or len(set(names)) < len(names) or made.keys() & set(names):
            return None
        made |= dict.fromkeys(names, role)
    return made


def _persons(given: Mapping[str, Role]) -> list[tuple[tuple[str, ...], Role]]:
    """The voices by person: all of the agent's and all of the customer's are one person's."""
    both = [(tuple(s for s, r in given.items() if r is role), role) for role in (Role.AGENT, Role.CUSTOMER)]
    return [*(one for one in both if one[0]), *(((s,), r) for s, r in given.items() if r not in (Role.AGENT, Role.CUSTOMER))]


def _now(then: SpeakerTurns, voices: Sequence[str], turns: SpeakerTurns) -> str | None:
    """The label that has now what ``voices`` said; None where it is not clear."""
    said = bridged((span for voice in voices for span in then.of(voice)), 0)
    return next((label for label in labels(turns) if _alike(said, bridged(turns.of(label), 0))), None)


def _alike(one: tuple[Span, ...], other: tuple[Span, ...]) -> bool:
    shared = sum(a.overlap_ms(b) for a in one for b in other)
    if not one and not other:
        return False
    return shared >= ALIKE * max(1, *(sum(span.duration_ms for span in spans) for spans in (one, other)))
