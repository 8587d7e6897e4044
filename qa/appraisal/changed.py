"""What persons decided of calls of a closed month: adjustments, and withdrawals made to stand or refused; and what its money became."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qa.appraisal import figures
from qa.appraisal.unseen import Totals
from qa.clock import house_day
from qa.export import mask_name
from qa.ledger_sheets import Sheet
from qa.store import Store
from qa.withdrawals import BY


@dataclass(frozen=True)
class Change:
    """An adjustment after the closing: ``before`` and ``after`` are percents, None where nothing was scored.  ``call`` is masked.

    ``money``: what the agent's month came to before it and after it, by role; None where that was not kept, or nobody answers for the sum.
    """

    call: str
    agent_id: str
    started: str
    before: float | None
    after: float | None
    by: str
    reason: str
    created: str
    money: tuple[Totals, Totals] | None = None

    @property
    def day(self) -> datetime.date:
        """The day of the house."""
        return house_day(self.created)


def changes(store: Store, month: str, limit: int = 200) -> tuple[Change, ...]:
    """What persons decided of calls of a closed month, the newest first: adjustments; and withdrawals made to stand, or refused."""
    sql = """select a.*, c.agent_id, c.started, c.customer_number, old.percent as was, new.percent as percent,
      (select n.created from adjustments n where n.call_id = a.call_id and n.id > a.id order by n.id limit 1) as followed
      from adjustments a cross join calls c on c.call_id = a.call_id join scorecards new on new.id = a.scorecard_id
      left join scorecards old on old.id = a.before_id where c.started >= ? and c.started < ? order by a.id desc limit ?"""
    money = _Money(store, month)
    rows = store.db.rows(sql, month, f"{month}-99", limit)
    found = [_change(row, row["was"], row["percent"], row["reason"], money.of(row, _ADJUSTED)) for row in rows]
    found += [_taken(store, row, money) for row in store.db.rows(_DECIDED, BY, month, month, f"{month}-99", limit)]
    return tuple(sorted(found, key=lambda one: one.created, reverse=True)[:limit])


def _change(row: dict[str, Any], before: float | None, after: float | None, reason: str, moved: tuple[Totals, Totals] | None) -> Change:
    call = mask_name(row["call_id"], row["customer_number"] or "")
    return Change(call, row["agent_id"] or "", row["started"], before, after, row["made_by"], reason, row["created"], moved)


def _taken(store: Store, row: dict[str, Any], money: _Money) -> Change:
    """Of what persons decided whether a call counts."""
    made = next(one for one in store.withdrawals.of(row["call_id"]) if one.id == row["id"])
    before = row["percent"] if made.counts == made.refused else None
    told = mask_name(str(made), row["customer_number"] or "")
    return _change(row, before, row["percent"] if made.counts else None, told, money.of(row, _COUNTED))


_DECIDED = """select w.id, w.call_id, w.made_by, w.created, c.agent_id, c.started, c.customer_number, now.percent,
  (select n.created from withdrawals n where n.call_id = w.call_id and n.id > w.id and not n.proposed order by n.id limit 1) as followed
  from withdrawals w cross join calls c on c.call_id = w.call_id left join standing_scorecards now on now.call_id = w.call_id
  where not w.proposed and w.made_by <> ? and w.created >= (select closed from closed_months where month = ?) and c.started >= ?
  and c.started < ? order by w.id desc limit ?"""
_ADJUSTED, _COUNTED = ("调整",), ("撤回", "恢复计入")
"""How what is kept anew of a month begins to say which call made it so (:mod:`qa.ledger_closing`): by another scorecard, or whether it
counts."""


class _Money:
    """What was kept of the agents' month, before a decision and by it."""

    def __init__(self, store: Store, month: str) -> None:
        self._store, self._month = store, month
        self._sheets: dict[str, tuple[Sheet, ...]] = {}

    def of(self, row: dict[str, Any], made_by: Sequence[str]) -> tuple[Totals, Totals] | None:
        """Of the sheet that a decision made: it is as old as that (``created``, ISO 8601 UTC) or younger, and older than the one that
        ``followed`` on the call (None: none did).  Not every decision makes one: who refuses a withdrawal leaves the month as it was."""
        agent_id, begins = row["agent_id"] or "", tuple(f"{what} {row['call_id']}：" for what in made_by)
        if agent_id not in self._sheets:
            self._sheets[agent_id] = self._told(agent_id)
        sheets = self._sheets[agent_id]
        for place, one in enumerate(sheets):
            within = row["created"] <= one.created and (row["followed"] is None or one.created < row["followed"])
            if within and one.why.startswith(begins):
                return (sheets[place - 1].totals if place else ()), one.totals
        return None

    def _told(self, agent_id: str) -> tuple[Sheet, ...]:
        """Nothing where a person has still to answer for any of it."""
        known = figures.of_agent(self._store, agent_id, [self._month])
        return () if any(one.fines.waits for one in known) else self._store.ledger.sheets(agent_id, self._month)
