"""Verdicts of persons as they are kept, and those that count: what :func:`qa.rescore.judge` asks for.

A verdict is a person's word on one rule in one call.  It counts whichever scorecard, rule book or transcript comes later, as long as the
rule book has a rule of that id: the person has listened, the program has not.  On another recording, or another part of one, it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from qa import rows, serial
from qa.database import Database
from qa.types import AudioInfo, CallRecord, Finding, Outcome, Ruling

Stretch = tuple[object, ...]


@dataclass(frozen=True)
class Verdict:
    """A person's verdict on a rule in a call; ``outcome`` None takes the earlier ones back.

    ``findings`` are all that the rule has found in the call from then on.  ``action``: ``confirm``, ``overturn``, ``add``, ``drop`` or
    ``withdraw``.  ``scorecard_id``: given on that scorecard, where the program had found ``machine``.  ``appeal_id``: an appeal that it
    answers.  ``created`` is ISO 8601 UTC.
    """

    id: int
    call_id: str
    rule_id: str
    file_sha256: str
    action: str
    outcome: Outcome | None
    findings: tuple[Finding, ...]
    machine: Outcome
    scorecard_id: int
    by: str
    reason: str
    created: str
    appeal_id: int | None = None

    @property
    def overturned(self) -> bool:
        """Whether the person saw it otherwise than the program: another outcome, or another number of occurrences."""
        return self.outcome is not None and (self.outcome is not self.machine or self.action in ("add", "drop"))


def of_call(db: Database, call_id: str) -> tuple[Verdict, ...]:
    """All verdicts of a call, the earliest first."""
    return tuple(map(_verdict, db.rows("select * from verdicts where call_id = ? order by id", call_id)))


def holding(db: Database, call_id: str, of: Heard) -> tuple[Verdict, ...]:
    """Of a call's verdicts those that were given on the recording, and the part of it, that ``of`` is; the earliest first."""
    found, now = of_call(db, call_id), stretch(of)
    sql = "select distinct s.id, s.snapshot from verdicts v join scorecards s on s.id = v.scorecard_id where v.call_id = ?"
    then = {row["id"]: stretch(judged_on(row["snapshot"])) for row in (db.rows(sql, call_id) if found else ())}
    return tuple(one for one in found if then.get(one.scorecard_id) == now)


def standing(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    """Of a call's verdicts in order of time (:func:`holding`) those that count, by rule id."""
    last = {verdict.rule_id: verdict for verdict in verdicts}
    return {rule_id: verdict for rule_id, verdict in last.items() if verdict.outcome is not None}


class Heard(Protocol):
    """A call, or what a scorecard was judged on."""

    @property
    def audio(self) -> AudioInfo: ...
    @property
    def record(self) -> CallRecord | None: ...


def stretch(of: Heard) -> Stretch:
    """What a person hears of a call: the content of its recording, and of an agent's part of one the times and the agent."""
    audio, record = of.audio, of.record
    if audio.whole_ms is None:
        return (audio.sha256,)
    return audio.sha256, audio.from_ms, audio.duration_ms, record.agent_id if record is not None else None


def judged_on(snapshot: bytes) -> Heard:
    """What a scorecard was judged on."""
    from qa.ledger_cards import Snapshot  # which asks this module

    return serial.decode(snapshot, Snapshot)


def rulings(db: Database, call_id: str, file_sha256: str, of: Callable[[], Heard]) -> dict[str, Ruling]:
    """What persons ruled of a call, by rule id; nothing where they heard another recording, or another part of it than ``of`` gives (asked
    only where anybody ruled)."""
    found = db.rows(_RULED, call_id, file_sha256)
    if not found:
        return {}
    now, then = stretch(of()), {snapshot: stretch(judged_on(snapshot)) for snapshot in {row["snapshot"] for row in found}}
    last = {row["rule_id"]: row for row in found if then[row["snapshot"]] == now}
    return {rule_id: _ruling(row) for rule_id, row in last.items() if row["outcome"] is not None}


_RULED = """select v.id, v.rule_id, v.outcome, v.findings_json, s.snapshot from verdicts v join scorecards s on s.id = v.scorecard_id
  where v.call_id = ? and v.file_sha256 = ? order by v.id"""


def _ruling(row: dict[str, Any]) -> Ruling:
    return Ruling(row["id"], Outcome(row["outcome"]), rows.from_json(row["findings_json"], tuple[Finding, ...]))


def _verdict(row: dict[str, Any]) -> Verdict:
    plain = {
        name: row[name] for name in ("id", "call_id", "rule_id", "file_sha256", "action", "scorecard_id", "reason", "created", "appeal_id")
    }
    return Verdict(
        **plain,
        by=row["made_by"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        machine=Outcome(row["machine"]),
        findings=rows.from_json(row["findings_json"], tuple[Finding, ...]),
    )
