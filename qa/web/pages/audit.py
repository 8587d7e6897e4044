"""The audit log: who heard, read, exported and changed what; whether it is whole, and since when.

Reading it is written into it.  Ids of calls are shown as everywhere, without the numbers that a switch puts there.
"""

from __future__ import annotations

import datetime
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.clock import moment
from qa.errors import StoreError
from qa.export import mask_name
from qa.people import accounts, audit, audit_search
from qa.people.audit import Entry, Verified
from qa.people.audit_search import Wanted
from qa.store import Store
from qa.web import periods
from qa.web.addresses import address
from qa.web.audit_words import ACTIONS, KINDS
from qa.web.language import translated as _
from qa.web.paging import Paging

if TYPE_CHECKING:
    from qa.web.ask import Ask

ROWS = 50
LONGEST = 200
"""Characters of what is looked for."""
NOTHING = audit_search.Found((), newer=False, older=False)
WAIT_S = 5.0
"""So long one check of the log waits for another one."""
_one_at_a_time = threading.Lock()


def page(ask: Ask) -> Response:
    """Rows that fit, the newest first, and how the last check of the chain ended."""
    period = periods.asked(ask.query)
    fields = _fields(ask) | period.days
    problem = _("请写对象的编号") if fields["kind"] and not fields["object"] else ""
    wanted = _wanted(ask, fields) if not period.bad else None
    before, after = (ask.query.integer(name, 0) or None for name in ("before", "after"))
    found = audit_search.search(ask.store.db, wanted, ROWS, before=before, after=after) if wanted is not None else NOTHING
    # what somebody typed goes into the log only where it stands there already: people type numbers of customers into any field
    told = fields | {"object": fields["object"] if found.entries else "?" * bool(fields["object"])}
    told |= {"by": wanted.by if wanted is not None and found.entries else "?" * bool(fields["by"])}
    details = {name: value for name, value in told.items() if value} | {"rows": len(found.entries)}
    numbers = _numbers(ask, found.entries)
    audit.record(ask.store.db, ask.user, "audit.view", "audit", "", details)
    return ask.render(
        "web/admin/audit.html.j2",
        400 if period.bad else 200,
        title=_("审计记录"),
        rows=[_shown(one, numbers) for one in found.entries],
        filters=fields,
        period=period,
        people=[(one.login, one.name) for one in accounts.everybody(ask.store.db)],
        actions=[("", _("全部")), *((key, _(text)) for key, text in ACTIONS.items())],
        kinds=[("", _("全部")), *((key, _(text)) for key, text in KINDS.items())],
        problem=problem,
        paging=_paging(fields, found),
        checked=_checked(ask),
        begun=audit_search.first_at(ask.store.db),
        count=audit.head(ask.store.db).partition(":")[0],
    )


def _fields(ask: Ask) -> dict[str, str]:
    """What the form holds."""
    made = {name: ask.query.text(name)[:LONGEST] for name in ("by", "object")}
    made["action"] = ask.query.one_of("action", ["", *ACTIONS], "")
    made["kind"] = ask.query.one_of("kind", ["", *KINDS], "")
    return made


def _wanted(ask: Ask, fields: dict[str, str]) -> Wanted:
    """A person may be given by name, where one alone has it; commands are written under the name that they were given."""
    named = [one.login for one in accounts.everybody(ask.store.db) if fields["by"] and fields["by"] in (one.name, one.login)]
    days = [datetime.date.fromisoformat(fields[name]) if fields[name] else None for name in ("since", "until")]
    kinds = (fields["kind"],) if fields["kind"] else tuple(KINDS)
    return Wanted(
        named[0] if len(named) == 1 else fields["by"],
        fields["action"],
        kinds if fields["object"] else (),
        fields["object"],
        days[0],
        days[1],
    )


def _paging(fields: dict[str, str], found: audit_search.Found) -> Paging:
    kept = {name: value for name, value in fields.items() if value}
    rows = found.entries
    newer = address("/audit", query={**kept, "after": rows[0].id}) if found.newer else ""
    older = address("/audit", query={**kept, "before": rows[-1].id}) if found.older else ""
    return Paging(newer, older, "")


def _numbers(ask: Ask, entries: tuple[Entry, ...]) -> dict[str, str]:
    """The customer's number of each call that a row is about or names."""
    calls = {one.object_id for one in entries if one.object_kind == "call"} | {v for one in entries for k, v in one.details if k == "call"}
    marks = ", ".join("?" * len(calls))
    found = ask.store.db.rows(f"select call_id, customer_number from calls where call_id in ({marks})", *sorted(calls))
    return {row["call_id"]: row["customer_number"] or "" for row in found}


def _shown(one: Entry, numbers: dict[str, str]) -> dict[str, object]:
    return {
        "id": one.id,
        "at": f"{moment(one.at):%Y-%m-%d %H:%M:%S}",
        "by": one.by,
        "action": _(ACTIONS[one.action]) if one.action in ACTIONS else one.action,
        "kind": _(KINDS[one.object_kind]) if one.object_kind in KINDS else one.object_kind,
        "object": mask_name(one.object_id, numbers.get(one.object_id, "")),
        "details": [(key, mask_name(value, numbers.get(value, ""))) for key, value in one.details if value],
    }


# ---------------------------------------------------------------- whether it is whole


def verify(ask: Ask) -> Response:
    """Check every row of the log, and write down how it ended; the page shows it."""
    found = checked(ask.store.path)
    first = next(iter(found.told), "")
    ask.audit("audit.verify", "audit", "chain", count=found.count, head=found.head, problems=len(found.told), first=first)
    return ask.redirect("/audit")


def checked(db: Path) -> Verified:
    """:func:`qa.people.audit.verify` in a process of its own: a million rows take a quarter of a minute of one processor; one at a time.

    Errors: :class:`StoreError` where another check is under way, or the process ends before it is done.
    """
    if not _one_at_a_time.acquire(timeout=WAIT_S):
        raise StoreError("审计记录", "正在核对", "请过一会儿再看结果")
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_opened, db).result()
    except BrokenProcessPool as error:
        raise StoreError("审计记录", "没有核对完", "请稍后再试；内存可能不够") from error
    finally:
        _one_at_a_time.release()


def _opened(db: Path) -> Verified:
    with Store(db, create=False) as store:
        return audit.verify(store.db)


def _checked(ask: Ask) -> dict[str, object] | None:
    """The newest check made here; None: none yet."""
    one = audit_search.newest(ask.store.db, "audit", "audit.verify")
    if one is None:
        return None
    told = dict(one.details)
    return {
        "at": one.at,
        "by": one.by,
        "count": told["count"],
        "head": told["head"],
        "problems": int(told["problems"]),
        "first": told["first"],
    }
