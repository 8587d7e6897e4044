"""``qa rescore``, ``qa whatif``, ``qa months``, ``qa adjust``: what they print, in JSON too, and how they fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from stored_houses import call, house, save

from qa.store import Store


@pytest.fixture
def qa(qa: Run, tmp_path: Path) -> Run:
    """The command line in a folder with ``qa.db``: calls A (May) and B (June), each picked up too late for the house ``now``."""
    with Store(tmp_path / "qa.db") as store:
        for call_id, day in (("A", "2025-05-10"), ("B", "2025-06-10")):
            save(store, house(tmp_path / "now"), call(call_id, f"{day}T10:00:00.000"))
    house(tmp_path / "mild", rings=5, version='"2"', effective_from="2025-06-01")
    return qa


def _percents(qa: Run) -> dict[str, Any]:
    return {name: qa("show", name, "--json").json["percent"] for name in "AB"}


def test_rescore_says_what_changed_and_which_versions_were_used(qa: Run) -> None:
    done = qa("rescore", "--profile", "mild")
    assert done.code == 0 and _percents(qa) == {"A": 50.0, "B": 100.0}
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[1] == "B 50 100 3"
    assert lines[2] == "重评 2 通：结果有变 1，待批准 0，不变 1"
    assert lines[3].startswith("所用规则书：1+") and "（1 通）；2+" in lines[3]
    whole = qa("rescore", "--profile", "mild", "--json").json
    assert {name: whole[name] for name in ("rescored", "changed", "proposed", "unchanged", "failed")} == {
        "rescored": 2, "changed": 0, "proposed": 0, "unchanged": 2, "failed": 0,
    }  # fmt: skip
    assert list(whole["versions"].values()) == [1, 1] and whole["moved"] == []


def test_rescore_warns_where_the_present_rules_hold_on_no_day(qa: Run) -> None:
    done = qa("rescore", "--profile", "mild", "--until", "2025-05-31")
    assert done.code == 0 and "没有用于任何通话" in done.out


def test_a_closed_month_is_adjusted_on_record(qa: Run) -> None:
    assert qa("months", "list").out.strip() == "还没有关账的月份"
    assert qa("months", "close", "2025-06", "--by", "张三", "--note", "六月", "--json").json["by"] == "张三"
    done = qa("rescore", "--profile", "mild")
    assert "待批准 1" in done.out and "qa adjust" in done.out and _percents(qa)["B"] == 50.0
    (month,) = qa("months", "list", "--json").json
    assert (month["month"], month["note"], month["proposals"]) == ("2025-06", "六月", 1)
    assert "张三" in qa("months", "list").out
    made = qa("adjust", "B", "--by", "李四", "--reason", "新规则", "--json").json
    assert (made["percent_before"], made["percent_after"]) == (50.0, 100.0)
    assert (made["adjustment"]["before"], made["adjustment"]["after"], made["adjustment"]["reason"]) == (2, 3, "新规则")
    assert _percents(qa)["B"] == 100.0
    assert "由 李四 调整为评分 3：新规则" in qa("show", "B").out
    assert [one["reason"] for one in qa("show", "B", "--json").json["adjustments"]] == ["新规则"]
    back = qa("adjust", "B", "--by", "李四", "--reason", "撤回", "--scorecard", "2")
    assert back.out.strip() == "B 的评分 2 已生效：50（原评分 3：100；李四，撤回）"


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("months", "close", "2025-99", "--by", "张三"), "2025-99：不是月份。请写成 2025-06"),
        (("adjust", "A", "--by", "张三", "--reason", "x"), "A：没有待批准的评分。"),
        (("adjust", "X", "--by", "张三", "--reason", "x"), "X：数据库中没有这通电话。"),
        (("whatif", "mild", "--measure", "volume_db"), "volume_db：没有这个指标。"),
        (("whatif", "mild", "--limit", "3"), "--limit：没有写这是哪个指标的限值。请加 --measure"),
        (("whatif", "nobody"), "nobody：没有这个规则书。"),
        (("rescore", "--profile", "mild", "--since", "2025-06-02", "--until", "2025-06-01"), "时间段的终点早于起点。"),
        (("rescore", "--db", "none.db"), "none.db：数据库不存在。"),
    ],
)
def test_mistakes_are_one_line_with_cause_and_cure(qa: Run, tmp_path: Path, arguments: tuple[str, ...], cause: str) -> None:
    failed = qa(*arguments)
    assert (failed.code, failed.out) == (2, "") and failed.err.count("✗") == 1 and cause in failed.err
    assert not (tmp_path / "none.db").exists()


def test_whatif_prints_and_writes_a_page_and_changes_nothing(qa: Run, tmp_path: Path) -> None:
    done = qa("whatif", "mild", "--measure", "wait_s", "--limit", "10", "--html", "out/page.html")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert done.code == 0 and "平均分 50 → 100（+50，n = 2）" in lines
    assert "8001 坐席8001 2 50 100 +50 2" in lines
    assert "pickup 三声铃响内接听 ✗ 不通过 ✓ 通过 2" in lines
    assert "拟定 10：低于它的 0 通（0.0%），高于它的 2 通（100.0%）" in lines
    assert any(line.startswith("5 █") and line.endswith("2 ◄ 上限 5") for line in lines)
    assert "<h1>测试规则" in (tmp_path / "out" / "page.html").read_text("utf-8")
    assert json.loads(qa("whatif", "mild", "--json").out)["flipped"] == 2
    assert _percents(qa) == {"A": 50.0, "B": 50.0}


def test_a_call_that_cannot_be_read_makes_the_exit_status_1(qa: Run, tmp_path: Path) -> None:
    """Where it has to be: what is judged as before is taken over without a look at the call."""
    with Store(tmp_path / "qa.db") as store:
        store._db.sqlite.execute("update blobs set payload = x'00'")
        store._db.sqlite.commit()
    for unread, *command in ((1, "rescore", "--profile", "mild"), (2, "whatif", "mild")):
        failed = qa(*command)
        assert failed.code == 1 and failed.err.count("✗") == unread and "损坏" in failed.err
