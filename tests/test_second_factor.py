"""The second factor without the web: secrets, codes, recovery codes, and what whoever has the database or the clock can do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest

from qa.errors import ConflictError, StoreError
from qa.people import accounts, audit, second_factor, sessions
from qa.people.accounts import User, UserRole
from qa.people.second_factor import CODE, RECOVERY, STEP_S
from qa.store import Store

GOOD = "seven-blue-tapirs-sing"
NOW = 1_750_000_000.0
QA = User(0, "wang", "王", UserRole.QA)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "qa.db") as opened:
        yield opened


@pytest.fixture
def wang(store: Store) -> User:
    return accounts.add(store.db, QA, GOOD, "me")


def at(secret: str, now: float) -> str:
    """What the app on the phone shows then."""
    return pyotp.TOTP(secret).at(int(now))


def enrolled(store: Store, user: User, now: float = NOW - 600) -> tuple[str, tuple[str, ...]]:
    """The secret, and the recovery codes."""
    secret = second_factor.offer(store.db, user, "here", now)
    codes = second_factor.confirm(store.db, user, "here", at(secret, now), now)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    return secret, codes


def test_codes_are_those_of_the_standard(store: Store, wang: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6238, appendix B (the last six of its eight digits)."""
    monkeypatch.setattr(pyotp, "random_base32", lambda: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    enrolled(store, wang, 0.0)
    vectors = {1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}
    assert [second_factor.check(store.db, wang, code, now) for now, code in vectors.items()] == [CODE] * 4


def test_a_code_is_taken_once(store: Store, wang: User) -> None:
    secret, _codes = enrolled(store, wang)
    assert second_factor.check(store.db, wang, at(secret, NOW), NOW) == CODE
    for later in (0, 10, 29):
        assert second_factor.check(store.db, wang, at(secret, NOW), NOW + later) == ""
    assert second_factor.check(store.db, wang, at(secret, NOW - STEP_S), NOW) == ""  # nor an older one that was not used
    assert second_factor.check(store.db, wang, at(secret, NOW + STEP_S), NOW + STEP_S) == CODE


def test_the_code_that_confirmed_is_spent(store: Store, wang: User) -> None:
    secret, _codes = enrolled(store, wang, NOW)
    assert second_factor.check(store.db, wang, at(secret, NOW), NOW) == ""


@pytest.mark.parametrize(("off", "taken"), [(-2, ""), (-1, CODE), (0, CODE), (1, CODE), (2, "")])
def test_a_clock_may_be_a_step_off(store: Store, wang: User, off: int, taken: str) -> None:
    secret, _codes = enrolled(store, wang)
    assert second_factor.check(store.db, wang, at(secret, NOW + off * STEP_S), NOW) == taken


def test_a_clock_that_is_put_back_makes_no_code_good_again(store: Store, wang: User) -> None:
    secret, _codes = enrolled(store, wang)
    assert second_factor.check(store.db, wang, at(secret, NOW), NOW) == CODE
    assert second_factor.check(store.db, wang, at(secret, NOW - 300), NOW - 300) == ""


def test_of_many_at_once_with_one_code_one_is_let_in(store: Store, wang: User) -> None:
    secret, codes = enrolled(store, wang)

    def attempt(typed: str) -> str:
        with Store(store.path) as own:
            return second_factor.check(own.db, wang, typed, NOW)

    for typed in (at(secret, NOW), codes[0]):
        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(attempt, [typed] * 8))[:7] == [""] * 7


def test_a_code_is_typed_in_any_width_and_with_spaces(store: Store, wang: User) -> None:
    secret, codes = enrolled(store, wang)
    code = at(secret, NOW)
    wide = "".join(chr(ord(c) + 0xFEE0) for c in code)
    assert second_factor.check(store.db, wang, f" {wide[:3]} {wide[3:]} ", NOW) == CODE
    assert second_factor.check(store.db, wang, codes[3].upper().replace("-", " "), NOW) == RECOVERY


@pytest.mark.parametrize("typed", ["", "000000 ", "12345", "1234567", "x" * 5000, "\x00", "\ud800", "１２３", "-", "٠١٢٣٤٥"])
def test_what_is_no_code_is_refused(store: Store, wang: User, typed: str) -> None:
    enrolled(store, wang)
    assert second_factor.check(store.db, wang, typed, NOW) == ""
    assert audit.entries(store.db)[0].action == "code.failed"


def test_without_a_factor_nothing_is_right(store: Store, wang: User) -> None:
    assert second_factor.check(store.db, wang, "", NOW) == "" and second_factor.of(store.db, wang.id) is None


# ---------------------------------------------------------------- recovery codes


def test_a_recovery_code_is_taken_once_and_counted(store: Store, wang: User) -> None:
    _secret, codes = enrolled(store, wang)
    assert [second_factor.check(store.db, wang, code, NOW) for code in (codes[0], codes[0], codes[1])] == [RECOVERY, "", RECOVERY]
    factor = second_factor.of(store.db, wang.id)
    assert factor is not None and factor.left == len(codes) - 2


def test_recovery_codes_are_their_accounts(store: Store, wang: User) -> None:
    other = accounts.add(store.db, replace(QA, login="li"), GOOD, "me")
    enrolled(store, other)
    _secret, codes = enrolled(store, wang)
    assert second_factor.check(store.db, other, codes[0], NOW) == ""


def test_new_recovery_codes_end_the_former_ones(store: Store, wang: User) -> None:
    _secret, former = enrolled(store, wang)
    codes = second_factor.renew_codes(store.db, wang)
    assert second_factor.check(store.db, wang, former[0], NOW) == "" and second_factor.check(store.db, wang, codes[0], NOW) == RECOVERY


def test_codes_are_long_enough_for_a_plain_hash(store: Store, wang: User) -> None:
    """112 bits and more (ASVS 5.0, V6.5.2); the database holds none of them."""
    import math

    _secret, codes = enrolled(store, wang)
    kept = store.path.read_bytes() + store.path.with_name("qa.db-wal").read_bytes()
    for code in codes:
        assert len(code.replace("-", "")) * math.log2(len(set(second_factor._ALPHABET))) >= 112
        assert code.encode() not in kept and code.replace("-", "").encode() not in kept


def test_after_a_hundred_wrong_codes_in_a_row_none_is_taken(store: Store, wang: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "MOST_WRONG", 5)
    secret, codes = enrolled(store, wang)
    wrong = "000000" if at(secret, NOW) != "000000" else "000001"
    for n in range(5):
        second_factor.check(store.db, wang, wrong, NOW + n)
    factor = second_factor.of(store.db, wang.id)
    assert factor is not None and factor.blocked
    assert second_factor.check(store.db, wang, at(secret, NOW), NOW) == ""
    assert second_factor.check(store.db, wang, codes[0], NOW) == RECOVERY
    assert second_factor.check(store.db, wang, at(secret, NOW), NOW) == CODE


# ---------------------------------------------------------------- the secret


def test_neither_database_nor_log_holds_the_secret(store: Store, wang: User) -> None:
    secret, _codes = enrolled(store, wang)
    second_factor.offer(store.db, wang, "elsewhere", NOW)
    kept = store.path.read_bytes() + store.path.with_name("qa.db-wal").read_bytes()
    assert secret.encode() not in kept and pyotp.TOTP(secret).byte_secret() not in kept


def test_the_key_is_its_owners_alone(store: Store, wang: User) -> None:
    enrolled(store, wang)
    assert second_factor.KEY.path(store.path).stat().st_mode & 0o777 == 0o600


def test_a_copied_database_alone_gives_no_codes(store: Store, wang: User, tmp_path: Path) -> None:
    secret, _codes = enrolled(store, wang)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("qa.db", "qa.db-wal", "qa.db.audit-key"):
        shutil.copy(tmp_path / name, copy / name)
    with Store(copy / "qa.db") as copied:
        with pytest.raises(StoreError, match="密钥文件不见了"):
            second_factor.check(copied.db, wang, at(secret, NOW), NOW)
        with pytest.raises(StoreError, match="密钥文件不见了"):  # nor is another key made beside it, which would hide the loss
            second_factor.offer(copied.db, wang, "here", NOW)
        assert not second_factor.KEY.path(copied.path).exists()


def test_a_secret_moved_to_another_account_does_not_open(store: Store, wang: User) -> None:
    other = accounts.add(store.db, replace(QA, login="li"), GOOD, "me")
    secret, _codes = enrolled(store, wang)
    enrolled(store, other)
    with store.db.writing():
        store.db.sqlite.execute(
            "update second_factors set secret = (select secret from second_factors where user_id = ?) where user_id = ?",
            (wang.id, other.id),
        )
    with pytest.raises(StoreError, match="与数据库里的不符"):
        second_factor.check(store.db, other, at(secret, NOW), NOW)
    with pytest.raises(StoreError, match="与数据库里的不符"):
        second_factor.check_key(store.db)


def test_another_key_opens_nothing_and_a_reset_goes_on(store: Store, wang: User) -> None:
    secret, _codes = enrolled(store, wang)
    second_factor.KEY.path(store.path).unlink()
    second_factor.KEY.make(store.path)
    with pytest.raises(StoreError, match="与数据库里的不符"):
        second_factor.check(store.db, wang, at(secret, NOW), NOW)
    accounts.set_password(store.db, "wang", "nine-grey-otters-dance", "boss", must_change=True, reset=True)
    assert second_factor.of(store.db, wang.id) is None
    enrolled(store, wang)


# ---------------------------------------------------------------- to set one


def test_a_secret_waits_ten_minutes_for_its_first_code(store: Store, wang: User) -> None:
    secret = second_factor.offer(store.db, wang, "here", NOW)
    late = NOW + second_factor.ENROL_S
    assert second_factor.confirm(store.db, wang, "here", at(secret, late), late) == ()
    assert second_factor.of(store.db, wang.id) is None


def test_a_secret_is_confirmed_where_it_was_offered(store: Store, wang: User) -> None:
    secret = second_factor.offer(store.db, wang, "here", NOW)
    other = accounts.add(store.db, replace(QA, login="li"), GOOD, "me")
    assert second_factor.confirm(store.db, wang, "elsewhere", at(secret, NOW), NOW) == ()
    assert second_factor.confirm(store.db, other, "here", at(secret, NOW), NOW) == ()


def test_of_two_who_set_one_at_once_the_second_is_told(store: Store, wang: User) -> None:
    first, second = (second_factor.offer(store.db, wang, where, NOW) for where in ("here", "elsewhere"))
    assert second_factor.confirm(store.db, wang, "here", at(first, NOW), NOW)
    assert second_factor.offered(store.db, wang, "elsewhere", NOW) == ""  # forgotten with the first
    with store.db.writing():  # one that came in between all the same
        row = {"digest": "elsewhere", "user_id": wang.id, "secret": second_factor._sealed(store.db, wang.id, second), "known": 0}
        store.db.insert("pending_factors", row | {"created": NOW})
    with pytest.raises(ConflictError):
        second_factor.confirm(store.db, wang, "elsewhere", at(second, NOW), NOW)
    assert second_factor.check(store.db, wang, at(first, NOW + 60), NOW + 60) == CODE


def test_until_the_new_one_is_confirmed_the_old_one_counts(store: Store, wang: User) -> None:
    old, codes = enrolled(store, wang)
    new = second_factor.offer(store.db, wang, "here", NOW)
    assert second_factor.check(store.db, wang, at(new, NOW), NOW) == "" and second_factor.check(store.db, wang, at(old, NOW), NOW) == CODE
    assert second_factor.confirm(store.db, wang, "here", at(new, NOW), NOW)
    later = NOW + 60
    assert second_factor.check(store.db, wang, at(old, later), later) == "" and second_factor.check(store.db, wang, codes[0], later) == ""
    assert second_factor.check(store.db, wang, at(new, later), later) == CODE


def test_a_reset_takes_it_off_and_is_logged(store: Store, wang: User) -> None:
    enrolled(store, wang)
    token = sessions.wait(store.db, wang, NOW)
    accounts.set_password(store.db, "wang", "nine-grey-otters-dance", "boss", must_change=True, reset=True)
    assert second_factor.of(store.db, wang.id) is None and sessions.waiting(store.db, token, NOW) is None
    assert not store.db.rows("select 1 from recovery_codes")
    assert [(e.by, e.action) for e in audit.entries(store.db, limit=2)] == [("boss", "user.reset"), ("boss", "factor.off")]


def test_another_password_of_the_owner_leaves_it(store: Store, wang: User) -> None:
    enrolled(store, wang)
    accounts.set_password(store.db, "wang", "nine-grey-otters-dance", wang, must_change=False)
    assert second_factor.of(store.db, wang.id) is not None


# ---------------------------------------------------------------- between password and code


def test_a_wait_is_no_session_and_a_session_no_wait(store: Store, wang: User) -> None:
    waits, logged_in = sessions.wait(store.db, wang, NOW), sessions.begin(store.db, wang, NOW)
    assert sessions.standing(store.db, waits, NOW) is None and sessions.waiting(store.db, logged_in, NOW) is None
    assert sessions.waiting(store.db, waits, NOW) == wang and sessions.waiting(store.db, "", NOW) is None
    assert waits not in str(store.db.rows("select * from pending_logins"))


def test_a_wait_ends_after_five_minutes(store: Store, wang: User) -> None:
    token = sessions.wait(store.db, wang, NOW)
    assert sessions.waiting(store.db, token, NOW + sessions.WAITING_S - 1) == wang
    assert sessions.waiting(store.db, token, NOW + sessions.WAITING_S) is None


CHANGES = {
    "reset": lambda db: accounts.set_password(db, "wang", "nine-grey-otters-dance", "boss", must_change=True, reset=True),
    "password": lambda db: accounts.set_password(db, "wang", "nine-grey-otters-dance", "wang", must_change=False),
    "role": lambda db: accounts.set_role(db, "wang", UserRole.HR, "", "", "boss"),
    "disable": lambda db: accounts.set_disabled(db, "wang", True, "boss"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_account_ends_its_waits(store: Store, wang: User, change: str) -> None:
    token = sessions.wait(store.db, wang, NOW)
    CHANGES[change](store.db)
    assert sessions.waiting(store.db, token, NOW) is None
