"""What findings, notes and errors say to somebody at the command line, said to somebody at a page.

The core names commands and options in what it advises (``请加 --by 姓名``): nobody at a page has these.
"""

from __future__ import annotations

import re
from dataclasses import replace

from qa.errors import QaError
from qa.types import CheckResult, Scorecard

_COMMANDS = (
    (re.compile(r"才?用 qa roles set(?: …)?(?: --alone)? 设定"), lambda m: "才设定角色" if m[0].startswith("才") else "设定角色"),
    (re.compile(r"不止一个人的声音设为 mixed"), lambda m: "不止一个人的声音设为“几个人混在一起”"),
)
"""A command with its options, and what a page has in its place."""
_OPTION = r"--[a-z][a-z-]*"
_COMMAND = r"(?:python -m )?\bqa [a-z]+"
_NAMED = re.compile(rf"{_OPTION}|{_COMMAND}")
_ADVICE = (
    (re.compile(r"，才加 --alone"), "，才勾选“不再从说话人里分出播报和接手的人”"),
    (
        re.compile(r"qa roles set 不会重新区分说话人；请先再运行一次 qa score（[^（）]*）"),
        "这里不会重新区分说话人；请管理员先把这通录音重新评分一次",
    ),
    (re.compile(r"（网页上勾选，命令行加 --closed-month）"), "（请勾选）"),
    (re.compile(r"请加 --closed-month"), "请同意作为建议提出"),
    (re.compile(r"请加 --[a-z-]+ ([^，。；]+)"), r"请写明\1"),
    (re.compile(r"请用 qa adjust$"), "，请在复核页上改判，再到关账页批准"),
    (re.compile(rf"等待 {_COMMAND} 批准"), "等待批准"),
    (re.compile(rf"用 {_COMMAND} 批准"), "批准"),
    (re.compile(r"请(先)?(?:运行|用|重新用) qa rescore[^，。；）]*"), r"请管理员\1重新评分"),
    (re.compile(rf"请用 {_COMMAND}[^，。；]*核对"), "请核对"),
    (re.compile(rf"请用 {_COMMAND}[^，。；]*查看通话编号"), "请核对通话编号"),
    (re.compile(rf"（[^（）]*(?:{_OPTION}|{_COMMAND})[^（）]*）"), ""),
    (re.compile(rf"：{_COMMAND}[^，。；）]*"), ""),
)
"""What is advised at the command line, and at a page."""
_ELSE = "请管理员在服务器上处理"
"""Instead of advice that has commands alone."""


def told(error: QaError) -> str:
    """Cause and cure, without commands and options."""
    return "。".join(filter(None, (without_commands(error.cause), without_commands(error.cure))))


def without_commands(text: str) -> str:
    """A cause or a cure as a page tells it: the advice that a page has, or the rest of the sentence where it has none."""
    if not _NAMED.search(text):
        return text
    for advice, instead in _ADVICE:
        text = advice.sub(instead, text)
    kept = [part for part in re.split(r"(?<=[，；])", text) if not _NAMED.search(part)]
    left = "".join(kept).rstrip("，；")
    return _ELSE if not left or left.startswith(("或", "再")) else left


def on_pages(text: str) -> str:
    """The text without commands: a page has a form for what they do."""
    for command, instead in _COMMANDS:
        text = command.sub(instead, text)
    return text


def card_on_pages(card: Scorecard) -> Scorecard:
    """A scorecard whose notes and findings name no command."""
    return replace(card, notes=tuple(on_pages(note) for note in card.notes), results=tuple(_result(result) for result in card.results))


def _result(result: CheckResult) -> CheckResult:
    findings = tuple(replace(finding, message=on_pages(finding.message)) for finding in result.findings)
    return replace(result, findings=findings, machine=result.machine and _result(result.machine))
