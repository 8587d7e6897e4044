"""Accounts, passwords, sessions and throttled login, without the web."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qa.errors import NotFoundError, StoreError
from qa.people import accounts, audit, passwords, sessions, throttle
from qa.people.accounts import User, UserRole
from qa.store import Store

GOOD, OTHER = "seven-blue-tapirs-sing", "nine-grey-otters-dance"
QA = User(0, "wang", "王", UserRole.QA)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


def test_a_login_is_the_same_in_any_case_and_width(store: Store) -> None:
    made = accounts.add(store.db, replace(QA, login=" Ｗang "), GOOD, "me")
    assert made.login == "wang" and accounts.by_login(store.db, "WANG") == made
    with pytest.raises(StoreError, match="已有这个登录名"):
        accounts.add(store.db, QA, GOOD, "me")


@pytest.mark.parametrize("login", ["", "  ", "a b", "a\nb", "x" * 65])
def test_what_is_no_login(store: Store, login: str) -> None:
    with pytest.raises(StoreError, match="登录名不能用"):
        accounts.add(store.db, replace(QA, login=login), GOOD, "me")


@pytest.mark.parametrize(("role", "missing"), [(UserRole.AGENT, "工号"), (UserRole.LEAD, "班组")])
def test_an_agent_has_a_number_and_a_lead_a_team(role: UserRole, missing: str) -> None:
    with pytest.raises(StoreError, match=missing):
        User(0, "x", "x", role)


@pytest.mark.parametrize("password", ["short", "password123456", "1234567890", "qwertyuiop", "wang-wang-wang", "x" * 129])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(StoreError, match="密码"):
        passwords.check(password, "wang", "王")


def test_passwords_may_be_long_and_of_any_characters() -> None:
    passwords.check("马厩里有三只会唱歌的蓝色水獭")
    passwords.check("correct horse battery staple " * 4)


def test_hashes_are_argon2id_with_the_parameters_of_owasp() -> None:
    kept = passwords.hashed(GOOD)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and kept != passwords.hashed(GOOD)
    assert passwords.matches(kept, GOOD) and not passwords.matches(kept, OTHER) and not passwords.outdated(kept)
    assert passwords.outdated(kept.replace("t=2", "t=1"))


def test_nobody_has_a_password_that_matches_and_the_same_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    hasher = passwords._HASHER

    class Watched:
        def verify(self, kept: str, password: str) -> bool:
            done.append(kept.split("$")[3])
            return hasher.verify(kept, password)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    monkeypatch.setattr(passwords, "_HASHER", Watched())
    assert not passwords.matches(None, GOOD)
    assert passwords.matches(passwords.hashed(GOOD), GOOD)
    assert done == ["m=19456,t=2,p=1"] * 2


def test_one_time_passwords_are_good_ones_and_never_the_same() -> None:
    made = {passwords.one_time() for _ in range(20)}
    assert len(made) == 20
    for one in made:
        passwords.check(one, "wang", "王")


# ---------------------------------------------------------------- sessions


def begun(store: Store, now: float = 1000.0) -> tuple[User, str]:
    user = accounts.add(store.db, QA, GOOD, "me")
    return user, sessions.begin(store.db, user, now)


def test_the_database_holds_no_token(store: Store) -> None:
    user, token = begun(store)
    session = sessions.standing(store.db, token, 1000.0)
    assert session is not None and session.user == user
    assert token not in str(store.db.rows("select * from sessions"))
    assert sessions.standing(store.db, session.digest, 1000.0) is None
    assert sessions.standing(store.db, "", 1000.0) is None


def test_a_session_ends_when_nothing_is_asked_for_an_hour(store: Store) -> None:
    _, token = begun(store)
    assert sessions.standing(store.db, token, 1000 + sessions.IDLE_S - 1) is not None  # which is a request
    assert sessions.standing(store.db, token, 1000 + 2 * sessions.IDLE_S - 2) is not None
    assert sessions.standing(store.db, token, 1000 + 3 * sessions.IDLE_S) is None
    assert store.db.rows("select * from sessions") == []


def test_a_session_ends_after_twelve_hours_whatever_is_asked(store: Store) -> None:
    _, token = begun(store, 0.0)
    for minutes in range(30, 12 * 60, 30):
        assert sessions.standing(store.db, token, minutes * 60.0) is not None
    assert sessions.standing(store.db, token, sessions.ABSOLUTE_S) is None


CHANGES = {
    "reset": lambda db: accounts.set_password(db, "wang", OTHER, "boss", must_change=True, reset=True),
    "role": lambda db: accounts.set_role(db, "wang", UserRole.LEAD, "", "一组", "boss"),
    "disable": lambda db: accounts.set_disabled(db, "wang", True, "boss"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_account_ends_all_its_sessions_and_no_others(store: Store, change: str) -> None:
    user, token = begun(store)
    another = accounts.add(store.db, replace(QA, login="li"), GOOD, "me")
    second, foreign = sessions.begin(store.db, user, 1000.0), sessions.begin(store.db, another, 1000.0)
    CHANGES[change](store.db)
    assert sessions.standing(store.db, token, 1000.0) is None and sessions.standing(store.db, second, 1000.0) is None
    assert sessions.standing(store.db, foreign, 1000.0) is not None
    assert audit.entries(store.db)[0].action == f"user.{change}" and audit.entries(store.db)[0].by == "boss"


def test_a_disabled_account_has_no_password_to_match(store: Store) -> None:
    accounts.add(store.db, QA, GOOD, "me")
    accounts.set_disabled(store.db, "wang", True, "boss")
    assert accounts.password_hash(store.db, "wang") == (None, None) == accounts.password_hash(store.db, "nobody")
    accounts.set_disabled(store.db, "wang", False, "boss")
    assert accounts.password_hash(store.db, "wang")[0] is not None


def test_an_unknown_account_cannot_be_changed(store: Store) -> None:
    for change in CHANGES.values():
        with pytest.raises(NotFoundError):
            change(store.db)
    assert audit.entries(store.db) == ()


def test_a_refused_change_leaves_neither_account_nor_log(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise StoreError("x", "没有写成", "")

    monkeypatch.setattr(audit, "record", broken)
    with pytest.raises(StoreError, match="没有写成"):
        accounts.add(store.db, QA, GOOD, "me")
    assert accounts.everybody(store.db) == ()


# ---------------------------------------------------------------- throttle


def fail(store: Store, times: int, login: str, address: str, at: float = 0.0) -> None:
    for _ in range(times):
        throttle.failed(store.db, login, address, at)


def test_five_failures_of_an_account_from_one_address(store: Store) -> None:
    fail(store, 4, "wang", "10.0.0.1")
    assert not throttle.refused(store.db, "wang", "10.0.0.1", 1.0)
    fail(store, 1, " WANG", "10.0.0.1")
    assert throttle.refused(store.db, "Wang", "10.0.0.1", 1.0)
    assert not throttle.refused(store.db, "wang", "10.0.0.2", 1.0)  # the owner elsewhere is not locked out
    assert not throttle.refused(store.db, "li", "10.0.0.1", 1.0)
    assert not throttle.refused(store.db, "wang", "10.0.0.1", throttle.WINDOW_S)


def test_thirty_failures_of_an_account_from_everywhere(store: Store) -> None:
    for n in range(10):
        fail(store, 3, "wang", f"10.0.0.{n}")
    assert throttle.refused(store.db, "wang", "10.9.9.9", 1.0) and not throttle.refused(store.db, "li", "10.9.9.9", 1.0)


def test_fifty_failures_from_one_address(store: Store) -> None:
    for n in range(50):
        fail(store, 1, f"user{n}", "10.0.0.1")
    assert throttle.refused(store.db, "anybody", "10.0.0.1", 1.0) and not throttle.refused(store.db, "anybody", "10.0.0.2", 1.0)


def test_a_login_forgives_the_failures_of_its_account_here(store: Store) -> None:
    fail(store, 4, "wang", "10.0.0.1")
    throttle.succeeded(store.db, "wang", "10.0.0.1")
    fail(store, 4, "wang", "10.0.0.1")
    assert not throttle.refused(store.db, "wang", "10.0.0.1", 1.0)
