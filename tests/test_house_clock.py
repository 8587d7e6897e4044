"""An act has one date, the house's: what is stored as a moment of UTC is shown as the day, and the minute, that the house's clocks had."""

from __future__ import annotations

import re
import time
from datetime import date, datetime
from pathlib import Path

import pytest
from commands import Run
from stored_houses import call, house, save
from test_role_mark_content import OTHERS, STEREO, applied, stereo
from test_voiceprints import MARK, SECONDS, Model
from web_house import House, call_id

from qa import explain, ledger_closing, report, role_marks, rows, voiceprints
from qa.appraisal import month_table
from qa.books import Books
from qa.clips import playlists
from qa.clock import HOUSE_ZONE, house_day, house_minute
from qa.errors import ConflictError, StoreError
from qa.review import appeals, reviews, verdicts, versions
from qa.review.appeals import Decision
from qa.review.verdicts import Terms
from qa.store import Store
from qa.types import Outcome

NIGHT = "2026-06-30T17:30:00.000+00:00"
"""Half past one in the morning of 1 July for the house."""
DAY, WRONG, TODAY = "2026-07-01", "2026-06-30", date(2026, 7, 1)
FINE = "fine = { low = 50, high = 500, grave = [2, 5] }"


@pytest.fixture(autouse=True)
def night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "now_utc", lambda: NIGHT)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """May of agent 8001: A was picked up too late, B in time."""
    made = Store(tmp_path / "qa.db")
    for name, rings in (("A", 5), ("B", 2)):
        save(made, house(tmp_path / "house", worth=FINE), call(name, "2025-05-10T10:00:00.000", rings=rings))
    return made


def test_the_day_and_the_minute_of_the_house() -> None:
    assert [house_day(f"2026-06-30T{at}+00:00") for at in ("15:59:59.999", "16:00:00.000")] == [date(2026, 6, 30), date(2026, 7, 1)]
    assert house_minute(NIGHT) == f"{DAY} 01:30" and house_minute("2026-06-30T17:30:00+08:00") == f"{WRONG} 17:30"
    assert house_minute("2026-06-30T17:30:00") == f"{WRONG} 17:30"  # a time without a zone is the house's already


def test_the_close_of_a_month(store: Store, qa: Run) -> None:
    ledger_closing.close_month(store, "2025-05", "人事")
    sheet = explain.month(store, "8001", 2025, 5, Books(store), store.marks())
    assert any(f"本月已关账（人事，{DAY}），罚款和次数" in note for note in sheet.notes)
    assert any(f"本月已关账（人事，{DAY}）" in text for text in month_table.arithmetic(store, "8001", "2025-05").kept)
    with pytest.raises(StoreError, match=f"该月已由 人事 于 {DAY} 关账"):
        store.ledger.check_closing("2025-05", "人事")
    store.close()
    assert f"本月已关账（人事，{DAY}），其中有没有人确认过的违规" in qa("explain", "8001", "2025-05").out
    told = qa("months", "list").out
    assert f"{DAY} 01:30" in told and "UTC" not in told
    assert qa("months", "list", "--json").json[0]["closed"] == NIGHT  # machines read the moment


def test_a_correction_of_a_closed_month(store: Store, tmp_path: Path) -> None:
    reviews.finish(store, "A", "质检")
    ledger_closing.close_month(store, "2025-05", "人事")
    save(store, house(tmp_path / "house", rings=5, worth=FINE, version='"2"'), call("A", "2025-05-10T10:00:00.000", rings=5))
    store.adjust("A", "财务", "新规则")
    notes = explain.month(store, "8001", 2025, 5, Books(store), store.marks()).notes
    assert any(note.startswith(f"关账后的更正（财务，{DAY}，") for note in notes)


def test_what_persons_decided_of_a_call(store: Store, qa: Run) -> None:
    store.close()
    mark = ("grave", "A", "pickup", "--by", "张三", "--reason", "等了很久")
    assert qa(*mark).code == 0
    assert f"已由 张三 于 {DAY} 认定为情节严重" in qa(*mark).err
    for arguments in (("explain", "A"), ("show", "A")):
        told = qa(*arguments).out
        assert f"{DAY} 由 张三 认定" in told and WRONG not in told
    with Store(Path("qa.db")) as again:
        reviews.finish(again, "A", "质检")
    assert f"情节严重（张三 {DAY} 认定：等了很久）" in qa("explain", "8001", "2025-05").out
    told = qa("review", "show", "A").out
    assert f"{DAY} 01:30" in told and "UTC" not in told


def test_roles_that_a_person_set(store: Store, qa: Run) -> None:
    then = stereo()
    mark = role_marks.new(then, "C1", STEREO, "张三", "听过", True)
    assert applied(then, mark, then).roles.assignments[0].reasons == (f"张三 {DAY}：听过",)
    assert f"人工设定的角色（张三，{DAY}）" in (applied(stereo(OTHERS, "b" * 64), mark, then).roles.doubt or "")
    role_marks.set_roles(store, "A", STEREO, "张三", "听过")
    store.close()
    assert f"· {DAY} " in qa("roles", "show", "A").out


def test_an_enrolled_voice(store: Store, qa: Run) -> None:
    voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, "张三", "书面同意")
    store.close()
    told = qa("voiceprint", "list").out
    assert DAY in told and WRONG not in told


def test_an_accepted_appeal_that_stands(house: House) -> None:
    banned = call_id("8001", 2)
    house.publish(banned)
    one = appeals.file(house.store, banned, "banned_phrases", "8001", "文字与录音不符", "我没有说", "李敏", TODAY)
    appeals.answer(house.store, one.id, "lead", "support", "请质检再听", "王班长", TODAY)
    appeals.accept(house.store, one.id, "qa", "听过，没有说", Terms("质检小王"), Decision(Outcome.PASS), TODAY)
    with pytest.raises(StoreError, match=f"已成立（质检小王，{DAY}）"):
        verdicts.overturn(house.store, banned, "banned_phrases", Outcome.FAIL, Terms("质检小李", "说了"))


def test_what_was_decided_meanwhile(store: Store) -> None:
    seen = versions.version(store.db, "A")
    verdicts.confirm(store, "A", "pickup", Terms("质检小王"))
    with pytest.raises(ConflictError, match=f"质检小王 改了判定（{DAY} 01:30）"):
        versions.check(store.db, "A", seen)


def test_a_playlist(house: House) -> None:
    playlists.create(house.store, "开场白", "质检小王")
    page = house.client("trainer").get("/playlists").text
    assert f"质检小王 · {DAY}" in page


def test_a_report_tells_the_houses_time_wherever_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        before = datetime.now(HOUSE_ZONE)
        page = report.index_page([], {}, {})
        after = datetime.now(HOUSE_ZONE)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert any(f"{at:%Y-%m-%d %H:%M}" in page for at in (before, after))


def test_no_stored_moment_is_cut_to_a_day() -> None:
    """Its first ten letters are the day of London; a call's own times (``started``) are the house's already."""
    cut = re.compile(r"\b(?:created|updated|closed|registered|published|ended|begun|proved|made)\b[\"']?\]?\s*\[:\d+\]")
    files = [path for path in Path(rows.__file__).parent.rglob("*") if path.suffix in (".py", ".j2")]
    found = [f"{path.name}: {hit}" for path in files for hit in cut.findall(path.read_text("utf-8"))]
    assert found == []
