"""`qa rules`: the table, the examples beside the rules, the pages of the houses, and that no clause is missing in any house."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from commands import Run

from qa import rulebook
from qa.paths import lexicons_dir
from qa.rules.house_page import page
from qa.rules.in_words import fine_text, points_text, when_text, wording
from qa.rules.kinds_in_words import looked_for
from qa.rules.run_examples import run, run_one, seconds
from qa.types import Outcome

ROOT = Path(__file__).parents[1]
HOUSES = rulebook.profiles()
COMMANDS = ("qa rules list", "qa rules show", "qa rules check", "qa rules test", "qa rules docs", "qa explain")

BOOK = """
[profile]
id = "house"
title = "测试"
version = "1"
[call_types.complaint]
title = "投诉"
is = "complains"
[conditions.complains]
who = "customer"
say = ["(我要|我想)投诉"]
[checks.thanks]
kind = "phrase"
title = "感谢"
clause = "应感谢客户。"
deduction = 2
per = "occurrence"
most = 6
warn_first = 1
fine = { low = 50, high = 500, cap = 800, grave = [2, 5], liable = [{ role = "班长", share = 0.8 }] }
when = { direction = "in", hours = ["08:30-12:00"], weekdays = [1, 2], call_types = ["complaint"] }
trigger = "complains and not hushed"
require = "thanks"
excuses = [{ if = "hushed", outcome = "inconclusive", reason = "听不清" }]
[checks.thanks.conditions]
hushed = { measure = "snr_db", high = 10 }
thanks = { say = ["(感谢|谢谢|多谢|谢|感激)您[的]来电"], after = "complains", within_turns = 2 }
"""
EXAMPLE = """
[[checks.thanks.examples]]
name = "没有感谢"
script = "坐席 0.5-4.0 您好，华宁通信。\\n客户 4.5-6.0 我要投诉。\\n坐席 6.5-12.0 您说的情况我们知道了，还有别的吗？"
outcome = "fail"
span = "SPAN"
call = { start = "2025-03-04T09:00:00" }
"""


def _book(folder: Path, text: str = BOOK) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rules.toml").write_text(text, "utf-8")
    return folder


# ---------------------------------------------------------------- the bundled houses


@pytest.mark.parametrize("house", HOUSES)
def test_every_example_beside_a_rule_of_a_house_gives_what_is_due(house: str) -> None:
    ran = list(run(rulebook.load(house)))
    assert [(one.example.subject, one.failing, one.message) for one in ran if one.failing] == []
    assert all(one.span_ms == one.example.span_ms for one in ran if one.example.span_ms is not None)


@pytest.mark.parametrize("house", sorted(set(HOUSES) - {"default"}))  # its checks have their own examples, run with its parameters
def test_every_rule_of_a_house_has_an_example_that_fails_and_one_that_does_not(house: str) -> None:
    for rule in rulebook.load(house).rules:
        failing = {example.outcome is Outcome.FAIL for example in rule.examples}
        assert failing == {True, False}, rule.subject


@pytest.mark.parametrize("house", HOUSES)
def test_every_clause_of_a_house_is_accounted_for(house: str) -> None:
    """Read here apart from the program: the file's lines against the clauses of the book as loaded."""
    lines = (lexicons_dir() / house / "clauses.txt").read_text("utf-8").splitlines()
    asked = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    book = rulebook.load(house)
    told = [rule.clause for rule in book.rules] + [variant.clause for rule in book.rules for variant in rule.variants]
    told += [rule.clause for rule in book.log_rules]
    told += [entry.clause for entry in (*book.not_auditable, *book.awaiting)]
    assert {line.strip() for clause in told for line in clause.strip().split("\n")} == asked


@pytest.mark.parametrize("house", HOUSES)
def test_the_page_of_a_house_is_fresh(house: str) -> None:
    written = (ROOT / "docs" / "houses" / f"{house}.md").read_text("utf-8")
    assert written == page(rulebook.load(house)), f"请运行 qa rules docs {house}"


def test_there_is_no_page_of_a_house_that_is_gone() -> None:
    assert {path.stem for path in (ROOT / "docs" / "houses").glob("*.md")} == set(HOUSES)


@pytest.mark.parametrize("house", HOUSES)
def test_a_page_has_every_rule_clause_and_example(house: str) -> None:
    book = rulebook.load(house)
    text = page(book).replace("\\", "")
    for rule in book.rules:
        assert f"`{rule.id}`" in text
        assert all(line.strip() in text for line in rule.clause.strip().split("\n"))
        assert all(f" {example.name}：" in text for example in rule.examples)
    for log_rule in book.log_rules:
        assert f"`{log_rule.id}`" in text and log_rule.clause in text
        assert all(f" {example.log.name}：" in text for example in log_rule.examples)
    for entry in (*book.not_auditable, *book.awaiting):
        assert f"| {entry.clause} | {entry.why} |" in text
    rows = [line for line in page(book).split("\n") if line.startswith("| **")]
    assert len(rows) == len(book.rules) + len(book.log_rules)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}  # no cell is torn by a text's own |


def test_no_page_tells_where_it_was_made() -> None:
    assert [house for house in HOUSES if str(ROOT) in page(rulebook.load(house))] == []


# ---------------------------------------------------------------- in words


def test_a_rule_in_words(tmp_path: Path) -> None:
    book = rulebook.load(_book(tmp_path / "house"))
    (rule,) = book.rules
    assert looked_for(rule, book) == (
        "只看有这种情形的通话：甲且没有乙",
        "应有：丙",
        "若乙，不通过的改判无法判定（听不清）",
        "甲：客户说“（我要/我想）投诉”",
        "乙：坐席信噪比不超过 10 dB",
        "丙：坐席在每处甲之后 2 轮话内说“（感谢/谢谢/多谢/谢/…）您〔的〕来电”",
    )
    assert when_text(rule.when, book) == "呼入，08:30–12:00，星期一、星期二，投诉电话"
    assert points_text(rule.points) == "每次扣 2 分，每通最多 6 分，每月头 1 次只警告"
    assert fine_text(rule.fine) == "每次罚 50–500 元，一人一月封顶 800 元，情节严重 2–5 倍，班长付罚款的 80%"


def test_a_wording_in_words() -> None:
    slots = {"company": ("华宁通信", "华宁")}
    assert wording("(您好|早上(好|安))，{company}[，工号{agent_number}]", slots) == "（您好/早上（好/安）），华宁通信〔，工号｛坐席工号｝〕"


def test_variants_are_told_by_what_they_change() -> None:
    book = rulebook.load("zhongyi-gas")
    closing = book.rule("closing")
    assert closing is not None
    holiday, weekend = looked_for(closing, book)[-2:]
    assert holiday == "清明节改为：查法不变"
    assert weekend.startswith("双休日和法定节假日改为：“") and "祝您周末愉快" in weekend and "没有机会说" not in weekend


# ---------------------------------------------------------------- the commands


def test_rules_house_is_rules_show_house(qa: Run) -> None:
    short, long = qa("rules", "lanhuoyan-gas"), qa("rules", "show", "lanhuoyan-gas")
    assert short == long and short.code == 0
    assert "订单与疑难（权重 40）" in short.out and "says_number_name" in short.out and "打私人[电话]" in short.out
    assert qa("rules", "lanhuoyan-gas", "--json").json == qa("rules", "show", "--json", "lanhuoyan-gas").json
    wrong = qa("rules", "chekc", "default")
    assert wrong.code == 2 and "No such command" in wrong.err
    assert "是否想写 default" in qa("rules", "defalt").err


def test_show_in_json_has_what_a_rule_looks_for(qa: Run) -> None:
    found = {rule["id"]: rule for rule in qa("rules", "zhongyi-gas", "--json").json["checks"]}
    assert (found["vulgar"]["weight"], found["vulgar"]["fine"], found["vulgar"]["points"]["veto"]) == (6, "每次罚 50–500 元", "section")
    assert found["greeting"]["section"] == "opening" and found["greeting"]["examples"] == 4
    assert found["speech_rate"]["looks_for"][0].startswith("坐席整通电话的语速为 180 至 200 字/分钟")


def test_list_has_every_house(qa: Run) -> None:
    found = {row["id"]: row for row in qa("rules", "list", "--json").json}
    assert tuple(found) == HOUSES
    book = rulebook.load("zhongyi-gas")
    examples = [*(e for rule in book.rules for e in rule.examples), *(e for rule in book.log_rules for e in rule.examples)]
    assert found["zhongyi-gas"]["examples"] == len(examples)
    assert "中邑燃气客户服务规范" in qa("rules", "list").out


def test_list_goes_on_behind_a_broken_book(qa: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a-house", "house"):
        _book(tmp_path / name, BOOK if name == "house" else "[profile]\n")
    monkeypatch.setattr("qa.rulebook.lexicons_dir", lambda: tmp_path)
    listed = qa("rules", "list")
    assert listed.code == 1 and "qa rules check a-house" in listed.out and "测试" in listed.out


def test_a_failing_example_is_told_with_its_place_and_what_came(qa: Run, tmp_path: Path) -> None:
    text = (
        BOOK + EXAMPLE.replace("SPAN", "6-12") + EXAMPLE.replace("没有感谢", "应当通过").replace('"fail"', '"pass"').replace("SPAN", "6-12")
    )
    failed = qa("rules", "test", _book(tmp_path / "house", text))
    first, second = (line for line in failed.out.splitlines() if line.startswith("✗ ") and "rules.toml" in line)
    line = text.splitlines().index("[[checks.thanks.examples]]") + 1
    assert failed.code == 1 and f"house/rules.toml:{line}：thanks“没有感谢”：依据应为 6.0-12.0 秒，实为 " in first
    assert "应为通过，实为不通过" in second and "2 个例子，2 个不符" in failed.out
    rows = qa("rules", "test", tmp_path / "house", "--json").json["failed"]
    came = rows[0]["came"]
    assert (rows[0]["due"], came["outcome"]) == ({"outcome": "fail", "span_ms": [6000, 12000]}, "fail")
    begin, end = (ms / 1000 for ms in came["span_ms"])
    mended = qa("rules", "test", _book(tmp_path / "house", BOOK + EXAMPLE.replace("SPAN", f"{begin}-{end}")))
    assert mended.code == 0 and "1 个例子，全部相符" in mended.out


def test_a_rule_that_breaks_fails_its_example(tmp_path: Path) -> None:
    book = rulebook.load(_book(tmp_path / "house", BOOK + EXAMPLE.replace("SPAN", "1-2")))
    (rule,) = book.rules

    class Broken:
        TITLE = "坏"

        def run(self, call: object, params: object) -> object:
            raise ZeroDivisionError("x")

    object.__setattr__(rule, "module", Broken())
    ran = run_one(rule, rule.examples[0], book)
    assert "实为检查出错" in ran.failing and "ZeroDivisionError" in ran.message


def test_rules_without_examples_are_named(qa: Run, tmp_path: Path) -> None:
    ran = qa("rules", "test", _book(tmp_path / "house"))
    assert ran.code == 0 and "没有例子的规则：thanks" in ran.out


@pytest.mark.parametrize(
    ("span", "text"), [((500, 4000), "0.5-4.0 秒"), ((10000, 20000), "10.0-20.0 秒"), ((10, 12345), "0.01-12.345 秒"), (None, "没有依据")]
)
def test_seconds_are_written_as_in_a_rule_book(span: tuple[int, int] | None, text: str) -> None:
    assert seconds(span) == text


def test_docs_writes_the_page_of_any_house(qa: Run, tmp_path: Path) -> None:
    house = _book(tmp_path / "house")
    assert qa("rules", "docs", house).code == 0
    assert (tmp_path / "docs" / "houses" / "house.md").read_text("utf-8") == page(rulebook.load(house))
    written = qa("rules", "docs", house, "-o", "a/b.md", "--json").json
    assert written == {"id": "house", "file": "a/b.md", "bytes": (tmp_path / "a" / "b.md").stat().st_size}
    (tmp_path / "taken").mkdir()
    assert "写不了这个文件" in qa("rules", "docs", house, "-o", "taken").err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_its_line_in_both_languages_of_the_readme(command: str) -> None:
    chinese, _, english = (ROOT / "README.md").read_text("utf-8").partition("## English")
    assert re.search(rf"^\|.*`{command}\b|^\|.*即 `{command}\b", chinese, re.MULTILINE)
    assert re.search(rf"^- .*`{command}\b", english, re.MULTILINE)
