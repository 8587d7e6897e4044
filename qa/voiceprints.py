"""Voices of agents who agreed to have them kept: one more piece of evidence of who is the agent, off unless somebody is enrolled.

A voice print is sensitive personal data.  It is kept with who enrolled it, when, and how the agent consented; forgetting one deletes it
for good, and only that it was there stays on record.  Nothing of a customer's voice is ever kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from qa import rows
from qa.database import Database
from qa.errors import NotFoundError, StoreError

LEAST_S = 10.0
"""Seconds of speech that a print is made of at least."""
EVEN, SLOPE = 0.5, 6.0
"""Cosine at which a voice is as likely the agent's as another's, and by how much the log-likelihood ratio grows from there; chosen, to be
measured for each model (``qa evaluate``)."""

Vector = npt.NDArray[np.float32]


class Embedder(Protocol):
    """A loaded model of voices."""

    @property
    def identity(self) -> str:
        """Model and weights: prints of two models cannot be compared."""
        ...

    def embed(self, samples: npt.NDArray[np.float32]) -> Vector | None:
        """The print of one voice, from samples at 16 kHz; None where there is too little of it."""
        ...


@dataclass(frozen=True)
class Print:
    """An enrolled voice, without the voice: ``consent`` says how the agent agreed."""

    agent_id: str
    model: str
    seconds: float
    by: str
    consent: str
    created: str


def enrol(db: Database, agent_id: str, embedder: Embedder, samples: npt.NDArray[np.float32], by: str, consent: str) -> Print:
    """Keep the voice of an agent, in place of an earlier one of the same model.

    Errors: :class:`StoreError` where a name or the consent is missing, or there is too little speech.
    """
    wanted = (
        (agent_id, "没有写坐席工号", "请写工号"),
        (by, "没有写由谁登记", "请加 --by 姓名"),
        (consent, "没有写坐席如何同意", "请加 --consent"),
    )
    for text, cause, cure in wanted:
        if not text.strip():
            raise StoreError("声纹", cause, cure)
    agent_id, seconds = agent_id.strip(), len(samples) / 16_000
    found = embedder.embed(samples) if seconds >= LEAST_S else None
    if found is None or not float(np.linalg.norm(found)):
        raise StoreError(f"坐席 {agent_id} 的声纹", f"话音只有 {seconds:.1f} 秒", f"请用至少 {LEAST_S:g} 秒只有这位坐席说话的录音")
    made = Print(agent_id, embedder.identity, round(seconds, 1), by.strip(), consent.strip(), rows.now_utc())
    unit = np.asarray(found, np.float32) / np.float32(np.linalg.norm(found))
    with db.writing():
        _delete(db, made.agent_id, made.model)
        row = {"agent_id": made.agent_id, "model": made.model, "vector": unit.tobytes(), "seconds": made.seconds}
        db.insert("voiceprints", row | {"made_by": made.by, "consent": made.consent, "created": made.created})
        _note(db, made.agent_id, "enrolled", made.by, made.consent)
    _scrub(db)
    return made


def enrolled(db: Database) -> tuple[Print, ...]:
    """All enrolled voices, by agent."""
    found = db.rows("select agent_id, model, seconds, made_by, consent, created from voiceprints order by agent_id, model")
    return tuple(Print(*row.values()) for row in found)


def is_enrolled(db: Database, agent_id: str, model: str) -> bool:
    known = agent_id.strip()
    return bool(known) and bool(db.rows("select 1 from voiceprints where agent_id = ? and model = ?", known, model))


def forget(db: Database, agent_id: str, by: str) -> int:
    """Delete the voice of an agent for good, from the database file and its log; how many prints there were.

    Errors: :class:`StoreError` where the name is missing, or where what was deleted stays in the log because another program reads the
    database (then the same again cleans it); :class:`NotFoundError` where none is enrolled.
    """
    agent_id = agent_id.strip()
    if not by.strip():
        raise StoreError("声纹", "没有写由谁删除", "请加 --by 姓名")
    with db.writing():
        count = _delete(db, agent_id)
        if count:
            _note(db, agent_id, "forgotten", by.strip(), "")
    if not _scrub(db):
        cause = "已从数据库删除，但数据库正被另一个程序读取，日志文件（-wal）里还可能留有内容"
        raise StoreError(f"坐席 {agent_id} 的声纹", cause, "请等那个程序结束，再运行一次同一命令：清完以后它会说没有登记")
    if not count:
        raise NotFoundError(f"坐席 {agent_id} 的声纹", "没有登记", "请用 qa voiceprint list 核对")
    return count


def ratios(db: Database, agent_id: str, model: str, voices: Mapping[str, Vector]) -> dict[str, float]:
    """By speaker, the log-likelihood ratio that the voice is the agent's; empty where the agent is not enrolled with this model."""
    found = db.rows("select vector from voiceprints where agent_id = ? and model = ?", agent_id.strip(), model)
    if not found:
        return {}
    known = np.frombuffer(bytes(found[0]["vector"]), np.float32)
    made = {}
    for speaker, vector in voices.items():
        length = float(np.linalg.norm(vector))
        if len(vector) == len(known) and length > 0 and math.isfinite(length):
            made[speaker] = SLOPE * (float(vector @ known) / length - EVEN)
    return made


def _delete(db: Database, agent_id: str, model: str | None = None) -> int:
    db.sqlite.execute("pragma secure_delete = on")  # what is deleted is overwritten with zeros
    found = db.sqlite.execute("delete from voiceprints where agent_id = ? and (? is null or model = ?)", (agent_id, model, model))
    return int(found.rowcount)


def _note(db: Database, agent_id: str, event: str, by: str, consent: str) -> None:
    row = {"agent_id": agent_id, "event": event, "made_by": by, "consent": consent}
    db.insert("voiceprint_events", row | {"created": rows.now_utc()})


def _scrub(db: Database) -> bool:
    """Have nothing of what was deleted left in the write-ahead log; False where somebody still reads from it."""
    busy, _, _ = db.sqlite.execute("pragma wal_checkpoint(truncate)").fetchone()
    return not busy
