"""What findings and notes say to somebody at the command line, said to somebody at a page."""

from __future__ import annotations

import re
from dataclasses import replace

from qa.types import CheckResult, Scorecard

_COMMANDS = (
    (re.compile(r"才?用 qa roles set(?: …)?(?: --alone)? 设定"), lambda m: "才设定角色" if m[0].startswith("才") else "设定角色"),
    (re.compile(r"不止一个人的声音设为 mixed"), lambda m: "不止一个人的声音设为“几个人混在一起”"),
)
"""A command with its options, and what a page has in its place."""


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
