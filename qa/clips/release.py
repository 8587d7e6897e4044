"""The release of clips: QA hears a version and confirms it, or says why not; only what is released leaves the house.

A decision is about one sound (by digest): a clip that was cut again waits again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.clips.cutting import Clip, clip, number_of, signed
from qa.errors import StoreError
from qa.export import mask_text
from qa.store import Store

RELEASED, REFUSED, WITHDRAWN, WAITING = "released", "refused", "withdrawn", "waiting"
DECISIONS = (RELEASED, REFUSED, WITHDRAWN)


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


def decide(store: Store, clip_id: int, version_id: int, decision: str, by: str, reason: str = "") -> Decision:
    """Release, refuse or withdraw the newest version of a clip; ``version_id`` is the one that the person heard.

    Errors: :class:`NotFoundError` for an unknown clip, :class:`StoreError` where the clip was cut again in between, nothing would change, a
    reason is missing (refused, withdrawn), or what is not released is withdrawn.
    """
    if decision not in DECISIONS:
        raise StoreError(decision, "没有这样的决定", "请选放行、退回或撤回")
    if decision != RELEASED and not reason.strip():
        raise StoreError(f"片段 {clip_id}", "没有写理由", "请写明为什么不放行")
    with store.db.writing():
        one = clip(store, clip_id)
        if one.version.id != version_id:
            raise StoreError(f"片段 {clip_id}", "这期间片段又剪过一次", "请重新听一遍再决定")
        before = state(store, one)
        if before == decision or (decision == WITHDRAWN and before != RELEASED) or (decision == REFUSED and before != WAITING):
            raise StoreError(f"片段 {clip_id}", f"现在的状态是“{WORDS[before]}”", "不需要这个决定")
        row = {"clip_id": clip_id, "version_id": version_id, "sound": one.version.sound, "decision": decision}
        row |= {"made_by": signed(by), "reason": mask_text(reason.strip(), number_of(store, one.call_id)), "created": rows.now_utc()}
        store.db.insert("clip_decisions", row)
    return decisions(store, clip_id)[-1]


WORDS = {RELEASED: "已放行", REFUSED: "已退回", WITHDRAWN: "已撤回", WAITING: "待放行"}
"""The states of a clip in Chinese."""


def decisions(store: Store, clip_id: int) -> tuple[Decision, ...]:
    """All decisions about a clip, the earliest first."""
    return tuple(map(_decision, store.db.rows("select * from clip_decisions where clip_id = ? order by id", clip_id)))


def state(store: Store, one: Clip) -> str:
    """``released``, ``refused``, ``withdrawn`` or ``waiting``: of the newest version."""
    return states(store, [one])[one.id]


def states(store: Store, some: Iterable[Clip]) -> dict[int, str]:
    """The states of clips by id."""
    out = {}
    for one in some:
        found = store.db.rows(
            "select decision from clip_decisions where clip_id = ? and version_id = ? and sound = ? order by id desc limit 1",
            *(one.id, one.version.id, one.version.sound),
        )
        out[one.id] = str(found[0]["decision"]) if found else WAITING
    return out


def queue(store: Store, limit: int = 200) -> tuple[Clip, ...]:
    """Clips whose newest version nobody has decided on, the oldest first."""
    found = store.db.rows(
        "select c.id from clips c where not exists (select 1 from clip_decisions d where d.clip_id = c.id and d.version_id ="
        " (select max(v.id) from clip_versions v where v.clip_id = c.id)) order by c.id limit ?",
        limit,
    )
    return tuple(clip(store, row["id"]) for row in found)


def require_released(store: Store, some: Iterable[Clip]) -> None:
    """Errors: :class:`StoreError` that names the clips which QA has not released."""
    clips_ = tuple(some)
    known = states(store, clips_)
    held = [f"{one.title}（{WORDS[known[one.id]]}）" for one in clips_ if known[one.id] != RELEASED]
    if held:
        raise StoreError("、".join(held[:5]), f"有 {len(held)} 个片段没有放行", "请先由质检员放行，或从列表中去掉")


def _decision(row: dict[str, Any]) -> Decision:
    names = ("id", "clip_id", "version_id", "sound", "decision", "reason", "created")
    return Decision(by=row["made_by"], **{name: row[name] for name in names})
