"""One rule book of its own: what a rule, a section, a fine, a variant, an example may say, and each fault at its line."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from rulebook_houses import HEAD, TEMPO, TempoParams, line_of, only, problems, read, rule, write

from qa.rules.book import CallType, Unchecked
from qa.rules.expression import Name, Not
from qa.rules.model import Holiday, Points, Severity, When
from qa.types import Outcome


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return tmp_path / "house"


# ------------------------------------------------------------------ a rule


def test_all_that_a_rule_may_say_beside_its_parameters(house: Path) -> None:
    text = HEAD + (
        '[checks.night_tempo]\nkind = "tempo"\ntitle = "夜间语速"\nclause = """\n语速适中。\n不宜过快。\n"""\nseverity = "major"\n'
        'not_covers = "停顿"\neffective_from = 2024-01-01\neffective_until = 2024-12-31\nweight = 4\nveto = "call"\nlow_cpm = 150\n'
    )
    (found,) = read(house, text).rules
    assert (found.id, found.kind, found.title, found.clause) == ("night_tempo", "tempo", "夜间语速", "语速适中。\n不宜过快。")
    assert (found.severity, found.not_covers) == (Severity.MAJOR, "停顿")
    assert (found.effective_from, found.effective_until) == (day("2024-01-01"), day("2024-12-31"))
    assert found.points == Points(weight=Decimal(4), veto="call") and found.params == TempoParams(low_cpm=150.0)
    assert found.inherited is None and found.when == When()


def test_a_rule_without_a_title_is_called_as_its_check(house: Path) -> None:
    assert [(r.id, r.title) for r in read(house, HEAD + TEMPO + TEMPO.replace("tempo]", 'slow]\nkind = "tempo"')).rules] == [
        ("tempo", "语速"),
        ("slow", "语速"),
    ]


WHOLE_WHEN = """{ direction = "in", hours = ["08:30-12:00", "22:00—06:00"], weekdays = [1, 2], day = "workday", \
dates = ["2025-01-01..2025-01-03", "2025-05-01", 2025-06-01], holidays = ["new_year", "open_day"], lines = ["400*", "1860"], \
call_types = ["complaint"] }"""
NAMES = """\
[holidays]
open_day = { title = "开放日", dates = ["2025-01-02"] }
[call_types.complaint]
title = "投诉"
is = "complains and not praises"
[conditions.complains]
who = "customer"
say = ["我要投诉"]
[conditions.praises]
who = "customer"
say = ["谢谢"]
"""


def test_when_holidays_and_types_of_calls(house: Path) -> None:
    book = read(house, HEAD + NAMES + TEMPO + f"when = {WHOLE_WHEN}\n")
    assert book.rules[0].when == When(
        direction="in",
        hours=((510, 720), (1320, 360)),
        weekdays=(1, 2),
        day="workday",
        dates=((day("2025-01-01"), day("2025-01-03")), (day("2025-05-01"),) * 2, (day("2025-06-01"),) * 2),
        holidays=("new_year", "open_day"),
        lines=("400*", "1860"),
        call_types=("complaint",),
    )
    assert book.holidays == (Holiday("open_day", "开放日", ((day("2025-01-02"),) * 2,)),)
    (kind,) = book.call_types
    assert (kind.id, kind.title) == ("complaint", "投诉") and isinstance(kind, CallType)
    assert kind.expression.parts == (Name("complains"), Not(Name("praises")))  # type: ignore[union-attr]
    assert [c.id for c in book.conditions] == ["complains", "praises"]


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('direction = "in"', 'direction = "inn"', "direction 为 'inn'，只能是 in 或 out"),
        ("08:30-12:00", "08.30-12.00", "hours 的第 1 项为 '08.30-12.00'，不是一段时间"),
        ("08:30-12:00", "08:30-24:01", "没有这样的钟点"),
        ("08:30-12:00", "08:30-08:30", "永远不会成立"),
        ("weekdays = [1, 2]", "weekdays = [1, 8]", "weekdays 的第 2 项为 8，超出 1–7"),
        ("weekdays = [1, 2]", "weekdays = []", "weekdays 不能是空列表"),
        ("weekdays = [1, 2]", "weekdays = 1", "weekdays 应为列表，实为整数"),
        ('"workday"', '"holiday"', "只能是 workday 或 restday"),
        ("2025-01-01..2025-01-03", "2025-01-03..2025-01-01", "开始晚于结束"),
        ("2025-01-01..2025-01-03", "2025-02-30", "不是日期"),
        ("2025-01-01..2025-01-03", "2025-01-01..2025-01-02..2025-01-03", "不是日期"),
        ('"new_year"', '"newyear"', "里的 newyear 不是已知的节假日"),
        ('"400*"', '"4*00"', "中间有 *"),
        ('["complaint"]', '["complain"]', "里的 complain 不是[call_types] 里的通话类型"),
        ("day =", "days =", "未知的键 days"),
    ],
)
def test_a_fault_of_when_is_told_at_its_line(house: Path, old: str, new: str, cause: str) -> None:
    text = HEAD + NAMES + TEMPO + f"when = {WHOLE_WHEN}\n".replace(old, new)
    told = problems(house, text)
    assert (f"house/rules.toml:{line_of(text, 'when')}", True) in [(at, cause in said) for at, said, _ in told], told


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ('title = "开放日", ', "", "open_day", "[holidays.open_day] 缺少必填的 title"),
        ('["2025-01-02"]', "[]", "open_day", "dates 不能是空列表"),
        ("open_day =", '"开放" =', "开放", "名称 '开放' 不可用"),
        ('is = "complains and not praises"', 'is = "complain"', "is =", "complain 没有定义"),
        ('is = "complains and not praises"', 'is = "complains and"', "is =", "缺少条件名"),
        ('is = "complains and not praises"\n', "", "[call_types", "缺少必填的 is"),
        ('say = ["我要投诉"]', 'say = ["我要投诉"]\nbefore = "greets"', "before", "greets 没有定义"),
        ('say = ["我要投诉"]', 'say = ["我要投诉"]\nbefore = "complains"', "before", "绕回了自己"),
    ],
)
def test_a_fault_of_a_name_is_told_where_it_is_defined(house: Path, old: str, new: str, line: str, cause: str) -> None:
    text = HEAD + NAMES.replace(old, new) + TEMPO + 'when = { holidays = ["open_day"], call_types = ["complaint"] }\n'
    told = problems(house, text)
    assert (f"house/rules.toml:{line_of(text, line)}", True) in [(at, cause in said) for at, said, _ in told], told


def test_conditions_that_wait_for_each_other(house: Path) -> None:
    circle = NAMES.replace('["我要投诉"]', '["我要投诉"]\nafter = "praises"').replace('["谢谢"]', '["谢谢"]\nafter = "complains"')
    assert any("绕回了自己" in cause for _, cause, _ in problems(house, HEAD + circle + TEMPO))


# ------------------------------------------------------------------ variants


VARIANTS = """\
[checks.tempo]
title = "语速"
clause = "语速适中。"
low_cpm = 150
weight = 2
[[checks.tempo.variants]]
when = { hours = ["00:00-06:00"] }
high_cpm = 180
title = "夜间语速"
[[checks.tempo.variants]]
when = { weekdays = [6, 7] }
clause = "周末语速适中。"
low_cpm = 130
"""


def test_a_variant_replaces_what_it_names(house: Path) -> None:
    night, weekend = rule(read(house, HEAD + VARIANTS), "tempo").variants
    assert (night.when.hours, night.params, night.title, night.clause) == (((0, 360),), TempoParams(150.0, 180.0), "夜间语速", "语速适中。")
    assert (weekend.params, weekend.title, weekend.clause) == (TempoParams(130.0, 200.0), "语速", "周末语速适中。")


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("high_cpm = 180", "hihg_cpm = 180", "hihg_cpm", "未知的键 hihg_cpm"),
        ("high_cpm = 180", "high_cpm = 140", "high_cpm", "应小于 high_cpm"),
        ("low_cpm = 130", "low_cpm = 230", "low_cpm = 230", "low_cpm（230.0）应小于"),
        ("high_cpm = 180", "weight = 5", "weight = 5", "不能写 weight"),
        ("high_cpm = 180", 'section = "voice"', "section", "不能写 section"),
        ("when = { weekdays = [6, 7] }\n", "", 'clause = "周末', "缺少必填的 when"),
        ("{ weekdays = [6, 7] }", "{ weekdays = [6, 0] }", "weekdays", "超出 1–7"),
    ],
)
def test_a_fault_of_a_variant_is_told_in_the_variant(house: Path, old: str, new: str, line: str, cause: str) -> None:
    text = HEAD + VARIANTS.replace(old, new)
    at, told, _ = only(house, text)
    expected = line_of(text, line) - (1 if "缺少" in cause else 0)
    assert (at, cause in told) == (expected, True), told


def test_a_variant_changes_one_condition_and_leaves_the_others(house: Path) -> None:
    text = HEAD + (
        '[checks.sorry]\nkind = "phrase"\ntitle = "道歉"\nclause = "应道歉。"\nrequire = "sorry and thanks"\n'
        '[checks.sorry.conditions]\nsorry = { say = ["对不起"] }\nthanks = { say = ["谢谢"] }\n'
        '[[checks.sorry.variants]]\nwhen = { direction = "out" }\n[checks.sorry.variants.conditions]\nsorry = { say = ["打扰了"] }\n'
    )
    sorry = rule(read(house, text), "sorry")
    assert [c.source.wordings for c in sorry.params.conditions] == [("对不起",), ("谢谢",)]
    assert [c.source.wordings for c in sorry.variants[0].params.conditions] == [("打扰了",), ("谢谢",)]


# ------------------------------------------------------------------ examples


EXAMPLE = '''\
[[checks.tempo.examples]]
name = "太快"
script = """
坐席 0.5-4.0 您好，华宁通信。
客户 4.5-6.0 @0.4 喂
"""
outcome = "fail"
span = "0.5-4.0"
[checks.tempo.examples.call]
direction = "out"
start = 2025-01-29T10:00:00
line = "4001234567"
agent_id = "7"
hangup_by = "unknown"
wait_s = 2.5
agent_dbov = -40
'''


def test_an_example_is_a_call_beside_its_rule(house: Path) -> None:
    (example,) = rule(read(house, HEAD + TEMPO + EXAMPLE), "tempo").examples
    assert (example.name, example.outcome, example.span_ms) == ("太快", Outcome.FAIL, (500, 4000))
    assert example.subject == f"{house / 'rules.toml'}:{line_of(HEAD + TEMPO + EXAMPLE, 'examples')}"
    call = example.call()
    record = call.record
    assert record is not None
    assert (record.direction, record.line_number, record.agent_id, record.hangup_by) == ("out", "4001234567", "7", None)
    assert (record.start, record.answer) == ("2025-01-29T10:00:00.000", "2025-01-29T10:00:02.500")
    assert [(u.text, u.words[0].probability) for u in call.transcript.utterances] == [("您好，华宁通信。", 0.95), ("喂", 0.4)]
    assert call.acoustics.channels[0].active_level_dbov == -40.0


def test_a_start_may_be_a_text_with_a_zone(house: Path) -> None:
    text = HEAD + TEMPO + EXAMPLE.replace("2025-01-29T10:00:00", '"2025-01-29T23:59:59+08:00"')
    record = rule(read(house, text), "tempo").examples[0].call().record
    assert record is not None and record.answer == "2025-01-30T00:00:01.500+08:00"


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ('span = "0.5-4.0"\n', "", "[[", "结果是 fail，却没有 span"),
        ('0.5-4.0"', '4.0-0.5"', "span", "不是一段时间"),
        ('0.5-4.0"', 'half"', "span", "不是一段时间"),
        ('"fail"', '"failed"', "outcome", "只能是"),
        ('"fail"', '"error"', "outcome", "只能是"),
        ('name = "太快"\n', "", "[[", "缺少必填的 name"),
        ("客户 4.5-6.0", "顾客 4.5-6.0", "script", "“顾客 4.5-6.0 @0.4 喂”不是"),
        ("客户 4.5-6.0", "客户 6.5-6.0", "script", "时间或把握"),
        ("2025-01-29T10:00:00", '"昨天"', "start", "不是时刻"),
        ('direction = "out"', 'direction = "up"', "direction", "只能是 in 或 out"),
        ("wait_s = 2.5", "wait_s = -1", "wait_s", "应在 0 到 86400"),
        ("agent_dbov = -40", "agent_dbov = 4", "agent_dbov", "应在 -100 到 0"),
        ('line = "4001234567"', "line = 4001234567", "line =", "line 应为文本"),
        ("agent_id", "agent", "agent =", "未知的键 agent"),
    ],
)
def test_a_fault_of_an_example_is_told_at_its_line(house: Path, old: str, new: str, line: str, cause: str) -> None:
    text = HEAD + TEMPO + EXAMPLE.replace(old, new)
    at, told, _ = only(house, text)
    assert (at, cause in told) == (line_of(text, line), True), told


def test_two_examples_of_one_name(house: Path) -> None:
    text = HEAD + TEMPO + EXAMPLE + EXAMPLE
    assert "有两个例子都叫 太快" in only(house, text)[1]


# ------------------------------------------------------------------ clauses


CLAUSES = "# 话务规范\n语速适中。\n\n不宜过快。\n着装整洁。\n外呼要回访。\n"
UNCHECKED = '[[not_auditable]]\nclause = "着装整洁。"\nreason = "看不到"\n[[awaiting]]\nclause = "外呼要回访。"\nneeds = "回访登记"\n'
TWO_LINES = '[checks.tempo]\nclause = """\n语速适中。\n不宜过快。\n"""\n'


def test_every_clause_has_a_rule_or_a_reason(house: Path) -> None:
    book = read(house, HEAD + TWO_LINES + UNCHECKED, clauses=CLAUSES)
    assert book.clauses == ("语速适中。", "不宜过快。", "着装整洁。", "外呼要回访。")
    assert book.awaiting == (Unchecked("外呼要回访。", "回访登记"),)


def test_a_clause_that_nothing_accounts_for_is_an_error_at_its_line(house: Path) -> None:
    ((at, cause, cure),) = problems(house, HEAD + TEMPO + UNCHECKED, clauses=CLAUSES)
    assert (at, cause) == ("house/clauses.txt:4", "条文“不宜过快。”没有规则对应") and "[[awaiting]]" in cure


def test_a_rule_that_is_switched_off_accounts_for_nothing(house: Path) -> None:
    text = HEAD + TEMPO + TWO_LINES.replace("tempo]", 'off]\nkind = "tempo"') + "enabled = false\n" + UNCHECKED
    ((at, _, _),) = problems(house, text, clauses=CLAUSES)
    assert at == "house/clauses.txt:4"


def test_a_clause_that_the_regulation_does_not_have(house: Path) -> None:
    text = HEAD + TWO_LINES.replace("语速适中。", "语速要适中。") + UNCHECKED.replace("着装整洁。", "着装要整洁。")
    found = problems(house, text, clauses=CLAUSES)
    assert [(at, cause) for at, cause, _ in found] == [
        (f"house/rules.toml:{line_of(text, 'clause =')}", "clause 的“语速要适中。”不在 clauses.txt 里"),
        (f"house/rules.toml:{line_of(text, '着装')}", "clause 的“着装要整洁。”不在 clauses.txt 里"),
        ("house/clauses.txt:2", "条文“语速适中。”没有规则对应"),
        ("house/clauses.txt:5", "条文“着装整洁。”没有规则对应"),
    ]


def test_the_clause_of_a_variant_must_be_one_of_the_regulation(house: Path) -> None:
    text = HEAD + VARIANTS
    assert "周末语速适中" in only(house, text, clauses="语速适中。\n")[1]
    read(house, text, clauses="语速适中。\n周末语速适中。\n")


def test_an_inherited_clause_need_not_be_in_the_houses_own_list(tmp_path: Path) -> None:
    write(tmp_path / "parent", HEAD + TEMPO, clauses="语速适中。\n")
    own = TEMPO.replace("tempo]", 'own]\nkind = "tempo"').replace("语速", "言语")
    text = HEAD.replace("version", 'extends = "../parent"\nversion') + own
    house = write(tmp_path / "house", text + "[checks.tempo]\nhigh_cpm = 190\n", clauses="言语适中。\n")
    assert [r.clause for r in read(house).rules] == ["语速适中。", "言语适中。"]


@pytest.mark.parametrize(
    ("content", "line", "cause"),
    [("语速适中。\n语速适中。\n", 2, "与第 1 行重复"), ("# 空\n", 1, "没有任何条文")],
)
def test_a_fault_of_the_list_of_clauses(house: Path, content: str, line: int, cause: str) -> None:
    ((at, told, _),) = problems(house, HEAD + TEMPO, clauses=content)
    assert at == f"house/clauses.txt:{line}" and cause in told


def test_a_list_of_clauses_in_another_encoding(house: Path) -> None:
    write(house, HEAD + TEMPO)
    (house / "clauses.txt").write_bytes("# 话务\n语速适中。\n".encode("gb18030"))
    ((at, told, _),) = problems(house)
    assert at == "house/clauses.txt:1" and "UTF-8" in told


def test_a_fault_in_a_rule_does_not_make_its_clause_missing(house: Path) -> None:
    text = HEAD + TEMPO + "low_cpm = 300\n"
    assert "应小于" in only(house, text, clauses="语速适中。\n")[1]


# ------------------------------------------------------------------ the hash


def test_the_hash_covers_lists_wherever_a_rule_uses_them(house: Path) -> None:
    text = HEAD + (
        '[conditions.shared]\nwords = ["shared.txt"]\n'
        '[checks.words]\nclause = "c"\nwords = ["own.txt"]\n'
        '[[checks.words.variants]]\nwhen = { direction = "out" }\nwords = ["out.txt"]\n'
        '[checks.ask]\nkind = "phrase"\ntitle = "t"\nclause = "c"\nforbid = "shared or inner"\n'
        '[checks.ask.conditions.inner]\nwords = ["inner.txt"]\n'
    )
    lists = {name: f"{name}的话\n" for name in ("shared", "own", "out", "inner")}
    hashes = [read(house, text, **lists).content_hash]
    for name in lists:
        hashes.append(read(house, text, **{**lists, name: "别的话\n"}).content_hash)
    assert len(set(hashes)) == 5
    assert read(house, text, **lists).content_hash == hashes[0]
