"""Roles that persons set: kept with name and reason, only ever added to; of a call the last one counts.

A person says of the voices that a call was divided into who is who.  When the call is divided anew (another diarisation engine), a voice is
the one with which it shares its time; where that is not clear the mark no longer holds, and the roles are unsure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from qa import roles, rows, scoring, serial
from qa.announcements import stretches
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.ledger_cards import Saved
from qa.rescore import day_of, judge
from qa.review import publications, versions
from qa.role_settings import RoleSettings
from qa.store import Store
from qa.types import Call, Role, RoleAssignment, Roles, RoleStretch, Span, SpeakerTurns

SETTABLE = (Role.AGENT, Role.CUSTOMER, Role.ANNOUNCEMENT, Role.THIRD_PARTY)
ALIKE = 0.8
"""A voice is one of an earlier division if it shares so much of the time of both."""


@dataclass(frozen=True)
class RoleMark:
    """Who is who in a call, by a person: ``roles`` by speaker label of the turns with ``turns_digest``; none: what the program finds.

    ``apart``: whether announcements that the program finds are still set apart.
    """

    id: int
    call_id: str
    turns_digest: str
    roles: tuple[tuple[str, Role], ...]
    apart: bool
    by: str
    reason: str
    created: str

    def __str__(self) -> str:
        if not self.roles:
            return f"由 {self.by} 撤回人工设定的角色：{self.reason}"
        return f"由 {self.by} 设定角色 {'、'.join(f'{s}={role.value}' for s, role in self.roles)}：{self.reason}"


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
            *(r[name] for name in ("made_by", "reason", "created")),
        )
        for r in found
    )


def new(call: Call, call_id: str, given: Mapping[str, Role], by: str, reason: str, apart: bool) -> RoleMark:
    """A mark of this moment on the voices of ``call``; without ``given`` a withdrawal.

    Errors: :class:`StoreError` where name or reason is missing, a role cannot be set, or agent or customer would be several voices;
    :class:`NotFoundError` for a voice that the call does not have.
    """
    for text, cause, cure in ((by, "没有写由谁设定", "请加 --by 姓名"), (reason, "没有写设定的理由", "请加 --reason 理由")):
        if not text.strip():
            raise StoreError(call_id, cause, cure)
    turns = call.as_heard.turns
    for speaker, role in given.items():
        if turns.method == "none" or speaker not in labels(turns):
            known = "、".join(labels(turns)) if turns.method != "none" else "没有（单声道录音未区分说话人）"
            raise NotFoundError(f"{call_id} 的说话人 {speaker}", "没有这个说话人", f"可设定的说话人：{known}")
        if role not in SETTABLE:
            raise StoreError(f"{call_id} 的说话人 {speaker}", f"不能设为 {role.value}", f"可用：{'、'.join(r.value for r in SETTABLE)}")
    for role in (Role.AGENT, Role.CUSTOMER):
        if list(given.values()).count(role) > 1:
            raise StoreError(call_id, f"设了不止一个 {role.value}", "坐席和客户各只能是一个说话人")
    digest = hashlib.sha256(serial.encode(turns)).hexdigest()
    return RoleMark(0, call_id, digest, tuple(sorted(given.items())), apart, by.strip(), reason.strip(), rows.now_utc())


def labels(turns: SpeakerTurns) -> tuple[str, ...]:
    """The voices that a person may name."""
    return ("ch0", "ch1") if turns.method == "channel" else turns.speakers


def insert(db: Database, mark: RoleMark) -> None:
    """Add a mark, inside a transaction of the caller's."""
    row = {"call_id": mark.call_id, "turns_digest": mark.turns_digest, "made_by": mark.by, "reason": mark.reason}
    given = msgspec.json.encode(mark.roles).decode()
    db.insert("role_marks", row | {"created": mark.created, "roles_json": given, "apart": int(mark.apart)})


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
    closed_month: bool = False,
    on: str | None = None,
) -> Set:
    """Set who is who in a call (without ``given``: take that back) and judge it again from what is stored, by the rule book of its day.

    ``closed_month``: consent, where the call lies in a closed month; its new scorecard is a proposal then, as any other.  ``on``: what the
    person had before the eyes (:func:`qa.review.versions.version`), None: not asked.  Where the call is published it is so anew.
    Errors: :class:`NotFoundError` for an unknown call or voice, :class:`StoreError` as of :func:`new`, where nothing is there to take back,
    where consent is missing, or where the rule book is not to be had; :class:`ConflictError` where others decided since ``on``.
    """
    call, card = store.call(call_id), store.scorecard(call_id)
    mark = new(call, call_id, given, by, reason, apart)
    known = marks(store.db, call_id)
    if not given and not (known and known[-1].roles):
        raise StoreError(call_id, "没有人工设定的角色，无可撤回", "请用 qa roles show 核对")
    month = store.closed_month_of(call_id)
    if month is not None and not closed_month:
        raise StoreError(call_id, f"通话在已关账的 {month}，重新评分只能作为建议，等待 qa adjust 批准", "确实要设，请加 --closed-month")
    day = day_of(call.record)
    book = store.ledger.newest(card.provenance.rule_book, day, call_id)
    made = applied(roles.told(call, book.roles), mark, book.roles, kept_turns(store))
    judged = replace(judge(made, book, store.earlier()), call_id=call_id)

    def also() -> None:
        versions.check(store.db, call_id, on)
        insert(store.db, mark)

    saved = store.record(made, judged, also=also, then=lambda saved: publications.follow(store.db, call_id, saved, mark.by, str(mark)))
    return Set(marks(store.db, call_id)[-1], saved, card.percent, judged.percent, month)


def kept_turns(store: Store) -> Callable[[str], SpeakerTurns | None]:
    """Turns that a call was judged on, by their digest."""
    return lambda digest: store.part(digest, SpeakerTurns)


def standing(store: Store, call: Call, settings: RoleSettings) -> Call:
    """The call with the roles that a person has set, if one has."""
    known = marks(store.db, scoring.call_id(call))
    return applied(call, known[-1], settings, kept_turns(store)) if known else call


# ---------------------------------------------------------------- what they make of a call


def applied(call: Call, mark: RoleMark | None, settings: RoleSettings, turns_of: Callable[[str], SpeakerTurns | None]) -> Call:
    """The call with the roles of the last ``mark`` on it; unchanged without one.  ``turns_of``: kept turns by their digest."""
    if mark is None or not mark.roles:
        return call
    heard = call.as_heard
    given = _carried(heard, mark, turns_of)
    if given is None:
        doubt = f"人工设定的角色（{mark.by}，{mark.created[:10]}）是对以前的说话人区分结果所作，现在对不上；请重新用 qa roles set 设定"
        unknown = (RoleAssignment(s, Role.UNKNOWN, 0.0, "person") for s in labels(heard.turns))
        return roles.with_stretches(heard, Roles(tuple(unknown), doubt=doubt), stretches(heard, settings.announcements))
    why = (f"{mark.by} {mark.created[:10]}：{mark.reason}",)
    made = [RoleAssignment(s, given.get(s, Role.UNKNOWN), 1.0 if s in given else 0.0, "person", why) for s in labels(heard.turns)]
    machine = list(stretches(heard, settings.announcements)) if mark.apart else []
    machine = [one for one in machine if given.get(one.speaker) in (None, Role.AGENT, Role.CUSTOMER)]
    whole = Span(0, heard.audio.duration_ms)
    others = [s for s, role in given.items() if role in (Role.ANNOUNCEMENT, Role.THIRD_PARTY)]
    machine += [RoleStretch(s, whole, given[s], f"{mark.by} 设定") for s in others]
    kept = Roles(tuple(one for one in made if one.speaker not in others))
    return roles.with_stretches(heard, kept, machine)


def _carried(call: Call, mark: RoleMark, turns_of: Callable[[str], SpeakerTurns | None]) -> dict[str, Role] | None:
    """The roles by the labels that the call has now, None where they cannot be told."""
    given = dict(mark.roles)
    turns = call.turns
    if turns.method == "channel" or hashlib.sha256(serial.encode(turns)).hexdigest() == mark.turns_digest:
        return given if set(given) <= set(labels(turns)) else None
    then = turns_of(mark.turns_digest)
    if then is None or not then.diarized or not turns.diarized:
        return None
    made: dict[str, Role] = {}
    for speaker, role in given.items():
        now = next((label for label in turns.speakers if _alike(then.of(speaker), turns.of(label))), None)
        if now is None or now in made:
            return None
        made[now] = role
    return made


def _alike(one: tuple[Span, ...], other: tuple[Span, ...]) -> bool:
    shared = sum(a.overlap_ms(b) for a in one for b in other)
    return shared >= ALIKE * max(1, *(sum(span.duration_ms for span in spans) for spans in (one, other)))
