"""`qa explain`: the arithmetic of stored calls, with the rule book that they were made with."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import stored_houses
from commands import Run
from stored_houses import house

from qa import ledger_closing, rulebook
from qa.books import Books
from qa.check_examples import Scene
from qa.errors import RuleBookError, StoreError
from qa.explain import call, month, parse_month
from qa.rescore import rescore
from qa.review import reviews
from qa.rules.book import RuleBook
from qa.rules.explain_text import month_rows
from qa.rules.money import Mark
from qa.scoring import score
from qa.store import Store

HEAD = '[profile]\nid = "house"\ntitle = "测试"\nversion = "1"\n[scoring]\nmode = "deduction"\n'
RULE = """
[checks.rude]
kind = "phrase"
title = "不说粗话"
clause = "不得说粗话。"
forbid = ["真麻烦"]
deduction = 10
per = "occurrence"
warn_first = 1
fine = { escalation = [20, 50, 100], then = "double", period = "PERIOD" }
"""
RUDE = "坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。\n客户 5-7 我想查话费。\n坐席 7.5-9 你真麻烦。\n坐席 12-16 一共是三十元，再见。"
POLITE = RUDE.replace("你真麻烦", "好的请稍等")


def _house(folder: Path, period: str = "month", more: str = "") -> RuleBook:
    folder.mkdir(exist_ok=True)
    (folder / "rules.toml").write_text(HEAD + RULE.replace("PERIOD", period) + more, "utf-8")
    return rulebook.load(folder)


def _save(store: Store, book: RuleBook, call_id: str, start: str | None, script: str = RUDE, register: bool = True) -> None:
    if register:
        store.ledger.register(book)
    made = Scene(script, start=start)()
    assert made.record is not None
    sha256 = call_id.encode().hex().ljust(64, "0")
    record = replace(made.record, call_id=call_id, file=f"{call_id}.wav", customer_number="13812345678")
    record = record if start is not None else replace(record, start=None, answer=None, end=None)
    made = replace(made, audio=replace(made.audio, sha256=sha256, path=f"/x/{call_id}.wav"), record=record)
    known = store.earlier().of(book, "1024", start, call_id)
    store.save_call(made, score(made, book, known))


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """Agent 1024: two rude calls and a polite one in June, one rude call in May, one without a time."""
    path, book = tmp_path / "calls.db", _house(tmp_path / "house")
    with Store(path) as store:
        _save(store, book, "M-1", "2025-05-30T09:00:00.000")
        _save(store, book, "J-1", "2025-06-02T09:00:00.000")
        _save(store, book, "J-2", "2025-06-03T09:00:00.000")
        _save(store, book, "J-3", "2025-06-04T09:00:00.000", POLITE)
        _save(store, book, "X-1", None, POLITE)
    return path


def test_a_call_line_by_line(qa: Run, db: Path) -> None:
    shown = qa("explain", "J-2", "--db", db)
    assert shown.code == 0
    lines = [line.strip() for line in shown.out.splitlines()]
    assert "✗ 不通过  不说粗话  扣 10 分  每次扣 10 分 × 1 次 = 10 分" in lines
    assert "条款：不得说粗话。" in lines and any(line.startswith("证据：0:07.") for line in lines)
    assert "总分 = 100 × (100 − 10) ÷ 100 = 90.00（四舍五入到 2 位小数）" in lines
    assert not any(line.startswith("!") for line in lines)


def test_the_first_breach_of_a_month_is_a_warning_and_the_figures_are_those_stored(db: Path) -> None:
    with Store(db) as store:
        sheet = month(store, "1024", 2025, 6, Books(store))
        assert [(one.row.call_id, one.total.percent) for one in sheet.calls] == [("J-1", 100), ("J-2", 90), ("J-3", 100)]
        assert [one.notes for one in sheet.calls] == [(), (), ()]
        assert [call(store, name, Books(store)).total.percent for name in ("J-1", "J-2")] == [100, 90]
    assert sheet.mean == Decimal("96.67")
    assert sheet.fines.total().low == Decimal("20.00")
    assert sheet.notes == ("另有 1 通电话没有开始时刻，不知属于哪个月，没有计入",)


def _confirm(db: Path, *calls: str) -> None:
    with Store(db) as store:
        for call_id in calls:
            reviews.finish(store, call_id, "质检")


def test_a_month_line_by_line(qa: Run, db: Path) -> None:
    _confirm(db, "J-1", "J-2")
    shown = qa("explain", "1024", "2025-06", "--db", db)
    lines = [line.strip() for line in shown.out.splitlines()]
    assert "本月平均 = (100 + 90 + 100) ÷ 3 = 96.67（有总分的 3 通，共 3 通）" in lines
    assert any(line.startswith("2025-06-02 09:00  J-1  不说粗话  0.00 元  先警告，不罚款") for line in lines)
    assert any("J-2  不说粗话  20.00 元  本月第 1 次，按 20、50、100，之后每次加倍 罚 20.00 元" in line for line in lines)
    assert "2025 年 6 月合计：本人 20.00 元（四舍五入到分）" in lines
    found = qa("explain", "1024", "2025-06", "--db", db, "--json").json
    assert (found["mean"], [c["percent"] for c in found["calls"]]) == (96.67, [100, 90, 100])
    assert [row["yuan"] for row in found["fines"]] == ["0.00", "20.00"] and found["fines"][1]["evidence"].startswith("0:07.")
    assert (found["fines_waiting"], found["waiting"]) == (False, [])


def test_no_money_is_told_that_nobody_confirmed(qa: Run, db: Path) -> None:
    for confirmed, waits in (((), ["J-1", "J-2"]), (("J-1",), ["J-2"])):
        _confirm(db, *confirmed)
        shown = qa("explain", "1024", "2025-06", "--db", db).out
        assert "20.00" not in shown and f"待确认 {len(waits)} 处：没有人确认以前，不计罚款" in shown
        assert any("2025-06-03 09:00  J-2  不说粗话  待确认" in line for line in shown.splitlines())
        found = qa("explain", "1024", "2025-06", "--db", db, "--json").json
        assert (found["fines_waiting"], [row["call"] for row in found["waiting"]]) == (True, waits)
        assert "20.00" not in str(found) and len(found["fines"]) == len(confirmed)


def test_no_sum_of_a_closed_month_is_told_that_nobody_confirmed(qa: Run, tmp_path: Path) -> None:
    path, fine = tmp_path / "quarter.db", 'deduction = 5\nfine = { escalation = [50, 100], period = "quarter" }'
    with Store(path) as store:
        book = house(tmp_path / "quarter", worth=fine)
        for call_id, month_ in (("A", 4), ("B", 5)):
            stored_houses.save(store, book, stored_houses.call(call_id, f"2025-{month_:02d}-20T10:00:00.000", rings=5))
        for month_ in ("2025-04", "2025-05"):
            ledger_closing.close_month(store, month_, "人事")
    told = qa("explain", "8001", "2025-05", "--db", path).out
    assert "本月已关账（人事" in told and "罚款待确认" in told and "50.00 元" not in told and "100.00 元" not in told
    _confirm(path, "B")
    told = qa("explain", "8001", "2025-05", "--db", path).out  # what it costs hangs on April
    assert "待确认：以前月份有影响本月罚款的违规，还没有人确认" in told and "100.00 元" not in told and "罚款待确认" in told
    found = qa("explain", "8001", "2025-05", "--db", path, "--json").json
    assert [kept["totals"] for kept in found["kept"]] == [None] and found["fines_waiting"]
    _confirm(path, "A")
    found = qa("explain", "8001", "2025-05", "--db", path, "--json").json
    assert found["kept"][0]["totals"]["agent"] == {"low": "100.00", "high": "100.00"} and not found["fines_waiting"]
    assert "以关账时记下的为准：本人 100.00 元" in qa("explain", "8001", "2025-05", "--db", path).out


def test_repetitions_are_counted_from_the_beginning_of_the_fines_period(tmp_path: Path) -> None:
    book = _house(tmp_path / "house", "quarter")
    with Store(tmp_path / "calls.db") as store:
        for number, day in enumerate(("03-30", "03-31", "04-01", "04-02", "05-01", "05-02", "06-01", "06-02")):
            _save(store, book, f"C-{number}", f"2025-{day}T09:00:00.000")
        sheet = month(store, "1024", 2025, 6, Books(store))
    # of each month the first is a warning; April and May make the first two of the quarter
    assert [(charge.number, charge.cost.low) for rule in sheet.fines.rules for charge in rule.charges] == [(None, 0), (3, 100)]


def test_a_call_is_counted_with_the_version_that_it_was_made_with_also_when_the_folder_is_gone(tmp_path: Path) -> None:
    book = _house(tmp_path / "house")
    with Store(tmp_path / "calls.db") as store:
        _save(store, book, "A", "2025-06-02T09:00:00.000")
        _save(store, book, "B", "2025-06-03T09:00:00.000")
        (tmp_path / "house" / "rules.toml").unlink()
    with Store(tmp_path / "calls.db") as store:
        found = call(store, "B", Books(store))
        assert (found.book.stamp, found.total.percent, found.notes) == (book.stamp, 90, ())


def test_another_version_is_taken_only_when_told_and_is_named(qa: Run, db: Path, tmp_path: Path) -> None:
    changed = HEAD + RULE.replace("PERIOD", "month").replace("deduction = 10", "deduction = 30")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "rules.toml").write_text(changed, "utf-8")
    found = qa("explain", "J-2", "--db", db, "--profile", tmp_path / "new", "--json").json
    assert (found["stored_percent"], found["percent"]) == (90, 70)
    version, total = found["notes"]
    assert found["rule_book_version"] in version and found["counted_with"] in version
    assert total.startswith("评分卡上的总分是 90，这里算得 70")


def test_a_book_that_the_database_does_not_keep_is_that_of_the_program_or_must_be_named(tmp_path: Path) -> None:
    with Store(tmp_path / "calls.db") as store:
        _save(store, _house(tmp_path / "house"), "A", "2025-06-02T09:00:00.000", register=False)
        _save(store, rulebook.load("default"), "B", "2025-06-02T10:00:00.000", register=False)
        with pytest.raises(RuleBookError, match="--profile"):
            call(store, "A", Books(store))
        assert Books(store).known(store.scorecard("A").provenance) is None
        assert Books(store).known(store.scorecard("B").provenance) == rulebook.load("default")
        assert call(store, "A", Books(store, tmp_path / "house")).notes == ()
        assert call(store, "B", Books(store)).notes == ()
        with pytest.raises(RuleBookError, match="评分用的是 default"):
            call(store, "B", Books(store, tmp_path / "house"))


def test_a_book_of_another_content_does_not_pass_for_the_one_of_the_scorecard(db: Path, tmp_path: Path) -> None:
    """Whether a rule earned or cost points is not known from another version of it."""
    with Store(db) as store:
        made = store.scorecard("J-2").provenance
        assert Books(store).known(made) is not None
        assert Books(store).known(replace(made, rule_book="default", rule_book_version="0.1+000000000000")) is None


def test_show_and_report_say_in_words_what_points_did(qa: Run, db: Path, tmp_path: Path) -> None:
    assert "✗ 不通过  不说粗话  扣 10 分" in qa("show", "J-2", "--db", db).out
    assert "✗ 不通过  不说粗话  不扣分" in qa("show", "J-1", "--db", db).out
    assert qa("report", "call", "J-2", "-o", "j2.html", "--db", db).code == 0
    page = (tmp_path / "j2.html").read_text("utf-8")
    assert "扣 10 分" in page and "/ 10 分" not in page


def test_a_month_of_two_versions_counts_breaches_from_its_first_day(tmp_path: Path) -> None:
    """The first version warns of nothing; its breach counts all the same, so that the one under the second is no first warning."""
    plain = house(tmp_path / "v1", worth="deduction = 20", effective_from="2025-05-01")
    warns = house(tmp_path / "v2", worth="deduction = 20\nwarn_first = 1", version='"2"', effective_from="2025-05-10")
    with Store(tmp_path / "calls.db") as store:
        store.ledger.register(plain)
        store.ledger.register(warns)
        for day, call_id in ((2, "A"), (12, "B"), (13, "C")):
            stored_houses.save(store, warns if day > 9 else plain, stored_houses.call(call_id, f"2025-05-{day:02d}T10:00:00.000"))
        assert rescore(store, warns).changed == 0
        sheet = month(store, "8001", 2025, 5, Books(store))
        assert [(one.row.call_id, one.book.version, one.total.percent) for one in sheet.calls] == [
            ("A", "1", 80),
            ("B", "2", 80),
            ("C", "2", 80),
        ]
        assert [one.notes for one in sheet.calls] == [(), (), ()]


def test_no_number_of_a_customer_is_shown(qa: Run, tmp_path: Path) -> None:
    book = _house(tmp_path / "house")
    with Store(tmp_path / "calls.db") as store:
        _save(store, book, "20250602-13812345678", "2025-06-02T09:00:00.000")
    for arguments in (("20250602-13812345678",), ("1024", "2025-06"), ("1024", "2025-06", "--json")):
        shown = qa("explain", *arguments, "--db", tmp_path / "calls.db")
        assert shown.code == 0 and "20250602-" in shown.out and "13812345678" not in shown.out


@pytest.mark.parametrize("text", ["2025-6", "2025-13", "2025-06-01", "六月", "2025-00", "", "25-06-1"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="不是月份"):
        parse_month(text)


def test_the_last_month_of_a_year_and_an_empty_one(db: Path) -> None:
    with Store(db) as store:
        for given in ((2025, 12), (2024, 2)):
            sheet = month(store, "1024", *given, Books(store))
            assert (sheet.calls, sheet.mean) == ((), None)


def test_unknown_calls_and_agents_are_told(qa: Run, db: Path) -> None:
    assert "没有这通电话" in qa("explain", "J-9", "--db", db).err
    assert "没有这位坐席" in qa("explain", "9", "2025-06", "--db", db).err


# ---------------------------------------------------------------- what is only proposed


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """June is closed with one rude call; of two calls whose recordings come later one is rude, and nobody has approved them."""
    path, book = tmp_path / "late.db", _house(tmp_path / "house")
    with Store(path) as store:
        _save(store, book, "J-1", "2025-06-02T09:00:00.000")
        store.ledger.close_month("2025-06", "张三")
        _save(store, book, "J-2", "2025-06-03T09:00:00.000")
        _save(store, book, "J-3", "2025-06-04T09:00:00.000", POLITE)
    return path


def test_a_call_with_only_a_proposed_scorecard_is_explained_and_says_so(qa: Run, late: Path) -> None:
    for name in ("J-2", "J-2.wav"):
        shown = qa("explain", name, "--db", late)
        assert shown.code == 0 and "总分 = 100 × (100 − 10) ÷ 100 = 90.00" in shown.out
        assert "! 这份评分只是提议：所在月份已关账，还没有批准，不计入任何数字" in shown.out
    assert "只是提议" not in qa("explain", "J-1", "--db", late).out


def test_a_month_explains_its_proposals_and_counts_none_of_them(qa: Run, late: Path) -> None:
    found = qa("explain", "1024", "2025-06", "--db", late, "--json").json
    assert ([c["call_id"] for c in found["calls"]], [c["call_id"] for c in found["proposed"]]) == (["J-1"], ["J-2", "J-3"])
    assert (found["mean"], len(found["fines"]), found["fines_waiting"]) == (100, 0, False)  # nobody has confirmed a first warning
    assert found["notes"] == ["另有 2 通电话只有提议的评分，还没有批准，没有计入"]
    shown = qa("explain", "1024", "2025-06", "--db", late).out
    assert shown.count("这份评分只是提议") == 2 and "100.00（有总分的 1 通，共 1 通）" in shown
    with Store(late) as store:
        store.adjust("J-2", "张三", "录音补传")
    found = qa("explain", "1024", "2025-06", "--db", late, "--json").json
    assert ([c["call_id"] for c in found["calls"]], len(found["proposed"]), found["mean"]) == (["J-1", "J-2"], 1, 95)


def test_an_agent_of_whom_nothing_stands_is_explained_too(qa: Run, tmp_path: Path) -> None:
    book = _house(tmp_path / "house")
    with Store(tmp_path / "calls.db") as store:
        store.ledger.close_month("2025-06", "张三")
        _save(store, book, "J-1", "2025-06-02T09:00:00.000")
    shown = qa("explain", "1024", "2025-06", "--db", tmp_path / "calls.db")
    assert shown.code == 0 and "这份评分只是提议" in shown.out and "本月没有可给分的通话" in shown.out


# ---------------------------------------------------------------- money alone

FINED = """
[checks.rude]
kind = "phrase"
title = "不说粗话"
clause = "不得说粗话。"
forbid = ["真麻烦"]
warn_first = 1
fine = { low = 50, high = 500, grave = [2, 5] }
"""


@pytest.fixture
def fined(tmp_path: Path) -> Path:
    """A house of money alone that warns first: three rude calls in June."""
    path, folder = tmp_path / "fined.db", tmp_path / "fined"
    folder.mkdir()
    (folder / "rules.toml").write_text(HEAD.replace('"deduction"', '"none"') + FINED, "utf-8")
    with Store(path) as store:
        for day in (2, 3, 4):
            _save(store, rulebook.load(folder), f"J-{day}", f"2025-06-0{day}T09:00:00.000")
    return path


def test_a_house_of_money_alone_warns_first(qa: Run, fined: Path) -> None:
    first, second = (qa("explain", name, "--db", fined).out for name in ("J-2", "J-3"))
    assert "1 次中先警告 1 次，不罚款；本条不计分，罚款按月另计" in first
    assert "先警告" not in second and "不计  本条不计分，罚款按月另计" in second
    _confirm(fined, "J-2", "J-3", "J-4")
    found = qa("explain", "1024", "2025-06", "--db", fined, "--json").json
    assert [(row["yuan"], row["how"]) for row in found["fines"]] == [
        ("0.00", "先警告，不罚款"),
        ("50.00–500.00", "第 1 次，每次 50.00–500.00 元，范围内由人工决定"),
        ("50.00–500.00", "第 2 次，每次 50.00–500.00 元，范围内由人工决定"),
    ]


def test_a_trial_of_rules_says_that_its_money_is_nobodys_due(qa: Run, fined: Path, tmp_path: Path) -> None:
    _confirm(fined, "J-2")
    shown = qa("whatif", tmp_path / "fined", "--db", fined, "--html", "trial.html").out
    told = "没有人确认的也算在内：只用来比较规则，不是应罚的金额"
    assert "100.00–1000.00 元" in shown and told in shown and told in (tmp_path / "trial.html").read_text("utf-8")


def test_a_breach_that_a_person_marked_grave_costs_its_multiples(fined: Path) -> None:
    marks = [Mark("J-3", "rude", "张三", "当众辱骂，客户 13812345678", "2025-07-01T02:00:00.000+00:00")]
    with Store(fined) as store:
        sheet = month(store, "1024", 2025, 6, Books(store), marks)
    assert [(charge.cost.low, charge.cost.high) for charge in sheet.fines.rules[0].charges] == [(0, 0), (100, 2500), (50, 500)]
    how = month_rows(sheet.fines)[1][-1]
    assert "情节严重（张三 2025-07-01 认定：当众辱骂，客户 138****5678），2–5 倍 = 100.00–2500.00 元" in how
