"""Accounts: who may log in, as what, and for which agent or team.  Every change is written to the audit log in the same transaction."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from qa import rows
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.people import audit, passwords, second_factor

LONGEST_LOGIN = 64
LAST_ADMIN = "这是最后一个可用的管理员，不能停用，也不能换岗位"


class UserRole(StrEnum):
    """What a person is in the house; what each may do stands in ``qa/web/permissions.py``."""

    AGENT = "agent"
    LEAD = "lead"
    QA = "qa"
    TRAINER = "trainer"
    HR = "hr"
    ADMIN = "admin"


ROLE_TITLES = {
    UserRole.AGENT: "坐席",
    UserRole.LEAD: "班组长",
    UserRole.QA: "质检员",
    UserRole.TRAINER: "培训师",
    UserRole.HR: "人事",
    UserRole.ADMIN: "管理员",
}


@dataclass(frozen=True)
class User:
    """An account: ``agent_id`` of an agent, ``team`` of an agent or a lead, else ''; ``must_change``: the password is a one-time one."""

    id: int
    login: str
    name: str
    role: UserRole
    agent_id: str = ""
    team: str = ""
    must_change: bool = False
    disabled: bool = False

    def __post_init__(self) -> None:
        if self.role is UserRole.AGENT and not self.agent_id:
            raise StoreError(self.login, "坐席的账号没有写工号", "请加 --agent 工号")
        if self.role is UserRole.LEAD and not self.team:
            raise StoreError(self.login, "班组长的账号没有写班组", "请加 --team 班组")


def normal(login: str) -> str:
    """A login as it is kept and compared: full width, case and spaces at the ends make no difference."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def add(db: Database, made: User, password: str, by: User | str) -> User:
    """Keep a new account (its id is given here).

    Errors: :class:`StoreError` where the login is taken or cannot be used, or the password is too weak.
    """
    login = normal(made.login)
    if not login or len(login) > LONGEST_LOGIN or not all(c.isprintable() and not c.isspace() for c in login):
        raise StoreError(made.login, "登录名不能用", f"请用 1 到 {LONGEST_LOGIN} 个字符，不含空格")
    passwords.check(password, login, made.name, *house_words(db))
    kept = passwords.hashed(password)
    with db.writing():
        if db.rows("select 1 from users where login = ?", login):
            raise StoreError(login, "已有这个登录名", "请换一个，或用 qa user reset 重设它的密码")
        now = rows.now_utc()
        row = {"login": login, "name": made.name, "role": made.role.value, "agent_id": made.agent_id, "team": made.team}
        row |= {"password_hash": kept, "created": now, "updated": now}
        number = db.insert("users", row | {"must_change": int(made.must_change), "disabled": 0})
        details = {"login": login, "role": made.role.value, "agent_id": made.agent_id, "team": made.team}
        audit.record(db, by, "user.add", "user", str(number), details)
    return by_id(db, number)


def by_id(db: Database, number: int) -> User:
    """Errors: :class:`NotFoundError`."""
    return _one(db, "id", number)


def by_login(db: Database, login: str) -> User:
    """Errors: :class:`NotFoundError`."""
    return _one(db, "login", normal(login))


def everybody(db: Database) -> tuple[User, ...]:
    """All accounts by login, disabled ones too."""
    return tuple(_user(row) for row in db.rows("select * from users order by login"))


def password_hash(db: Database, login: str) -> tuple[User | None, str | None]:
    """The account that may log in under this name, and the hash of its password; nobody for a disabled or unknown one."""
    found = db.rows("select * from users where login = ? and not disabled", normal(login))
    return (_user(found[0]), found[0]["password_hash"]) if found else (None, None)


def set_role(db: Database, login: str, role: UserRole, agent_id: str, team: str, by: User | str) -> User:
    """Make somebody something else; the sessions end.

    Errors: :class:`NotFoundError`, :class:`StoreError` as of :class:`User`, and where nobody would be left who manages accounts.
    """
    was = by_login(db, login)
    made = User(was.id, was.login, was.name, role, agent_id, team)
    changes = {"role": role.value, "agent_id": agent_id, "team": team}
    before = {"before_role": was.role.value, "before_agent_id": was.agent_id, "before_team": was.team}
    return _changed(db, made, changes, by, "user.role", changes | before)


def set_password(db: Database, login: str, password: str, by: User | str, *, must_change: bool, reset: bool = False) -> User:
    """Another password; the sessions end.  ``reset``: by somebody else than its owner, who may have lost the second factor as well: that
    is taken off.

    Errors: :class:`NotFoundError`, :class:`StoreError` where it is too weak.
    """
    user = by_login(db, login)
    passwords.check(password, user.login, user.name, *house_words(db))
    changes = {"password_hash": passwords.hashed(password), "must_change": int(must_change)}
    with db.writing():
        if reset:
            second_factor.take_off(db, user, by)
        return _changed(db, user, changes, by, "user.reset" if reset else "user.password", {})


def rehash(db: Database, user: User, password: str) -> None:
    """Keep the same password under today's parameters."""
    with db.writing():
        db.sqlite.execute("update users set password_hash = ? where id = ?", (passwords.hashed(password), user.id))


def set_disabled(db: Database, login: str, disabled: bool, by: User | str) -> User:
    """Nobody can log in to a disabled account; its sessions end.

    Errors: :class:`NotFoundError`, :class:`StoreError` where nobody would be left who manages accounts.
    """
    action = "user.disable" if disabled else "user.enable"
    return _changed(db, by_login(db, login), {"disabled": int(disabled)}, by, action, {})


def _changed(db: Database, user: User, changes: dict[str, Any], by: User | str, action: str, details: dict[str, Any]) -> User:
    from qa.people import sessions

    with db.writing():
        was = by_id(db, user.id)
        columns = ", ".join(f"{name} = ?" for name in (*changes, "updated"))
        db.sqlite.execute(f"update users set {columns} where id = ?", (*changes.values(), rows.now_utc(), user.id))
        if was.role is UserRole.ADMIN and not was.disabled:
            _somebody_manages(db, user)
        sessions.end_all(db, user.id)
        audit.record(db, by, action, "user", str(user.id), {"login": user.login} | details)
    return by_id(db, user.id)


def _somebody_manages(db: Database, user: User) -> None:
    """Inside the transaction of a change, so that of two administrators who disable each other at once one stays.

    Errors: :class:`StoreError`.
    """
    if not db.rows("select 1 from users where role = ? and not disabled limit 1", UserRole.ADMIN.value):
        raise StoreError(user.login, LAST_ADMIN, "请先新建或恢复另一个管理员")


def house_words(db: Database) -> frozenset[str]:
    """Words of this house that no password may be made of: its teams, the logins and numbers of its people, and the lines of a file beside
    the database (``qa.db.password-words``: the company, its products, its street), where there is one.

    Errors: :class:`StoreError` where that file cannot be read.
    """
    own = {word for row in db.rows("select login, agent_id, team from users") for word in row.values()}
    path = words_path(db)
    try:
        own |= set(path.read_text("utf-8").split()) if path.exists() else set()
    except (OSError, ValueError) as error:
        raise StoreError(str(path), f"密码禁用词的文件读不了（{error}）", "请存成 UTF-8 文本，一行一个词") from error
    return frozenset(own)


def words_path(db: Database) -> Path:
    """The house's own list, beside the database."""
    return db.path.with_name(db.path.name + ".password-words")


def _one(db: Database, column: str, value: object) -> User:
    found = db.rows(f"select * from users where {column} = ?", value)
    if not found:
        raise NotFoundError(str(value), "没有这个账号", "请用 qa user list 核对")
    return _user(found[0])


def _user(row: dict[str, Any]) -> User:
    states = {name: bool(row[name]) for name in ("must_change", "disabled")}
    return User(row["id"], row["login"], row["name"], UserRole(row["role"]), row["agent_id"], row["team"], **states)
