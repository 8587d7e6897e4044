"""What a rule book may not say: expressions that can find nothing, never end, or contradict each other; lists outside of their folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from rulebook_houses import HEAD
from test_generic_checks import FAIL, INCONCLUSIVE, PASS, judged, outcomes

from qa import check_examples
from qa.errors import RuleBookError, RuleBookErrors
from qa.rulebook import load
from qa.rules import bounded_regex, expression
from qa.rules.model import Condition, Regex
from qa.rules.read_regex import as_regex, nested_repeats
from qa.toml_document import WrongValueError

RULE = '[checks.{id}]\nkind = "phrase"\ntitle = "t"\nclause = "c"\n'
TALK = "坐席 0.5-9 {}\n客户 10-12 我想查话费。\n坐席 13-15 好的，再见。"


def told(folder: Path, text: str, **files: str) -> list[str]:
    """``file:line: cause…`` of every problem of a rule book."""
    folder.mkdir(exist_ok=True)
    (folder / "rules.toml").write_text(HEAD + text, encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.txt").write_text(content, encoding="utf-8")
    try:
        load(folder / "rules.toml")
    except RuleBookErrors as errors:
        return [str(problem).replace(f"{folder}/", "") for problem in errors.problems]
    except RuleBookError as error:
        return [str(error).replace(f"{folder}/", "")]
    return []


def phrase(conditions: str, said: str = 'require = "k"', id: str = "a") -> str:
    return RULE.format(id=id) + said + "\n" + conditions


def condition(text: str, id: str = "a", name: str = "k") -> str:
    return f"[checks.{id}.conditions.{name}]\n{text}\n"


# ---------------------------------------------------------------- regular expressions


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("请拨打10086", "请拨打幺零零八六"),
        ("(OK|VIP)客户", "“VIP”应写成“vip”"),
        ("请稍等，马上", "请稍等马上"),
        ("感谢 您", "感谢您"),
        ("。好", "应写成“好”"),
        ("請稍等", "请稍等"),
        ("ＡＢＣ", "abc"),
        ("[0-9]{3}号", "零〇一幺二两三四五六七八九"),
        (r"\d号", "零〇一幺二两三四五六七八九"),
        ("[^A-Z]好", "a-z"),
        ("[好，]", "删去“，”"),
        ("(?!，)好", "删去“，”"),
        (r"\x41好", "a好"),
    ],
)
def test_what_text_as_read_never_holds(pattern: str, instead: str) -> None:
    with pytest.raises(WrongValueError, match="永远匹配不到") as caught:
        as_regex(pattern)
    assert instead in caught.value.cure


@pytest.mark.parametrize(
    "pattern", ["vip客户", "[a-z]{2}", "[一-龥]好", "乾隆", "(?:一|二)+号", "[^好]您", "(?<!不)好", "一+?二", "(一)\\1"]
)
def test_what_text_as_read_may_hold(pattern: str) -> None:
    assert as_regex(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "一{4294967296}",
        "一{2147483646}",
        "((一{90}){90}){90}",
        "(" * 900 + "一" + ")" * 900,
        "好" * 3000,
        "(?i)一",
        "(?s:一)",
        "[[一]]",
        "一{e<=1}",
    ],
)
def test_expressions_that_are_too_large_or_of_another_kind(pattern: str) -> None:
    with pytest.raises(WrongValueError):
        as_regex(pattern)


def test_faults_are_told_at_their_line(tmp_path: Path) -> None:
    text = phrase(condition('regex = "您好"\nunless = ["好", "OK"]'))
    assert told(tmp_path / "h", text) == ["rules.toml:12: unless 的第 2 项里有转写文字中不会出现的写法，永远匹配不到。“OK”应写成“ok”"]


@pytest.mark.parametrize(("pattern", "nested"), [("(一+)+二", True), ("([一二]+号?){2,}", True), ("(?:.*好)*再见", True), ("一+二", False),
                                                ("(一{0,2}号)+", False), ("((?>一+))+二", False), ("(个?一{3}){12}", False)])  # fmt: skip
def test_repetitions_of_what_repeats_are_warned_of(tmp_path: Path, pattern: str, nested: bool) -> None:
    assert nested_repeats(pattern) is nested
    assert told(tmp_path / "h", phrase(condition(f'regex = "{pattern}"'))) == []
    warned = [warning for warning in load(tmp_path / "h").warnings if "rules.toml:11" in warning and "一层套一层" in warning]
    assert len(warned) == nested and not any(pattern in warning for warning in warned)


SLOW = "(一|一)*二"
ROW = "一" * 60 + "三二"


def test_an_expression_that_runs_out_of_time_is_not_ruled_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_regex, "LIMIT_S", 0.05)
    slow, excused = Condition("k", Regex(SLOW)), Condition("k", Regex("三二", (SLOW,)))
    for said in ("forbid", "require"):
        (found,) = judged(TALK.format(ROW), slow, **{said: "k"})
        assert found.outcome is INCONCLUSIVE and "没有查完" in found.message and SLOW not in found.message
    assert outcomes(judged(TALK.format(ROW), excused, forbid="k")) == [INCONCLUSIVE]
    assert outcomes(judged(TALK.format("您好。"), slow, forbid="k")) == [PASS]
    assert outcomes(judged(TALK.format("一二，您好。"), slow, forbid="k")) == [FAIL]


def test_the_time_of_an_expression_is_that_of_the_whole_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_regex, "LIMIT_S", 0.05)
    search = bounded_regex.Search()
    assert search.places("一+", "一一好一") == ((0, 2), (3, 4)) and not search.overran
    assert search.places(SLOW, ROW) is None and search.overran
    assert search.places("一+", "一") is None  # nothing is searched any more


def test_messages_hold_no_expressions() -> None:
    slow = Condition("k", Regex("不(知道|清楚)"))
    (found,) = judged(TALK.format("这个我不知道。"), slow, forbid="k")
    assert (
        found.message.endswith("秒说了合乎“不（知道/清楚）”的话（转写为“不知道”）") and found.value("wanted") == "合乎“不（知道/清楚）”的话"
    )


# ---------------------------------------------------------------- what contradicts itself

K = condition('say = ["你好"]')


@pytest.mark.parametrize(
    ("said", "line", "what"),
    [
        ('trigger = "k"\nrequire = "not k"', 10, "require 与 trigger 矛盾"),
        ('trigger = "not k"\nrequire = "k"', 10, "require 与 trigger 矛盾"),
        ('trigger = "not k"\nforbid = "k"', 10, "forbid 与 trigger 矛盾"),
        ('require = "k and not k"', 9, "require 自相矛盾"),
        ('require = "k and not same"', 9, "require 自相矛盾"),
        ('forbid = "k and not (k or j)"', 9, "forbid 自相矛盾"),
        ('trigger = "k and not k"\nrequire = "j"', 9, "trigger 自相矛盾"),
        ('trigger = "slow"\nrequire = "quick"', 10, "require 与 trigger 矛盾"),
    ],
)
def test_expressions_that_can_never_hold(tmp_path: Path, said: str, line: int, what: str) -> None:
    more = condition('say = ["再见"]', name="j") + condition('say = ["你好"]\ntitle = "问好"', name="same")
    more += condition('measure = "rate_cpm"\nhigh = 150', name="slow") + condition('measure = "rate_cpm"\nlow = 180', name="quick")
    (problem,) = told(tmp_path / "h", phrase(K + more, said))
    assert problem.startswith(f"rules.toml:{line}: 规则 a 的 {what}")


@pytest.mark.parametrize(
    "said", ['trigger = "k"\nrequire = "j or not k"', 'trigger = "k or j"\nrequire = "not k"', 'require = "k or not k"']
)
def test_expressions_that_may_hold(tmp_path: Path, said: str) -> None:
    assert told(tmp_path / "h", phrase(K + condition('say = ["再见"]', name="j"), said)) == []


def measures(first: str, second: str) -> str:
    rule = '[checks.{0}]\nkind = "measure"\ntitle = "t"\nclause = "c"\nmeasure = "rate_cpm"\n{1}\n'
    return rule.format("m", first) + rule.format("n", second)


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ("low = 180", "high = 160", True),
        ("low = 180", 'high = 160\nwhen = { direction = "out" }', True),
        ("low = 180", "high = 180", False),
        ("low = 180\nabout = 0.1", "high = 170", False),
        ("low = 180", 'high = 160\nwho = "customer"', False),
        ('low = 180\nwhen = { direction = "in" }', 'high = 160\nwhen = { direction = "out" }', False),
        ("low = 180\neffective_until = 2024-01-01", "high = 160\neffective_from = 2024-01-02", False),
        ('low = 180\nvariants = [{ when = { direction = "out" }, low = 100 }]', 'high = 160\nwhen = { direction = "out" }', False),
        ('low = 100\nvariants = [{ when = { direction = "out" }, low = 180 }]', "high = 160", True),
    ],
)
def test_two_rules_that_want_one_figure_in_ranges_apart(tmp_path: Path, first: str, second: str, apart: bool) -> None:
    problems = told(tmp_path / "h", measures(first, second))
    assert [("规则 n 要求" in p and "规则 m 却要求" in p) for p in problems] == [True] * apart


def test_a_check_with_limits_of_its_own_is_held_against_other_rules(tmp_path: Path) -> None:
    own = '[checks.speech_rate]\nclause = "c"\nmin_cpm = 220\nmax_cpm = 260\n'
    (problem,) = told(tmp_path / "h", own + measures("low = 100", "high = 180"))
    assert "规则 n 要求语速不超过 180" in problem and "规则 speech_rate 却要求语速不低于 220、不超过 260" in problem


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    "key",
    ["times = [0, 0]", "times = 0", "times = [1, 100000]", "times = 100000000000000000000", 'where = "first 100001 turns"',
     'where = "last 99999999 s"', 'after = "j"\nwithin_s = 1e9', 'after = "j"\nwithin_turns = 5000'],
)  # fmt: skip
def test_numbers_that_make_no_sense(tmp_path: Path, key: str) -> None:
    (problem,) = told(tmp_path / "h", phrase(condition('say = ["你好"]\n' + key) + condition('say = ["再见"]', name="j")))
    assert problem.startswith(f"rules.toml:{12 if 'within' not in key else 13}: {key.splitlines()[-1].split(' = ')[0]} ")


@pytest.mark.parametrize(
    "said", ["not " * 2000 + "k", "(" * 5000 + "k" + ")" * 5000, "not (" * 40 + "k" + ")" * 40, " and ".join("k" * 400)]
)
def test_expressions_that_are_too_deep_or_too_long(tmp_path: Path, said: str) -> None:
    (problem,) = told(tmp_path / "h", phrase(K, f'require = "{said}"'))
    assert problem.startswith("rules.toml:9: require 不可用：条件“") and len(problem) < 200


def test_expressions_of_a_bearable_depth() -> None:
    depth = expression.MAX_DEPTH
    assert list(expression.names(expression.parse("(" * depth + "k" + ")" * depth))) == ["k"]
    assert expression.parse("not " * 4 + "k and (a or b) and (a or b)")


def test_wordings_that_are_too_deep(tmp_path: Path) -> None:
    (problem,) = told(tmp_path / "h", phrase(condition('say = ["' + "(" * 5000 + "好" + ")" * 5000 + '"]')))
    assert problem.startswith("rules.toml:11: say 的第 1 项不可用：句式“") and len(problem) < 200


def test_an_example_of_more_than_a_day(tmp_path: Path) -> None:
    example = '[[checks.a.examples]]\nname = "n"\noutcome = "pass"\nscript = "坐席 0-99999999 您好"\n'
    (problem,) = told(tmp_path / "h", phrase(K) + example)
    assert problem.startswith("rules.toml:15: script 里的") and "一天" in problem
    assert check_examples.parse(f"坐席 0-{check_examples.MAX_S} 您好")[0].span.end_ms == check_examples.MAX_S * 1000


# ---------------------------------------------------------------- word lists


def test_every_faulty_line_of_every_list_is_told(tmp_path: Path) -> None:
    first = phrase("", 'forbid = ["w.txt", "v.txt", "none.txt", { say = "好 的" }]')
    second = phrase("", 'forbid = ["u.txt"]\nfoo = 1', id="b")
    problems = told(tmp_path / "h", first + second, w="你 好\n滚蛋\n词|例外\n一|二|三|四\n滚蛋\n", v="a b\n", u="，\n没|没\n")
    places = ["rules.toml:9", "rules.toml:9", "rules.toml:15", "u.txt:1", "u.txt:2", "v.txt:1", "w.txt:1", "w.txt:3", "w.txt:4", "w.txt:5"]
    assert [problem.partition(": ")[0] for problem in problems] == places


def test_lists_of_a_check_of_its_own(tmp_path: Path) -> None:
    text = '[checks.banned_phrases]\nclause = "c"\nwords = ["w.txt", "none.txt"]\n'
    problems = told(tmp_path / "h", text, w="你 好\n他 好\n")
    assert [problem.partition(": ")[0] for problem in problems] == ["rules.toml:7", "w.txt:1", "w.txt:2"]


def test_links_do_not_lead_out_of_the_folders(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("秘密\n", encoding="utf-8")
    house = tmp_path / "h"
    house.mkdir()
    (house / "own.txt").write_text("滚蛋\n", encoding="utf-8")
    (house / "link").symlink_to(outside)
    (house / "away.txt").symlink_to(outside / "secret.txt")
    (house / "here.txt").symlink_to(house / "own.txt")
    problems = told(house, phrase("", 'forbid = ["link/secret.txt", "away.txt", "here.txt"]'))
    assert ["是一个链接" in problem for problem in problems] == [True, True]
    assert told(house, phrase("", 'forbid = ["here.txt"]')) == []


@pytest.mark.parametrize("joined", ["{0}", "{0} and {0}"])
def test_conditions_made_of_each_other_too_often_are_one_clear_error(tmp_path: Path, joined: str) -> None:
    """A chain used to end in a RecursionError, a doubling one never."""
    chain = "".join(f'[conditions.c{n}]\nis = "{joined.format(f"c{n + 1}")}"\n' for n in range(600))
    rules = (
        '[profile]\nid = "house"\ntitle = "t"\nversion = "1"\n'
        f'{chain}[conditions.c600]\nsay = ["您好"]\n'
        '[checks.x]\nkind = "phrase"\ntitle = "t"\nclause = "c"\nrequire = "c0"\n'
    )
    (tmp_path / "rules.toml").write_text(rules, "utf-8")
    with pytest.raises(RuleBookError, match="套用别的条件太多"):
        load(tmp_path)
