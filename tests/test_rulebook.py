"""The rule book loader: what it reads, and that everything wrong is reported, each at its line."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rulebook_houses import Check

from qa import rulebook
from qa.errors import QaError, RuleBookError, RuleBookErrors
from qa.lexicon import WordList, load_word_list
from qa.rulebook import load
from qa.rules.book import RuleBook, Unchecked
from qa.rules.model import Points, Scoring
from qa.toml_document import Section, TomlDocument


@dataclass(frozen=True)
class TempoParams:
    low_cpm: float = 140.0
    high_cpm: float = 200.0
    pause_ms: int = 500
    strict: bool = False
    unit: str = "字"

    def __post_init__(self) -> None:
        if not self.low_cpm < self.high_cpm:
            raise ValueError(f"low_cpm（{self.low_cpm}）应小于 high_cpm")
        if self.pause_ms < 0:
            raise ValueError("pause_ms 不能为负")


@dataclass(frozen=True)
class PhraseParams:
    words: WordList
    patterns: tuple[str, ...] = ("您好",)
    slots: tuple[tuple[str, tuple[str, ...]], ...] = ()
    extra: WordList = field(default_factory=lambda: WordList("none", ()))

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            if "{company}" in pattern and "company" not in dict(self.slots):
                raise ValueError(f"句式“{pattern}”里的 {{company}} 没有定义")
            if pattern.count("{") != pattern.count("}"):
                raise ValueError(f"句式“{pattern}”的括号不配对")


REGISTRY: dict[str, Any] = {"tempo": Check("语速", TempoParams), "phrases": Check("用语", PhraseParams)}

GOOD = """\
[profile]
id = "house"
title = "测试规则"
version = "3"

[slots]
company = ["华宁通信", "华宁"]
wish = ["节日快乐"]

[checks.phrases]
clause = "使用礼貌用语。"
weight = 2.5
words = ["polite.txt"]
patterns = ["您好，{company}"]

[checks.tempo]
clause = "语速适中。"
high_cpm = 180

[[not_auditable]]
clause = "着装整洁。"
reason = "录音中看不到"
"""


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "polite.txt").write_text("请问\n谢谢\n", encoding="utf-8")
    return folder


def _load(house: Path, text: str) -> RuleBook:
    (house / "rules.toml").write_text(text, encoding="utf-8")
    return load(house, REGISTRY)


def _problems(house: Path, text: str) -> list[tuple[int, str, str]]:
    """Line, cause and cure of every problem that loading ``text`` reports."""
    with pytest.raises(RuleBookError) as caught:
        _load(house, text)
    found: tuple[QaError, ...] = caught.value.problems if isinstance(caught.value, RuleBookErrors) else (caught.value,)
    for problem in found:
        assert problem.subject.startswith(f"{house / 'rules.toml'}:"), problem.subject
    return [(int(p.subject.rpartition(":")[2]), p.cause, p.cure) for p in found]


def _one(house: Path, text: str) -> tuple[int, str, str]:
    (problem,) = _problems(house, text)
    return problem


# ------------------------------------------------------------------ what is read


def test_a_good_rule_book_is_read_in_its_own_order(house: Path) -> None:
    book = _load(house, GOOD)
    assert (book.id, book.title, book.title_en, book.version) == ("house", "测试规则", "", "3")
    assert (book.scoring, book.effective_from, book.effective_until) == (Scoring("percent", Decimal(100), Decimal("0.6")), None, None)
    assert [(r.id, r.kind, r.title, r.clause, r.points) for r in book.rules] == [
        ("phrases", "phrases", "用语", "使用礼貌用语。", Points(weight=Decimal("2.5"))),
        ("tempo", "tempo", "语速", "语速适中。", Points(weight=Decimal(1))),
    ]
    assert [rule.subject for rule in book.rules] == [f"{house / 'rules.toml'}:10", f"{house / 'rules.toml'}:16"]
    assert book.not_auditable == (Unchecked("着装整洁。", "录音中看不到"),)
    phrases, tempo = book.rules
    assert phrases.params == PhraseParams(
        words=load_word_list(house / "polite.txt"),
        patterns=("您好，{company}",),
        slots=(("company", ("华宁通信", "华宁")), ("wish", ("节日快乐",))),
    )
    assert tempo.params == TempoParams(high_cpm=180.0)
    assert type(tempo.params.high_cpm) is float


def test_only_proper_names_are_offered_to_the_recogniser(house: Path) -> None:
    assert _load(house, GOOD).names == ("华宁通信", "华宁")


def test_folder_and_file_give_the_same_book_and_a_byte_order_mark_is_ignored(house: Path) -> None:
    book = _load(house, GOOD)
    assert load(str(house / "rules.toml"), REGISTRY) == book
    (house / "rules.toml").write_text(GOOD, encoding="utf-8-sig")
    marked = load(house, REGISTRY)
    assert dataclasses.replace(marked, content_hash=book.content_hash) == book


def test_weights_are_exact_as_written(house: Path) -> None:
    book = _load(house, GOOD.replace("weight = 2.5", "weight = 0.1"))
    assert book.rules[0].points is not None and book.rules[0].points.weight is not None
    assert book.rules[0].points.weight * 3 == Decimal("0.3")


def test_a_disabled_check_is_validated_but_not_run(house: Path) -> None:
    assert [r.id for r in _load(house, GOOD.replace("high_cpm = 180", "enabled = false")).rules] == ["phrases"]
    line, cause, _ = _one(house, GOOD.replace("high_cpm = 180", "enabled = false\nhigh_cpm = 1"))
    assert line == 19 and "low_cpm" in cause


def test_a_house_that_charges_deductions(house: Path) -> None:
    text = GOOD.replace("weight = 2.5", "deduction = 3").replace("high_cpm = 180", "deduction = 1")
    assert (_load(house, text).scoring.mode, _load(house, text).scoring.base) == ("deduction", Decimal(100))
    book = _load(house, text.replace('version = "3"', 'version = "3"\ndeduction_base = 12'))
    assert book.scoring.base == Decimal(12)
    assert [r.points for r in book.rules] == [Points(deduction=Decimal(3)), Points(deduction=Decimal(1))]


def test_a_word_list_of_the_house_comes_before_one_of_all_houses(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    common = house.parent / "lexicons"
    common.mkdir()
    (common / "polite.txt").write_text("别处\n", encoding="utf-8")
    (common / "common.txt").write_text("劳驾\n", encoding="utf-8")
    monkeypatch.setattr(rulebook, "lexicons_dir", lambda: common)
    book = _load(house, GOOD.replace('["polite.txt"]', '["polite.txt", "common.txt"]'))
    assert [phrase.text for phrase in book.rules[0].params.words.phrases] == ["请问", "谢谢", "劳驾"]


# ------------------------------------------------------------------ the content hash


def test_the_hash_is_of_the_content_and_not_of_the_place(house: Path, tmp_path: Path) -> None:
    book = _load(house, GOOD)
    moved = tmp_path / "elsewhere" / "house"
    moved.parent.mkdir()
    house.rename(moved)
    assert load(moved, REGISTRY).content_hash == book.content_hash
    assert len(book.content_hash) == 12 and set(book.content_hash) <= set("0123456789abcdef")
    assert book.stamp == f"3+{book.content_hash}"


def test_without_word_lists_it_is_the_sha256_of_the_file(house: Path) -> None:
    text = '[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n[checks.tempo]\nclause = "c"\n'
    assert _load(house, text).content_hash == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_rules_and_word_lists_change_the_hash(house: Path) -> None:
    hashes = {_load(house, GOOD).content_hash, _load(house, GOOD.replace("180", "181")).content_hash}
    for words in ("请问\n谢谢您\n", "请问\n", "谢谢\n请问\n", "请问 | 请问题\n谢谢\n"):
        (house / "polite.txt").write_text(words, encoding="utf-8")
        hashes.add(_load(house, GOOD).content_hash)
    assert len(hashes) == 6
    (house / "unused.txt").write_text("无关\n", encoding="utf-8")
    assert _load(house, GOOD).content_hash in hashes


# ------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("old", "new", "line", "cause", "cure"),
    [
        ('version = "3"', "version = 3", 4, "version 应为文本，实为整数", "引号"),
        ('version = "3"', "version = 1.0", 4, "version 应为文本，实为小数", "引号"),
        ('version = "3"', 'versoin = "3"', 1, "缺少必填的 version", ""),
        ('title = "测试规则"', 'title = " "', 3, "title 不能是空文本", ""),
        ('id = "house"', 'id = "My House"', 2, "'My House' 不可用", "小写"),
        ('version = "3"', 'version = "3"\nmin_coverage = 60', 5, "min_coverage 为 60，超出 0–1", "0.6"),
        ('version = "3"', 'version = "3"\nmin_coverage = nan', 5, "有限", "nan"),
        ('version = "3"', 'version = "3"\neffective_from = "2024-01-01"', 5, "应为日期，实为文本", "2024-01-31"),
        ('version = "3"', 'version = "3"\nmin_covrage = 0.5', 5, "未知的键 min_covrage", "是否想写 min_coverage？"),
        ('[profile]\nid = "house"', 'min_coverage = 0.5\n[profile]\nid = "house"', 1, "未知的键 min_coverage", "[profile]"),
        ("[checks.tempo]", "[check.tempo]", 16, "未知的键 check", "是否想写 checks？"),
        ("[checks.tempo]", "[checks.temp]", 16, "没有检查项 temp", "是否想写 tempo？"),
        ("[checks.tempo]", "[checks.zzz]", 16, "没有检查项 zzz", "tempo、phrases"),
        ('clause = "语速适中。"\n', "", 16, "[checks.tempo] 缺少必填的 clause", ""),
        ("high_cpm = 180", "high_cmp = 180", 18, "未知的键 high_cmp", "是否想写 high_cpm？"),
        ("high_cpm = 180", 'high_cpm = "180"', 18, "high_cpm 应为数字，实为文本", "不加引号"),
        ("high_cpm = 180", "high_cpm = inf", 18, "有限", "inf"),
        ("high_cpm = 180", "high_cpm = 120", 18, "应小于 high_cpm", "rule-book.md"),
        ("high_cpm = 180", "low_cpm = 300", 18, "low_cpm（300.0）应小于 high_cpm", ""),
        ("high_cpm = 180", "pause_ms = -1", 18, "pause_ms 不能为负", ""),
        ("high_cpm = 180", "pause_ms = 0.5", 18, "pause_ms 应为整数，实为小数", ""),
        ("high_cpm = 180", "pause_ms = true", 18, "pause_ms 应为整数，实为真假值", ""),
        ("high_cpm = 180", "strict = 1", 18, "strict 应为 true 或 false，实为整数", ""),
        ("high_cpm = 180", "unit = 2024-01-31", 18, "unit 应为文本，实为日期或时间", ""),
        ("high_cpm = 180", 'slots = { a = ["x"] }', 18, "未知的键 slots", "[slots]"),
        ("high_cpm = 180", "weight = 0", 18, "weight 为 0，应大于 0", "enabled = false"),
        ("high_cpm = 180", "weight = -2", 18, "weight 为 -2，应大于 0", ""),
        ("high_cpm = 180", "weight = 1e400", 18, "应大于 0 且不超过", ""),
        ("high_cpm = 180", "weight = 0.0000001", 18, "小数超过 6 位", ""),
        ("high_cpm = 180", "weight = 2\ndeduction = 3", 19, "同时写了 weight 和 deduction", "只留其一"),
        ("weight = 2.5", "deduction = 2.5", 16, "[checks.tempo] 按 weight 计分", "全部写"),
        ('words = ["polite.txt"]\n', "", 10, "[checks.phrases] 缺少必填的 words", ""),
        ('words = ["polite.txt"]', "words = []", 13, "words 不能是空列表", ""),
        ('words = ["polite.txt"]', 'words = "polite.txt"', 13, "words 应为文本列表，实为文本", '["…"'),
        (
            'words = ["polite.txt"]',
            'words = [\n  "polite.txt",\n  "pollite.txt",\n]',
            15,
            "第 2 项词表文件 pollite.txt 不存在",
            "polite.txt",
        ),
        ('words = ["polite.txt"]', 'words = [\n"polite.txt",\n"polite.txt"]', 15, "第 2 项与前面重复", ""),
        ('words = ["polite.txt"]', 'words = ["../polite.txt"]', 13, "不在词表文件夹里", ".."),
        ('words = ["polite.txt"]', 'words = ["/etc/hostname"]', 13, "不在词表文件夹里", "绝对路径"),
        ('patterns = ["您好，{company}"]', 'patterns = ["您好",\n 3]', 15, "patterns 的第 2 项应为文本，实为整数", ""),
        ('patterns = ["您好，{company}"]', 'patterns = [\n"您好",\n"{company",\n]', 16, "句式“{company”的括号不配对", ""),
        ('wish = ["节日快乐"]', 'wish = "节日快乐"', 8, "wish 应为文本列表，实为文本", ""),
        ('reason = "录音中看不到"', 'raeson = "录音中看不到"', 20, "[not_auditable] 缺少必填的 reason", ""),
        ('reason = "录音中看不到"', 'reason = "录音中看不到"\nwhy = 1', 23, "未知的键 why", "clause、reason"),
        ("[[not_auditable]]", "[not_auditable]", 20, "not_auditable 应为表的列表，实为表", "[[not_auditable]]"),
        ('company = ["华宁通信", "华宁"]\n', "", 13, "{company} 没有定义", ""),
        ("[slots]", "[[slots]]", 6, "slots 应为一个表，实为列表", "[slots]"),
    ],
)
def test_each_fault_is_reported_at_its_line_with_a_cure(house: Path, old: str, new: str, line: int, cause: str, cure: str) -> None:
    assert GOOD.count(old) >= 1
    problems = _problems(house, GOOD.replace(old, new, 1))
    assert any(at == line and cause in said and cure in helped for at, said, helped in problems), problems


def test_a_broken_slot_is_not_reported_again_for_each_wording_with_it(house: Path) -> None:
    line, cause, _ = _one(house, GOOD.replace('["华宁通信", "华宁"]', "[]"))
    assert (line, cause) == (7, "company 不能是空列表")


def test_all_faults_are_reported_at_once_in_order_of_line(house: Path) -> None:
    text = GOOD.replace('"3"', "3").replace("2.5", "-1").replace('["polite.txt"]', '["nowhere.txt"]').replace("high_cpm", "hihg_cpm")
    text = text.replace("reason", "raeson")
    problems = _problems(house, text)
    assert [line for line, _, _ in problems] == [4, 12, 13, 18, 20, 22]
    with pytest.raises(RuleBookErrors) as caught:
        _load(house, text)
    lines = str(caught.value).splitlines()
    assert "共 6 处错误" in lines[0]
    assert all(f"rules.toml:{line}: " in said for line, said in zip([4, 12, 13, 18, 20, 22], lines[1:], strict=True))


def test_a_fault_inside_a_word_list_is_reported_at_the_line_of_the_word_list(house: Path) -> None:
    (house / "polite.txt").write_text("请问\n谢谢\n请问\n", encoding="utf-8")
    (house / "rules.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(RuleBookError, match="重复") as caught:
        load(house, REGISTRY)
    assert caught.value.subject == f"{house / 'polite.txt'}:3"


@pytest.mark.parametrize("text", ["", "[checks]\n", "[checks.tempo]\nenabled = false\nclause = 'c'\n"])
def test_a_rule_book_that_checks_nothing_is_refused(house: Path, text: str) -> None:
    profile = '[profile]\nid = "h"\ntitle = "t"\nversion = "1"\n'
    assert any(word in str(_problems(house, profile + text)) for word in ("没有启用任何检查项", "缺少 [checks]"))


def test_an_empty_file_lacks_both_tables(house: Path) -> None:
    assert [cause for _, cause, _ in _problems(house, "")] == ["缺少 [profile]", "缺少 [checks]"]


@pytest.mark.parametrize(
    ("old", "new", "line", "cause", "cure"),
    [
        ('title = "测试规则"', 'title = "测试规则"\nid = "again"', 4, "profile.id 写了两次", "第 2 行"),
        ("[checks.tempo]", "[checks.phrases]", 16, "checks.phrases 写了两次", "第 10 行"),
        ('title = "测试规则"', "title = “测试规则”", 3, "格式错误", "英文半角"),
        ('title = "测试规则"', 'title ＝ "测试规则"', 3, "格式错误", "英文半角"),
        ('title = "测试规则"', 'title = "测试规则', 3, "可能缺少引号", ""),
        ('title = "测试规则"', "title = 测试规则", 3, "格式错误", ""),
        ('title = "测试规则"', '名称 = "测试规则"', 3, "键 = 值", ""),
        ('patterns = ["您好，{company}"]', 'patterns = ["您好，{company}"', 16, "缺少 ]", "第 14 行开始的 checks.phrases.patterns"),
        ('version = "3"', "version = 2024-02-30", 4, "日期或时间不存在", ""),
        ("[checks.tempo]", "[checks.tempo", 16, "缺少结尾的 ]", ""),
    ],
)
def test_a_syntax_error_is_reported_at_its_line(house: Path, old: str, new: str, line: int, cause: str, cure: str) -> None:
    at, said, helped = _one(house, GOOD.replace(old, new, 1))
    assert (at, cause in said, cure in helped) == (line, True, True), (at, said, helped)


def test_a_file_in_another_encoding_is_refused_at_the_first_such_line(house: Path) -> None:
    (house / "rules.toml").write_bytes(GOOD.encode("gb18030"))
    with pytest.raises(RuleBookError, match="UTF-8") as caught:
        load(house, REGISTRY)
    assert caught.value.subject.endswith("rules.toml:3")


@pytest.mark.parametrize("number", ["9" * 5000, "1e" + "9" * 30, "1e400"])
def test_a_number_that_no_computer_holds_is_refused_at_its_line(house: Path, number: str) -> None:
    line, cause, _ = _one(house, GOOD.replace("180", number))
    assert (line, "太大" in cause) == (18, True)


def test_deep_nesting_is_refused_and_not_a_crash(house: Path) -> None:
    with pytest.raises(RuleBookError, match="嵌套"):
        _load(house, "a = " + "[" * 100_000)


@pytest.mark.parametrize(("profile", "cure"), [("defalt", "default"), ("zzz", "可用的有：")])
def test_an_unknown_name_suggests_a_known_one(profile: str, cure: str) -> None:
    with pytest.raises(RuleBookError, match="没有这个规则书") as caught:
        load(profile)
    assert cure in caught.value.cure


def test_a_folder_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuleBookError, match=r"没有 rules\.toml"):
        load(tmp_path)


def test_params_that_no_rule_book_can_fill_are_a_fault_of_the_program(house: Path) -> None:
    @dataclass(frozen=True)
    class Odd:
        sizes: list = field(default_factory=list)  # type: ignore[type-arg]

    (house / "rules.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(TypeError, match="sizes"):
        load(house, REGISTRY | {"tempo": Check("x", Odd)})


def test_a_section_tells_where_a_misplaced_key_belongs(tmp_path: Path) -> None:
    document = TomlDocument(tmp_path / "x.toml", b"a = 1\nb = 2\n")
    section = Section(document, (), document.data)
    section.allow("a")
    section.close(elsewhere={"b": "other"})
    assert [(p.subject, p.cure) for p in document.problems] == [(f"{tmp_path / 'x.toml'}:2", "b 应写在 [other] 里")]
