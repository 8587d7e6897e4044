"""What a rule is worth, in points and in money, and how a book counts: as read, and each fault at its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from rulebook_houses import HEAD, TEMPO, line_of, only, problems, read, rule

from qa.rules.model import Fine, Liability, Points, Scoring, SectionSetup


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return tmp_path / "house"


@pytest.mark.parametrize(
    ("said", "points", "mode"),
    [
        ("", Points(weight=Decimal(1)), "percent"),
        ("weight = 0.5", Points(weight=Decimal("0.5")), "percent"),
        ('weight = 2\nveto = "call"', Points(weight=Decimal(2), veto="call"), "percent"),
        ("bonus = 5", Points(bonus=Decimal(5)), "percent"),
        ('veto = "call"', Points(veto="call"), "percent"),
        ('veto = "call"\nwarn_first = 1', Points(veto="call", warn_first=1), "percent"),
        ('bonus = 5\nveto = "call"\nwarn_first = 1', Points(bonus=Decimal(5), veto="call", warn_first=1), "percent"),
        ("deduction = 2", Points(deduction=Decimal(2)), "deduction"),
        (
            'deduction = 2\nper = "occurrence"\nmost = 10\nwarn_first = 1',
            Points(deduction=Decimal(2), per="occurrence", most=Decimal(10), warn_first=1),
            "deduction",
        ),
        ('bonus = 1\nper = "occurrence"\nmost = 3', Points(bonus=Decimal(1), per="occurrence", most=Decimal(3)), "percent"),
        ("weight = 2\nwarn_first = 2", Points(weight=Decimal(2), warn_first=2), "percent"),
        ('severity = "advisory"', None, "percent"),
        ("fine = { amount = 50 }", None, "none"),
        ("fine = { amount = 50 }\nwarn_first = 1", Points(per="occurrence", warn_first=1), "none"),
        ("fine = { amount = 50 }\nweight = 3", Points(weight=Decimal(3)), "percent"),
    ],
)
def test_points(house: Path, said: str, points: Points | None, mode: str) -> None:
    book = read(house, HEAD + TEMPO + said + "\n")
    assert (book.rules[0].points, book.scoring.mode) == (points, mode)


@pytest.mark.parametrize(
    ("said", "line", "cause"),
    [
        ("weight = 2\ndeduction = 3", "deduction", "同时写了 weight 和 deduction"),
        ("weight = 2\nbonus = 3", "bonus", "同时写了 weight 和 bonus"),
        ('weight = 2\nper = "occurrence"', "per", "写了 per，却没有 deduction 或 bonus"),
        ("most = 3", "most", "写了 most，却没有 deduction 或 bonus"),
        ("deduction = 2\nmost = 3", "most", "却只按通话计一次"),
        ('deduction = 2\nper = "occurrence"\nmost = 1', "most", "小于一次的分数"),
        ('deduction = 2\nper = "turn"', "per", "只能是 call 或 occurrence"),
        ("bonus = 2\nwarn_first = 1", "warn_first", "却没有 weight、deduction、veto 或 fine"),
        ("deduction = 2\nwarn_first = -1", "warn_first", "不能小于 0"),
        ('weight = 2\nveto = "section"', "veto", "却没有 section"),
        ('weight = 2\nveto = "total"', "veto", "只能是 section 或 call"),
        ("bonus = 0", "bonus", "应大于 0"),
        ('severity = "advisory"\nweight = 2', "weight", "是 advisory，又写了 weight"),
        ('severity = "advisory"\nfine = { amount = 5 }', "fine", "是 advisory，又写了 fine"),
        ('severity = "grave"', "severity", "只能是 advisory 或 minor 或 major 或 critical"),
        ('section = "voice"', "section", "没有这个部分"),
        ("effective_from = 2024-02-01\neffective_until = 2024-01-01", "effective_until", "早于 effective_from"),
        ('kind = "tempi"', "kind", "没有检查种类 tempi"),
        ("kind = 3", "kind", "kind 应为文本"),
        ('not_cover = "x"', "not_cover", "未知的键 not_cover"),
    ],
)
def test_a_fault_of_a_rule_is_told_at_its_line(house: Path, said: str, line: str, cause: str) -> None:
    text = HEAD + TEMPO + said + "\n"
    at, told, _ = only(house, text)
    assert (at, cause in told) == (line_of(text, f"{line} ="), True), told


@pytest.mark.parametrize(
    ("fine", "expected"),
    [
        ("{ amount = 50 }", Fine(Decimal(50), Decimal(50))),
        ("{ low = 50, high = 500 }", Fine(Decimal(50), Decimal(500))),
        ('{ amount = 20.5, per = "call", cap = 100 }', Fine(Decimal("20.5"), Decimal("20.5"), "call", Decimal(100))),
        ("{ amount = 30, grave = [2, 5] }", Fine(Decimal(30), Decimal(30), grave=(Decimal(2), Decimal(5)))),
        ("{ amount = 30, grave = 25 }", Fine(Decimal(30), Decimal(30), grave=(Decimal(25), Decimal(25)))),
        (
            '{ escalation = [20, 50, 100], then = "double", period = "quarter" }',
            Fine(Decimal(20), Decimal(100), escalation=(Decimal(20), Decimal(50), Decimal(100)), then="double", period="quarter"),
        ),
        (
            '{ amount = 20, liable = [{ role = "leader", share = 0.8 }, { role = "班长", amount = 50 }] }',
            Fine(
                Decimal(20),
                Decimal(20),
                liable=(Liability("leader", Decimal("0.8")), Liability("班长", None, Decimal(50))),
            ),
        ),
    ],
)
def test_fines(house: Path, fine: str, expected: Fine) -> None:
    (found,) = read(house, HEAD + TEMPO + f"fine = {fine}\n").rules
    assert found.fine == expected and found.points is None


@pytest.mark.parametrize(
    ("fine", "cause"),
    [
        ("{}", "没有写明金额"),
        ("{ low = 50 }", "只写了 low"),
        ("{ amount = 50, high = 100 }", "同时写了 amount 和 high"),
        ("{ amount = 50, escalation = [20] }", "同时写了 amount 和 escalation"),
        ("{ low = 500, high = 50 }", "的 low（500）大于 high（50）"),
        ("{ amount = 50, cap = 20 }", "的 cap（20）小于一次的金额（50）"),
        ("{ amount = 0 }", "应大于 0"),
        ("{ amount = 0.005 }", "小数超过 2 位"),
        ('{ amount = 50, then = "double" }', "写了 then，却没有 escalation"),
        ('{ amount = 50, period = "year" }', "写了 period，却没有 escalation"),
        ("{ escalation = [] }", "不能是空列表"),
        ("{ escalation = [20, -1] }", "escalation 的第 2 项为 -1，应大于 0"),
        ("{ amount = 50, grave = [5, 2] }", "应有 1 ≤ 前 ≤ 后"),
        ("{ amount = 50, grave = [1, 2, 3] }", "实有 3 个"),
        ('{ amount = 50, liable = [{ role = "leader" }] }', "share 和 amount 应写一个"),
        ('{ amount = 50, liable = [{ role = "leader", share = 80 }] }', "超出 0–1"),
        ('{ amount = 50, liable = [{ role = "leader", share = 0 }] }', "share 为 0"),
        ("{ amount = 50, liable = [{ share = 0.8 }] }", "缺少必填的 role"),
        ("{ amount = 50, ammount = 5 }", "未知的键 ammount"),
        ("50", "fine 应为一个表，实为整数"),
    ],
)
def test_a_fault_of_a_fine_is_told_at_its_line(house: Path, fine: str, cause: str) -> None:
    text = HEAD + TEMPO + f"fine = {fine}\n"
    told = problems(house, text)
    assert {at for at, _, _ in told} == {f"house/rules.toml:{line_of(text, 'fine')}"}
    assert any(cause in said for _, said, _ in told), told


def test_rules_without_a_word_of_points_count_one_unless_others_are_fined(house: Path) -> None:
    two = TEMPO + TEMPO.replace("tempo]", 'slow]\nkind = "tempo"')
    assert [r.points for r in read(house, HEAD + two).rules] == [Points(weight=Decimal(1))] * 2
    assert [r.points for r in read(house, HEAD + two + "fine = { amount = 5 }\n").rules] == [None, None]
    mixed = read(house, HEAD + '[scoring]\nmode = "percent"\n' + two + "fine = { amount = 5 }\n")
    assert [r.points for r in mixed.rules] == [Points(weight=Decimal(1)), None]


def test_scoring_and_its_sections(house: Path) -> None:
    text = HEAD + '[scoring]\nmode = "deduction"\nbase = 120\nmin_coverage = 0.75\ndecimals = 0\n[scoring.sections]\n'
    text += 'service = { title = "服务用语", weight = 60 }\nvoice = { title = "语音" }\n'
    text += TEMPO + 'section = "voice"\ndeduction = 2\nveto = "section"\n'
    book = read(house, text)
    sections = (SectionSetup("service", "服务用语", Decimal(60)), SectionSetup("voice", "语音"))
    assert book.scoring == Scoring("deduction", Decimal(120), Decimal("0.75"), 0, sections)
    assert rule(book, "tempo").section == "voice"


@pytest.mark.parametrize(
    ("scoring", "said", "line", "cause"),
    [
        ('mode = "percents"', "", "mode", "只能是 percent 或 deduction 或 none"),
        ("decimals = 7", "", "decimals", "超出 0–6"),
        ("min_coverage = 60", "", "min_coverage", "超出 0–1"),
        ("base = 0", "", "base", "应大于 0"),
        ("round = 2", "", "round", "未知的键 round"),
        ('sections = ["a"]', "", "sections", "应为一个表"),
        ("sections = { voice = { weight = 3 } }", 'section = "voice"', "sections", "缺少必填的 title"),
        ('sections = { Voice = { title = "语音" } }', "", "sections", "名称 'Voice' 不可用"),
        ('mode = "percent"', "deduction = 2", "deduction", "按 deduction 扣分，而规则书按百分数计分"),
        ('mode = "none"', "weight = 2", "weight", '写了 weight，而规则书的 mode = "none"'),
        ('mode = "none"', 'veto = "call"', "veto", "写了 veto"),
    ],
)
def test_a_fault_of_scoring_is_told_at_its_line(house: Path, scoring: str, said: str, line: str, cause: str) -> None:
    text = HEAD + f"[scoring]\n{scoring}\n" + TEMPO + said + "\n"
    at, told, _ = only(house, text)
    assert (at, cause in told) == (line_of(text, f"{line} ="), True), told


def test_a_deduction_book_has_no_weights(house: Path) -> None:
    text = HEAD + '[scoring]\nmode = "deduction"\n' + TEMPO + "weight = 2\n"
    line, cause, cure = only(house, text)
    assert (line, "按 weight 计分" in cause, "全部写" in cure) == (line_of(text, "[checks.tempo]"), True, True)
