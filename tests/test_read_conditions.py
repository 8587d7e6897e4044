"""Conditions, expressions and the tables of the generic kinds as people write them, and every mistake at its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from qa.checks import measure, phrase, script
from qa.lexicon import Phrase
from qa.params import Context, WordLists, build
from qa.rules.expression import And, Name, Not
from qa.rules.model import Condition, Event, Excuse, Limit, Regex, Relation, Say, Where, Who, Words
from qa.rules.read_conditions import FAR_IN_A_WHOLE_CALL, read_condition, read_expression
from qa.rules.read_named import read_conditions
from qa.toml_document import Section, TomlDocument

SLOTS = (("company", ("华宁通信",)),)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "rude.txt").write_text("不知道 | 知不知道\n不归我管\n", "utf-8")
    (tmp_path / "broken.txt").write_text("好的\n好的\n", "utf-8")
    return tmp_path


def table(house: Path, text: str) -> tuple[Section, Context]:
    """The first line of ``text`` is line 2 of the file."""
    document = TomlDocument(house / "rules.toml", f"[it]\n{text}\n".encode())
    section = document.section("it")
    assert section is not None
    return section, Context(SLOTS, WordLists(house), {"shared": Condition("shared", Event("silence", 5.0))}, ("title",))


def condition(house: Path, text: str) -> Condition | None:
    section, context = table(house, text)
    found = read_condition(section, "it", context)
    assert section.document.problems == []
    return found


def problems(house: Path, text: str, read: Any = None) -> list[tuple[int, str]]:
    section, context = table(house, text)
    found = read_condition(section, "it", context) if read is None else read(section, context)
    assert found is None and section.document.problems
    out = []
    for problem in section.document.problems:
        file, _, line = problem.subject.rpartition(":")
        assert file.endswith((".toml", ".txt")) and problem.cause
        out.append((int(line), f"{problem.cause}。{problem.cure}"))
    return out


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('say = ["您好"]', Condition("it", Say(("您好",), far=FAR_IN_A_WHOLE_CALL))),
        ('say = ["您好"]\nwhere = "first 2 turns"', Condition("it", Say(("您好",)), where=Where(first_turns=2))),
        ('say = ["您好"]\nnear = 0.5', Condition("it", Say(("您好",), near=0.5, far=0.5))),
        ('say = ["a", "b"]\nat_least = "all"\npermitted = ["c"]', Condition("it", Say(("a", "b"), 2, ("c",), far=0.3))),
        ('say = ["{company}"]\nwho = "anyone"', Condition("it", Say(("{company}",), far=0.3), Who.ANYONE)),
        ('say = ["(先生|{customer_title})，{hour_greeting}，{agent_number}"]', None),
        ('regex = "不.管"\nunless = ["不用管"]', Condition("it", Regex("不.管", ("不用管",)))),
        ('event = "silence"\nmin_s = 3\nmax_s = 10.5', Condition("it", Event("silence", 3.0, 10.5))),
        ('measure = "snr_db"\nhigh = 10\ntolerance = 2', Condition("it", Limit("snr_db", None, 10.0, 2.0))),
        (
            'say = ["您好"]\nafter = "shared"\nwithin_s = 3\nwithin_turns = 2\nwhich = "first"',
            Condition("it", Say(("您好",)), relation=Relation("after", "shared", 3.0, 2, "first")),
        ),
        ('event = "overlap"\ntimes = 3', Condition("it", Event("overlap"), times=(3, None))),
        ('event = "overlap"\ntimes = [2]', Condition("it", Event("overlap"), times=(2, None))),
        ('event = "overlap"\ntimes = [0, 3]', Condition("it", Event("overlap"), times=(0, 3))),
        ('event = "end"\nwhere = "last 20 s, last 2 turns"', Condition("it", Event("end"), where=Where(last_turns=2, last_s=20.0))),
        ('event = "end"\nwhere = "first turn"', Condition("it", Event("end"), where=Where(first_turns=1))),
        ('event = "end"\nwhere = "whole"', Condition("it", Event("end"))),
    ],
)
def test_condition(house: Path, text: str, expected: Condition | None) -> None:
    found = condition(house, text)
    assert found is not None
    assert expected is None or found == expected


def test_words_of_a_list(house: Path) -> None:
    found = condition(house, 'words = ["rude.txt"]\nwho = "customer"')
    assert found is not None and isinstance(found.source, Words)
    assert found.source.words.phrases == (Phrase("不知道", ("知不知道",), 1), Phrase("不归我管", (), 2))


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('who = "agent"', 1, "没有写要找什么"),
        ('say = ["您好"]\nregex = "x"', 1, "同时写了 say、regex"),
        ('say = ["您好{firm}"]', 2, "firm"),
        ('say = [\n"您好",\n"您好("]', 4, "括号"),
        ("say = []", 2, "空列表"),
        ('say = "您好"', 2, "文本列表"),
        ('say = ["您好"]\nsayy = 1', 3, "未知的键 sayy。是否想写 say"),
        ('say = ["您好"]\nat_least = 2', 3, "说法的个数 1"),
        ('say = ["您好"]\nnear = 0.4\nfar = 0.3', 3, "near（0.4）不能大于 far（0.3）"),
        ('say = ["您好"]\nfar = 1.5', 3, "小于 1"),
        ('regex = "x"\nat_least = 2', 3, "at_least 只和 say 一起用"),
        ('regex = "("', 2, "正则"),
        ('regex = "好*"', 2, "空白也能匹配"),
        ('regex = "好"\nunless = ["("]', 3, "正则"),
        ('words = ["rude"]', 2, "是否想写 rude.txt"),
        ('words = ["broken.txt"]', 2, "重复"),
        ('event = "silense"', 2, "是否想写 silence"),
        ('event = "silence"\nmin_s = 5\nmax_s = 3', 4, "max_s（3）小于 min_s（5）"),
        ('event = "end"\nmin_s = 5', 3, "没有长短"),
        ('event = "silence"\nmin_s = -1', 3, "不能小于 0"),
        ('measure = "snr"\nlow = 1', 2, "是否想写 snr_db"),
        ('measure = "snr_db"', 1, "没有写 low 和 high"),
        ('measure = "snr_db"\nlow = 3\nhigh = 2', 4, "high（2）小于 low（3）"),
        ('measure = "snr_db"\nlow = 3\nwhere = "first 2 turns"', 4, "整通电话"),
        ('measure = "snr_db"\nlow = 3\nwho = "anyone"', 4, "要分说话人"),
        ('say = ["您好"]\nwho = "boss"', 3, "没有这一种"),
        ('say = ["您好"]\nwhere = "frist 2 turns"', 3, "first 2 turns"),
        ('say = ["您好"]\nwhere = "first s"', 3, "无法识别"),
        ('say = ["您好"]\nwhere = "first 1.5 turns"', 3, "无法识别"),
        ('say = ["您好"]\nwhere = "first 2 turns, first 3 turns"', 3, "写了两次"),
        ('say = ["您好"]\nwhere = "last 0 s"', 3, "大于 0"),
        ('say = ["您好"]\nbefore = "a"\nafter = "b"', 4, "只留其一"),
        ('say = ["您好"]\nwithin_s = 3', 3, "要和 before、after 或 around 一起写"),
        ('say = ["您好"]\nafter = "a"\nwhich = "all"', 4, "没有这一种"),
        ('say = ["您好"]\ntimes = [3, 1]', 3, "大于最多"),
        ('say = ["您好"]\ntimes = [1, 2, 3]', 3, "一个或两个"),
        ('say = ["您好"]\ntimes = -1', 3, "不能小于 0"),
    ],
)
def test_mistake_in_a_condition(house: Path, text: str, line: int, told: str) -> None:
    found = problems(house, text)
    assert any(at == line and told in message for at, message in found), found


def test_name_that_an_expression_could_not_hold(house: Path) -> None:
    for name in ("and", "或", "a b", "a(b"):
        section, context = table(house, 'say = ["您好"]')
        assert read_condition(section, name, context) is None
        assert "不可用" in section.document.problems[0].cause


def test_relations_between_conditions(house: Path) -> None:
    def of(text: str) -> list[str]:
        section, context = table(house, text)
        read_conditions(section, context)
        return [f"{p.subject.rpartition(':')[2]} {p.cause} {p.cure}" for p in section.document.problems]

    good = '[it.conditions]\na = { event = "end" }\nb = { say = ["x"], before = "a" }\nc = { say = ["x"], after = "shared" }'
    assert of(good) == []
    assert of('[it.conditions]\nb = { say = ["x"], before = "shered" }') == ["3 before 里的条件 shered 没有定义 是否想写 shared？"]
    circle = '[it.conditions]\na = { say = ["x"], after = "b" }\nb = { say = ["x"], before = "a" }'
    assert [line[0] for line in of(circle)] == ["3", "4"] and all("绕回了自己" in line for line in of(circle))


# ---------------------------------------------------------------- expressions


def test_expression(house: Path) -> None:
    section, _ = table(house, 'trigger = "投诉 and not shared"')
    known = {name: Condition(name, Event("end")) for name in ("投诉", "shared")}
    assert read_expression(section, "trigger", known) == And((Name("投诉"), Not(Name("shared"))))
    assert read_expression(section, "require", known) is None and section.document.problems == []


@pytest.mark.parametrize(
    ("text", "told"),
    [("a and", "末尾缺少条件名"), ("(a", "括号不配对"), ("a b", "多出内容"), ("shered", "是否想写 shared"), ("", "空文本")],
)
def test_mistake_in_an_expression(house: Path, text: str, told: str) -> None:
    def read(section: Section, context: Context) -> Any:
        return read_expression(section, "trigger", {"a": Condition("a", Event("end")), **context.conditions})

    ((line, message),) = problems(house, f'trigger = "{text}"', read)
    assert line == 2 and told in message


# ---------------------------------------------------------------- the kinds


def kind(house: Path, module: Any, text: str) -> Any:
    section, context = table(house, text)
    params = build(section, module.Params, context)
    assert section.document.problems == [], [str(p) for p in section.document.problems]
    return params


def faults(house: Path, module: Any, text: str) -> list[tuple[int, str]]:
    return problems(house, text, lambda section, context: build(section, module.Params, context))


def test_phrase(house: Path) -> None:
    params = kind(
        house,
        phrase,
        'title = "x"\ntrigger = "shared"\nrequire = "near"\nexcuses = [{ if = "bad", outcome = "inconclusive", reason = "线路不良" }]\n'
        '[it.conditions]\nnear = { say = ["您好"], after = "shared" }\nbad = { measure = "snr_db", high = 10 }\nunused = { event = "end" }',
    )
    assert params.require == Name("near") and params.forbid is None and params.trigger == Name("shared")
    assert params.excuses == (Excuse(Name("bad"), "inconclusive", "线路不良"),)
    assert sorted(c.id for c in params.conditions) == ["bad", "near", "shared"] and params.slots == SLOTS


def test_own_condition_comes_before_the_shared_one(house: Path) -> None:
    params = kind(house, phrase, 'forbid = "shared"\n[it.conditions]\nshared = { event = "end" }')
    assert params.conditions == (Condition("shared", Event("end")),)


def test_short_forms(house: Path) -> None:
    required = kind(house, phrase, 'require = ["{company}", "您好"]\nwhere = "first 2 turns"').conditions
    assert required == (Condition(phrase.SHORT, Say(("{company}", "您好")), where=Where(first_turns=2)),)
    (listed,) = kind(house, phrase, 'forbid = ["rude.txt"]\nwho = "customer"').conditions
    assert listed.who is Who.CUSTOMER and isinstance(listed.source, Words) and len(listed.source.words) == 2
    (plain,) = kind(house, phrase, 'forbid = ["不归我管"]').conditions
    assert isinstance(plain.source, Words) and plain.source.words.phrases == (Phrase("不归我管"),)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('title = "x"', 1, "没有写 require 或 forbid"),
        ('require = "shared"\nforbid = "shared"', 1, "同时写了 require 和 forbid"),
        ('require = "shered"', 2, "是否想写 shared"),
        ('require = ["您好("]', 2, "require 的第 1 项不可用"),
        ('forbid = ["不(归)我管"]', 2, "句式记号"),
        ('forbid = ["rode.txt"]', 2, "是否想写 rude.txt"),
        ('require = "shared"\nwho = "agent"', 3, "只用于直接写话语"),
        ('require = "shared"\nexcuses = [{ if = "shared" }]', 3, "缺少必填的 reason"),
        ('require = "shared"\nexcuses = [{ if = "x", reason = "r" }]', 3, "条件 x 没有定义"),
        ('require = "shared"\nexcuses = [{ if = "shared", reason = "r", outcome = "fail" }]', 3, "没有这一种"),
        ('require = "shared"\nstep = 1', 3, "未知的键 step"),
        ('require = "a"\n[it.conditions.a]\nsay = ["您好"]\nfrom = 2', 5, "未知的键 from"),
    ],
)
def test_mistake_in_a_phrase_rule(house: Path, text: str, line: int, told: str) -> None:
    found = faults(house, phrase, text)
    assert any(at == line and told in message for at, message in found), found


def test_measure(house: Path) -> None:
    params = kind(house, measure, 'measure = "rate_cpm"\nhigh = 200\ntolerance = 10\nwho = "customer"\ntrigger = "shared"')
    assert (params.measure, params.low, params.high, params.tolerance, params.who) == ("rate_cpm", None, 200.0, 10.0, Who.CUSTOMER)
    assert [c.id for c in params.conditions] == ["shared"]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("low = 1", 1, "缺少必填的 measure"),
        ('measure = "rate_cpm"', 1, "没有写 low 和 high"),
        ('measure = "rate"\nlow = 1', 2, "没有这一种"),
        ('measure = "rate_cpm"\nlow = 1\nwho = "announcement"', 4, "要分说话人"),
        ('measure = "rate_cpm"\nlow = 1\nwindow = 3', 4, "未知的键 window"),
    ],
)
def test_mistake_in_a_measure_rule(house: Path, text: str, line: int, told: str) -> None:
    found = faults(house, measure, text)
    assert any(at == line and told in message for at, message in found), found


STEPS = """
within_s = 120
[[it.steps]]
id = "address"
title = "问地址"
say = ["您的地址"]
answer = "text"
read_back = true
[[it.steps]]
id = "solved"
title = "问解决"
say = ["解决了吗"]
answer = ["是", "否"]
optional = true
who = "anyone"
"""


def test_script(house: Path) -> None:
    params = kind(house, script, STEPS)
    assert params.steps == (
        script.Step("address", "问地址", Say(("您的地址",), far=0.3), answer="text", read_back=True),
        script.Step("solved", "问解决", Say(("解决了吗",), far=0.3), Who.ANYONE, True, ("是", "否")),
    )
    assert params.within_s == 120.0 and params.within_turns is None


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ('id = "solved"', 'id = "address"', 1, "id 相同"),
        ('id = "solved"', 'id = "解决"', 11, "只用小写"),
        ('answer = "text"', 'answer = "number"', 8, "没有这一种"),
        ('answer = "text"\n', "", 8, "read_back 要和 answer 一起写"),
        ('title = "问解决"', "", 10, "缺少必填的 title"),
        ('say = ["解决了吗"]', 'say = ["解决了吗"]\nat_least = 1', 14, "不能写 at_least"),
        ('say = ["解决了吗"]', 'say = ["解决了吗"]\nevent = "end"', 14, "未知的键 event"),
        ("within_s = 120", "within_s = 0", 1, "within_s 应大于 0"),
        ("read_back = true\n", "read_back = true\noptional = true\n", 1, "至少要有一个必须的步骤"),
    ],
)
def test_mistake_in_a_script_rule(house: Path, old: str, new: str, line: int, told: str) -> None:
    assert old in STEPS
    found = faults(house, script, STEPS.replace(old, new))
    assert any(at == line and told in message for at, message in found), found


def test_script_without_steps(house: Path) -> None:
    ((line, message),) = faults(house, script, 'title = "x"')
    assert line == 1 and re.search(r"没有步骤.*\[\[it.steps\]\]", message)
