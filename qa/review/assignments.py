"""Who looks at which call, by account: people share names and get others.  Of a call the last assignment counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from qa import rows
from qa.database import Database
from qa.errors import StoreError
from qa.people.accounts import UserRole
from qa.store import Store

_CALLED = "coalesce(nullif(u.name, ''), u.login)"
"""What a person is called."""


@dataclass(frozen=True)
class Assignment:
    """``assignee_id``: the account, None for nobody, and where older programs kept a name that no account answers to.  ``assignee``: what
    whoever has the call is called today, "" for nobody.  ``created`` is ISO 8601 UTC."""

    call_id: str
    assignee_id: int | None
    assignee: str
    by: str
    created: str


@dataclass(frozen=True)
class Reviewer:
    """Somebody whom a call can be given to, called ``name``; ``title``: with the login where several are called so."""

    id: int
    login: str
    name: str
    title: str


def reviewers(db: Database) -> tuple[Reviewer, ...]:
    """Who reviews, by name."""
    found = db.rows(
        f"select id, login, {_CALLED} as called from users u where role = ? and not disabled order by called, login", UserRole.QA.value
    )
    shared = Counter(row["called"] for row in found)
    told = {True: "{called}", False: "{called}（{login}）"}
    return tuple(Reviewer(r["id"], r["login"], r["called"], told[shared[r["called"]] == 1].format_map(r)) for r in found)


def of_call(db: Database, call_id: str) -> Assignment | None:
    """The one that counts; None where there never was one."""
    found = db.rows(
        f"""select a.*, case when u.id is null then a.assignee else {_CALLED} end as called
        from assignments a left join users u on u.id = a.assignee_id where a.call_id = ? order by a.id desc limit 1""",
        call_id,
    )
    return Assignment(call_id, *(found[0][name] for name in ("assignee_id", "called", "made_by", "created"))) if found else None


def assign(store: Store, call_ids: Iterable[str], assignee_id: int | None, by: str, user_id: int | None = None) -> int:
    """Give calls to an account (None: to nobody); how many had somebody else.  ``user_id``: the account of whoever does it.

    Errors: :class:`StoreError` where the account is nobody's who reviews.
    """
    moved = 0
    with store.db.writing():
        name = _name(store.db, assignee_id)
        for call_id in dict.fromkeys(call_ids):
            known = of_call(store.db, call_id) or Assignment(call_id, None, "", "", "")
            if known.assignee_id == assignee_id and (assignee_id is not None or not known.assignee):
                continue
            row = {"call_id": call_id, "assignee": name, "assignee_id": assignee_id, "made_by": by, "user_id": user_id}
            store.db.insert("assignments", row | {"created": rows.now_utc()})
            sql = "update review_worth set assignee = ?, assignee_id = ? where call_id = ?"
            store.db.sqlite.execute(sql, (name, assignee_id or 0, call_id))
            moved += 1
    return moved


def _name(db: Database, account: int | None) -> str:
    if account is None:
        return ""
    sql = f"select {_CALLED} as called from users u where id = ? and role = ? and not disabled"
    found = db.rows(sql, account, UserRole.QA.value)
    if not found:
        raise StoreError(f"账号 {account}", "不是在用的质检员账号", "请从列表里选")
    return str(found[0]["called"])
