"""Backups of a database with second factors: the key goes along, and a backup that lets nobody log in is none."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest
from web_house import House

from qa.errors import StoreError
from qa.operation import backup as backups
from qa.people import second_factor, sessions
from qa.store import Store


def enrolled(house: House, login: str = "qa") -> str:
    db, user, then = house.store.db, house.users[login], house.clock[0] - 600
    secret = second_factor.offer(db, user, login, then)
    second_factor.confirm(db, user, login, pyotp.TOTP(secret).at(int(then)), then)
    return secret


def test_codes_are_right_after_a_restore(house: House, tmp_path: Path) -> None:
    secret, now = enrolled(house), house.clock[0]
    wait = sessions.wait(house.store.db, house.users["qa"], now)
    second_factor.offer(house.store.db, house.users["hr"], "session", now)
    made = backups.backup(house.db, tmp_path / "backups", "王管理")
    assert {path.name: path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == dict.fromkeys(
        ("qa.db", "qa.db.audit-key", "qa.db.second-factor-key", "manifest.json"), 0o600
    )
    back = tmp_path / "new" / "house.db"
    backups.restore(made.folder, back, "管理员")
    with Store(back, create=False) as store:
        assert second_factor.KEY.path(back).stat().st_mode & 0o777 == 0o600
        assert second_factor.check(store.db, house.users["qa"], pyotp.TOTP(secret).at(int(now)), now) == "code"
        assert sessions.waiting(store.db, wait, now) is None and not store.db.rows("select 1 from pending_factors")
    backups.rehearse(made.folder, house.db, "李管理")


def test_a_restore_puts_the_other_key_aside_and_never_mixes_two(house: House, tmp_path: Path) -> None:
    before = backups.backup(house.db, tmp_path / "backups", "王管理")  # no second factor, no key
    enrolled(house)
    own = second_factor.KEY.path(house.db).read_bytes()
    house.store.close()
    backups.restore(before.folder, house.db, "管理员", replace=True)
    assert not second_factor.KEY.path(house.db).exists()
    (aside,) = house.folder.glob("qa.db.before-*.second-factor-key")
    assert aside.read_bytes() == own


@pytest.mark.parametrize("damage", ["gone", "another"])
def test_without_the_key_there_is_no_backup(house: House, tmp_path: Path, damage: str) -> None:
    enrolled(house)
    second_factor.KEY.path(house.db).unlink()
    if damage == "another":
        second_factor.KEY.make(house.db)
    with pytest.raises(StoreError, match="不见了" if damage == "gone" else "不符"):
        backups.backup(house.db, tmp_path / "backups", "王管理")
    assert not list((tmp_path / "backups").iterdir())


def test_a_backup_whose_key_was_changed_is_refused(house: House, tmp_path: Path) -> None:
    enrolled(house)
    made = backups.backup(house.db, tmp_path / "backups", "王管理")
    (made.folder / "qa.db.second-factor-key").write_text("0" * 64)
    with pytest.raises(StoreError, match="与清单不符"):
        backups.restore(made.folder, tmp_path / "new.db", "管理员")
    assert not list(tmp_path.glob("new.db*"))
