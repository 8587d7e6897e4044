"""Text as read, sounds, patterns and word lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa.check_examples import parse as script
from qa.errors import LexiconError
from qa.lexicon import load_word_list, load_word_lists
from qa.patterns import Held, align, fill, judge, parse
from qa.phonetic import boundary_cost, find, gain, spoken, syllable_distance, syllables
from qa.text import as_read, countable, log_likelihood, normalise, number_as_read, readings, simplify, words
from qa.types import Span, Word

READ = [
    ("我的电话是13800138000", "我的电话是幺三八零零幺三八零零零"),
    ("大概12000", "大概一万两千"),
    ("单号12345000", "单号幺二三四五零零零"),
    ("工号1024", "工号幺零二四"),
    ("电话13812345678", "电话幺三八幺二三四五六七八"),
    ("400-123-4567", "四零零幺二三四五六七"),
    ("请拨打10086", "请拨打幺零零八六"),
    ("10086", "幺零零八六"),
    ("110", "幺幺零"),
    ("2024年5月2日", "二零二四年五月二日"),
    ("2025-01-02", "二零二五年一月二日"),
    ("98年", "九八年"),
    ("12.5%", "百分之十二点五"),
    ("8:30", "八点三十"),
    ("18:05", "十八点零五"),
    ("2:00", "两点"),
    ("3-5天", "三到五天"),
    ("1/2", "二分之一"),
    ("¥12.5", "十二点五元"),
    ("1,200元", "一千二百元"),
    ("1200元", "一千二百元"),
    ("2个", "两个"),
    ("2号", "二号"),
    ("24小时", "二十四小时"),
    ("200", "二百"),
    ("2000", "两千"),
    ("20000", "两万"),
    ("1005块", "一千零五块"),
    ("10010元", "一万零一十元"),
    ("110000个", "十一万个"),
    ("按0", "按零"),
    ("２号", "二号"),
    ("5G網路", "五g网路"),
    ("８：３０，５％", "八点三十，百分之五"),
    ("您好，", "您好，"),
]


@pytest.mark.parametrize(("written", "read"), READ)
def test_digits_as_read(written: str, read: str) -> None:
    assert as_read(written) == read


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("0", "零"),
        ("10", "十"),
        ("15", "十五"),
        ("105", "一百零五"),
        ("110", "一百一十"),
        ("1010", "一千零一十"),
        ("10001", "一万零一"),
        ("20200", "两万零二百"),
        ("100000", "十万"),
        ("100000000", "一亿"),
        ("100000001", "一亿零一"),
        ("200000000", "两亿"),
        ("1200345", "一百二十万零三百四十五"),
    ],
)
def test_whole_numbers(number: str, read: str) -> None:
    assert number_as_read(number) == read


_VALUE = {"零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}


def _parsed(text: str) -> int:
    """The number that a reading names, by the rules of the language and by nothing of the program."""
    for name, size in (("亿", 10**8), ("万", 10**4), ("千", 1000), ("百", 100), ("十", 10)):
        if name in text:
            high, low = text.split(name, 1)
            return (_parsed(high) if high.strip("零") else 1) * size + (_parsed(low) if low else 0)
    text = text.lstrip("零")
    return _VALUE[text] if text else 0


@given(st.integers(min_value=0, max_value=10**12 - 1))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_reading_of_a_number_names_that_number(number: int) -> None:
    assert _parsed(number_as_read(str(number))) == number


@given(st.text(alphabet="0123456789 ,.:-/%¥年月元号电话工您好A", max_size=20))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_readings_leave_no_digit_and_keep_their_places(text: str) -> None:
    read = readings(text)
    assert not any(r.character in "0123456789" for r in read)
    assert all(0 <= r.start < r.end <= len(text) for r in read)
    assert [r.start for r in read] == sorted(r.start for r in read)


def test_places_of_readings() -> None:
    assert [(r.character, r.start, r.end) for r in readings("共200元")] == [("共", 0, 1), ("二", 1, 4), ("百", 1, 4), ("元", 4, 5)]
    assert [(r.character, r.start, r.end) for r in readings("08年")] == [("零", 0, 1), ("八", 1, 2), ("年", 2, 3)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("您好，华宁通信。", 6),
        ("", 0),
        ("……！？", 0),
        ("30元", 3),
        ("10086", 5),
        ("VIP客户", 5),
        ("在线online", 4),
        ("email", 2),
        ("service", 2),
        ("5G", 2),
        ("一百二十", 4),
    ],
)
def test_countable_characters(text: str, count: int) -> None:
    assert countable(text) == count


def test_simplified_and_normalised() -> None:
    assert simplify("請問您的電話號碼，ＡＢ") == "请问您的电话号码，AB"
    assert normalise(" 您好，５Ｇ 網路！") == "您好五g网路"


def test_words_and_likelihood() -> None:
    assert words("我不知道滚动公告") == ("我", "不", "知道", "滚动", "公告")
    assert log_likelihood("不知道") > log_likelihood("不之道") + 2.3
    assert log_likelihood("") == 0.0


# ---------------------------------------------------------------- sound


def test_syllables_in_context() -> None:
    assert syllables("银行重新长短绿") == ("yin", "hang", "chong", "xin", "chang", "duan", "lv")
    assert syllables("嗯a") == ("en", "a")


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("ni", "ni", 0.0),
        ("nin", "lin", 0.2),
        ("zi", "zhi", 0.2),
        ("chan", "cang", 0.4),
        ("fu", "hu", 0.2),
        ("ren", "leng", 0.4),
        ("xin", "xing", 0.2),
        ("ni", "nin", 0.5),
        ("ba", "pa", 0.5),
        ("dao", "shi", 1.0),
        ("v", "wei", 1.0),
    ],
)
def test_syllable_distance(a: str, b: str, distance: float) -> None:
    assert syllable_distance(a, b) == pytest.approx(distance)
    assert syllable_distance(b, a) == pytest.approx(distance)


def _heard(text: str, probability: float = 0.9) -> list[Word]:
    return list(script(f"坐席 0-{len(text) * 0.25} @{probability} {text}")[0].words)


def test_find_by_text_by_sound_and_near() -> None:
    heard = spoken(_heard("这个我不之道，您问华灵通信"))
    (match,) = find("不知道", heard, 0.0)
    assert (match.start, match.end, match.distance, match.exact) == (3, 6, 0.0, False)
    assert find("华宁通信", heard, 0.04) == ()
    (near,) = find("华宁通信", heard, 0.05)
    assert near.distance == pytest.approx(0.05)
    assert find("感谢您的来电", heard, 0.3) == ()


def test_find_with_a_syllable_too_few() -> None:
    heard = spoken(_heard("感谢您来电"))
    (match,) = find("感谢您的来电", heard, 0.2)
    assert (match.start, match.end) == (0, 5)
    assert match.distance == pytest.approx(1 / 6)


@given(st.text(alphabet="不知道之到您好的来电感谢", min_size=1, max_size=14), st.sampled_from(["不知道", "感谢您的来电", "您好"]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_distance_is_that_of_the_best_stretch(text: str, phrase: str) -> None:
    """Against every stretch compared by the plain edit distance."""

    def edit(a: tuple[str, ...], b: tuple[str, ...]) -> float:
        row = [float(j) for j in range(len(b) + 1)]
        for i, x in enumerate(a, 1):
            row, last = [float(i)], row
            for j, y in enumerate(b, 1):
                row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + syllable_distance(x, y)))
        return row[-1]

    heard = spoken(_heard(text))
    wanted = syllables(phrase)
    stretches = [heard.syllables[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)]
    best = min(edit(wanted, s) for s in stretches) / len(wanted)
    found = find(phrase, heard, 0.5)
    if best <= 0.5 and phrase not in heard.text:
        assert min(m.distance for m in found) == pytest.approx(best)
    if best > 0.5:
        assert found == ()


def test_times_of_characters() -> None:
    heard = spoken([Word("您好，", Span(0, 400), 0.9), Word("20", Span(400, 800), 0.5)])
    assert heard.text == "您好二十"
    assert heard.spans == (Span(0, 200), Span(200, 400), Span(400, 600), Span(600, 800))
    assert heard.probabilities == (0.9, 0.9, 0.5, 0.5) and heard.breaks == {2}
    assert heard.span(1, 3) == Span(200, 600)


def test_gain_tells_a_slip_from_other_words() -> None:
    slip = spoken(_heard("这个我不之道"))
    other = spoken(_heard("那是他的事"))
    assert gain("不知道", find("不知道", slip, 0.1)[0], slip) > 2.3
    assert gain("那是你的事", find("那是你的事", other, 0.3)[0], other) < 2.3


def test_boundary_cost_of_a_part_of_a_word() -> None:
    part, whole = spoken(_heard("那是滚动公告")), spoken(_heard("我可不知道"))
    assert boundary_cost("滚", find("滚", part, 0.0)[0], part) > 5
    assert boundary_cost("不知道", find("不知道", whole, 0.0)[0], whole) < 2


# ---------------------------------------------------------------- patterns


def test_pattern_parts_and_wordings() -> None:
    pattern = parse("（您好｜早上好），{company}[，工号{agent_number}]，什么可以帮[到|助]您", ["company"])
    assert [part.wordings for part in pattern.parts] == [
        ("您好", "早上好"),
        ("{company}",),
        ("什么可以帮到您", "什么可以帮助您", "什么可以帮您"),
    ]
    filled = fill(pattern, {"company": ("华宁", "华宁通信")}, None)
    assert filled.parts[1].wordings == ("华宁", "华宁通信")


@pytest.mark.parametrize(
    "source", ["您好（", "您好）", "[您好]", "您好|早上好", "{company", "您好，{nobody}", "(您好]", "", "(一|二)(一|二|三)" * 4]
)
def test_patterns_that_are_wrong(source: str) -> None:
    with pytest.raises(ValueError, match="句式"):
        parse(source, ["company"])


def test_a_number_that_was_written_in_digits_may_have_been_said_either_way() -> None:
    pattern = fill(parse("客服中心{agent_number}号", []), {}, "1024")
    for said in ("客服中心幺零二四号", "客服中心一千零二十四号"):
        assert align(pattern, spoken(_heard(said)), 0.2, 0.3).worst is Held.PRESENT


def test_parts_must_come_in_order() -> None:
    pattern = fill(parse("感谢来电，再见", []), {}, None)
    forward, backward = (align(pattern, spoken(_heard(t)), 0.2, 0.3) for t in ("好感谢来电啊再见", "再见感谢来电"))
    assert forward.held == (Held.PRESENT, Held.PRESENT) and forward.span == Span(250, 2000)
    assert backward.worst is Held.ABSENT


def test_two_decodes_together() -> None:
    pattern = fill(parse("感谢来电，再见", []), {}, None)
    thanks, bye, none = (spoken(_heard(t)) for t in ("好感谢来电", "那就再见", "没事了挂吧"))
    assert judge([pattern], [thanks, thanks], 0.2, 0.3).missing == ("再见",)
    assert judge([pattern], [thanks, bye], 0.2, 0.3).held is Held.DOUBTFUL
    assert judge([pattern], [none, none], 0.2, 0.3).missing == ("感谢来电", "再见")


# ---------------------------------------------------------------- word lists


def _list(folder: Path, text: str) -> Path:
    path = folder / "list.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_word_list_is_read(tmp_path: Path) -> None:
    path = _list(tmp_path, "# 注释\n\n不知道 | 知不知道，不知道您*方便 | 说明\n闭嘴\n滚 ｜ 滚动、滚水\n")
    listed = load_word_list(path)
    assert [(p.text, p.exceptions, p.line, p.note) for p in listed.phrases] == [
        ("不知道", ("知不知道", "不知道您*方便"), 3, "说明"),
        ("闭嘴", (), 4, ""),
        ("滚", ("滚动", "滚水"), 5, ""),
    ]


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("闭嘴\n闭嘴\n", 2, "重复"),
        ("闭嘴|a|b|c\n", 1, "栏"),
        ("闭嘴\n | 例外\n", 2, "空"),
        ("闭 嘴\n", 1, "标点"),
        ("闭嘴 | 张嘴\n", 1, "不含"),
        ("闭嘴 | 闭嘴\n", 1, "不含"),
        ("闭嘴 | 请闭嘴吧！\n", 1, "标点"),
        ("# 空\n", 1, "没有任何词语"),
    ],
)
def test_word_lists_that_are_wrong(tmp_path: Path, text: str, line: int, cause: str) -> None:
    path = _list(tmp_path, text)
    with pytest.raises(LexiconError, match=cause) as caught:
        load_word_list(path)
    assert caught.value.subject == f"{path}:{line}"


def test_word_list_missing_or_in_another_encoding(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="读不出来"):
        load_word_list(tmp_path / "none.txt")
    path = tmp_path / "gbk.txt"
    path.write_bytes("闭嘴\n废话\n".encode() + "神经病".encode("gbk"))
    with pytest.raises(LexiconError, match="UTF-8") as caught:
        load_word_list(path)
    assert caught.value.subject == f"{path}:3"


def test_lists_are_joined(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("不知道|知不知道\n闭嘴\n", encoding="utf-8")
    (tmp_path / "b").write_text("不知道|您不知道\n废话\n", encoding="utf-8")
    joined = load_word_lists([tmp_path / "a", tmp_path / "b"])
    assert [(p.text, p.exceptions) for p in joined.phrases] == [("不知道", ("知不知道", "您不知道")), ("闭嘴", ()), ("废话", ())]
    with pytest.raises(LexiconError, match="没有给出"):
        load_word_lists([])
