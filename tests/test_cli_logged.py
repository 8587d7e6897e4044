"""What is read, exported and changed on the command line stands in the audit log, with the change or not at all."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from commands import Run
from stored_houses import call, house, save

from qa.cli_logged import changed, os_user, seen
from qa.errors import DatabaseError, StoreError
from qa.people import audit
from qa.review import reviews
from qa.store import Store

FINE = "deduction = 5\nfine = { low = 50, high = 500, grave = [2, 5] }"


@pytest.fixture
def qa(qa: Run, tmp_path: Path) -> Run:
    """The command line in a folder with ``qa.db``: A (May) and B (June) of agent 8001, both picked up too late and looked through."""
    with Store(tmp_path / "qa.db") as store:
        for call_id, day in (("A", "2025-05-10"), ("B", "2025-06-10")):
            save(store, house(tmp_path / "now", worth=FINE), call(call_id, f"{day}T10:00:00.000"))
            reviews.finish(store, call_id, "质检")
    return qa


def logged(tmp_path: Path) -> list[tuple[str, str, str, str]]:
    """Who did what with which object, the earliest first."""
    with Store(tmp_path / "qa.db") as store:
        assert not audit.verify(store.db).problems
        return [(one.by, one.action, one.object_kind, one.object_id) for one in reversed(audit.entries(store.db))]


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        (("show", "A"), ("call.view", "call", "A")),
        (("show", "A.wav", "--json"), ("call.view", "call", "A")),
        (("explain", "A"), ("call.view", "call", "A")),
        (("explain", "8001", "2025-05", "--json"), ("agent.view", "agent", "8001")),
        (("agent", "8001"), ("agent.view", "agent", "8001")),
        (("agents",), ("team.view", "team", "")),
        (("review", "show", "A"), ("call.view", "call", "A")),
        (("roles", "show", "A"), ("call.view", "call", "A")),
        (("report", "call", "A", "-o", "a.html"), ("call.export", "call", "A")),
        (("report", "agent", "8001", "-o", "a.html"), ("agent.export", "agent", "8001")),
        (("export", "all.json"), ("calls.export", "calls", "2")),
    ],
)
def test_reading_and_exporting_are_logged(qa: Run, tmp_path: Path, arguments: tuple[str, ...], row: tuple[str, str, str]) -> None:
    assert qa(*arguments).code == 0
    assert logged(tmp_path) == [(getpass.getuser(), *row)]


def test_a_call_that_is_not_there_was_not_read(qa: Run, tmp_path: Path) -> None:
    for arguments in (("show", "X"), ("explain", "X"), ("report", "call", "X", "-o", "x.html"), ("agent", "9")):
        assert qa(*arguments).code == 2
    assert logged(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "row"),
    [
        (("review", "verdict", "A", "pickup", "pass", "--reason", "听错了"), ("review.overturn", "call", "A")),
        (("review", "verdict", "A", "pickup", "confirm"), ("review.confirm", "call", "A")),
        (("roles", "set", "A", "ch0=customer", "ch1=agent", "--reason", "声道接反了"), ("review.roles", "call", "A")),
        (("grave", "A", "pickup", "--reason", "等了三分钟"), ("review.grave", "call", "A")),
        (("months", "close", "2025-05"), ("month.close", "month", "2025-05")),
        (("records", "withdraw", "A", "--scorecards", "--reason", "录错了"), ("records.withdraw", "records", "A")),
    ],
)
def test_changes_are_logged_with_the_name_that_was_given(
    qa: Run, tmp_path: Path, arguments: tuple[str, ...], row: tuple[str, str, str]
) -> None:
    done = qa(*arguments, "--by", "张三")
    assert done.code == 0, done.err
    assert logged(tmp_path) == [("张三", *row)]
    with Store(tmp_path / "qa.db") as store:
        (entry,) = audit.entries(store.db)
    assert dict(entry.details)["os_user"] == os_user()


def test_every_adjusted_call_is_logged(qa: Run, tmp_path: Path) -> None:
    assert qa("months", "close", "2025-05", "--by", "张三").code == 0
    assert qa("review", "verdict", "A", "pickup", "pass", "--reason", "听错了", "--by", "李四", "--closed-month").code == 0
    assert qa("adjust", "A", "--reason", "听错了", "--by", "王五").code == 0
    assert [row[:2] for row in logged(tmp_path)] == [("张三", "month.close"), ("李四", "review.overturn"), ("王五", "month.adjust")]
    house(tmp_path / "mild", rings=5, worth=FINE, version='"2"')
    assert qa("rescore", "--profile", "mild").code == 0
    assert logged(tmp_path)[-1] == (os_user(), "calls.rescore", "calls", "")


DECISIONS = ("verdicts", "role_marks", "grave_marks", "closed_months", "closed_sheets", "withdrawals", "scorecards", "adjustments")


def decided(store: Store) -> list[list[dict[str, object]]]:
    return [store.db.rows(f"select * from {table}") for table in DECISIONS]


@pytest.mark.parametrize(
    "arguments",
    [
        ("review", "verdict", "A", "pickup", "pass", "--reason", "听错了", "--by", "张三"),
        ("roles", "set", "A", "ch0=customer", "ch1=agent", "--reason", "声道接反了", "--by", "张三"),
        ("grave", "A", "pickup", "--reason", "等了三分钟", "--by", "张三"),
        ("months", "close", "2025-05", "--by", "张三"),
        ("records", "withdraw", "A", "--scorecards", "--reason", "录错了", "--by", "张三"),
    ],
)
def test_a_change_that_cannot_be_logged_is_not_made(qa: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Store(tmp_path / "qa.db") as store:
        audit.record(store.db, "me", "x", "x", "x")
        audit.key_path(store.db).unlink()
        before = decided(store)
    failed = qa(*arguments)
    assert failed.code == 2 and "密钥" in failed.err
    with Store(tmp_path / "qa.db") as store:
        assert decided(store) == before


def test_whoever_may_only_read_the_database_is_told_that_nothing_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path / "qa.db")
    store.db.sqlite.execute("pragma query_only = on")
    seen(store, "call.view", "call", "A")
    assert "没有记入审计日志" in capsys.readouterr().err
    with pytest.raises(DatabaseError, match="只读"):
        changed(store, "张三", "review.confirm", "call", "A")
    store.db.sqlite.execute("pragma query_only = off")
    assert audit.entries(store.db) == ()


def test_a_view_that_cannot_be_logged_for_another_reason_is_refused(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        audit.record(store.db, "me", "x", "x", "x")
        audit.key_path(store.db).unlink()
        with pytest.raises(StoreError, match="密钥"):
            seen(store, "call.view", "call", "A")
    refused = qa("show", "A")
    assert refused.code == 2 and refused.out == "" and "密钥" in refused.err


def test_a_view_is_refused_while_another_program_keeps_the_log(tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as other, Store(tmp_path / "qa.db", busy_timeout_s=0.01) as store:
        with other.db.writing(), pytest.raises(DatabaseError, match="占用"):
            seen(store, "call.view", "call", "A")
        seen(store, "call.view", "call", "A")
        assert len(audit.entries(store.db)) == 1
