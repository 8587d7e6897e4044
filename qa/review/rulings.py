"""Verdicts of persons as they are kept, and those that count: what :func:`qa.rescore.judge` asks for.

A verdict is a person's word on one rule in one call.  It counts whichever scorecard, rule book or transcript comes later, as long as the
rule book has a rule of that id: the person has listened, the program has not.  On another recording it does not count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qa import rows
from qa.database import Database
from qa.types import Finding, Outcome, Ruling


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


def standing(verdicts: Iterable[Verdict]) -> dict[str, Verdict]:
    """Of a call's verdicts in order of time those that count, by rule id."""
    last = {verdict.rule_id: verdict for verdict in verdicts}
    return {rule_id: verdict for rule_id, verdict in last.items() if verdict.outcome is not None}


def rulings(db: Database, call_id: str, file_sha256: str) -> dict[str, Ruling]:
    """What persons ruled of a call, by rule id; nothing where they heard another recording."""
    found = db.rows(_LAST, call_id, file_sha256)
    return {row["rule_id"]: _ruling(row) for row in found}


_LAST = """select v.id, v.rule_id, v.outcome, v.findings_json from verdicts v where v.call_id = ?1 and v.file_sha256 = ?2
  and v.outcome is not null
  and v.id = (select max(own.id) from verdicts own where own.call_id = ?1 and own.file_sha256 = ?2 and own.rule_id = v.rule_id)"""


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
