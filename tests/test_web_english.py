"""With the language switched to English every page speaks English, but for data, which is marked as Chinese."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from web_furnished import Data, example_findings, furnish, pages, read
from web_house import PEOPLE, House, call_id

from qa.checks import registry
from qa.web import language
from qa.web.language import speaking, translated
from qa.web.marking import marked
from qa.web.sentences import HAN, Sentences, chinese

ROOT = Path(__file__).parents[1]
CORE = tomllib.loads((ROOT / "qa" / "web" / "english" / language.CORE).read_text("utf-8"))
_QUOTED = re.compile("“[^“”]*”")
_HAN = re.compile(f"[{HAN}]+")


# ---------------------------------------------------------------- pages


@pytest.fixture
def furnished(house: House, tmp_path: Path) -> House:
    furnish(house, tmp_path)
    return house


def test_english_pages_are_english_but_for_data_and_that_is_marked(furnished: House) -> None:
    data, browsers = Data(furnished.store), {who: furnished.client(who) for who in PEOPLE}
    unmarked: set[str] = set()
    untold: set[tuple[str, str]] = set()
    seen: set[str] = set()
    for who, at in pages(furnished):
        browsers[who].client.cookies.set("qa-lang", "en")
        answer = browsers[who].get(at)
        assert answer.status_code != 500, (who, at)
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        page = read(answer.text)
        seen |= {at.partition("?")[0]} if answer.status_code == 200 else set()
        unmarked |= {text for text, tongue in page.texts if chinese(text) and not tongue.startswith("zh")}
        untold |= {(rest, at) for text in (*(text for text, _ in page.texts), *page.attributes) if (rest := data.rest(text))}
    assert "\n".join(sorted(unmarked)) == ""
    assert "\n".join(f"{at}: {rest}" for rest, at in sorted(untold)) == ""
    assert len(seen) > 60  # the pages were there to be read


def test_chinese_pages_are_as_they_were(furnished: House) -> None:
    page = furnished.client("qa").get(f"/review/{call_id('8001', 2)}").text
    assert 'lang="zh-CN"' in page and page.count("lang=") == 2  # of the page, and of the switch
    assert "秒坐席说了服务禁语" in page and "分（满分" in page


# ---------------------------------------------------------------- what is Chinese is marked


@pytest.mark.parametrize(
    ("html", "due"),
    [
        ("<p>Hello</p>", "<p>Hello</p>"),
        ("<td>李敏</td>", '<td><span lang="zh-CN">李敏</span></td>'),
        ("<p>Said “这个，不归我管。” at 7.8 s</p>", '<p>Said “<span lang="zh-CN">这个，不归我管</span>。” at 7.8 s</p>'),
        ("<p>Rule 语速: limit 140–200 字 each, 一组</p>", None),
        ("<option value='1'>一组</option>", "<option value='1' lang=\"zh-CN\">一组</option>"),
        ("<option>Team 一组</option>", "<option>Team 一组</option>"),
        ("<textarea>词语 | 例外</textarea>", '<textarea lang="zh-CN">词语 | 例外</textarea>'),
        ("<svg><text x='1'>不评分</text><path d='M0'/></svg><p>好</p>", None),
        ('<button lang="zh-CN">中文</button>', '<button lang="zh-CN">中文</button>'),
        ('<p lang="zh-CN"><b>一组</b></p><b>二组</b>', '<p lang="zh-CN"><b>一组</b></p><b><span lang="zh-CN">二组</span></b>'),
        ("<script>const a = '中 < 文';</script><style>p{content:'中'}</style>", None),
        ("<!-- 中文 --><p>a &lt;b&gt; 客户</p>", '<!-- 中文 --><p>a &lt;b&gt; <span lang="zh-CN">客户</span></p>'),
        ("<a title=\"1 > 0 '中'\" href='x'>李<br>敏</a>", None),
        ("<ul><li>一组<li>二组</ul>三组", None),
    ],
)
def test_chinese_is_marked_where_markup_may_stand(html: str, due: str | None) -> None:
    made = marked(html)
    if due is not None:
        assert made == due
    assert re.sub(r'<span lang="zh-CN">|</span>| lang="zh-CN"', "", made) == html.replace(' lang="zh-CN"', "")
    page = read(made)
    assert [text for text, tongue in page.texts if chinese(text) and not re.search("[A-Za-z]", text) and not tongue.startswith("zh")] == []


# ---------------------------------------------------------------- sentences by patterns

_MADE = Sentences(
    {
        "第 {at:n} 秒{what:t}": "at {at} s {what}",
        "说了“{said:d}”": "“{said}” was said",
        "{what:t}，需人工复核": "{what}; look",
        "没有说{what}": "did not say {what}",
        "{who:w}：{why:t}": "{who}: {why}",
        "缺{titles:a}": "missing: {titles}",
        "{from:c} 起{quoted:q}": "from {from} on {quoted}",
        "读音相近": "it sounds alike",
    },
    {"坐席": "Agent", "静音": "Silence"},
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "Plain"),
        ("坐席", "Agent"),
        ("第 7.8 秒说了“不归我管，你自己问”", "At 7.8 s “不归我管，你自己问” was said"),
        ("第 7.8 秒说了“一”，需人工复核", "At 7.8 s “一” was said; look"),
        (
            "第 7 秒说了“一”；读音相近。第 8 秒说了“二”、读音相近",
            "At 7 s “一” was said; it sounds alike. At 8 s “二” was said, it sounds alike",
        ),
        ("没有说“您好”等", "Did not say “您好”等"),
        ("没有说静音、问候的话（三个字以上）", "Did not say Silence, 问候的话（三个字以上）"),
        ("没有说一，没有说二", "Did not say 一, did not say 二"),
        ("坐席：读音相近", "Agent: it sounds alike"),
        ("没人说的话：读音相近", None),
        ("缺聆听、不打断，少辩解；其余", "Missing: 聆听、不打断，少辩解；其余"),
        ("1:02.5 起“一”“二”", "From 1:02.5 on “一”“二”"),
        ("x:02.5 起“一”", None),
        ("第 7.8 秒哼了一声", None),
        ("第 七 秒读音相近", None),
        ("说了“一”、“二”", None),
        ("没人知道的话", None),
        ("缺" + "长" * 5000, None),
        ("读音相近" + "，需人工复核" * 10, "It sounds alike" + "; look" * 10),
        ("读音相近" + "，需人工复核" * 300, None),
        ("坐席：" * 500 + "读音相近", None),
        ("、".join(f"没有说{n}" for n in range(600)), None),
    ],
)
def test_a_sentence_is_said_by_its_patterns_and_data_stays(text: str, said: str | None) -> None:
    assert _MADE.say(text) == said


def test_a_place_without_a_kind_that_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind z"):
        Sentences({"第 {at:z} 秒": "at {at} s"}, {})


def test_sentences_of_the_core_are_said_in_the_language_of_the_request() -> None:
    told = "铃响 5 声才接听，规定 3 声之内。话单：振铃 21.0 秒后接听，5 声"
    cause = "没有录音可放：{cause}。以下时间仍对应原录音。"
    assert translated(told) == told and translated(cause, cause="文件不存在") == cause.format(cause="文件不存在")
    with speaking("en"):
        assert translated(told) == "Answered only after 5 rings, 3 allowed. Record: answered after 21.0 s, 5 rings"
        assert translated("哼了一声") == "哼了一声"
        assert translated("1 分 05 秒") == "1 min 05 s" and translated("得 0 分（满分 15 分）") == "0 of 15 points"
        assert not chinese(translated(cause, cause="文件不存在"))
        assert "一组" in translated("分派给 {name}", name="一组")


# ---------------------------------------------------------------- everything the core says to people has English


def _left(said: str, data: set[str]) -> list[str]:
    """What of an English sentence is Chinese and no data."""
    for one in sorted(data, key=len, reverse=True):
        said = said.replace(one, "") if one else said
    return _HAN.findall(_QUOTED.sub("", said))


@pytest.mark.parametrize("check_id", registry())
def test_every_message_of_the_checks_has_english(check_id: str) -> None:
    for check, finding, data in example_findings():
        if check == check_id:
            said = language.core().say(finding.message)
            assert said is not None and _left(said, data) == [], finding.message


PACKAGES = ("review", "appraisal", "clips", "web/pages")
MODULES = ("role_marks.py", "ledger_cards.py")
SAMPLES = ("7", "坐席", "申诉成立", "文字已改")
"""What may stand in a place of a message; one of them fits each."""


def _raised(file: Path) -> Iterator[ast.expr]:
    """Causes and cures of the errors that a module raises."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
            yield from node.args[1:3]


def _texts(node: ast.expr) -> Iterator[list[str]]:
    """Each text of an expression, with all samples in its places."""
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield [node.value]
    elif isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        yield ["".join(sample if part is None else str(part) for part in parts) for sample in SAMPLES]


def _has_english(samples: tuple[str, ...]) -> bool:
    """Whether one of them, all the same text with other words in its places, is said in English."""
    words = SAMPLES if len(samples) == len(SAMPLES) else ("",)
    return any(not chinese(translated(text).replace(word, "")) for text, word in zip(samples, words, strict=True))


def test_every_error_that_pages_may_show_has_english() -> None:
    files = [*(file for name in PACKAGES for file in (ROOT / "qa" / name).glob("*.py")), *(ROOT / "qa" / name for name in MODULES)]
    texts = {tuple(each) for file in files for node in _raised(file) for each in _texts(node) if chinese(each[0])}
    assert len(texts) > 150
    with speaking("en"):
        assert "\n".join(sorted(each[0] for each in texts if not _has_english(each))) == ""


def _said_in_the_program() -> str:
    """All Chinese in texts of the core and the pages, with what is put together there."""
    found = []
    for file in (ROOT / "qa").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and chinese(node.value):
                found.append(node.value)
    return "\n".join(found)


def _put_together(text: str, program: str, pieces: int = 3) -> bool:
    """Whether the text stands in the program, in so many pieces."""
    return text in program or (
        pieces > 1 and any(text[:at] in program and _put_together(text[at:], program, pieces - 1) for at in range(len(text) - 1, 0, -1))
    )


def test_no_pattern_is_of_a_sentence_that_the_core_no_longer_has() -> None:
    program = _said_in_the_program()
    parts = {key: [part for literal in _literals(key) for part in _HAN.findall(literal)] for key in CORE}
    assert "\n".join(key for key, each in parts.items() if not all(_put_together(part, program) for part in each)) == ""
    assert not _put_together("语速快得谁都听不清楚了", program)


def _literals(key: str) -> list[str]:
    return [literal for literal, *_ in string.Formatter().parse(key)]


def test_patterns_have_no_other_places_in_english_and_that_is_english() -> None:
    for key, said in CORE.items():
        named, used = ({part[1] for part in string.Formatter().parse(text) if part[1]} for text in (key, said))
        assert used <= named, key
        assert not chinese(_QUOTED.sub("", said)), said
