"""What is kept of an agent's month when it is closed, so that nothing that happens elsewhere changes it: repetitions and money.

A later adjustment of the month adds a newer sheet; the last one of agent and month holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from qa import rows
from qa.database import Database
from qa.rules.money import Counted, Month, Yuan


@dataclass(frozen=True)
class Sheet:
    """An agent's closed month (``2025-06``): ``before`` is how often each rule was charged in the months before, as it was known then,
    ``counted`` how often in this month; ``totals`` by role; ``percent`` the month's mean.  ``created`` is ISO 8601 UTC; ``why`` (Chinese)
    says what made it, ``by`` who.
    """

    agent_id: str
    month: str
    before: Counted
    counted: Counted
    totals: tuple[tuple[str, Yuan], ...]
    percent: Decimal | None
    by: str
    why: str
    created: str = ""

    @classmethod
    def of(cls, agent_id: str, fines: Month, before: Counted, percent: Decimal | None, by: str, why: str) -> Sheet:
        month = f"{fines.year}-{fines.month:02d}"
        return cls(agent_id, month, dict(before), dict(fines.counted), fines.totals, percent, by, why)


class _Kept(msgspec.Struct, frozen=True):
    """The sheet's figures as they lie in the database: lists of (rule book, rule, month, times) and of (role, low, high)."""

    before: list[tuple[str, str, str, int]]
    counted: list[tuple[str, str, str, int]]
    totals: list[tuple[str, str, str]]
    percent: str | None


def keep(db: Database, sheet: Sheet) -> None:
    """Add a sheet, inside a transaction of the caller's."""
    kept = _Kept(
        before=_listed(sheet.before),
        counted=_listed(sheet.counted),
        totals=[(role, str(yuan.low), str(yuan.high)) for role, yuan in sheet.totals],
        percent=None if sheet.percent is None else str(sheet.percent),
    )
    row = {"agent_id": sheet.agent_id, "month": sheet.month, "made_by": sheet.by, "why": sheet.why, "created": rows.now_utc()}
    db.insert("closed_sheets", row | {"sheet_json": rows.to_json(kept)})


def sheets(db: Database, agent_id: str, month: str) -> tuple[Sheet, ...]:
    """Of an agent's month, the earliest first."""
    found = db.rows("select * from closed_sheets where agent_id = ? and month = ? order by id", agent_id, month)
    return tuple(_sheet(row["agent_id"], row["month"], row["made_by"], row["why"], row["created"], row["sheet_json"]) for row in found)


def kept_months(db: Database) -> frozenset[str]:
    """Closed months of which any sheet was kept: those that an older program closed have none."""
    return frozenset(row["month"] for row in db.rows("select distinct month from closed_sheets"))


def _listed(counted: Counted) -> list[tuple[str, str, str, int]]:
    return [(*key, times) for key, times in sorted(counted.items()) if times]


def _sheet(agent_id: str, month: str, by: str, why: str, created: str, text: str) -> Sheet:
    kept = rows.from_json(text, _Kept)
    return Sheet(
        agent_id=agent_id,
        month=month,
        before={(book, rule, of): times for book, rule, of, times in kept.before},
        counted={(book, rule, of): times for book, rule, of, times in kept.counted},
        totals=tuple((role, Yuan(Decimal(low), Decimal(high))) for role, low, high in kept.totals),
        percent=None if kept.percent is None else Decimal(kept.percent),
        by=by,
        why=why,
        created=created,
    )
