"""``extends``: what a house inherits, what it replaces, and that every problem is told where the value stands."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from rulebook_houses import HEAD, TEMPO, AskParams, TempoParams, line_of, only, problems, read, rule, write

from qa.rulebook import load
from qa.rules.model import Points, Scoring, Severity

PARENT = """\
[profile]
id = "parent"
title = "上级规则"
version = "1"
effective_from = 2020-01-01
min_coverage = 0.5

[slots]
company = ["上级公司"]
wish = ["节日快乐"]

[scoring.sections]
voice = { title = "语音", weight = 40 }

[conditions.sorry]
say = ["对不起", "抱歉"]
times = 2

[checks.words]
clause = "严禁使用禁语。"
weight = 5
words = ["banned.txt"]
patterns = ["您好，{company}", "{wish}"]

[checks.tempo]
clause = "语速适中。"
section = "voice"
weight = 3
when = { direction = "in", weekdays = [1, 2] }
high_cpm = 180

[[not_auditable]]
clause = "着装整洁。"
reason = "看不到"
"""


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write(tmp_path / "parent", PARENT, banned="不知道\n")


def child(text: str) -> str:
    return HEAD.replace("version", 'extends = "../parent"\nversion') + text


def test_what_a_house_does_not_say_it_inherits(parent: Path) -> None:
    book = read(parent.parent / "house", child(""))
    assert (book.id, book.title, book.version, book.effective_from) == ("house", "测试规则", "3", None)
    assert [(r.id, r.inherited, r.subject) for r in book.rules] == [
        ("words", "parent", f"{parent / 'rules.toml'}:{line_of(PARENT, '[checks.words]')}"),
        ("tempo", "parent", f"{parent / 'rules.toml'}:{line_of(PARENT, '[checks.tempo]')}"),
    ]
    assert dict(book.slots) == {"company": ("上级公司",), "wish": ("节日快乐",)}
    assert book.scoring.min_coverage == Decimal("0.5")
    assert [s.id for s in book.scoring.sections] == ["voice"]
    assert [c.id for c in book.conditions] == ["sorry"] and [n.clause for n in book.not_auditable] == ["着装整洁。"]


def test_tables_are_merged_key_by_key_and_values_replaced_whole(parent: Path) -> None:
    tempo_text = '[checks.tempo]\nlow_cpm = 150\nwhen = { hours = ["08:00-12:00"] }\n'
    text = child(f'[slots]\ncompany = ["下级公司"]\n{tempo_text}[checks.words]\npatterns = ["再见"]\n')
    book = read(parent.parent / "house", text)
    tempo = rule(book, "tempo")
    assert (tempo.clause, tempo.params, tempo.points) == ("语速适中。", TempoParams(150.0, 180.0), Points(weight=Decimal(3)))
    assert (tempo.when.direction, tempo.when.weekdays, tempo.when.hours) == (None, (), ((480, 720),))
    assert rule(book, "words").params.patterns == ("再见",)
    assert (tempo.inherited, rule(book, "words").inherited) == (None, None)
    assert dict(book.slots) == {"company": ("下级公司",), "wish": ("节日快乐",)}


def test_a_house_adds_its_own_rules_behind_those_it_inherits_and_switches_others_off(parent: Path) -> None:
    more = '[checks.fast]\nkind = "tempo"\nclause = "不宜过快。"\nsection = "voice"\n[checks.words]\nenabled = false\n'
    book = read(parent.parent / "house", child(more))
    assert [(r.id, r.inherited) for r in book.rules] == [("tempo", "parent"), ("fast", None)]


def test_the_lists_of_clauses_are_replaced_whole(parent: Path) -> None:
    book = read(parent.parent / "house", child('[[not_auditable]]\nclause = "不吸烟。"\nreason = "看不到"\n'))
    assert [n.clause for n in book.not_auditable] == ["不吸烟。"]


def test_a_rule_of_another_kind_takes_nothing_but_the_name(parent: Path) -> None:
    text = child('[checks.tempo]\nkind = "phrase"\ntitle = "道歉"\nclause = "应道歉。"\nrequire = "sorry"\n')
    tempo = rule(read(parent.parent / "house", text), "tempo")
    assert (tempo.kind, tempo.section, tempo.points, tempo.when.weekdays) == ("phrase", None, Points(weight=Decimal(1)), ())
    assert isinstance(tempo.params, AskParams)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("deduction = 2", Points(deduction=Decimal(2))),
        ("bonus = 2", Points(bonus=Decimal(2))),
        ("weight = 2", Points(weight=Decimal(2))),
        ('severity = "advisory"', None),
    ],
)
def test_another_way_of_counting_displaces_the_inherited_one(tmp_path: Path, before: str, after: Points | None) -> None:
    write(tmp_path / "parent", HEAD + TEMPO + "weight = 3\n")
    tempo = rule(read(tmp_path / "house", child(f"[checks.tempo]\n{before}\n")), "tempo")
    assert (tempo.points, tempo.severity) == (after, Severity.MINOR if after else Severity.ADVISORY)


def test_occurrences_go_with_the_deduction_they_belong_to(tmp_path: Path) -> None:
    write(tmp_path / "parent", HEAD + TEMPO + 'deduction = 3\nper = "occurrence"\nmost = 9\nwarn_first = 1\n')
    changed = rule(read(tmp_path / "house", child("[checks.tempo]\ndeduction = 2\n")), "tempo").points
    assert changed == Points(deduction=Decimal(2), per="occurrence", most=Decimal(9), warn_first=1)
    assert rule(read(tmp_path / "house", child("[checks.tempo]\nweight = 2\n")), "tempo").points == Points(weight=Decimal(2))


def test_what_a_condition_looks_for_is_replaced_with_all_that_belongs_to_it(parent: Path) -> None:
    write(parent, PARENT.replace('say = ["对不起", "抱歉"]', 'say = ["对不起", "抱歉"]\nat_least = 2'), banned="不知道\n")
    book = read(parent.parent / "house", child('[conditions.sorry]\nregex = "对不起|抱歉"\n'))
    (sorry,) = book.conditions
    assert type(sorry.source).__name__ == "Regex" and sorry.times == (2, None)


def test_a_book_that_counts_no_points_drops_those_it_inherits(parent: Path) -> None:
    text = child('[scoring]\nmode = "none"\n[checks.tempo]\nfine = { amount = 50 }\n')
    book = read(parent.parent / "house", text)
    assert book.scoring.mode == "none" and [r.points for r in book.rules] == [None, None]
    line, cause, _ = only(parent.parent / "house", text + "weight = 2\n")
    assert line == line_of(text + "weight = 2\n", "weight") and "weight" in cause and "none" in cause


def test_min_coverage_of_the_house_comes_before_the_inherited_one_in_its_old_place(parent: Path) -> None:
    book = read(parent.parent / "house", child("[scoring]\nmin_coverage = 0.8\ndecimals = 1\n"))
    assert book.scoring == Scoring("percent", Decimal(100), Decimal("0.8"), 1, book.scoring.sections)
    line, cause, _ = only(parent.parent / "house", child("min_coverage = 0.7\n[scoring]\nmin_coverage = 0.8\n"))
    assert line == 6 and "只能写一处" in cause


# ------------------------------------------------------------------ grandparents, names, circles


def test_a_chain_of_houses(parent: Path) -> None:
    middle = child("[checks.tempo]\nhigh_cpm = 190\n[checks.slow]\nkind = 'tempo'\nclause = '不慢。'\nsection = 'voice'\n")
    write(parent.parent / "middle", middle.replace('"house"', '"middle"'))
    bare = HEAD.replace("version", 'extends = "../middle"\nversion')
    book = read(parent.parent / "house", bare + "[checks.words]\nweight = 4\n")
    assert [(r.id, r.inherited) for r in book.rules] == [("words", None), ("tempo", "middle"), ("slow", "middle")]
    assert rule(book, "tempo").params == TempoParams(140.0, 190.0)
    book = read(parent.parent / "house", bare)
    assert [(r.id, r.inherited) for r in book.rules] == [("words", "parent"), ("tempo", "middle"), ("slow", "middle")]


def test_a_bundled_rule_book_is_named_without_a_path(tmp_path: Path) -> None:
    text = HEAD.replace("version", 'extends = "default"\nversion') + "[checks.pickup]\nmax_rings = 4\n"
    book = load(write(tmp_path / "house", text))
    assert [r.id for r in book.rules] == [r.id for r in load("default").rules]
    assert {r.id for r in book.rules if r.inherited != "default"} == {"pickup"}
    assert rule(book, "pickup").params.max_rings == 4


@pytest.mark.parametrize("value", ['"../nowhere"', '"defalt"', "3", '[ "default" ]'])
def test_a_rule_book_that_is_not_there(tmp_path: Path, value: str) -> None:
    text = HEAD.replace("version", f"extends = {value}\nversion") + TEMPO
    line, cause, _ = only(tmp_path / "house", text)
    assert line == 4 and "extends" in cause


def test_rule_books_that_extend_each_other_are_an_error_and_not_a_loop(tmp_path: Path) -> None:
    write(tmp_path / "parent", HEAD.replace("version", 'extends = "../house"\nversion').replace('"house"\nt', '"parent"\nt') + TEMPO)
    ((at, cause, _),) = problems(tmp_path / "house", child(""))
    assert (at, cause) == ("parent/rules.toml:4", "规则书互相继承：house → parent → house")


def test_a_rule_book_cannot_extend_itself(tmp_path: Path) -> None:
    line, cause, _ = only(tmp_path / "house", HEAD.replace("version", 'extends = "."\nversion') + TEMPO)
    assert (line, cause) == (4, "规则书互相继承：house → house")


# ------------------------------------------------------------------ where problems are told


def test_every_problem_is_told_in_the_file_where_the_value_stands(parent: Path) -> None:
    wrong = PARENT.replace("high_cpm = 180", 'high_cpm = "180"').replace('["banned.txt"]', '["baned.txt"]')
    write(parent, wrong)
    text = child("[checks.tempo]\nlow_cpm = true\n[checks.words]\npatterns = [\n  '好',\n  3,\n]\n")
    found = [(at, cause.split("，")[0]) for at, cause, _ in problems(parent.parent / "house", text)]
    assert found == [
        (f"house/rules.toml:{line_of(text, 'low_cpm')}", "low_cpm 应为数字"),
        (f"house/rules.toml:{line_of(text, '  3,')}", "patterns 的第 2 项应为文本"),
        (f"parent/rules.toml:{line_of(wrong, 'baned')}", "words 的第 1 项词表文件 baned.txt 不存在"),
        (f"parent/rules.toml:{line_of(wrong, 'high_cpm')}", "high_cpm 应为数字"),
    ]


def test_a_value_that_contradicts_an_inherited_one_is_told_at_the_houses_own(parent: Path) -> None:
    text = child("[checks.tempo]\nlow_cpm = 190\n")
    line, cause, _ = only(parent.parent / "house", text)
    assert line == line_of(text, "low_cpm") and "low_cpm（190.0）应小于 high_cpm" in cause


def test_an_unknown_key_of_the_house_is_told_beside_what_it_inherits(parent: Path) -> None:
    text = child("[checks.tempo]\nhihg_cpm = 190\n")
    assert only(parent.parent / "house", text)[0] == line_of(text, "hihg")


def test_a_syntax_error_of_the_parent_is_told_in_the_parents_file(parent: Path) -> None:
    write(parent, PARENT.replace('id = "parent"', "id = “parent”"))
    ((at, cause, _),) = problems(parent.parent / "house", child(""))
    assert at == "parent/rules.toml:2" and "格式错误" in cause


# ------------------------------------------------------------------ word lists and the hash


def test_word_lists_are_looked_for_in_the_house_and_then_in_what_it_extends(parent: Path) -> None:
    house = parent.parent / "house"
    words = rule(read(house, child("")), "words").params.words
    assert [p.text for p in words.phrases] == ["不知道"]
    words = rule(read(house, child(""), banned="没办法\n"), "words").params.words
    assert [p.text for p in words.phrases] == ["没办法"]


def test_the_hash_covers_every_file_and_the_lists_in_use(parent: Path) -> None:
    house = parent.parent / "house"
    hashes = [read(house, child("")).content_hash]
    write(parent, PARENT + "# 说明\n")
    hashes.append(read(house).content_hash)
    write(parent, PARENT, banned="不知道\n没办法\n")
    hashes.append(read(house).content_hash)
    hashes.append(read(house, child("# 说明\n")).content_hash)
    assert len(set(hashes)) == 4
    write(parent, PARENT, banned="不知道\n", other="无关\n")
    assert read(house, child("")).content_hash == hashes[0]
