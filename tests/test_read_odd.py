"""What is odd in a rule book (warnings) and what contradicts itself (errors)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rulebook_houses import HEAD, TEMPO, line_of, only, problems, read, rule, write

from qa.errors import RuleBookError
from qa.rulebook import load
from qa.rules.model import When
from qa.rules.read_when import both, covers


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return tmp_path / "house"


def warned(folder: Path, text: str, **files: str) -> list[tuple[str, str]]:
    """``folder/file:line`` (or ``folder/file``) and text of every warning."""
    out = []
    for warning in read(folder, text, **files).warnings:
        where, _, what = warning.partition(": ")
        out.append(("/".join(Path(where).parts[-2:]), what))
    return out


# ------------------------------------------------------------------ never used

USED = """\
[slots]
company = ["华宁通信"]
wish = ["节日快乐"]
[holidays]
open_day = { title = "开放日", dates = ["2025-01-02"] }
[call_types.complaint]
title = "投诉"
is = "complains"
[conditions.complains]
who = "customer"
say = ["投诉"]
[conditions.greets]
say = ["您好，{wish}"]
[conditions.sorry]
say = ["对不起"]
after = "greets"
[checks.sorry]
kind = "phrase"
title = "道歉"
clause = "应道歉。"
when = { holidays = ["open_day"], call_types = ["complaint"] }
require = "sorry or thanks"
conditions = { thanks = { say = ["谢谢"] } }
[checks.words]
clause = "严禁使用禁语。"
words = ["banned.txt"]
"""


def test_a_rule_book_that_uses_all_it_defines_is_told_nothing(house: Path) -> None:
    assert warned(house, HEAD + USED, banned="不知道\n") == []


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ('require = "sorry or thanks"', 'require = "sorry"', "conditions = {", "条件 thanks 没有用到"),
        ('require = "sorry or thanks"', 'require = "thanks"', "[conditions.greets]", "条件 greets 没有任何规则使用"),
        ('require = "sorry or thanks"', 'require = "thanks"', "[conditions.sorry]", "条件 sorry 没有任何规则使用"),
        ('"您好，{wish}"', '"您好"', "wish =", "没有任何句式使用 {wish}"),
        ('holidays = ["open_day"], ', "", "open_day", "节假日 open_day 没有任何 when 使用"),
        (', call_types = ["complaint"]', "", "[call_types", "通话类型 complaint 没有任何 when 使用"),
    ],
)
def test_what_nothing_uses_is_told_at_its_line(house: Path, old: str, new: str, line: str, what: str) -> None:
    text = HEAD + USED.replace(old, new)
    assert (f"house/rules.toml:{line_of(text, line)}", what) in warned(house, text, banned="不知道\n")


def test_a_condition_that_only_a_type_of_call_uses_is_used(house: Path) -> None:
    assert not any("complains" in what for _, what in warned(house, HEAD + USED, banned="不知道\n"))


def test_a_word_list_that_nothing_reads(house: Path) -> None:
    assert warned(house, HEAD + USED, banned="不知道\n", spare="没办法\n", clauses="应道歉。\n严禁使用禁语。\n") == [
        ("house/spare.txt", "词表没有任何规则使用")
    ]


def test_what_a_rule_that_is_switched_off_uses_is_not_told(house: Path) -> None:
    text = HEAD + USED + "enabled = false\n"
    assert warned(house, text, banned="不知道\n") == []


def test_nothing_is_told_of_what_another_rule_book_defines(tmp_path: Path) -> None:
    parent = USED.replace('require = "sorry or thanks"', 'require = "thanks"') + 'patterns = ["好"]\nwhen = { dates = ["2020-01-01"] }\n'
    write(tmp_path / "parent", HEAD + parent + "effective_from = 2024-01-01\n", banned="不知道\n", spare="没办法\n")
    assert len(read(tmp_path / "parent").warnings) == 4
    text = HEAD.replace("version", 'extends = "../parent"\nversion')
    assert warned(tmp_path / "house", text + "[checks.sorry]\ntitle = '致歉'\n") == []


def test_sections_without_rules_and_rules_without_a_section(house: Path) -> None:
    text = HEAD + '[scoring.sections]\nvoice = { title = "语音" }\n' + TEMPO + '[checks.sorry]\nkind = "tempo"\nclause = "x"\nbonus = 2\n'
    assert warned(house, text) == [
        (f"house/rules.toml:{line_of(text, 'voice')}", "部分 voice 没有任何规则"),
        (f"house/rules.toml:{line_of(text, '[checks.tempo]')}", "规则 tempo 没有 section，其分值在各部分之外另计"),
    ]


def test_a_base_that_nothing_is_taken_off(house: Path) -> None:
    assert [what for _, what in warned(house, HEAD + "[scoring]\nbase = 120\n" + TEMPO)] == ["base 只用于扣分的规则书（deduction）"]
    assert warned(house, HEAD + "[scoring]\nbase = 120\n" + TEMPO + "deduction = 3\n") == []


# ------------------------------------------------------------------ out of reach


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('when = { dates = ["2025-01-06..2025-01-10"], weekdays = [6, 7] }', "没有一天符合其余条件"),
        ('when = { dates = ["2025-10-01"], day = "workday" }', "没有一天符合其余条件"),
        ('when = { dates = ["2025-06-10..2025-06-20"], holidays = ["spring_festival"] }', "没有一天符合其余条件"),
        ('when = { dates = ["2024-01-01..2024-12-31"] }\neffective_from = 2025-01-01', "有效期与 when"),
    ],
)
def test_a_rule_that_can_never_hold(house: Path, said: str, why: str) -> None:
    ((_, what),) = warned(house, HEAD + TEMPO + said + "\n")
    assert what.startswith("规则 tempo") and "永远不会成立" in what and why in what


def test_a_rule_that_begins_when_the_book_has_ended(house: Path) -> None:
    text = HEAD.replace("version", "effective_until = 2024-12-31\nversion") + TEMPO + "effective_from = 2025-01-01\n"
    assert [what.split("，")[-1] for _, what in warned(house, text)] == ["永远不会成立"]


@pytest.mark.parametrize(
    "said",
    [
        'when = { dates = ["2025-01-06..2025-01-11"], weekdays = [6, 7] }',
        'when = { dates = ["2025-09-28"], day = "workday" }',  # a Sunday that is worked
        'when = { dates = ["2099-01-01..2099-01-20"], holidays = ["spring_festival"] }',  # not announced yet
        'when = { dates = ["2025-01-01..2030-12-31"], holidays = ["spring_festival"] }',
        'when = { weekdays = [6, 7], day = "workday" }',
        "effective_from = 2025-01-01\neffective_until = 2025-01-01",
    ],
)
def test_a_rule_that_may_hold_is_told_nothing(house: Path, said: str) -> None:
    assert warned(house, HEAD + TEMPO + said + "\n") == []


def variants(*whens: str, own: str = "{ }") -> str:
    rows = "".join(f"[[checks.tempo.variants]]\nwhen = {when}\nhigh_cpm = {210 + n}\n" for n, when in enumerate(whens))
    return HEAD + TEMPO + f"when = {own}\n" + rows


@pytest.mark.parametrize(
    ("whens", "own", "told"),
    [
        (("{ weekdays = [1] }", "{ weekdays = [2] }"), "{ }", []),
        (("{ weekdays = [1, 2] }", "{ weekdays = [2] }"), "{ }", ["第 2 个变体永远轮不到"]),
        (("{ weekdays = [2] }", "{ weekdays = [1, 2] }"), "{ }", []),
        (("{ }", "{ weekdays = [2] }"), "{ }", ["写法永远用不到", "第 2 个变体永远轮不到"]),
        (('{ hours = ["08:00-18:00"] }', '{ hours = ["09:00-12:00", "17:30-18:00"] }'), "{ }", ["第 2 个变体永远轮不到"]),
        (('{ hours = ["20:00-08:00"] }', '{ hours = ["23:00-24:00", "00:00-01:00"] }'), "{ }", ["第 2 个变体永远轮不到"]),
        (('{ lines = ["400*"] }', '{ lines = ["4001234567"] }'), "{ }", ["第 2 个变体永远轮不到"]),
        (('{ dates = ["2025-01-01..2025-06-30", "2025-07-01..2025-12-31"] }', '{ dates = ["2025-06-01..2025-08-01"] }'), "{ }", ["轮不到"]),
        (('{ direction = "out" }',), '{ direction = "in" }', ["第 1 个变体永远不会成立：与规则自己的 when"]),
        (('{ direction = "in" }',), '{ direction = "in" }', ["规则本身的写法永远用不到"]),
        (('{ dates = ["2025-01-06..2025-01-10"] }',), "{ weekdays = [7] }", ["第 1 个变体永远不会成立：这些日期"]),
        (('{ hours = ["08:00-12:00"] }',), '{ hours = ["13:00-18:00"] }', ["与规则自己的 when"]),
        (('{ holidays = ["new_year", "labour"] }', '{ holidays = ["labour"], direction = "in" }'), "{ }", ["第 2 个变体永远轮不到"]),
    ],
)
def test_variants_out_of_reach(house: Path, whens: tuple[str, ...], own: str, told: list[str]) -> None:
    found = [what for _, what in warned(house, variants(*whens, own=own))]
    assert len(found) == len(told) and all(part in what for part, what in zip(told, found, strict=True)), found


def test_a_variant_out_of_reach_is_told_at_its_own_line(house: Path) -> None:
    text = variants("{ weekdays = [1, 2] }", "{ weekdays = [2] }")
    ((at, _),) = warned(house, text)
    assert at == f"house/rules.toml:{line_of(text, 'weekdays = [2]') - 1}"


_HOURS = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda h: h[0] != h[1])
_WHEN = st.builds(
    When,
    direction=st.sampled_from([None, "in", "out"]),
    hours=st.lists(_HOURS, max_size=2).map(tuple),
    weekdays=st.lists(st.integers(1, 7), max_size=3, unique=True).map(tuple),
    lines=st.lists(st.sampled_from(["4*", "400*", "4001", "5"]), max_size=2, unique=True).map(tuple),
)
_CALL = st.tuples(st.sampled_from(["in", "out"]), st.integers(0, 1439), st.integers(1, 7), st.sampled_from(["4001", "4002", "42", "5"]))


def holds(when: When, call: tuple[str, int, int, str]) -> bool:
    """Whether a call lies in a When, by its definition: hours over midnight belong to the weekday on which they begin."""
    direction, minute, weekday, line = call
    days = [weekday] if not when.hours or any(a <= minute < (b if a < b else 1440) for a, b in when.hours) else []
    days += [(weekday - 2) % 7 + 1] if any(minute < b <= a for a, b in when.hours) else []
    lines = any(line.startswith(n[:-1]) if n.endswith("*") else line == n for n in when.lines)
    return (
        when.direction in (None, direction) and any(day in when.weekdays or not when.weekdays for day in days) and (lines or not when.lines)
    )


@settings(max_examples=200, deadline=None)
@given(_WHEN, _WHEN, _CALL)
def test_both_holds_exactly_where_both_hold(a: When, b: When, call: tuple[str, int, int, str]) -> None:
    assert any(holds(part, call) for part in both(a, b)) == (holds(a, call) and holds(b, call))


@settings(max_examples=200, deadline=None)
@given(_WHEN, _WHEN, _CALL)
def test_what_covers_another_holds_wherever_it_does(a: When, b: When, call: tuple[str, int, int, str]) -> None:
    assert covers(a, a) and covers(When(), a)
    if covers(a, b) and holds(b, call):
        assert holds(a, call)


# ------------------------------------------------------------------ demanded and banned

ASK = '[checks.ask]\nkind = "phrase"\ntitle = "问"\nclause = "问。"\nrequire = "asks"\n[checks.ask.conditions]\n'
BAN = '[checks.words]\nclause = "严禁使用禁语。"\nwords = ["banned.txt"]\n'


@pytest.mark.parametrize(
    ("wording", "banned", "told"),
    [
        ("您说清楚一点", "说清楚\n", True),
        ("(麻烦您|请您)[再]说清楚一点", "请您再说\n", True),
        ("您(说|讲)清楚一点", "讲清楚\n", True),
        ("您说清楚一点", "说清楚 | 您说清楚\n", False),
        ("您再说清楚一点", "说清楚 | 您*说清楚\n", False),
        ("您，说，清楚", "说清楚\n", False),
        ("{wish}说清楚", "说清楚\n", True),
        ("说{wish}清楚", "说清楚\n", False),
        ("您好", "说清楚\n", False),
    ],
)
def test_a_demanded_wording_that_holds_a_banned_phrase(house: Path, wording: str, banned: str, told: bool) -> None:
    text = HEAD + '[slots]\nwish = ["节日快乐"]\n' + BAN + ASK + 'asks = { say = [\n  "您好，{wish}",\n  "' + wording + '",\n] }\n'
    if not told:
        read(house, text, banned=banned)
        return
    ((at, cause, cure),) = problems(house, text, banned=banned)
    assert at == f"house/rules.toml:{line_of(text, wording)}"
    assert "的禁语" in cause and "规则 words" in cause and "例外" in cure


def test_a_pattern_of_a_check_that_holds_a_banned_phrase(house: Path) -> None:
    text = HEAD + BAN + 'patterns = ["您好", "您说清楚"]\n'
    line, cause, _ = only(house, text, banned="说清楚\n")
    assert line == line_of(text, "patterns") and "“说清楚”" in cause


@pytest.mark.parametrize(("who", "told"), [("agent", True), ("customer", False)])
def test_a_step_of_a_script_that_holds_a_banned_phrase(house: Path, who: str, told: bool) -> None:
    steps = f'[[checks.steps.steps]]\nid = "a"\ntitle = "问"\nwho = "{who}"\nsay = ["您说清楚"]\n'
    text = HEAD + BAN.replace("checks.words]", "checks.banned_phrases]")
    write(house, text + f'[checks.steps]\nkind = "script"\ntitle = "步骤"\nclause = "问。"\n{steps}', banned="说清楚\n")
    if told:
        with pytest.raises(RuleBookError, match="说清楚"):
            load(house)
    else:
        assert [r.id for r in load(house).rules] == ["banned_phrases", "steps"]


def forbids(condition: str, forbid: str = "bad") -> str:
    return HEAD + (
        f'[checks.never]\nkind = "phrase"\ntitle = "禁"\nclause = "禁。"\nforbid = "{forbid}"\n'
        f'[checks.never.conditions]\nbad = {condition}\nother = {{ say = ["您好"] }}\n{ASK}asks = {{ say = ["您说清楚一点"] }}\n'
    )


@pytest.mark.parametrize(
    ("condition", "forbid", "told"),
    [
        ('{ words = ["banned.txt"] }', "bad", True),
        ('{ words = ["banned.txt"] }', "other or bad", True),
        ('{ say = ["说清楚"] }', "bad", True),
        ('{ say = ["说，清楚"] }', "bad", False),
        ('{ words = ["banned.txt"] }', "bad and other", False),
        ('{ words = ["banned.txt"], who = "customer" }', "bad", False),
        ('{ words = ["banned.txt"], where = "last 20 s" }', "bad", False),
        ('{ words = ["banned.txt"], after = "other" }', "bad", False),
        ('{ words = ["banned.txt"], times = 2 }', "bad", False),
    ],
)
def test_only_what_is_banned_anywhere_contradicts(house: Path, condition: str, forbid: str, told: bool) -> None:
    text = forbids(condition, forbid)
    if told:
        assert "规则 never 的禁语“说清楚”" in only(house, text, banned="说清楚\n")[1]
    else:
        assert rule(read(house, text, banned="说清楚\n"), "ask").id == "ask"


def test_rules_that_never_hold_together_do_not_contradict(house: Path) -> None:
    ask = ASK.replace("require", 'when = { direction = "out" }\nrequire') + 'asks = { say = ["说清楚"] }\n'
    text = HEAD + BAN + 'when = { direction = "in" }\n' + ask
    read(house, text, banned="说清楚\n")
    assert only(house, text.replace('"out"', '"in"'), banned="说清楚\n")


def test_a_wording_that_may_be_said_otherwise_contradicts_no_ban_of_other_times(house: Path) -> None:
    ban = BAN + "when = { weekdays = [1, 2, 3, 4, 5] }\n"
    read(house, HEAD + ban + ASK + 'asks = { say = ["(您好|周末愉快)，请讲"] }\n', banned="周末愉快\n")
    assert "周末愉快" in only(house, HEAD + ban + ASK + 'asks = { say = ["[祝您]周末愉快，请讲"] }\n', banned="周末愉快\n")[1]
    always = HEAD + BAN + ASK + 'asks = { say = ["(您好|周末愉快)，请讲"] }\n'
    assert "周末愉快" in only(house, always, banned="周末愉快\n")[1]


def test_a_rule_that_is_switched_off_bans_nothing_and_is_not_told_of(house: Path) -> None:
    text = HEAD + BAN + 'enabled = false\nwhen = { dates = ["2025-01-06"], weekdays = [7] }\n' + ASK + 'asks = { say = ["说清楚"] }\n'
    assert warned(house, text, banned="说清楚\n") == []
