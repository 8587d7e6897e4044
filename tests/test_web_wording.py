"""Nobody at a page is told to type a command: what the core advises at the command line is said there in another way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_web_english import _has_english, _raised, _texts
from web_house import House, call_id

from qa.appraisal import closing
from qa.errors import StoreError
from qa.review import reviews
from qa.web.language import speaking
from qa.web.routes import ROUTES
from qa.web.sentences import chinese
from qa.web.wording import told, without_commands

ROOT = Path(__file__).parents[1]
COMMAND = re.compile(r"--[a-z]|\bqa [a-z]")
ELSEWHERE = ("batch", "diarization", "traffic", "operation")
ONLY_COMMANDS = (
    "cli",
    "models",
    "pipeline",
    "distribution",
    "voice",
    "demonstration",
    "running",
    "tls",
    "audit",
    "book.py",
    "formats",
    "rows",
)


def _advised() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Causes and cures with a command, by file; beside those that are raised those of tables that lead to one."""
    for file in (ROOT / "qa").rglob("*.py"):
        if file.name.startswith("cli"):
            continue
        nodes = [*_raised(file)]
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Tuple) and len(node.elts) == 3:
                nodes += node.elts
        for node in nodes:
            for each in _texts(node):
                if any(COMMAND.search(text) and chinese(text) for text in each):
                    yield str(file.relative_to(ROOT / "qa")), tuple(each)


ADVISED = sorted(set(_advised()))


def test_no_advice_names_a_command_or_an_option_on_a_page() -> None:
    assert len(ADVISED) > 50
    left = [f"{file}: {text}" for file, each in ADVISED for text in each if COMMAND.search(without_commands(text))]
    assert left == []


def test_what_is_said_instead_has_english() -> None:
    shown = [(file, each) for file, each in ADVISED if not any(part in file for part in (*ELSEWHERE, *ONLY_COMMANDS))]
    assert len(shown) > 25
    with speaking("en"):
        assert [(file, each[0]) for file, each in shown if not _has_english(tuple(map(without_commands, each)))] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("请加 --by 姓名", "请写明姓名"),
        (
            "请设为 mixed（不止一个人）；听过确认从头到尾只有这一个人说话，才加 --alone",
            "请设为 mixed（不止一个人）；听过确认从头到尾只有这一个人说话，才勾选“不再从说话人里分出播报和接手的人”",
        ),
        (
            "qa roles set 不会重新区分说话人；请先再运行一次 qa score（qa rescore 不区分说话人），区分出来以后再设定",
            "这里不会重新区分说话人；请管理员先把这通录音重新评分一次，区分出来以后再设定",
        ),
        ("请加 --reason 理由", "请写明理由"),
        ("请先批准（qa adjust 通话 --by 姓名 --reason 理由），或改正记录", "请先批准，或改正记录"),
        ("请检查写权限，或用 --db 指定另一个位置", "请检查写权限"),
        ("请先运行 qa rescore --since 2025-06-01 --until 2025-06-30，再关账", "请管理员先重新评分，再关账"),
        ("请用 --db 指定本程序的数据库，或一个新文件", "请管理员在服务器上处理"),
        ("张三 qa, team A--B：写明理由", "张三 qa, team A--B：写明理由"),
    ],
)
def test_the_rest_of_the_sentence_stays(text: str, said: str) -> None:
    assert without_commands(text) == said


def test_an_error_is_told_by_cause_and_cure() -> None:
    assert told(StoreError("x", "没有写调整的理由", "请加 --reason 理由")) == "没有写调整的理由。请写明理由"
    assert told(StoreError("x", "没有了", "")) == "没有了"


def test_pages_tell_errors_in_this_way_alone() -> None:
    """Whoever puts cause and cure together by hand passes the commands on."""
    found = []
    for file in (ROOT / "qa" / "web").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr) and ".cure" in ast.unparse(node) and "without_commands" not in ast.unparse(node):
                found.append(f"{file.name}:{node.lineno}")
    assert found == []


def test_the_pages_of_closed_months_name_no_command(house: House) -> None:
    for agent in ("8001", "8002", "8003", "8004"):
        for index in range(3):
            reviews.finish(house.store, call_id(agent, index), "质检小王")
    house.clock[0] += 40 * 86_400
    hr, month = house.client("hr"), "2025-06"
    answers = [hr.post("/months/close", {"month": month, "confirm": month, "note": "", "accept": accept}) for accept in ("", "1", "1")]
    assert [one.status_code for one in answers] == [400, 303, 400]  # the last one: it is closed already
    assert "要更正某通电话，请在复核页上改判" in answers[-1].text
    assert "请写明理由" not in answers[-1].text
    call, of = call_id("8001", 2), "banned_phrases"
    qa = house.client("qa")
    on = re.search(r'name="on" value="([^"]*)"', qa.get(f"/review/{call}").text)
    assert on is not None
    form = {"rule": of, "action": "overturn", "outcome": "pass", "reason": "听错", "on": on[1]}
    answers.append(qa.post(f"/review/{call}/verdict", form))
    assert qa.post(f"/review/{call}/verdict", form | {"closed_month": "1"}).status_code == 303
    (one,) = closing.proposals(house.store, month)
    chosen = {"month": month, "call": f"{call}:{one.scorecard_id}"}
    answers += [hr.post("/months/adjust", chosen | {"reason": "", "action": action}) for action in ("approve", "refuse")]
    assert [one.status_code for one in answers[3:]] == [400, 400, 400]
    assert "请写明理由" in answers[-1].text
    for answer in answers:
        alerts = re.findall(r'role="alert"[^>]*>(.*?)</', answer.text, re.S)
        assert not any(re.search(r"--[a-z]", text) for text in alerts), alerts


def test_no_page_refuses_an_empty_form_with_a_command(house: House) -> None:
    """Every form of every role, sent empty."""
    house.publish(call_id("8001", 2))
    seen = 0
    for page in (page for page in ROUTES if page.method == "POST" and "{" not in page.path and page.path not in ("/logout", "/login")):
        for who in ("agent", "lead", "qa", "trainer", "hr", "admin"):
            answer = house.client(who).post(page.path, {})
            if answer.status_code in (400, 404, 409):
                seen += 1
                assert not re.search(
                    r"(?<![<!\w-])--[a-z]", re.sub(r"<(script|style).*?</\1>|<[^>]*>|<!--.*?-->", "", answer.text, flags=re.S)
                ), page.path
    assert seen > 5
