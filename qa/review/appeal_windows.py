"""Until when an agent may appeal against what is published of a call; what that needs is read once for all its rules."""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qa.books import Books
from qa.clock import house_day
from qa.judgements import Result, shared
from qa.review import publications
from qa.review.appeal_records import WHOLE_CALL, Appeal, against, declined, leaves, misattributed
from qa.review.appeal_states import ACCEPT_OUT, ACCEPT_OWNER, ACCEPT_PART, ACCEPTED, CLOSED, ENDS, State, today
from qa.review.rulings import Verdict, of_call
from qa.rules.appeal_terms import AppealTerms
from qa.store import Store
from qa.types import Outcome, Provenance, Scorecard
from qa.withdrawals import BY

AWAITS = {False: "申诉已成立，等人事批准", True: "申诉已部分成立，等人事批准"}
"""What is said of an accepted appeal whose correction of a closed month nobody has approved yet; by whether a part alone was accepted."""
DECLINED = "申诉已成立，人事没有批准更正"
OWED = "通话归属还没有更正，更正以前得分和罚款仍按原来的计"
GONE = {False: "通话归属已更正", True: "这通电话已不计入考核"}
"""What became of a call that was not the agent's; by whether it counts for nobody."""


@dataclass(frozen=True)
class Window:
    """Whether an agent may appeal against a rule's result now: ``until`` the last day, ``why`` not (Chinese, "" where it is open).

    ``awaits``: an appeal against it was accepted, and the correction of the closed month waits for approval.  ``appeal_id``: the appeal
    because of which there is no other, None where that is not why.
    """

    open: bool
    until: datetime.date | None
    why: str = ""
    awaits: bool = False
    appeal_id: int | None = None


def terms_of(store: Store, made: Scorecard) -> AppealTerms:
    """The terms of the rule book that a scorecard was made with; the program's own where that is not to be had."""
    return _terms(store, made.provenance)


def terms_at(store: Store, scorecard_id: int) -> AppealTerms:
    """The same of a scorecard that is there, by its id."""
    (row,) = store.db.rows("select rule_book, rule_book_version, demo from scorecards where id = ?", scorecard_id)
    return _terms(store, _made(row))


def _terms(store: Store, made: Provenance) -> AppealTerms:
    book = Books(store).known(made)
    return book.appeals if book is not None else AppealTerms()


def _made(row: dict[str, Any]) -> Provenance:
    """As far as it names the rule book."""
    return Provenance("", (), row["rule_book"] or "", row["rule_book_version"] or "", "", bool(row["demo"]))


def windows(store: Store, call_id: str, rule_ids: Iterable[str], day: datetime.date | None = None) -> dict[str, Window]:
    """Whether the call's agent may appeal against what is published of these rules (``WHOLE_CALL``: of the call) on ``day`` (None: today),
    by rule id."""
    scorecard_id = publications.newest(store.db, call_id)
    if scorecard_id is None:
        return dict.fromkeys(rule_ids, Window(False, None, "这通电话没有公布的评分"))
    shown = _Shown(store, call_id, scorecard_id)
    return {rule_id: shown.window(rule_id, day or today()) for rule_id in rule_ids}


def window(store: Store, call_id: str, rule_id: str, day: datetime.date | None = None) -> Window:
    """As :func:`windows`, of one rule."""
    return windows(store, call_id, (rule_id,), day)[rule_id]


def approval(store: Store, known: Appeal, day: datetime.date | None = None) -> str:
    """What has yet to come of an accepted appeal, or came of it (Chinese): that its correction of a closed month waits for approval, or was
    not approved, that the call's records have to be corrected, or are; "" where there is nothing to be said."""
    if not _accepted(known):
        return ""
    now = known.state(day)
    if now.follows:
        return _of_call(store, known, now.follows)
    given = _given(known, of_call(store.db, known.call_id))
    waits = store.pending(known.call_id)
    if waits is not None:
        return AWAITS[now.part] if _rests(given, _kept(store, known.call_id, waits)) else ""
    sql = "select * from adjustments where call_id = ? order by id desc limit 1"
    for last in store.db.rows(sql, known.call_id):
        refused = last["scorecard_id"] == last["before_id"] and last["made_by"] != BY
        if refused and _rests(given, _kept(store, known.call_id, last["position"])):
            return DECLINED
    return ""


def _of_call(store: Store, known: Appeal, follows: str) -> str:
    """The same, where the call is to count for nobody, or for another agent."""
    if declined(store.db, known):
        return DECLINED
    if follows == ACCEPT_OWNER:
        return OWED if known in misattributed(store.db) else GONE[store.withdrawals.standing(known.call_id) is not None]
    return AWAITS[False] if leaves(store.db, known) else ""


def _kept(store: Store, call_id: str, scorecard_id: int) -> tuple[Result, ...]:
    found = store.db.rows("select results_json from scorecards where call_id = ? and id = ?", call_id, scorecard_id)
    return tuple(one for row in found for one in shared(store.db).unpack(row["results_json"]))


def _accepted(known: Appeal) -> bool:
    """In whole or in part, whatever became of the rest."""
    return any(step.action in (*ENDS, ACCEPT_PART) for step in known.steps)


_Given = Mapping[str, tuple[Verdict, ...]]


def _given(known: Appeal, verdicts: Iterable[Verdict]) -> _Given:
    """The verdicts by which an appeal was answered, by rule, the earliest first; of the rule that it is about also where there are none."""
    given: dict[str, tuple[Verdict, ...]] = {known.rule_id: ()} if known.rule_id != WHOLE_CALL else {}
    for one in verdicts:
        if one.appeal_id == known.id:
            given[one.rule_id] = (*given.get(one.rule_id, ()), one)
    return given


def _rests(given: _Given, results: Iterable[Result]) -> bool:
    """Whether a scorecard is what the answers to an appeal made of the rules: by their verdicts, or without a rule at all."""
    found = {one.check_id: one.verdict for one in results}
    return bool(given) and all(
        rule_id not in found or found[rule_id] in {one.id for one in verdicts} for rule_id, verdicts in given.items()
    )


class _Shown:
    """A call as its agent sees it: the published scorecard beside the earlier ones, without any finding, and the appeals about it."""

    def __init__(self, store: Store, call_id: str, scorecard_id: int) -> None:
        sql = "select id, agent_id, rule_book, rule_book_version, demo, results_json from scorecards where call_id = ?"
        self._rows = {row["id"]: row for row in store.db.rows(sql, call_id)}
        self._judgements = shared(store.db)
        self._unpacked: dict[int, tuple[Result, ...]] = {}
        self._published = tuple(reversed(publications.of_call(store.db, call_id)))
        self._appeals = against(store.db, call_id)
        self._verdicts = of_call(store.db, call_id) if self._appeals else ()
        self._waits = store.pending(call_id) if self._appeals else None
        self._db, self._now, self._terms = store.db, scorecard_id, _terms(store, _made(self._rows[scorecard_id]))

    def window(self, rule_id: str, day: datetime.date) -> Window:
        """Of a rule, or of ``WHOLE_CALL``."""
        result = self._result(rule_id)
        if rule_id != WHOLE_CALL and (result is None or result.outcome is not Outcome.FAIL):
            return Window(False, None, "公布的评分里，这一项没有扣分或罚款")
        until = self._terms.after(house_day(self._since(rule_id)), self._terms.window_days)
        for known in self._appeals:
            why, awaits = self._barred(known, known.state(day)) if known.rule_id == rule_id else ("", False)
            if why:
                return Window(False, until, why, awaits, known.id)
        return Window(True, until) if day <= until else Window(False, until, f"申诉期到 {until} 为止，已过")

    def _barred(self, known: Appeal, now: State) -> tuple[str, bool]:
        """Why there is no other appeal beside this one (Chinese), "" where there may be; and whether it waits for approval."""
        if now.open:
            return "已经申诉，正在处理", False
        waits = self._waits is not None and _accepted(known) and _rests(_given(known, self._verdicts), self._results(self._waits))
        if waits or (now.follows == ACCEPT_OUT and leaves(self._db, known)):
            return AWAITS[now.part], True
        if not self._final(known, now):
            return "", False
        return ("申诉已成立，通话归属待更正" if now.follows == ACCEPT_OWNER else "已经申诉过，答复是最终的"), False

    def _since(self, rule_id: str) -> str:
        """From when on the agent sees the result as it is published now: a correction of something else gives no new time."""
        since, now = "", self._figures(self._now, rule_id)
        for one in self._published:
            if one.scorecard_id is None or (since and self._figures(one.scorecard_id, rule_id) != now):
                break
            since = one.created
        return since

    def _final(self, known: Appeal, now: State) -> bool:
        """Whether an appeal that is over has the last word on what is published now.

        What an accepted one took away and is there again may be appealed against again, so a call that was taken out and counts again, or
        was to be another agent's and a person refused that; what is left of an appeal that was accepted in part, or of the whole call, is
        what was refused.
        """
        whole = known.rule_id == WHOLE_CALL
        if now.status != CLOSED and not (now.status == ACCEPTED and (now.part or whole)):
            return False
        if now.follows == ACCEPT_OUT or (now.follows == ACCEPT_OWNER and declined(self._db, known)):
            return False
        same = self._figures(known.scorecard_id, known.rule_id) == self._figures(self._now, known.rule_id)
        return same or ((now.part or whole) and self._left(known))

    def _left(self, known: Appeal) -> bool:
        """Whether what is published now is what the answers left of it."""
        given = {rule_id: verdicts[-1] for rule_id, verdicts in _given(known, self._verdicts).items() if verdicts}
        if not given or self._rows[self._now]["agent_id"] != known.agent_id:
            return False
        others = [self._figures(one, known.rule_id, given) for one in (known.scorecard_id, self._now)]
        return others[0] == others[1] and all(self._as_ruled(verdict) for verdict in given.values())

    def _as_ruled(self, verdict: Verdict) -> bool:
        result = self._result(verdict.rule_id)
        if result is None or result.outcome is not verdict.outcome:
            return False
        return result.outcome is not Outcome.FAIL or result.occurrences == _times(verdict)

    def _results(self, scorecard_id: int) -> tuple[Result, ...]:
        if scorecard_id not in self._unpacked:
            self._unpacked[scorecard_id] = self._judgements.unpack(self._rows[scorecard_id]["results_json"])
        return self._unpacked[scorecard_id]

    def _result(self, rule_id: str) -> Result | None:
        return next((one for one in self._results(self._now) if one.check_id == rule_id), None)

    def _figures(self, scorecard_id: int, rule_id: str, but_for: Container[str] = ()) -> object:
        """What an appeal can be about."""
        results = [r for r in self._results(scorecard_id) if rule_id in (WHOLE_CALL, r.check_id) and r.check_id not in but_for]
        return self._rows[scorecard_id]["agent_id"], tuple((r.check_id, r.outcome, r.occurrences, r.points) for r in results)


def _times(verdict: Verdict) -> int:
    return sum(finding.outcome is verdict.outcome for finding in verdict.findings)
