"""``qa serve`` and ``qa user`` as commands."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import stored_houses
from commands import Run
from web_house import House, call, call_id

from qa import rulebook
from qa.errors import StoreError
from qa.people import accounts, audit
from qa.people.accounts import User, UserRole
from qa.review import reviews
from qa.store import Store
from qa.web import demonstration


def test_a_server_answers_and_stops_gracefully(house: House) -> None:
    command = [sys.executable, "-m", "qa", "serve", "--db", str(house.db), "--port", "0"]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=here) as running:
        assert running.stdout is not None and running.stderr is not None
        address = running.stdout.readline().split()[-1]
        with urllib.request.urlopen(address + "login") as answer:
            assert answer.status == 200 and "登录" in answer.read().decode()
            assert "server" not in answer.headers and "Date" in answer.headers
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "static/nothing")
        running.send_signal(signal.SIGTERM)
        events = [json.loads(line) for line in running.stderr]
        assert running.wait(30) == 0
    assert [e["event"] for e in events] == ["started", "stopped"]
    assert all(":" in e["audit_head"] for e in events)


def test_a_port_in_use_is_told(qa: Run, house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = qa("serve", "--db", house.db, "--port", taken.getsockname()[1])
    assert told.code == 2 and "不能在这个地址上接受连接" in told.err


UNSAFE = {
    "演示只能在本机使用": ("--demo", "--host", "0.0.0.0"),
    "演示只能在本机使用：": ("--demo", "--public-url", "https://qa.example.com"),
    "要写明网址": ("--host", "0.0.0.0"),
    "不是可用的网址": ("--public-url", "qa.example.com"),
    "不是可用的网址：": ("--public-url", "https://qa.example.com/path"),
}


@pytest.mark.parametrize("why", UNSAFE)
def test_what_would_be_unsafe_is_refused(qa: Run, why: str, tmp_path: Path) -> None:
    told = qa("serve", "--db", tmp_path / "new.db", *UNSAFE[why])
    assert told.code == 2 and why.removesuffix("：") in told.err
    assert not (tmp_path / "new.db").exists()


def test_the_demonstration_never_touches_a_house_of_its_own(qa: Run, house: House) -> None:
    before = house.store.db.rows("select * from users")
    told = qa("serve", "--demo", "--db", house.db)
    assert told.code == 2 and "正式的账号" in told.err
    assert house.store.db.rows("select * from users") == before


def test_the_demonstration_opens_no_database_that_it_did_not_make(tmp_path: Path) -> None:
    """Neither one of calls without any account, nor an empty one, nor what is no database: each stays byte for byte."""
    scored, empty, other = (tmp_path / name for name in ("scored.db", "empty.db", "other.db"))
    with Store(scored) as store:
        stored_houses.save(store, stored_houses.house(tmp_path / "house"), stored_houses.call("A"))
    Store(empty).close()
    other.write_text("no database", "utf-8")
    for path in (scored, empty, other):
        before = path.read_bytes()
        with pytest.raises(StoreError, match="不是演示建立的"):
            demonstration.prepare(path)
        assert path.read_bytes() == before


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Store]:
    """How often the demonstration scored its samples: three calls, in place of hearing them."""
    found: list[Store] = []

    def score(store: Store, debug: bool) -> None:
        found.append(store)
        for index, kind in enumerate(("banned", "good", "no_greeting")):
            start = f"2025-06-{10 + index:02d}T09:00:00.000"
            of = call(tmp_path, call_id("8001", index), "8001", kind, start, seed=index)
            stored_houses.save(store, rulebook.load("default"), of)

    monkeypatch.setattr(demonstration, "_score", score)
    return found


def test_the_demonstration_has_somebody_of_every_role(scored: list[Store], tmp_path: Path) -> None:
    db = tmp_path / "demo.db"
    first = demonstration.prepare(db)
    again = demonstration.prepare(db)
    assert len(scored) == 1
    assert [login for login, _, _ in first] == [login for login, _, _ in again] == [f"demo-{role.value}" for role in UserRole]
    with Store(db) as store:
        people = {user.role: user for user in accounts.everybody(store.db)}
        assert set(people) == set(UserRole)
        agent = people[UserRole.AGENT]
        assert store.calls(agent.agent_id) and people[UserRole.LEAD].team == agent.team != ""
        for login, password, _ in again:
            user, kept = accounts.password_hash(store.db, login)
            assert user is not None and not user.must_change and accounts.passwords.matches(kept, password)


def test_the_demonstration_keeps_what_was_done_in_its_database(scored: list[Store], tmp_path: Path) -> None:
    db = tmp_path / "demo.db"
    demonstration.prepare(db)
    with Store(db) as store:
        accounts.add(store.db, User(0, "wang", "王芳", UserRole.ADMIN), "seven-blue-tapirs-sing", "我")
        accounts.set_disabled(store.db, "demo-trainer", True, "我")
        accounts.set_role(store.db, "demo-hr", UserRole.LEAD, "", "二组", "我")
        reviews.finish(store, call_id("8001", 2), "我", "听过")
        before = {name: store.db.rows(f"select * from {name}") for name in ("scorecards", "reviews", "publications", "appeals")}
        (wang,) = store.db.rows("select * from users where login = 'wang'")
    again = demonstration.prepare(db)
    assert len(scored) == 1 and {"demo-trainer", "wang"}.isdisjoint(login for login, _, _ in again)
    assert next(title for login, _, title in again if login == "demo-hr") == "班组长"
    with Store(db) as store:
        assert {name: store.db.rows(f"select * from {name}") for name in before} == before
        assert store.db.rows("select * from users where login = 'wang'") == [wang]
        assert accounts.by_login(store.db, "demo-trainer").disabled and not audit.verify(store.db).problems


@pytest.mark.slow
def test_the_demonstration_scores_the_samples(tmp_path: Path) -> None:
    from qa.review import publications

    demonstration.prepare(tmp_path / "demo.db")
    with Store(tmp_path / "demo.db") as store:
        calls = {call.call_id for call in store.calls()}
        shown = {call.call_id for call in publications.calls(store.db)}
    assert len(calls) >= 10 and shown < calls and shown


# ---------------------------------------------------------------- qa user


def users(qa: Run, db: Path) -> dict[str, dict[str, object]]:
    return {user["login"]: user for user in qa("user", "list", "--db", db, "--json").json}


def test_accounts_by_command(qa: Run, tmp_path: Path) -> None:
    db = tmp_path / "qa.db"
    made = qa("user", "add", "Wang", "--role", "agent", "--agent", "8001", "--team", "一组", "--name", "王芳", "--by", "老板", "--db", db)
    assert made.code == 0 and "已新建：wang（坐席）" in made.out
    password = made.out.split("一次性密码：")[1].split()[0]
    with Store(db) as store:
        user, kept = accounts.password_hash(store.db, "wang")
        assert user is not None and user.must_change and accounts.passwords.matches(kept, password)
    assert qa("user", "role", "wang", "--role", "lead", "--team", "二组", "--db", db).code == 0
    assert users(qa, db)["wang"] | {"role": "lead", "team": "二组", "agent_id": ""} == users(qa, db)["wang"]
    reset = qa("user", "reset", "wang", "--db", db, "--json").json
    assert reset["one_time_password"] and reset["one_time_password"] != password
    assert qa("user", "disable", "wang", "--db", db).code == 0 and users(qa, db)["wang"]["disabled"]
    assert "停用" in qa("user", "list", "--db", db).out
    assert qa("user", "disable", "wang", "--enable", "--db", db).code == 0 and not users(qa, db)["wang"]["disabled"]
    verified = qa("audit", "verify", "--db", db)
    assert verified.code == 0 and "5 行，完好" in verified.out
    assert reset["one_time_password"] not in qa("user", "list", "--db", db, "--json").out


def test_a_password_may_come_from_elsewhere(qa: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.StringIO("seven-blue-tapirs-sing\n"))
    made = qa("user", "add", "wang", "--role", "qa", "--password-stdin", "--db", tmp_path / "qa.db")
    assert made.code == 0 and "一次性" not in made.out and "seven" not in made.out
    with Store(tmp_path / "qa.db") as store:
        user, kept = accounts.password_hash(store.db, "wang")
        assert user is not None and not user.must_change and accounts.passwords.matches(kept, "seven-blue-tapirs-sing")


WRONG = {
    "没有这个岗位": ("add", "x", "--role", "boss"),
    "没有写工号": ("add", "x", "--role", "agent"),
    "没有写班组": ("add", "x", "--role", "lead"),
    "登录名不能用": ("add", "a b", "--role", "qa"),
    "没有这个账号": ("reset", "nobody"),
}


@pytest.mark.parametrize("why", WRONG)
def test_wrong_commands_are_told(qa: Run, tmp_path: Path, why: str) -> None:
    db = tmp_path / "qa.db"
    Store(db).close()
    told = qa("user", *WRONG[why], "--db", db)
    assert told.code == 2 and why in told.err
    assert qa("user", "list", "--db", db, "--json").json == []


def test_a_database_that_is_not_there_is_not_made(qa: Run, tmp_path: Path) -> None:
    told = qa("serve", "--db", tmp_path / "typo.db", "--port", "0")
    assert told.code == 2 and "数据库不存在" in told.err and f"qa user add 登录名 --role admin --db {tmp_path / 'typo.db'}" in told.err
    assert list(tmp_path.glob("typo*")) == []


def test_a_house_without_accounts_is_told_how_to_add_one(qa: Run, tmp_path: Path, house: House) -> None:
    Store(tmp_path / "new.db").close()
    with socket.socket() as taken:  # so that it ends at once
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = qa("serve", "--db", tmp_path / "new.db", "--port", port)
        assert told.code == 2 and "还没有账号" in told.err and "qa user add 登录名 --role admin" in told.err
        assert "还没有账号" not in qa("serve", "--db", house.db, "--port", port).err
    made = qa("user", "add", "anna", "--role", "admin", "--db", tmp_path / "first.db")
    assert made.code == 0 and (tmp_path / "first.db").exists()  # the first set-up


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with Store(tmp_path / "new.db") as store:
            audit.record(store.db, "wang", "call.view", "call", "C-1")
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert {"new.db", "new.db-wal", "new.db-shm"} <= set(modes) and set(modes.values()) == {0o600}
        (tmp_path / "new.db").chmod(0o660)
        Store(tmp_path / "new.db").close()
        assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o660
    finally:
        os.umask(before)
