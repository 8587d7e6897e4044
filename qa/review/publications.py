"""What agents see: scorecards that QA published, the newest one of each call; drafts are hidden from them.

Whoever corrects a published call publishes the correction in the same act: nobody is shown what is known to be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from qa import rows
from qa.database import Database
from qa.errors import ConflictError, NotFoundError, StoreError
from qa.judgements import Result, shared
from qa.ledger_cards import Saved
from qa.rules.model import Severity
from qa.store import Store
from qa.types import Call, Outcome, Scorecard


@dataclass(frozen=True)
class Publication:
    """A scorecard shown to the call's agent from ``created`` (ISO 8601 UTC) on; ``scorecard_id`` None: the call is hidden again."""

    id: int
    call_id: str
    scorecard_id: int | None
    by: str
    note: str
    created: str


@dataclass(frozen=True)
class Published:
    """A call as its agent sees it: a row of a list.  ``percent`` 0-100 or None; ``started`` wall clock of UTC+8."""

    call_id: str
    scorecard_id: int
    agent_id: str | None
    team: str
    started: str | None
    percent: float | None
    coverage: float
    demo: bool
    published: str


_LAST = """select p.* from publications p join scorecards pub on pub.id = p.scorecard_id join calls own_call on own_call.call_id = p.call_id
  where p.id = (select max(own.id) from publications own where own.call_id = p.call_id)
  and coalesce(pub.agent_id, '') = coalesce(own_call.agent_id, '')
  and not exists (select 1 from withdrawn_calls w where w.call_id = p.call_id)"""
"""What was published of a call that is another agent's now is shown to neither."""


def of_call(db: Database, call_id: str) -> tuple[Publication, ...]:
    """All publications of a call, the earliest first."""
    found = db.rows("select * from publications where call_id = ? order by id", call_id)
    return tuple(Publication(r["id"], call_id, r["scorecard_id"], r["made_by"], r["note"], r["created"]) for r in found)


def newest(db: Database, call_id: str) -> int | None:
    """The scorecard that the agent sees of a call; None where that is nothing."""
    found = db.rows(f"{_LAST} and p.call_id = ?", call_id)
    return int(found[0]["scorecard_id"]) if found else None


def shown(store: Store, call_id: str) -> tuple[Call, Scorecard]:
    """The call and the scorecard that its agent sees: words, roles and results of that publication.

    Errors: :class:`NotFoundError` where nothing is published.
    """
    scorecard_id = newest(store.db, call_id)
    if scorecard_id is None:
        raise NotFoundError(call_id, "这通电话没有公布的评分", "请等质检公布")
    return at(store, call_id, scorecard_id)


def at(store: Store, call_id: str, scorecard_id: int) -> tuple[Call, Scorecard]:
    """A call as one of its scorecards was judged on, and that scorecard.  Errors: :class:`NotFoundError` for unknown ids."""
    stored = store.stored_call(call_id, scorecard_id)
    card = next((kept.scorecard for kept in store.history(call_id) if kept.id == scorecard_id), None) if stored is not None else None
    if stored is None or card is None:
        raise NotFoundError(f"{call_id} 的评分 {scorecard_id}", "没有这份评分", "请核对通话编号")
    return store.load(stored), card


def calls(
    db: Database, agent_id: str | None = None, since: str | date | None = None, until: str | date | None = None
) -> Iterator[Published]:
    """Published calls, of one agent, of a period (as :meth:`qa.store.Store.calls`), newest first."""
    low, high = rows.period(since, until)
    sql = f"""select c.call_id, l.scorecard_id, c.agent_id, coalesce(c.team, '') as team, c.started, s.percent, s.coverage, s.demo,
      l.created as published from calls c join ({_LAST}) l using (call_id) join scorecards s on s.id = l.scorecard_id
      where (?1 is null or c.agent_id = ?1) and (?2 is null or c.started >= ?2) and (?3 is null or c.started < ?3)
      order by c.started desc, c.call_id"""
    for row in db.rows(sql, agent_id, low, high):
        yield Published(**row | {"demo": bool(row["demo"])})


def publish(
    store: Store, call_ids: Iterable[str], by: str, note: str = "", on: Mapping[str, int] = MappingProxyType({})
) -> tuple[Publication, ...]:
    """Show the standing scorecards of calls to their agents; what is published already as it stands is left alone.

    ``on``: of calls the scorecard that the person had before the eyes.
    Errors: :class:`StoreError` where the name is missing; :class:`NotFoundError` where a call has no scorecard that stands,
    :class:`ConflictError` where another one does than ``on`` says (nothing is published then).
    """
    return _write(store, call_ids, by, note, False, on)


def retract(store: Store, call_ids: Iterable[str], by: str, note: str) -> tuple[Publication, ...]:
    """Hide published calls from their agents again.  Errors: :class:`StoreError` where name or reason is missing."""
    if not note.strip():
        raise StoreError("公布", "没有写撤回公布的理由", "请写明理由")
    return _write(store, call_ids, by, note, True, {})


def follow(db: Database, call_id: str, before: int | None, saved: Saved, by: str, note: str, decided: str = "") -> None:
    """Publish a correction of a published call, inside the transaction of the correction; a proposal waits for its adjustment.

    ``before``: the scorecard that was corrected.  Where that is a draft which QA has not published, with other figures than what the agent
    sees, the correction is part of the draft and waits with it; ``decided``: a rule on which the correction itself rules.
    """
    known = newest(db, call_id)
    if known is None or saved.proposed or known == saved.id:
        return
    if before is not None and not unseen(db, known, before, decided):
        _insert(db, call_id, saved.id, by, note)


def unseen(db: Database, published: int, draft: int, but_for: str = "") -> bool:
    """Whether a draft has figures (outcomes, occurrences, points lost, of other rules than ``but_for``) that what is published has not."""
    if published == draft:
        return False
    known = shared(db)
    found = {row["id"]: row for row in db.rows("select id, results_json from scorecards where id in (?, ?)", published, draft)}
    figures = [_figures(known.unpack(found[one]["results_json"]), but_for) for one in (published, draft)]
    return figures[0] != figures[1]


def _figures(results: Iterable[Result], but_for: str) -> dict[str, tuple[object, ...]]:
    told = [r for r in results if r.check_id != but_for and r.rule.severity != Severity.ADVISORY.value]
    return {
        r.check_id: (r.outcome, r.occurrences if r.outcome is Outcome.FAIL else 0, None if r.points is None else r.points - r.weight)
        for r in told
    }


def _write(store: Store, call_ids: Iterable[str], by: str, note: str, hide: bool, on: Mapping[str, int]) -> tuple[Publication, ...]:
    if not by.strip():
        raise StoreError("公布", "没有写由谁公布", "请写姓名")
    made = []
    with store.db.writing():
        for call_id in dict.fromkeys(call_ids):
            current = None if hide else _standing(store, call_id)
            if on.get(call_id, current) != current:
                raise ConflictError(call_id, "您打开之后，这通电话有了新的评分", "一通也没有公布；请看过新的评分再公布")
            if newest(store.db, call_id) != current:
                _insert(store.db, call_id, current, by, note)
                made.append(of_call(store.db, call_id)[-1])
    return tuple(made)


def _standing(store: Store, call_id: str) -> int:
    found = store.db.rows("select id from current_scorecards where call_id = ?", call_id)
    if not found:
        store.scorecard(call_id)  # says why there is none
    return int(found[0]["id"])


def chosen(db: Database, values: Iterable[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Calls out of a form whose values are ``call:scorecard``, with the scorecard that each was shown with; a value that is the id of a
    call is that call."""
    given = tuple(dict.fromkeys(values))
    known = {value for value in given if db.rows("select 1 from calls where call_id = ?", value)}
    told = [(value, "", "") if value in known else value.rpartition(":") for value in given]
    pairs = [
        (call_id, number) if colon and number.isascii() and number.isdigit() else (value, "")
        for value, (call_id, colon, number) in zip(given, told, strict=True)
    ]
    return tuple(call_id for call_id, _ in pairs), {call_id: int(number) for call_id, number in pairs if number}


def _insert(db: Database, call_id: str, scorecard_id: int | None, by: str, note: str) -> None:
    row = {"call_id": call_id, "scorecard_id": scorecard_id, "made_by": by.strip(), "note": note.strip(), "created": rows.now_utc()}
    db.insert("publications", row)


def waiting(
    db: Database,
    since: str | date | None = None,
    until: str | date | None = None,
    team: str | None = None,
    limit: int = 200,
    reviewed: bool = False,
) -> tuple[Waiting, ...]:
    """Calls whose standing scorecard their agents do not see, oldest first, at most ``limit``; ``reviewed``: only those that a person has
    looked through."""
    asked = [(" and u.team = ?", team), *zip((" and u.started >= ?", " and u.started < ?"), rows.period(since, until), strict=True)]
    given = [(sql, value) for sql, value in asked if value is not None]
    only = " and exists (select 1 from reviews r where r.call_id = c.call_id)" if reviewed else ""
    sql = f"""select c.call_id, s.id as scorecard_id, c.agent_id, c.agent_name, coalesce(c.team, '') as team, c.started, s.percent, s.demo,
      exists (select 1 from publications p where p.call_id = c.call_id) as anew,
      exists (select 1 from reviews r where r.call_id = c.call_id) as reviewed
      from unpublished u cross join calls c using (call_id) cross join current_scorecards s using (call_id)
      where 1{"".join(sql for sql, _value in given)}{only} order by u.started, u.call_id limit ?"""
    found = db.rows(sql, *(value for _sql, value in given), limit)
    flags = ("demo", "anew", "reviewed")
    return tuple(Waiting(**row | {"agent_name": row["agent_name"] or ""} | {name: bool(row[name]) for name in flags}) for row in found)


@dataclass(frozen=True)
class Waiting:
    """A call to publish; ``anew``: an older scorecard of it was published; ``reviewed``: a person has looked through one of it."""

    call_id: str
    scorecard_id: int
    agent_id: str
    agent_name: str
    team: str
    started: str | None
    percent: float | None
    demo: bool
    anew: bool
    reviewed: bool
