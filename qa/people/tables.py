"""Tables of people and of what they did; made by a migration (:mod:`qa.migrations`) and never edited."""

from __future__ import annotations

from sqlite_utils import Database


def create(db: Database) -> None:
    """``users``, ``sessions`` (by the hash of their token), ``login_attempts``, and ``audit_log`` with its anchor (``qa.people.audit``)."""
    texts = ("login", "name", "role", "agent_id", "team", "password_hash", "created", "updated")
    db.table("users").create(
        {"id": int, **dict.fromkeys(texts, str), "must_change": int, "disabled": int},
        pk="id",
        not_null={*texts, "must_change", "disabled"},
        strict=True,
    )
    db.table("users").create_index(["login"], unique=True)
    own = ("digest", "csrf", "notice")
    times = ("created", "seen")
    db.table("sessions").create(
        {**dict.fromkeys(own, str), "user_id": int, **dict.fromkeys(times, float)},
        pk="digest",
        foreign_keys=[("user_id", "users", "id")],
        not_null={*own, "user_id", *times},
        strict=True,
    )
    db.table("sessions").create_index(["user_id"])
    db.table("login_attempts").create(
        {"id": int, "at": float, "login": str, "address": str}, pk="id", not_null={"at", "login", "address"}, strict=True
    )
    for column in ("at", "login", "address"):
        db.table("login_attempts").create_index([column])
    texts = ("at", "by", "action", "object_kind", "object_id", "details_json", "previous", "mac")
    db.table("audit_log").create({"id": int, "user_id": int, **dict.fromkeys(texts, str)}, pk="id", not_null={*texts}, strict=True)
    db.table("audit_log").create_index(["object_kind", "object_id"])
    db.table("audit_log").create_index(["user_id", "id"])
    db.table("audit_anchor").create(
        {"id": int, "count": int, "head": str, "mac": str}, pk="id", not_null={"count", "head", "mac"}, strict=True
    )


def index_log(db: Database) -> None:
    """What the log is searched by (:mod:`qa.people.audit_search`): each ends with the time, in whose order rows are shown."""
    for columns in (["at"], ["by", "at"], ["action", "at"], ["by", "action", "at"]):
        db.table("audit_log").create_index(columns)


def second_factors(db: Database) -> None:
    """``second_factors``: an account's secret, encrypted (``qa.people.second_factor``), the time step of the last code that was taken, and
    how many wrong codes came since.  ``recovery_codes``: hashes, ``used`` '' or when.  ``pending_factors``: by the session that is at it, a
    secret that nobody confirmed yet; ``known``: the factor that it replaces, 0 for none.  ``pending_logins``: the password was right, the
    code is still to come; by the hash of the browser's token.
    """
    owner = [("user_id", "users", "id")]
    db.table("second_factors").create(
        {"id": int, "user_id": int, "secret": str, "step": int, "wrong": int, "created": str},
        pk="id",
        foreign_keys=owner,
        not_null={"user_id", "secret", "step", "wrong", "created"},
        strict=True,
    )
    db.table("second_factors").create_index(["user_id"], unique=True)
    db.table("recovery_codes").create(
        {"digest": str, "user_id": int, "used": str}, pk="digest", foreign_keys=owner, not_null={"user_id", "used"}, strict=True
    )
    db.table("recovery_codes").create_index(["user_id"])
    db.table("pending_factors").create(
        {"digest": str, "user_id": int, "secret": str, "known": int, "created": float},
        pk="digest",
        foreign_keys=owner,
        not_null={"user_id", "secret", "known", "created"},
        strict=True,
    )
    db.table("pending_factors").create_index(["user_id"])
    db.table("pending_logins").create(
        {"digest": str, "user_id": int, "created": float}, pk="digest", foreign_keys=owner, not_null={"user_id", "created"}, strict=True
    )
    db.table("pending_logins").create_index(["user_id"])
