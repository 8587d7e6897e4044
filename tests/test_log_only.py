"""A house whose rule book speaks of its call log alone: taken where the log is looked at, refused where calls are scored."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Run
from rulebook_houses import problems
from stored_calls import save

from qa.bench import Bench
from qa.errors import RuleBookError
from qa.pipeline import Scorer
from qa.rulebook import load
from qa.store import Store

HEAD = '[profile]\nid = "office"\ntitle = "只查话单"\nversion = "1"\n'
LOG = (
    HEAD
    + """
[log_checks.answered]
kind = "unanswered"
clause = "有人接听"
[[log_checks.answered.examples]]
name = "无人接听"
script = "2025-03-03 09:00 呼入 13812345678 未接 等待=30"
outcome = "fail"
rows = [1]
"""
)
CDR = (
    "call_id,direction,customer_number,line_number,start,end,disposition\n"
    "c1,in,13800000001,4001234567,2025-03-03T09:00:00,2025-03-03T09:00:30,unanswered\n"
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "office"
    folder.mkdir()
    (folder / "rules.toml").write_text(LOG, "utf-8")
    return folder


def test_a_book_of_the_call_log_alone_is_read(house: Path) -> None:
    book = load(house)
    assert book.rules == () and [rule.id for rule in book.log_rules] == ["answered"]


@pytest.mark.parametrize("text", [HEAD, HEAD + "[log_checks]\n", HEAD + "[traffic]\nslot_min = 30\n"])
def test_a_book_of_nothing_is_not(house: Path, text: str) -> None:
    (house / "rules.toml").write_text(text, "utf-8")
    assert any("缺少 [checks]" in str(problem) for problem in problems(house))


def test_it_is_shown_tried_and_used_for_traffic(qa: Run, house: Path, tmp_path: Path) -> None:
    assert qa("rules", "check", "office").code == 0
    tried = qa("rules", "test", "office")
    assert tried.code == 0, tried.out + tried.err
    assert "话单规则" in qa("rules", "office").out
    assert qa("rules", "docs", "office").code == 0 and "有人接听" in (tmp_path / "docs" / "houses" / "office.md").read_text("utf-8")
    (tmp_path / "cdr.csv").write_text(CDR, "utf-8")
    (tmp_path / "m.toml").write_text('kind = "calls"\ntime_zone = "Asia/Shanghai"\n', "utf-8")
    assert qa("records", "import", "cdr.csv", "--mapping", "m.toml").code == 0
    (result,) = qa("traffic", "--profile", "office", "--json").json["findings"]
    assert (result["rule_id"], result["outcome"]) == ("answered", "fail")


def test_recordings_are_not_scored_by_it(qa: Run, house: Path, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "truth.jsonl").write_text('{"file": "a.wav"}\n', "utf-8")
    Store(tmp_path / "qa.db").close()
    commands = (
        ("score", "a.wav", "--profile", "office"),
        ("batch", "run", ".", "--profile", "office"),
        ("evaluate", ".", "--profile", "office"),
        ("rescore", "--profile", "office"),
        ("whatif", "office"),
    )
    for command in commands:
        refused = qa(*command)
        assert refused.code == 2, command
        assert "只有话单规则（[log_checks]）" in refused.err and "qa traffic" in refused.err, command
    with Store(tmp_path / "qa.db") as store:
        assert store.ledger.versions("office") == (), "nothing of it is registered"


def test_no_way_leads_to_a_scorecard_of_nothing(house: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        save(store)
        with pytest.raises(RuleBookError, match="没有给录音评分的规则"):
            Scorer(store, load(house))
        with pytest.raises(RuleBookError, match="没有给录音评分的规则"):
            Bench(load(house))
