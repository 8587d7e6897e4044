"""The release of clips: QA hears a version and confirms it, or says why not; only what is released leaves the house.

A decision is about one sound (by digest): a clip that was cut again waits again.  Four eyes: nobody releases what they cut.  A version that
was made when less was hidden is released no longer, whatever was decided of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.clips.cutting import Clip, clip, count_undecided, signed, undecided
from qa.clips.masking import number_of
from qa.errors import StoreError
from qa.export import mask_text
from qa.people.accounts import User
from qa.store import Store

RELEASED, REFUSED, WITHDRAWN, WAITING, OUTDATED = "released", "refused", "withdrawn", "waiting", "outdated"
DECISIONS = (RELEASED, REFUSED, WITHDRAWN)
HEARD = "已从头听完"
"""What a released version's decision says."""
CUT, RENEWED = "clip.cut", "clip.renew"
"""Rows of the log: a person chose what is cut; the same was cut once more under newer rules."""


@dataclass(frozen=True)
class Decision:
    """Who decided what about a version of a clip, and why."""

    id: int
    clip_id: int
    version_id: int
    sound: str
    decision: str
    by: str
    reason: str
    created: str


def decide(store: Store, clip_id: int, version_id: int, decision: str, by: User | str, reason: str = "", *, heard: bool) -> Decision:
    """Release, refuse or withdraw the newest version of a clip; ``version_id`` is the one that the person heard.

    ``heard``: whether the person says to have listened to it from start to end.

    Errors: :class:`NotFoundError` for an unknown clip, :class:`StoreError` where the clip was cut again in between, nothing would change, a
    reason is missing (refused, withdrawn), what is not released is withdrawn, or it is to be released unheard or by who cut it.
    """
    if decision not in DECISIONS:
        raise StoreError(decision, "没有这样的决定", "请选放行、退回或撤回")
    if decision != RELEASED and not reason.strip():
        raise StoreError(f"片段 {clip_id}", "没有写理由", "请写明为什么不放行")
    if decision == RELEASED and not heard:
        raise StoreError(f"片段 {clip_id}", "没有确认已从头听完", "请从头听到尾，勾选“已从头听完”再放行")
    with store.db.writing():
        one = clip(store, clip_id)
        if one.version.id != version_id:
            raise StoreError(f"片段 {clip_id}", "这期间片段又剪过一次", "请重新听一遍再决定")
        before = state(store, one)
        changes = {RELEASED: (WAITING, REFUSED, WITHDRAWN), REFUSED: (WAITING,), WITHDRAWN: (RELEASED,)}
        if before not in changes[decision]:
            raise StoreError(f"片段 {clip_id}", f"现在的状态是“{WORDS[before]}”", "不需要这个决定")
        if decision == RELEASED and isinstance(by, User) and cut_by(store, one, by):
            raise StoreError(f"片段 {clip_id}", "剪片段的人不能自己放行", "请另一位质检员来听")
        why = mask_text(reason.strip(), number_of(store, one.call_id))
        row = {"clip_id": clip_id, "version_id": version_id, "sound": one.version.sound, "decision": decision}
        row |= {"made_by": signed(_name(by)), "created": rows.now_utc()}
        row |= {"reason": "；".join(filter(None, (HEARD if decision == RELEASED else "", why)))}
        store.db.insert("clip_decisions", row)
    return decisions(store, clip_id)[-1]


def cut_by(store: Store, one: Clip, who: User) -> bool:
    """Whether the person cut the clip as it is: by their id, as the log knows it; by name where it was cut without a log."""
    logged = store.db.rows(
        "select user_id from audit_log where object_kind = 'clip' and object_id = ? and action = ? order by id desc limit 1",
        *(str(one.id), CUT),
    )
    if logged and logged[0]["user_id"] is not None:
        return bool(logged[0]["user_id"] == who.id)
    return _name(who).strip() == one.version.made_by


def _name(who: User | str) -> str:
    return who if isinstance(who, str) else who.name or who.login


WORDS = {RELEASED: "已放行", REFUSED: "已退回", WITHDRAWN: "已撤回", WAITING: "待放行", OUTDATED: "旧规则遮蔽，需重新剪辑"}
"""The states of a clip in Chinese."""


def decisions(store: Store, clip_id: int) -> tuple[Decision, ...]:
    """All decisions about a clip, the earliest first."""
    return tuple(map(_decision, store.db.rows("select * from clip_decisions where clip_id = ? order by id", clip_id)))


def state(store: Store, one: Clip) -> str:
    """``released``, ``refused``, ``withdrawn`` or ``waiting``: of the newest version; ``outdated`` where that hides too little."""
    return states(store, [one])[one.id]


def states(store: Store, some: Iterable[Clip]) -> dict[int, str]:
    """The states of clips by id."""
    known = {(one.id, one.version.id, one.version.sound): one for one in some}
    found = store.db.rows(
        "select d.* from json_each(?) j cross join clip_decisions d on d.clip_id = j.value order by d.id",
        rows.to_json(sorted({one.id for one in known.values()})),
    )
    decided = {(row["clip_id"], row["version_id"], row["sound"]): str(row["decision"]) for row in found}  # the last one counts
    return {one.id: OUTDATED if one.version.outdated else decided.get(key, WAITING) for key, one in known.items()}


def queue(store: Store, limit: int = 200) -> tuple[Clip, ...]:
    """Clips whose newest version nobody has decided on, the oldest first."""
    return undecided(store, limit)


def waiting(store: Store) -> int:
    """How many clips wait for a decision."""
    return count_undecided(store)


def require_released(store: Store, some: Iterable[Clip]) -> None:
    """Errors: :class:`StoreError` that names the clips which QA has not released."""
    clips_ = tuple(some)
    known = states(store, clips_)
    held = [f"{one.title}（{WORDS[known[one.id]]}）" for one in clips_ if known[one.id] != RELEASED]
    if held:
        raise StoreError("、".join(held[:5]), f"有 {len(held)} 个片段没有放行", "请先由质检员放行（旧规则遮蔽的先重新剪），或从列表中去掉")


def _decision(row: dict[str, Any]) -> Decision:
    names = ("id", "clip_id", "version_id", "sound", "decision", "reason", "created")
    return Decision(by=row["made_by"], **{name: row[name] for name in names})
